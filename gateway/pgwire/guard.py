"""What the server's errors and notices lose on their way to the client, where they may quote data about people.

An error quotes what it stumbled over: ``phone::int`` the phone, a constraint the whole row, columns among it that the
statement never named (HAZARDS I09-I14). What stays is what programs act upon: severity, SQLSTATE, position, the names
of schema, table, column, type and constraint. The message becomes the SQLSTATE's own words; detail, hint, context,
internal query and places in the server's source go.

Where the gateway rewrote a statement, positions go as well: they count in a text that the client did not write.
"""

from __future__ import annotations

import re
from enum import IntFlag
from typing import Final

from gateway.pgwire.actions import Judgement
from gateway.pgwire.conditions import condition

_POSITIONS: Final = frozenset(b"Ppq")
_NAMES: Final = frozenset(b"stcdn")
_NAME_BYTES: Final = 63  # the server's own names are no longer; RAISE … USING COLUMN takes any text
_SEVERITIES: Final = frozenset(
    {b"PANIC", b"FATAL", b"ERROR", b"WARNING", b"NOTICE", b"INFO", b"LOG"} | {f"DEBUG{n}".encode() for n in "12345"}
)
_SQLSTATE: Final = re.compile(rb"[0-9A-Z]{5}")
_POSITION: Final = re.compile(rb"[0-9]{1,10}")
_INTERNAL: Final = b"XX000"
# Where the server found that a prepared statement no longer fits: asyncpg and pgjdbc know it by this place in its
# source, and prepare it again. Both are said in words of ours, whatever the message holds.
_OUTDATED: Final = (b"0A000", b"RevalidateCachedQuery")
_OUTDATED_WORDS: Final = (ord("M"), b"cached plan must not change result type")

Field = tuple[int, bytes]


class Guard(IntFlag):
    """What is kept from the client of the server's words about a statement."""

    NONE = 0
    WORDS = 1  # whatever may quote data
    LASTING = 2  # and of all words until the transaction ends: what it did may be checked only then
    POSITIONS = 4  # places in the text


def guard_of(judgement: Judgement) -> Guard:
    """The guard that a judgement asks for."""
    guard = Guard.NONE
    if judgement.guarded:
        guard |= Guard.WORDS
        if judgement.lasting:
            guard |= Guard.LASTING
    if judgement.text is not None:
        guard |= Guard.POSITIONS
    return guard


def guarded(kind: int, body: bytes, guard: Guard) -> bytes:
    """The body of an ErrorResponse (``E``) or NoticeResponse (``N``) as the client may have it. Never raises."""
    if not guard & (Guard.WORDS | Guard.POSITIONS):
        return body
    severity = b"ERROR" if kind == ord("E") else b"WARNING"
    fields = _fields(body)
    if fields is None:  # what cannot be read cannot be sorted either
        return _joined([(ord("S"), severity), (ord("V"), severity), (ord("C"), _INTERNAL), _words(_INTERNAL)])
    if guard & Guard.WORDS:
        fields = _sanitised(dict(fields), severity)
    if guard & Guard.POSITIONS:
        fields = [field for field in fields if field[0] not in _POSITIONS]
    return _joined(fields)


def _sanitised(given: dict[int, bytes], severity: bytes) -> list[Field]:
    """The fields that hold no data, in the server's order; every other one is left out, those of later versions too."""
    level = given.get(ord("V"), b"")
    level = level if level in _SEVERITIES else severity
    shown = given.get(ord("S"), b"")  # in the server's language
    state = given.get(ord("C"), b"")
    state = state if _SQLSTATE.fullmatch(state) else _INTERNAL
    kept = [(ord("S"), shown if 0 < len(shown) <= _NAME_BYTES else level), (ord("V"), level), (ord("C"), state)]
    outdated = (state, given.get(ord("R"))) == _OUTDATED
    kept.append(_OUTDATED_WORDS if outdated else _words(state))
    position = given.get(ord("P"), b"")
    if _POSITION.fullmatch(position):
        kept.append((ord("P"), position))
    kept += [(code, text) for code, text in given.items() if code in _NAMES and len(text) <= _NAME_BYTES]
    return [*kept, (ord("R"), _OUTDATED[1])] if outdated else kept


def _words(sqlstate: bytes) -> Field:
    return ord("M"), condition(sqlstate.decode("ascii")).encode()


def _fields(body: bytes) -> list[Field] | None:
    """The fields of a message, each once; None where it is not one."""
    found: dict[int, bytes] = {}
    at, last = 0, len(body) - 1
    while at < last:
        end = body.find(b"\0", at + 1)
        if body[at] == 0 or end < 0 or body[at] in found:
            return None
        found[body[at]] = body[at + 1 : end]
        at = end + 1
    return list(found.items()) if at == last and body[at] == 0 else None


def _joined(fields: list[Field]) -> bytes:
    return b"".join(bytes((code,)) + text + b"\0" for code, text in fields) + b"\0"
