"""The trace a caller is in, as it says itself: W3C trace context, from headers, metadata or a comment of the SQL. Pure.

Anybody can write such a thing, so it is read strictly, within bounds and without complaint: what is not exactly as its
specification says is not there. It is never an input to a rule: all that hangs on it is whose trace a span belongs to.

A comment counts as `sqlcommenter` writes it (``/*traceparent='00-…-01',tracestate='…'*/``, URL-encoded), and only where
it is the last or else the first thing in a text: there it stands within no literal of a text that the server can read,
and nobody has to look for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

LONGEST_COMMENT: Final = 2048  # characters that are looked at, at either end of a text
_LONGEST_PARENT: Final = 256  # of a later version: it may go on after what is known of it
_LONGEST_STATE: Final = 512  # as the specification says what has to be kept
_MOST_STATES: Final = 32
_LATER: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.DOTALL)
_VERSION_0: Final = 55  # characters
_NO_VERSION: Final = "ff"
_SAMPLED: Final = 1
_STATE_KEY: Final = r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_STATE: Final = re.compile(_STATE_KEY + r"=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]")
_PAIR: Final = re.compile(r"\s*([^\s='*/,]{1,128})='((?:[^'\\]|\\.)*)'\s*(?:,|$)", re.DOTALL)
_MOST_PAIRS: Final = 32
_SPACE: Final = " \t\r\n\f\v"
_NOTHING: Final = _SPACE + ";"


@dataclass(frozen=True, slots=True)
class Context:
    """A span of somebody else's."""

    trace_id: str  # 32 hexadecimal digits
    span_id: str  # 16
    sampled: bool
    state: str = ""


def context_of(parents: Sequence[str], states: Sequence[str] = ()) -> Context | None:
    """What the values of `traceparent` and `tracestate` say; None: nothing that can be believed."""
    if len(parents) != 1 or len(parents[0]) > _LONGEST_PARENT:
        return None
    found = _LATER.fullmatch(parents[0])
    if found is None:
        return None
    version, trace_id, span_id, flags = found.groups()
    if version == _NO_VERSION or (version == "00" and len(parents[0]) != _VERSION_0):
        return None
    if trace_id.strip("0") == "" or span_id.strip("0") == "":
        return None
    return Context(trace_id, span_id, bool(int(flags, 16) & _SAMPLED), _state(states))


def _state(given: Sequence[str]) -> str:
    """A `tracestate`, or nothing: the context stands without it."""
    if sum(map(len, given)) > _LONGEST_STATE or len(given) > _MOST_STATES:
        return ""
    members = [one for one in (part.strip(" \t") for value in given for part in value.split(",")) if one]
    keys = {one.partition("=")[0] for one in members}
    if len(members) > _MOST_STATES or len(keys) != len(members) or not all(map(_STATE.fullmatch, members)):
        return ""
    return ",".join(members)


def commented(text: str) -> Context | None:
    """The context in the comment that a statement ends with, or else begins with."""
    tail = text[-LONGEST_COMMENT:].rstrip(_NOTHING)
    if tail.endswith("*/"):
        found = _last(tail)
        if found is not None:
            return found
    head = text[:LONGEST_COMMENT].lstrip(_SPACE)
    if not head.startswith("/*"):
        return None
    end = head.find("*/", 2)
    return _told(head[2:end]) if end > 0 else None


def _last(tail: str) -> Context | None:
    begin = tail.rfind("/*", 0, -2)
    return _told(tail[begin + 2 : -2]) if begin >= 0 else None


def _told(comment: str) -> Context | None:
    """What the pairs of one comment say. One that has another comment within, or ends with one, is no such comment."""
    if "traceparent" not in comment or "/*" in comment or "*/" in comment:
        return None
    found: dict[str, str] = {}
    at = 0
    for _ in range(_MOST_PAIRS):
        pair = _PAIR.match(comment, at)
        if pair is None:
            return None
        key = unquote(pair[1])
        if key in found:
            return None  # which of them is meant nobody knows
        found[key] = unquote(pair[2].replace("\\'", "'"))
        at = pair.end()
        if at == len(comment):
            return context_of([found.get("traceparent", "")], [found.get("tracestate", "")])
    return None
