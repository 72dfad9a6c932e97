"""entities.csv and ownership.csv: entities and holdings by the million, as `sekisho entities import-gleif` writes them.

CSV, not YAML: a machine writes it and reads it back in seconds (a tree with lines, as YAML gets it, takes minutes and
gigabytes); and not a binary format: people compare two versions of it with the tools they have, and GLEIF's own golden
copies are CSV. Rows stay as they were read and become entities when somebody asks for one.

    entities.csv    lei,name,country,headquarters,status,owners_unknown
    ownership.csv   owner,of,share,from,to,basis

An empty ``country`` or ``share`` is unknown. ``owners_unknown`` says in a register's own words why owners are not known
(NON_PUBLIC, LAPSED); empty or not, owners imported are never taken for all there are. ``owner`` and ``of`` are LEIs, or
ids of entities.yaml.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from gateway.facts.countries import ASSIGNED
from gateway.facts.csv_rows import CsvFile
from gateway.facts.fields import Problems
from gateway.facts.lei import is_lei
from gateway.facts.ownership import BASES, HALF, SHARES, Ownership, majority_cycles, overfull
from gateway.facts.period import Period, parse_day
from gateway.model import Country, EntityId

ENTITIES_FILE: Final = "entities.csv"
OWNERSHIP_FILE: Final = "ownership.csv"
ENTITY_COLUMNS: Final = ("lei", "name", "country", "headquarters", "status", "owners_unknown")
OWNERSHIP_COLUMNS: Final = ("owner", "of", "share", "from", "to", "basis")
MAX_BYTES: Final = 1024 * 1024 * 1024
_MAX_FIELD: Final = 1000

BulkRow = tuple[str, Country | None, Country | None, str, str]  # name, country, headquarters, status, owners_unknown
V = TypeVar("V")


@dataclass(frozen=True, slots=True, repr=False)
class Bulk:
    """What was imported."""

    rows: Mapping[str, BulkRow]
    owners_of: Mapping[str, Sequence[Ownership]]
    owned_by: Mapping[str, Sequence[Ownership]]
    days: frozenset[int]
    outside: Mapping[str, int] = field(default_factory=dict)  # ends that are no row, each with its first line

    @classmethod
    def empty(cls) -> Bulk:
        """Nothing imported."""
        return cls({}, {}, {}, frozenset())


class Looked(Mapping[EntityId, V]):
    """A mapping whose values are made when they are asked for."""

    def __init__(self, keys: Callable[[], Iterator[EntityId]], look: Callable[[EntityId], V | None]) -> None:
        self._keys = keys
        self._look = look

    def __getitem__(self, key: EntityId) -> V:
        found = self._look(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._look(EntityId(key)) is not None

    def __iter__(self) -> Iterator[EntityId]:
        return (key for key in self._keys() if self._look(key) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_bulk(entities: bytes, ownership: bytes, problems: Problems) -> Bulk:
    """Both files. Problems are noted with their lines."""
    rows = _entities(CsvFile(ENTITIES_FILE, entities, ENTITY_COLUMNS, problems))
    edges = _Edges(rows)
    edges.read(CsvFile(OWNERSHIP_FILE, ownership, OWNERSHIP_COLUMNS, problems))
    return Bulk(rows, edges.up, edges.down, frozenset(edges.days), edges.outside)


def _entities(file: CsvFile) -> Mapping[str, BulkRow]:
    rows: dict[str, BulkRow] = {}
    countries: dict[str, Country | None] = {"": None, **{code: Country(code) for code in ASSIGNED}}
    words: dict[str, str] = {}  # statuses are few: each is looked at, and kept, once
    for lei, name, country, headquarters, status, unknown in file.rows():
        if lei in rows:
            file.problem(f"LEI {lei} for the second time")
        if not is_lei(lei):
            file.problem(f"'{lei[:40]}' is not an LEI")
        if not 0 < len(name) <= _MAX_FIELD or not name.isprintable():
            file.problem("'name' must be 1 to 1000 printable characters")
        for word in (status, unknown):
            if word not in words:
                words[word] = word
                if len(word) > _MAX_FIELD or not word.isprintable():
                    file.problem("'status' and 'owners_unknown' must be short printable text")
        try:
            rows[lei] = (name, countries[country], countries[headquarters], words[status], words[unknown])
        except KeyError as wrong:
            file.problem(f"'{wrong.args[0][:40]}' is not an ISO 3166-1 alpha-2 country code")
    return rows


class _Edges:
    """Holdings by both ends."""

    def __init__(self, rows: Mapping[str, BulkRow]) -> None:
        self._rows = rows
        self.days: set[int] = set()
        self.outside: dict[str, int] = {}
        self.up: dict[str, list[Ownership]] = {}
        self.down: dict[str, list[Ownership]] = {}
        self._periods: dict[tuple[str, str], Period] = {}

    def read(self, file: CsvFile) -> None:
        """All rows of the file."""
        rows, up, down, periods = self._rows, self.up, self.down, self._periods
        shares: dict[str, float] = {}
        majorities: list[Ownership] = []
        bases = {"": SHARES, **{name: name for name in BASES}}
        make = tuple.__new__
        for owner, of, share_text, start, end, basis in file.rows():
            share = None if not share_text else shares.get(share_text) or _share(file, share_text, shares)
            period = periods.get((start, end)) or self._period(file, start, end)
            kind = bases.get(basis)
            if kind is None:
                file.problem(f"'basis' must be one of: {', '.join(BASES)}")
            if owner == of:
                file.problem("an entity cannot own itself")
            if owner not in rows:
                self.outside.setdefault(owner, file.line)
            if of not in rows:
                self.outside.setdefault(of, file.line)
            # What Ownership(...) does, in a quarter of the time.
            edge = make(Ownership, (owner, of, share, period, file.line, kind))
            if share is not None and share > HALF:
                majorities.append(edge)
            if of in up:
                up[of].append(edge)
            else:
                up[of] = [edge]
            if owner in down:
                down[owner].append(edge)
            else:
                down[owner] = [edge]
        for edges in up.values():
            for edge in overfull(edges) if len(edges) > 1 else ():
                file.problem(f"the shares of '{edge.owned}' held at the same time are over 100 percent", edge.line)
        for edge, circle in majority_cycles(majorities, lambda entity: up.get(entity, ())):
            file.problem(f"majorities in a circle: {' owned by '.join(circle)}", edge.line)

    def _period(self, file: CsvFile, start: str, end: str) -> Period:
        days = [parse_day(text) if text else None for text in (start, end)]
        for text, day in zip((start, end), days, strict=True):
            if text and day is None:
                file.problem(f"'{text[:40]}' is not a date (YYYY-MM-DD)")
        first, last = days
        if first is not None and last is not None and first >= last:
            file.problem("'to' must be later than 'from' ('to' is the first day no longer in force)")
        found = Period(first, last)
        self.days.update(found.edges())
        self._periods[start, end] = found
        return found


def _share(file: CsvFile, text: str, known: dict[str, float]) -> float:
    """A share as a number; each text is looked at once."""
    share = float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else 0.0
    if not 0 < share <= 100:
        file.problem("'share' must be more than 0 and at most 100 (percent), or empty")
        return 0.0
    return known.setdefault(text, share)
