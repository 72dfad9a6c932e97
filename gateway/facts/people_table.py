"""people.csv: the same as people.yaml, a row for each employment, for whoever has people by the thousand.

    issuer,subject,name,entity,from,to,contract,residence,stay,stay_until,groups,us_person

Several rows of one issuer and subject are one person with several employments, and must agree in everything else. A row
without ``entity`` is somebody without employment. Groups are parted by blanks. `sekisho people import-scim` writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from gateway.facts.countries import country
from gateway.facts.csv_rows import CsvFile
from gateway.facts.fields import Problems
from gateway.facts.people import Employment, Person, stay_problem
from gateway.facts.period import Period, parse_day
from gateway.model import Answer, EntityId, PrincipalId, Stay

FILE: Final = "people.csv"
COLUMNS: Final = (
    *("issuer", "subject", "name", "entity", "from", "to", "contract"),
    *("residence", "stay", "stay_until", "groups", "us_person"),
)
MAX_BYTES: Final = 256 * 1024 * 1024
_MAX_TEXT: Final = 1000

T = TypeVar("T", Stay, Answer)


def read_people_table(data: bytes, problems: Problems) -> tuple[Person, ...]:
    """Everybody in the file, in its order."""
    file = CsvFile(FILE, data, COLUMNS, problems)
    people: dict[PrincipalId, Person] = {}
    for row in file.rows():
        found = _row(file, dict(zip(COLUMNS, row, strict=True)))
        known = people.get(found.id)
        if known is None:
            people[found.id] = found
            continue
        if replace(known, employments=()) != replace(found, employments=()):
            file.problem("another row of the same person says otherwise about name, residence, stay or groups")
        people[found.id] = replace(known, employments=(*known.employments, *found.employments))
    return tuple(people.values())


def _row(file: CsvFile, row: dict[str, str]) -> Person:
    for key, text in row.items():
        if len(text) > _MAX_TEXT or not text.isprintable() or text != text.strip():
            file.problem(f"'{key}' must be printable characters, without outer blanks, at most {_MAX_TEXT}")
        elif not text and key in ("issuer", "subject", "name"):
            file.problem(f"'{key}' is missing")
    residence = country(row["residence"]) if row["residence"] else None
    if row["residence"] and residence is None:
        file.problem("'residence' is not an ISO 3166-1 alpha-2 country code")
    stay = _choice(file, "stay", row["stay"] or "unknown", Stay)
    until = _day(file, "stay_until", row["stay_until"])
    if (odd := stay_problem(stay, until)) is not None:
        file.problem(odd)
    return Person(
        id=PrincipalId(f"{row['issuer']}#{row['subject']}"),
        name=row["name"],
        employments=_employments(file, row),
        residence=residence,
        stay=stay,
        stay_until=until,
        groups=tuple(dict.fromkeys(row["groups"].split())),
        us_person=_choice(file, "us_person", row["us_person"] or "unknown", Answer),
        file=FILE,
    )


def _employments(file: CsvFile, row: dict[str, str]) -> tuple[Employment, ...]:
    start, end = _day(file, "from", row["from"]), _day(file, "to", row["to"])
    if start is not None and end is not None and start >= end:
        file.problem("'to' must be later than 'from' ('to' is the first day no longer in force)")
    if not row["entity"]:
        if row["from"] or row["to"] or row["contract"]:
            file.problem("'from', 'to' and 'contract' belong to an employment, and 'entity' is missing")
        return ()
    contract = row["contract"] or None
    return (Employment(entity=EntityId(row["entity"]), period=Period(start, end), line=file.line, contract=contract),)


def _day(file: CsvFile, key: str, text: str) -> int | None:
    day = parse_day(text) if text else None
    if text and day is None:
        file.problem(f"'{key}' is not a date (YYYY-MM-DD)")
    return day


def _choice(file: CsvFile, key: str, text: str, of: Callable[[str], T]) -> T:
    try:
        return of(text)
    except ValueError:
        file.problem(f"'{key}' is none of the words that it may be")
        return of("unknown")
