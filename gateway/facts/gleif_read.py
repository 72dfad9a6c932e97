"""GLEIF's files, record by record: Level 1 (who is who), Level 2 (who consolidates whom) and reporting exceptions.

CDF XML and golden-copy CSV, plain or zipped, told apart by what they hold. Files of any size are streamed; document
types, entities and records of absurd size are refused, since whoever fetched the files may have been given others.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import ElementTree, common

from gateway.errors import ConfigError
from gateway.facts.countries import country
from gateway.facts.period import parse_day
from gateway.model import Country

MAX_RECORD: Final = 16 * 1024 * 1024  # bytes read from one record to the next
_MAX_DEPTH: Final = 32
_MAX_PERIODS: Final = 5  # of a row of the golden copy
_DATE: Final = re.compile(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})(T|\s|$)")

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LeiRecord:
    """Level 1: one legal entity."""

    lei: str
    name: str
    country: Country | None  # under whose law it stands
    headquarters: Country | None
    entity_status: str
    registration_status: str


@dataclass(frozen=True, slots=True)
class RelationshipRecord:
    """Level 2: ``child`` is consolidated by, or a branch of, ``parent``."""

    child: str
    parent: str
    kind: str
    status: str
    registration_status: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class ExceptionRecord:
    """Level 2: why an entity names no parent."""

    lei: str
    category: str
    reasons: tuple[str, ...]


def lei_records(path: Path) -> Iterator[LeiRecord]:
    """Level 1. Raises ConfigError where it is no such file."""
    for values in _records(path, "LEIRecord", "LEI", "Entity.LegalName"):
        yield LeiRecord(
            lei=values.get("LEI", ""),
            name=values.get("Entity.LegalName", ""),
            country=_country(values.get("Entity.LegalJurisdiction", "")),
            headquarters=_country(values.get("Entity.HeadquartersAddress.Country", "")),
            entity_status=values.get("Entity.EntityStatus", ""),
            registration_status=values.get("Registration.RegistrationStatus", ""),
        )


def relationship_records(path: Path) -> Iterator[RelationshipRecord]:
    """Level 2, relationships. Raises ConfigError where it is no such file."""
    for values in _records(
        path, "RelationshipRecord", "Relationship.StartNode.NodeID", "Relationship.RelationshipType"
    ):
        start, end = _relationship_period(values)
        yield RelationshipRecord(
            child=values.get("Relationship.StartNode.NodeID", ""),
            parent=values.get("Relationship.EndNode.NodeID", ""),
            kind=values.get("Relationship.RelationshipType", ""),
            status=values.get("Relationship.RelationshipStatus", ""),
            registration_status=values.get("Registration.RegistrationStatus", ""),
            start=start,
            end=end,
        )


def exception_records(path: Path) -> Iterator[ExceptionRecord]:
    """Level 2, reporting exceptions. Raises ConfigError where it is no such file."""
    for values in _records(path, "Exception", "LEI", "Exception.Category"):
        reasons = (values.get(f"Exception.Reason.{number}", "") for number in range(1, _MAX_PERIODS + 1))
        yield ExceptionRecord(
            lei=values.get("LEI", ""),
            category=values.get("Exception.Category", values.get("ExceptionCategory", "")),
            reasons=tuple(reason for reason in reasons if reason),
        )


def _country(code: str) -> Country | None:
    """``US-DE`` is the United States; a code that is no country's is none."""
    return country(code[:2]) if len(code) == 2 or code[2:3] == "-" else None


def _relationship_period(values: Values) -> tuple[int | None, int | None]:
    """Of the relationship itself: a year of accounts or the life of a document ends without ending the relationship."""
    for number in range(1, _MAX_PERIODS + 1):
        if values.get(f"Relationship.Period.{number}.periodType") == "RELATIONSHIP_PERIOD":
            start = _day(values.get(f"Relationship.Period.{number}.startDate", ""))
            end = _day(values.get(f"Relationship.Period.{number}.endDate", ""))
            if start is not None and end is not None and start >= end:
                return start, None  # such are published; it has begun, and no end of it can be believed
            return start, end
    return None, None


def _day(text: str) -> int | None:
    found = _DATE.match(text)
    return None if found is None else parse_day(found[1])


def _records(path: Path, tag: str, *needed: str) -> Iterator[Values]:
    """The records of a file as flat values, under the names that the golden copy's CSV gives them."""
    with _opened(path) as stream:
        start = stream.peek(64)[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
        try:
            if start.startswith(b"<"):
                yield from _xml(path, stream, tag)
            else:
                yield from _csv(path, stream, needed)
        except (ParseError, common.DefusedXmlException) as error:
            raise ConfigError([f"{path}: not XML that is taken: {error}"]) from None
        except (csv.Error, UnicodeDecodeError) as error:
            raise ConfigError([f"{path}: not CSV: {error}"]) from None
        except (zipfile.BadZipFile, EOFError) as error:
            raise ConfigError([f"{path}: {error}"]) from None


@contextmanager
def _opened(path: Path) -> Iterator[io.BufferedReader]:
    """The file, or the one file in the archive."""
    with ExitStack() as stack:
        if not zipfile.is_zipfile(path):
            yield stack.enter_context(path.open("rb"))
            return
        archive = stack.enter_context(zipfile.ZipFile(path))
        if len(names := archive.namelist()) != 1:
            raise ConfigError([f"{path}: an archive of one file is wanted, this one has {len(names)}"])
        member: IO[bytes] = stack.enter_context(archive.open(names[0]))
        yield io.BufferedReader(member)  # type: ignore[arg-type]  # as raw as it needs


class _Measured:
    """A stream that ends in an error where nothing comes of what is read."""

    def __init__(self, path: Path, stream: io.BufferedReader) -> None:
        self._path = path
        self._stream = stream
        self.since = 0  # bytes since the last record

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        self.since += size if size > 0 else MAX_RECORD
        if self.since > MAX_RECORD:
            raise ConfigError([f"{self._path}: no record in {MAX_RECORD} bytes"])
        return self._stream.read(size)


def _xml(path: Path, stream: io.BufferedReader, tag: str) -> Iterator[Values]:
    measured = _Measured(path, stream)
    open_elements: list[Element] = []
    found = False
    for event, element in ElementTree.iterparse(measured, events=("start", "end"), forbid_dtd=True):
        if event == "start":
            open_elements.append(element)
            if len(open_elements) > _MAX_DEPTH:
                raise ConfigError([f"{path}: nested deeper than {_MAX_DEPTH} levels"])
            continue
        open_elements.pop()
        if _local(element) == tag:
            found, measured.since = True, 0
            yield _flat(element)
            open_elements[-1].clear()  # else all records stay in memory
    if not found:
        raise ConfigError([f"{path}: no {tag} in it"])


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _flat(record: Element) -> dict[str, str]:
    """An element's values under the CSV's names: ``Entity.LegalName``, ``Relationship.Period.1.startDate``."""
    values: dict[str, str] = {}
    reasons = 0
    for place, element in _leaves(record, ""):
        if place == "ExceptionReason":
            reasons += 1
            place = f"Exception.Reason.{reasons}"
        values.setdefault(place, (element.text or "").strip())
    periods = (element for element in record.iter() if _local(element) == "RelationshipPeriod")
    for number, period in enumerate(periods, start=1):
        for part in period:
            name = _PERIOD_NAMES.get(_local(part), _local(part))
            values[f"Relationship.Period.{number}.{name}"] = (part.text or "").strip()
    return values


_PERIOD_NAMES: Final = {"StartDate": "startDate", "EndDate": "endDate", "PeriodType": "periodType"}


def _leaves(element: Element, place: str) -> Iterator[tuple[str, Element]]:
    for child in element:
        name = f"{place}.{_local(child)}" if place else _local(child)
        if len(child):
            yield from _leaves(child, name)
        else:
            yield name, child


def _csv(path: Path, stream: io.BufferedReader, needed: tuple[str, ...]) -> Iterator[Values]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        rows = csv.reader(text, strict=True)
        columns = next(rows, [])
        if lacking := [name for name in needed if name not in columns]:
            raise ConfigError([f"{path}: no column {', '.join(lacking)}"])
        for row in rows:
            if len(row) == len(columns):
                yield dict(zip(columns, row, strict=True))
            elif row:
                raise ConfigError([f"{path}:{rows.line_num}: {len(row)} fields, where {len(columns)} are wanted"])
    finally:
        text.detach()  # whoever opened the stream closes it


Progress = Callable[[str, int], None]  # what is read, records so far
