"""Who could read what, from where, under whose law: the record's entries, counted.

Grouped by origin x employer x data types x effect. Every entry passes once. What is kept: the groups, the people in
them, and for sessions still open which group a decision belongs to, since a repeat or a completion names only its
decision. So the filter looks at executions, never at what is kept: a decision of yesterday is repeated today.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from gateway.model import Door, Effect, JsonValue

Entry = Mapping[str, JsonValue]

UNKNOWN: Final = "unknown"
UNLABELLED: Final = "unlabelled"  # as a data type to filter by: what the catalog does not know

_DAY_US: Final = 86_400_000_000
_COMPLETES: Final = frozenset({Door.POSTGRES.value})  # doors each execution of which ends with a completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to count; None = all of it. Days are UTC, ``until`` is the last day counted."""

    since: date | None = None
    until: date | None = None
    country: str | None = None  # a country of the origin, or `unknown`
    entity: str | None = None  # the employer's id, or `unknown`
    person: str | None = None  # the principal (issuer#subject), its subject, or the registry's name
    data_type: str | None = None  # a type, with everything below it
    effect: str | None = None

    @property
    def about_accesses(self) -> bool:
        """True where it asks for what only a decision knows: a refusal never got that far."""
        return self.country is not None or self.entity is not None or self.data_type is not None

    def at(self, at_us: int | None) -> bool:
        """Whether this moment counts. An entry without one counts where no day is asked for."""
        if at_us is None:
            return self.since is None and self.until is None
        since = None if self.since is None else _day_us(self.since)
        until = None if self.until is None else _day_us(self.until) + _DAY_US
        return (since is None or at_us >= since) and (until is None or at_us < until)

    def key(self, key: Key) -> bool:
        """Whether this group counts."""
        wanted = self.data_type
        return (
            (self.country is None or self.country in key.origin)
            and (self.entity is None or self.entity == key.entity)
            and (self.effect is None or self.effect == key.effect)
            and (wanted is None or any(one == wanted or one.startswith(f"{wanted}.") for one in key.named))
        )

    def who(self, who: Person) -> bool:
        """Whether this person counts."""
        return self.person is None or self.person in (who.id, who.subject, who.name)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """One group."""

    origin: tuple[str, ...]  # countries, sorted; `unknown` last where location or employer is
    entity: str
    entity_name: str
    data_types: tuple[str, ...]
    about_people: bool  # also without a type: `count(*)` of users
    unlabelled: bool  # something was touched that the catalog does not know
    effect: str

    @property
    def named(self) -> tuple[str, ...]:
        """The data types, as a filter may name them."""
        return (*self.data_types, UNLABELLED) if self.unlabelled else self.data_types


@dataclass(frozen=True, slots=True)
class Person:
    """Who asked: one principal is one person."""

    id: str
    subject: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One row of the report."""

    key: Key
    decisions: int
    executions: int
    rows: int
    people: int
    first_us: int | None
    last_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessReport:
    """The rows, their sums, and what could not be put into any: nothing is passed over in silence."""

    filter: Filter
    accesses: tuple[Access, ...]
    decisions: int
    executions: int
    rows: int
    people: int  # distinct over all rows
    refusals: Mapping[str, int]  # by reason: no rule was asked, so there is no origin or data to group by
    stray_executions: int  # repeats of a decision that is not in these entries
    stray_rows: int  # rows of completions whose decision is not in these entries
    unreadable: int  # lines that are no entry


def count_accesses(entries: Iterable[Entry], wanted: Filter) -> AccessReport:
    """Count. Entries come writer by writer, each writer's in its order, as ``iter_entries`` gives them."""
    counter = _Counter(wanted)
    for entry in entries:
        counter.see(entry)
    return counter.report()


@dataclass(slots=True)
class _Group:
    decisions: int = 0
    executions: int = 0
    rows: int = 0
    people: set[str] = field(default_factory=set)
    first_us: int | None = None
    last_us: int | None = None

    def execute(self, who: Person, at_us: int | None) -> None:
        self.executions += 1
        self.people.add(who.id)
        if at_us is not None:
            self.first_us = at_us if self.first_us is None else min(self.first_us, at_us)
            self.last_us = at_us if self.last_us is None else max(self.last_us, at_us)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a repeat or a completion has to be told of its decision."""

    key: Key
    who: Person
    completes: bool  # a completion will come
    full: bool  # may be repeated; what is no full entry is forgotten with its completion
    counted: bool  # the execution passed the filter: its rows do too, whenever they came


class _Counter:
    def __init__(self, wanted: Filter) -> None:
        self._wanted = wanted
        self._groups: dict[Key, _Group] = {}
        self._keys: dict[Key, Key] = {}  # one object per group, however many decisions point to it
        self._people: dict[Person, Person] = {}
        self._sessions: defaultdict[str, dict[str, _Known]] = defaultdict(dict)
        self._refusals: Counter[str] = Counter()
        self._stray_executions = self._stray_rows = self._unreadable = 0

    def see(self, entry: Entry) -> None:
        """Count one entry. Kinds that say nothing of accesses pass, and so do readings of the record itself."""
        if entry.get("action", "statement") != "statement":
            return
        session = _text(entry.get("session"))
        match entry.get("kind"):
            case "decision":
                self._decision(entry, session)
            case "repeat":
                self._repeat(entry, session)
            case "completion":
                self._completion(entry, session)
            case "refusal":
                self._refusal(entry)
            case "event" if entry.get("event") == "session_close":
                self._sessions.pop(session, None)
            case "event" if entry.get("event") == "gateway_start":
                self._sessions.clear()  # an earlier life's sessions, or another writer's: none goes on
            case "unreadable_line":
                self._unreadable += 1

    def _decision(self, entry: Entry, session: str) -> None:
        key, who, at = _key(entry), _person(entry), _moment(entry)
        known = _Known(
            self._keys.setdefault(key, key),
            self._people.setdefault(who, who),
            completes=entry.get("door") in _COMPLETES,
            full=True,
            counted=self._wanted.at(at) and self._wanted.key(key) and self._wanted.who(who),
        )
        self._sessions[session][_text(entry.get("decision_id"))] = known
        if known.counted:
            group = self._groups.setdefault(known.key, _Group())
            group.decisions += 1
            group.execute(known.who, at)

    def _repeat(self, entry: Entry, session: str) -> None:
        at = _moment(entry)
        of = self._sessions.get(session, {}).get(_text(entry.get("of")))
        if of is None:
            self._stray_executions += self._wanted.at(at)
            return
        counted = self._wanted.at(at) and self._wanted.key(of.key) and self._wanted.who(of.who)
        if of.completes:
            known = _Known(of.key, of.who, completes=True, full=False, counted=counted)
            self._sessions[session][_text(entry.get("decision_id"))] = known
        if counted:
            self._groups.setdefault(of.key, _Group()).execute(of.who, at)

    def _completion(self, entry: Entry, session: str) -> None:
        rows = entry.get("rows")
        number = rows if isinstance(rows, int) and not isinstance(rows, bool) and rows > 0 else 0
        id_, open_ = _text(entry.get("decision_id")), self._sessions.get(session, {})
        known = open_.get(id_) or open_.get(_text(entry.get("of")))
        if known is None:
            self._stray_rows += number if self._wanted.at(_moment(entry)) else 0
            return
        if not known.full:
            open_.pop(id_, None)
        if known.counted:
            self._groups[known.key].rows += number

    def _refusal(self, entry: Entry) -> None:
        wanted = self._wanted
        if wanted.about_accesses or wanted.effect not in (None, Effect.DENY):
            return
        if wanted.at(_moment(entry)) and wanted.who(_person(entry)):
            self._refusals[_text(entry.get("reason")) or UNKNOWN] += 1

    def report(self) -> AccessReport:
        """What was counted so far."""
        rows = tuple(
            Access(
                key=key,
                decisions=group.decisions,
                executions=group.executions,
                rows=group.rows,
                people=len(group.people),
                first_us=group.first_us,
                last_us=group.last_us,
            )
            for key, group in sorted(self._groups.items(), key=lambda item: item[0])
        )
        return AccessReport(
            filter=self._wanted,
            accesses=rows,
            decisions=sum(row.decisions for row in rows),
            executions=sum(row.executions for row in rows),
            rows=sum(row.rows for row in rows),
            people=len(set().union(*(group.people for group in self._groups.values()))),
            refusals=dict(sorted(self._refusals.items())),
            stray_executions=self._stray_executions,
            stray_rows=self._stray_rows,
            unreadable=self._unreadable,
        )


def _key(entry: Entry) -> Key:
    employer, location, data = (_object(entry, name) for name in ("employer", "location", "data"))
    countries = sorted(set(_texts(entry, "origin")))
    if not _texts(location, "countries") or employer.get("known") is not True:
        countries.append(UNKNOWN)
    effect = _text(entry.get("effect"))
    return Key(
        origin=tuple(countries),
        entity=_text(employer.get("entity")) or UNKNOWN,
        entity_name=_text(employer.get("name")),
        data_types=tuple(sorted(set(_texts(data, "data_types")))),
        about_people=data.get("about_people") is not False,
        unlabelled=bool(_texts(data, "unlabelled")),
        effect=effect if effect in (Effect.ALLOW, Effect.DENY) else UNKNOWN,
    )


def _person(entry: Entry) -> Person:
    principal = _object(entry, "principal")
    return Person(_text(principal.get("id")) or UNKNOWN, _text(principal.get("subject")), _text(entry.get("person")))


def _moment(entry: Entry) -> int | None:
    at = entry.get("at_us")
    return at if isinstance(at, int) and not isinstance(at, bool) and 0 <= at < 253_402_300_800_000_000 else None


def _day_us(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _texts(parent: Entry, key: str) -> list[str]:
    value = parent.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _object(parent: Entry, key: str) -> Entry:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}
