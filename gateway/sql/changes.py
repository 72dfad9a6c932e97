"""What changed between two epochs: everything, or some relations only.

A statement's meaning hangs on what it names and on what it did *not* find. So only a change that belongs to relations,
none of which is new where names are looked up or bears another name, is one of those relations alone. A function, an
operator, a cast, a type, a schema, a role's membership or setting may be anybody's: such a change is everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from gateway.search_path import newcomer
from gateway.sql.definitions import Definitions

_FIRST_USER_OID: Final = 16_384  # below, it is the server's own, on which anything may rest
_COMPOSITE: Final = "c"  # a type by itself
_REST: Final = "0"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new epoch changed. ``relations`` are OIDs, as text, and schemas with something new (``newcomer``)."""

    everything: bool
    relations: frozenset[str] = frozenset()


EVERYTHING: Final = Changes(everything=True)


@dataclass(frozen=True, slots=True)
class State:
    """What stands for the catalogs at one epoch, relation by relation. Build it with ``read_state``."""

    major: int
    relations: Mapping[str, tuple[str, str, str, str]]  # OID -> schema, name, kind, sum
    rest: str  # the sum of all that belongs to no relation
    definitions: Definitions  # of all relations together: one literal may keep every definition from being printed


def read_state(major: int, rows: Sequence[Sequence[str | None]], definitions: Definitions) -> State:
    """From the rows of ``STATE_QUERY``."""
    relations: dict[str, tuple[str, str, str, str]] = {}
    rest = ""
    for oid, schema, name, kind, total in rows:
        if oid == _REST:
            rest = total or ""
        else:
            relations[oid or ""] = (schema or "", name or "", kind or "", total or "")
    return State(major, relations, rest, definitions)


def changes(old: State, new: State, *, path: AbstractSet[str] | None) -> Changes:
    """What is not as it was. ``path``: the schemas in which names are looked up; None where that is not known."""
    if old.major != new.major or old.rest != new.rest or old.definitions != new.definitions:
        return EVERYTHING
    changed: set[str] = set()
    for oid in old.relations.keys() | new.relations.keys():
        before, after = old.relations.get(oid), new.relations.get(oid)
        if before == after:
            continue
        changed.add(oid)
        if int(oid) < _FIRST_USER_OID:
            return EVERYTHING
        if after is None:
            continue  # whoever found it by its name depends on it
        schema, name, kind, _ = after
        if before is None and (path is None or schema in path or not schema):
            return EVERYTHING  # it may be found now where another was, or nothing
        if before is None:
            changed.add(newcomer(schema))  # the same, for whom a session's own path leads there
        if before is not None and (before[:2] != (schema, name) or _COMPOSITE in (before[2], kind)):
            return EVERYTHING
    return Changes(everything=False, relations=frozenset(changed))
