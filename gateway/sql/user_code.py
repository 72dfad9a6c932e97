"""Code of users that may run: functions somebody vouches for, and operators, aggregates, types and domains made of it.

A function of users is refused unless the registry names it, by schema, name and argument types; where it also gives a
hash, only with that source. Everything made of functions hangs on them: an operator may stand where its function, and
whatever the planner may put in its place, may run. What of users rests on the server's own functions alone needs
nobody's word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from gateway.model import Vouched, VouchedFunction
from gateway.sql.codes import IncompleteCode, Problem
from gateway.sql.provision import HASH_IDENTITY, HASH_SOURCE_SHA256, WAKE_UP_IDENTITY, WAKE_UP_SOURCE_SHA256
from gateway.sql.references import stored_problem
from gateway.sql.vouched import computes

if TYPE_CHECKING:
    from gateway.sql.catalog import Catalog  # which is made of what is read here

Row = Sequence[str | None]

_FIRST_USER_OID: Final = 16_384  # what came with the server has OIDs below


@dataclass(frozen=True, slots=True)
class UserCode:
    """What was found. Operators and types stand here only where they may be used."""

    functions: Mapping[str, Problem | None]  # the vouched ones; None: may be used
    operators: frozenset[str]
    types: frozenset[str]
    void: tuple[str, ...]  # lines of the registry that hold for nothing: ``place: why``
    keyed_hash: str | None = None  # the function that `sekisho provision` made, with that very source
    wake_up: str | None = None  # likewise: what it made to tell of changes of the catalogs


@dataclass(frozen=True, slots=True)
class _Function:
    """One function of users."""

    identity: str
    line: VouchedFunction | None
    definer: bool
    digest: str
    parts: tuple[str, ...]


def read_user_code(
    rows: Mapping[str, Sequence[Row]], built_in: Mapping[str, Problem | None], vouched: Vouched
) -> UserCode:
    """From a snapshot's rows. ``built_in``: what the allow-list says of every function."""
    users: dict[str, _Function] = {}
    for oid, identity, definer, digest, parts in _texts(rows.get("user_functions", ())):
        line = vouched.functions.get(identity)
        users[oid] = _Function(identity, line, definer == "true", digest, tuple(parts.split()))
    identities = {row[0]: row[2] or "" for row in rows["functions"]}
    found: dict[str, Problem | None] = {}
    void: list[str] = []
    for oid, user in users.items():
        if user.line is None:
            continue
        why = _why(oid, users, built_in, identities, ())
        name = user.identity.partition("(")[0]
        found[oid] = None if why is None else (IncompleteCode.FUNCTION_REFUSED, f"function {name}: {why}")
        if why is not None:
            void.append(f"{user.line.place}: {user.identity}: {why} (source_sha256 of today: {user.digest})")
    there = {user.identity for user in users.values()}
    void += [
        f"{line.place}: the database has no {name}" for name, line in vouched.functions.items() if name not in there
    ]

    def usable(parts: str) -> bool:
        return all(_why(part, users, built_in, identities, ()) is None for part in parts.split())

    return UserCode(
        functions=MappingProxyType(found),
        operators=frozenset(oid for oid, parts in _texts(rows.get("user_operators", ())) if usable(parts)),
        types=frozenset(oid for oid, parts in _texts(rows.get("user_types", ())) if usable(parts)),
        void=tuple(sorted(void)),
        keyed_hash=next((oid for oid, user in users.items() if _is_keyed_hash(user)), None),
        wake_up=next((oid for oid, user in users.items() if _is_wake_up(user)), None),
    )


def _is_keyed_hash(user: _Function) -> bool:
    return user.identity == HASH_IDENTITY and user.definer and user.digest == HASH_SOURCE_SHA256


def _is_wake_up(user: _Function) -> bool:
    return user.identity == WAKE_UP_IDENTITY and not user.definer and user.digest == WAKE_UP_SOURCE_SHA256


def settle_domains(catalog: Catalog, rows: Sequence[Row], problems: dict[str, Problem | None]) -> None:
    """Fill in, for every domain of users, why values may not be converted to it, or None.

    ``problems`` is what ``catalog`` looks into meanwhile: a domain counts as refused until its checks were read, so one
    that rests on another waits for it, and one that rests on itself stays refused.
    """
    checks: dict[str, list[str]] = {}
    for oid, check in _texts(rows):
        checks.setdefault(oid, []).extend([check] if check else [])
    for oid in checks:
        problems[oid] = (IncompleteCode.TYPE_REFUSED, "its check rests on itself")
    waiting = dict(checks)
    while waiting:
        settled = []
        for oid, texts in waiting.items():
            problems[oid] = next((p for p in (stored_problem(catalog, text) for text in texts) if p is not None), None)
            if problems[oid] is None:
                settled.append(oid)
        if not settled:
            return
        for oid in settled:
            del waiting[oid]


def _why(
    oid: str,
    users: Mapping[str, _Function],
    built_in: Mapping[str, Problem | None],
    identities: Mapping[str | None, str],
    above: tuple[str, ...],
) -> str | None:
    """Why a function may not run, or None. ``above``: those whose part it is."""
    if oid == "0":
        return None
    if int(oid) < _FIRST_USER_OID:
        return (
            None if built_in.get(oid, ()) is None or computes(identities.get(oid, "")) else "is not on the allow-list"
        )
    user = users.get(oid)
    if user is None or user.line is None:
        return "is not vouched for"
    if user.line.source_sha256 and user.line.source_sha256 != user.digest:
        return "its source is not the one that was vouched for"
    if user.definer and not user.line.security_definer:
        return "it runs with its owner's rights, which its line in the registry does not say"
    for part in user.parts:
        if part in above or part == oid:
            continue
        why = _why(part, users, built_in, identities, (*above, oid))
        if why is not None:
            return f"its part {users[part].identity if part in users else identities.get(part, part)} {why}"
    return None


def _texts(rows: Sequence[Row]) -> list[list[str]]:
    return [["" if value is None else value for value in row] for row in rows]
