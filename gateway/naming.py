"""The names a session gives to statements and cursors: what a text does with them, and what they stand for.

PostgreSQL has one namespace for SQL PREPARE and protocol Parse, and one for SQL cursors and portals. A client's name
never reaches the server: the wire knows which name of ours stands for it, the parser where it stands in a text. These
values are what the two tell each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.model import StatementFacts


class NameKind(StrEnum):
    """The two namespaces of a session."""

    STATEMENT = "statement"  # SQL PREPARE and protocol Parse
    CURSOR = "cursor"  # SQL DECLARE and protocol Bind


class NameDeed(StrEnum):
    """What a statement does with a name."""

    MAKE = "make"  # PREPARE, DECLARE
    RUN = "run"  # EXECUTE, FETCH, MOVE
    DROP = "drop"  # DEALLOCATE, CLOSE
    DROP_ALL = "drop_all"  # DEALLOCATE ALL, CLOSE ALL


@dataclass(frozen=True, slots=True, kw_only=True)
class NameUse:
    """What one statement of a text does with a name. Places count the bytes of the whole text."""

    kind: NameKind
    deed: NameDeed
    name: str = ""  # as the server would know it: folded, unescaped, cut to what it keeps of a name
    start: int = 0  # where the name's token stands …
    end: int = 0  # … and ends
    text: str = ""  # MAKE: the statement that the name stands for
    inner: int = 0  # MAKE: where that statement begins
    types: tuple[int, ...] | None = None  # MAKE: of its parameters; None: they are those of the whole text
    hold: bool = False  # DECLARE … WITH HOLD: the end of the transaction does not end it
    arguments: tuple[str, ...] = ()  # RUN: the expressions it is given, where they are more than constants
    inserts: tuple[tuple[int, str], ...] = ()  # words to stand in the text before these bytes: what a type's name means


@dataclass(frozen=True, slots=True)
class Naming:
    """What a text does with names: one entry for each of its statements, None for one that uses none."""

    steps: tuple[NameUse | None, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name stands for in a session."""

    text: str
    types: tuple[int, ...]
    sent: str | None = None  # what the server was given in place of ``text``
    seen: tuple[StatementFacts, ...] = ()  # an open cursor serves what it was opened for, whatever is true since


class SessionNames(Protocol):
    """The names of one session as they stand now."""

    def meaning(self, kind: NameKind, name: str) -> Meaning | None:
        """What a name stands for; None where the session has given it to nothing."""
