"""What a session asks of its door, and the answer to a judgement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import Reason
from gateway.naming import NameKind, Naming
from gateway.search_path import PathDeed, PathState


@dataclass(frozen=True, slots=True)
class ToServer:
    """Send to the server."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ToClient:
    """Send to the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Named:
    """What a name of the session stands for, and the ticket it was opened under, if it is open."""

    text: str
    types: tuple[int, ...]
    sent: str | None = None
    ticket: object | None = None


Lookup = Callable[[NameKind, str], Named | None]


@dataclass(frozen=True, slots=True)
class Judge:
    """Decide about a statement; the session waits for ``judged``. ``ticket`` is what an earlier judgement returned."""

    text: str
    types: tuple[int, ...]
    executes: bool  # rows may flow from it (Query, Execute), not only a plan be made (Parse)
    ticket: object | None = None
    fresh: bool = False
    opened: object | None = field(
        default=None, compare=False
    )  # the ticket its portal was opened under, if it is another one
    names: Lookup | None = field(default=None, compare=False)  # given where the text may use names of the session
    path: str | None = None  # the session's search_path as the server has it; None: as the session began
    path_state: PathState = PathState.SETTLED


class RowWatch(Protocol):
    """Looks at the rows of one execution as they pass by. It changes none and holds none up."""

    whole: bool  # rows must be whole when they are looked at

    def rows(self, data: bytes, start: int, counted: int) -> None:
        """So many rows begin at ``start``, one after the other; the last of them may be cut."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to Judge: go on with this ticket, or say these error fields in place of the statement."""

    ticket: object | None
    instead: Mapping[str, str] | None = None
    text: str | None = None  # goes on in the place of the client's: what carries out the obligations
    guarded: bool = False  # data about people is touched: the server's errors and notices lose what may quote it
    lasting: bool = False  # and so do all of them until the transaction ends: a constraint may be checked only then
    naming: Naming | None = None  # the names of the session that the text uses; ours are to stand in their places
    path: PathDeed = PathDeed.KEEPS  # what it may do to the search_path
    watch: RowWatch | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Analysed:
    """The server answered what a strict session was asked: trees, or its own complaint."""

    trees: tuple[str, ...]
    complaint: Mapping[str, str] | None
    too_large: bool


@dataclass(frozen=True, slots=True)
class Completed:
    """A judged statement ran to its end, or failed with ``sqlstate``."""

    ticket: object | None
    rows: int
    sqlstate: str
    row_bytes: int = field(default=0, compare=False)  # of rows and COPY data, as messages


@dataclass(frozen=True, slots=True)
class Refused:
    """The session itself refused something, and says so in its place."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Close:
    """End the session, telling the client why (FATAL)."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The client said goodbye."""


Action = ToServer | ToClient | Judge | Analysed | Completed | Refused | Close | Leave
