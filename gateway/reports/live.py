"""The record as lines for a person, in the order they are written: who, from where, what, what they were answered.

An execution has the facts of the decision it was done under, which may lie far before it; and its rows, where it has
ended by the time it is shown. Else they come as a line of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.audit.damage import SEGMENT_HEAD
from gateway.audit.report_text import entry_text, plain
from gateway.errors import Reason
from gateway.inquiry import Reading, about
from gateway.model import JsonValue
from gateway.reports.query.questions import UNKNOWN, UNLABELLED, Accesses

Entry = Mapping[str, JsonValue]

_REMEMBERED: Final = 100_000  # decisions; an execution under one that was before them is shown with its id alone
_FINDS: Final = 200  # decisions looked for in older segments, in all
_TYPES: Final = 4  # that are named in a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a line says of the decision it belongs to."""

    who: str
    ids: tuple[str, ...]  # the names somebody may be asked for by
    entity: str
    where: tuple[str, ...]
    origin: tuple[str, ...]
    relations: tuple[str, ...]
    data_types: tuple[str, ...]
    subject_countries: tuple[str, ...]
    rules: tuple[str, ...]
    effect: str
    reason: str
    datasource: str
    door: str
    purpose: str
    refused: bool  # before a rule was asked


@dataclass(slots=True)
class _Execution:
    entry: Entry
    facts: Facts | None
    again: bool
    ended: Entry | None = None


class Live:
    """Entries in, lines out. Each batch is what was written lately."""

    def __init__(
        self, wanted: Accesses, reading: Reading, find: Callable[[str], Entry | None] = lambda _: None
    ) -> None:
        """``find``: the full entry of a decision that lies before what is shown."""
        self._wanted = wanted
        self._reading = reading
        # Whoever narrows to people, or places, asks about accesses: who logged in is not shown then.
        self._all = not wanted.told() and reading.entity is None and reading.principal is None
        self._known: OrderedDict[str, Facts | None] = OrderedDict()
        self._find = find
        self._finds = _FINDS

    def shown(self, batch: Iterable[Entry]) -> Iterator[tuple[Entry, str]]:
        """The entries that are wanted, each with its line."""
        waiting: dict[str, _Execution] = {}
        lines: list[_Execution | Entry] = []
        for entry in batch:
            kind, id_ = entry.get("kind"), _text(entry.get("decision_id"))
            if kind in ("decision", "refusal", "repeat") and entry.get("action", "statement") == "statement":
                found = self._execution(entry, id_)
                waiting[id_] = found
                lines.append(found)
            elif kind == "completion" and id_ in waiting and waiting[id_].ended is None:
                waiting[id_].ended = entry
            elif kind == "completion":
                facts = self._known.get(_text(entry.get("of")) or id_)
                lines.append(_Execution(entry, facts, again=True, ended=entry))
            elif kind != SEGMENT_HEAD:
                lines.append(entry)
        for line in lines:
            if not isinstance(line, _Execution):
                if self._all:
                    yield line, entry_text(line)
            elif self._is_wanted(line):
                yield line.entry, _line(line)

    def _execution(self, entry: Entry, id_: str) -> _Execution:
        if entry.get("kind") == "repeat":
            facts = self._facts_of(_text(entry.get("of")))
            if facts is not None:
                self._remember(id_, facts)  # for its completion
            return _Execution(entry, facts, again=True)
        facts = _facts(entry)
        self._remember(id_, facts)
        return _Execution(entry, facts, again=False)

    def _facts_of(self, id_: str) -> Facts | None:
        if id_ not in self._known and self._finds:
            self._finds -= 1
            found = self._find(id_)
            self._remember(id_, None if found is None else _facts(found))
        return self._known.get(id_)

    def _remember(self, id_: str, facts: Facts | None) -> None:
        self._known[id_] = facts
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _is_wanted(self, one: _Execution) -> bool:
        wanted, facts = self._wanted, one.facts
        at = _moment(one.entry)
        if (wanted.since and at < wanted.since) or (wanted.until and at >= wanted.until):
            return False
        if wanted.decision is not None and wanted.decision != _text(one.entry.get("decision_id")):
            return False
        if facts is None:
            return self._all
        return about(self._reading, facts.ids[0], facts.entity) and _fits(wanted, facts)


def _fits(wanted: Accesses, facts: Facts) -> bool:
    """The same question that `questions` puts to the columns."""
    about = (wanted.entity, wanted.country, wanted.location, wanted.subject_country, wanted.data_type, wanted.relation)
    if facts.refused and any(one is not None for one in (*about, wanted.rule, wanted.purpose)):
        return False
    types = facts.data_types
    return (
        wanted.principal in (None, *facts.ids)
        and wanted.entity in (None, facts.entity)
        and wanted.country in (None, *facts.origin)
        and wanted.location in (None, *(facts.where or (UNKNOWN,)))
        and wanted.subject_country in (None, *facts.subject_countries)
        and (wanted.data_type is None or any(_below(one, wanted.data_type) for one in types))
        and wanted.relation in (None, *facts.relations, *(one.removeprefix("public.") for one in facts.relations))
        and wanted.rule in (None, *facts.rules)
        and wanted.effect in (None, facts.effect)
        and wanted.reason in (None, facts.reason)
        and wanted.datasource in (None, facts.datasource)
        and wanted.door in (None, facts.door)
        and wanted.purpose in (None, facts.purpose)
    )


def _below(one: str, wanted: str) -> bool:
    return one == wanted or one.startswith(f"{wanted}.")


def _facts(entry: Entry) -> Facts:
    principal, employer, data = (_object(entry, name) for name in ("principal", "employer", "data"))
    where, origin = _texts(_object(entry, "location"), "countries"), _texts(entry, "origin")
    unknown = () if where and employer.get("known") is True else (UNKNOWN,)
    findings = entry.get("findings")
    said = [one for one in findings if isinstance(one, Mapping)] if isinstance(findings, list) else []
    names = (principal.get("id"), principal.get("subject"), entry.get("person"))
    return Facts(
        who=_text(entry.get("person")) or _text(principal.get("id")) or UNKNOWN,
        ids=tuple(_text(one) for one in names),
        entity=_text(employer.get("entity")) or UNKNOWN,
        where=where,
        origin=(*origin, *unknown),
        relations=_texts(_object(entry, "statement"), "relations"),
        data_types=(*_texts(data, "data_types"), *((UNLABELLED,) if _texts(data, "unlabelled") else ())),
        subject_countries=_texts(data, "subject_countries"),
        rules=tuple(dict.fromkeys(_text(one.get("rule")) for one in said)),
        effect=_text(entry.get("effect")),
        reason=_text(entry.get("reason")),
        datasource=_text(entry.get("datasource")),
        door=_text(entry.get("door")),
        purpose=_text(entry.get("purpose")),
        refused=entry.get("kind") == "refusal",
    )


def _line(one: _Execution) -> str:
    when = f"{_moment(one.entry).isoformat(sep=' ', timespec='milliseconds')}Z"
    facts = one.facts
    if facts is None:
        return (
            f"{when}  {_ended(one.ended) or 'again':<10}  under {_text(one.entry.get('of')) or 'an earlier decision'}"
        )
    what = ", ".join(one.removeprefix("public.") for one in facts.relations) or facts.datasource
    if facts.data_types:
        more = len(facts.data_types) - _TYPES
        what += f": {', '.join(facts.data_types[:_TYPES])}" + (f" and {more} more" if more > 0 else "")
    place = "/".join(facts.where) or UNKNOWN
    said = facts.effect.upper() if facts.effect == "deny" else facts.effect
    if facts.reason == Reason.SERVER_COMPLAINT:  # a misspelt column is no denial
        said = "error"
    why = ", ".join(facts.rules) if facts.rules else facts.reason if facts.effect == "deny" else ""
    parts = [f"{facts.who} ({facts.entity}) in {place}", what, why, _ended(one.ended)]
    if facts.refused:
        parts = [facts.who, what, why]
    return plain(f"{when}  {said:<10}  " + "  ".join(part for part in parts if part))


def _ended(entry: Entry | None) -> str:
    if entry is None:
        return ""
    state = _text(entry.get("sqlstate"))
    rows = entry.get("rows")
    counted = f"{rows:,} {'row' if rows == 1 else 'rows'}" if isinstance(rows, int) else "ended"
    return f"error {state}" if state else counted


def _moment(entry: Entry) -> datetime:
    at = entry.get("at_us")
    seconds = at / 1_000_000 if isinstance(at, int) and 0 <= at < 253_402_300_800_000_000 else 0
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""


def _texts(parent: Entry, key: str) -> tuple[str, ...]:
    value = parent.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _object(parent: Entry, key: str) -> Entry:
    value = parent.get(key)
    return value if isinstance(value, Mapping) else {}
