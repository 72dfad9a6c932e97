"""The search_path of a session: as the server's text, as names, and what statements do with it. Pure.

What a name without a schema means hangs on it, so a statement is judged under the path that will be in force when it
runs, or not at all. The session itself is asked what that is wherever a statement may have moved it
(`gateway.pgwire.path`); here is what such an answer is read with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum, StrEnum
from typing import Final

_MOST_NAMES: Final = 32
_NAME_BYTES: Final = 63  # the server cuts longer ones
_BLANK: Final = r"[ \t\n\r\f]"
# As the server splits a list of names (SplitIdentifierString), but \v, which only some majors take for blank.
_NAME: Final = re.compile(rf'{_BLANK}*(?:"((?:[^"]|"")*)"|([^", \t\n\r\f\v][^, \t\n\r\f\v]*)){_BLANK}*(,|\Z)')
_EMPTY: Final = re.compile(rf"{_BLANK}*")
_NO_PATH: Final = ""  # nothing is written so
_TEMPORARY: Final = "pg_temp"
_OWN_SCHEMA: Final = "$user"


class PathDeed(IntEnum):
    """What a statement may do to the search_path; the strongest of a text's is the text's."""

    KEEPS = 0
    ENDS = 1  # ends a transaction, or goes back within one: what was set in it may be undone
    SETS = 2


class PathState(StrEnum):
    """How far the path a statement is asked about is known."""

    SETTLED = "settled"
    OPEN = "open"  # set in the transaction under way, whose end may undo it
    UNKNOWN = "unknown"


def listed(text: str) -> tuple[str, ...] | None:
    """The names in a value of search_path as the server has it; None where that cannot be told."""
    if _EMPTY.fullmatch(text):
        return ()
    names: list[str] = []
    at = 0
    while (found := _NAME.match(text, at)) is not None:
        quoted, plain, end = found.groups()
        names.append(quoted.replace('""', '"') if quoted is not None else _folded(plain))
        at = found.end()
        if not end:
            return tuple(names)
    return None


def _folded(name: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)


def permitted(names: tuple[str, ...]) -> bool:
    """Whether a session may look names up there: plain schemas, and temporary ones never before them."""
    if len(names) > _MOST_NAMES:
        return False
    for place, name in enumerate(names):
        if name == _TEMPORARY and place == len(names) - 1:
            continue  # last, where it would not be first of all anyway: safer than not at all
        if name.startswith(("pg_temp", "pg_toast")) or len(name.encode()) > _NAME_BYTES or not _printable(name):
            return False
    return True


def _printable(name: str) -> bool:
    return not name or name.isprintable()


def written(names: Iterable[str]) -> str:
    """The one way in which a list of names is written here; an empty list finds as much as an empty name."""
    return ", ".join(name if name == _TEMPORARY else '"' + name.replace('"', '""') + '"' for name in names) or '""'


def pinned(schemas: Iterable[str]) -> str:
    """What a session begins with: these schemas, pg_temp named last so that it can never come first."""
    return written([*schemas, _TEMPORARY])


def assignment(path: str) -> str:
    """The statement that makes ``path``, as written here, the session's."""
    values = ", ".join("'" + name.replace("'", "''") + "'" for name in listed(path) or ("",))
    return f"SET search_path TO {values}"


def schemas(names: Iterable[str]) -> tuple[str, ...]:
    """Those of them in which relations are looked up that everybody sees."""
    return tuple(name for name in names if name not in ("", _TEMPORARY))


def newcomer(schema: str) -> str:
    """What stands, among the relations something rests on, for all that a schema does not hold yet."""
    return f"new in {schema}"


def rests_on(depends: frozenset[str] | None, path: str) -> frozenset[str] | None:
    """What a statement asked under ``path`` rests on: also on what its schemas do not hold. None: on everything."""
    names = schemas(listed(path) or ())
    if depends is None or _OWN_SCHEMA in names:
        return None
    return depends.union(map(newcomer, names))


class Asking:
    """Under which path the statements of one session are asked about, from what its server says the path is."""

    __slots__ = ("_began", "_last", "_own")

    def __init__(self, *, own: str, began: str) -> None:
        """``own``: the datasource's, as ``pinned`` writes it, which goes without saying. ``began``: the session's."""
        self._own = own
        self._began = began
        self._last: tuple[str | None, str | None] = (None, self._named(began))

    def under(self, text: str | None, state: PathState = PathState.SETTLED) -> tuple[str | None, PathState]:
        """``text``: as the server has it, or None, which is as the session began. Unknown: a path that may not be."""
        if text != self._last[0]:
            self._last = (text, self._named(self._began if text is None else text))
        named = self._last[1]
        return (None, PathState.UNKNOWN) if named == _NO_PATH else (named, state)

    def _named(self, text: str) -> str | None:
        names = listed(text)
        path = written(names) if names is not None and permitted(names) else _NO_PATH
        return None if path == self._own else path
