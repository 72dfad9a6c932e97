"""What was sent to the server and is not answered yet, and the client's names for statements and portals.

The server answers strictly in order, so a queue of expectations says which message each answer belongs to: whose
completion it is, whose error must be said in our own words, whose name change did not happen. Client names never reach
the server: each becomes a name of ours that SQL text cannot guess (one namespace serves SQL PREPARE and protocol Parse,
SQL cursors and portals: HAZARDS 1.7).

A change of a name is *pending* until the server answers: settled when it happened, forgotten when the server refused or
skipped the message. Inside one batch a pending change may be relied upon, since what follows a failure is skipped with
it. Across a Sync it may not: the failure ends there, and the name could still mean what it meant before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Generic, TypeAlias, TypeVar

from gateway.naming import NameKind, Naming
from gateway.pgwire.actions import Named, RowWatch
from gateway.pgwire.guard import Guard

NAME_BYTES: Final = 63  # the server tells names apart by these, those of the protocol as well (measured)


class Sent(IntEnum):
    """Kinds of messages that get an answer."""

    QUERY = 0
    PARSE = 1
    BIND = 2
    DESCRIBE = 3
    EXECUTE = 4
    CLOSE = 5
    SYNC = 6


Edit: TypeAlias = tuple[int, int, int]  # at this character of the client's, so many became so many


@dataclass(frozen=True, slots=True)
class Spliced:
    """What became of a text that uses names of the session."""

    naming: Naming
    owns: tuple[bytes, ...]  # our name in each statement of the text; empty where it has none
    aliases: tuple[tuple[bytes, bytes], ...]
    edits: tuple[Edit, ...]
    seen: Mapping[tuple[NameKind, str], Named | None]  # what the names it runs stand for


@dataclass(slots=True)
class Prepared:
    """A statement the client prepared: its name at the server, its text, and what was decided about it."""

    own: bytes
    text: str
    types: tuple[int, ...]
    ticket: object | None
    sent: str | None = None  # the text the server was given in place of ``text``
    fresh: bool = True  # decided at Parse and not executed since: that decision's entry covers the first Execute
    guard: Guard = Guard.NONE
    spliced: Spliced | None = None  # the text uses names of the session
    changed: list[str] = field(default_factory=list)  # trees of a strict session that nobody has judged yet
    plain: bool = False  # it uses no names of the session and is no COPY: nothing hangs on what is sent around it
    path: str | None = None  # the search_path it was judged under: under another it may mean something else

    @property
    def given(self) -> bytes:
        """The text that the server was given."""
        return (self.text if self.sent is None else self.sent).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Portal:
    """A bound statement, ready to be executed, or a cursor."""

    own: bytes
    prepared: Prepared
    ticket: object | None = None  # of the decision it was opened under: it serves what it was opened for
    hold: bool = False  # outlives the transaction
    path: str | None = None  # the search_path it was bound under

    @property
    def guard(self) -> Guard:
        """That of its statement, as it was decided last."""
        return self.prepared.guard


Entry = TypeVar("Entry")


class Change(Generic[Entry]):
    """A change of one name that the server has not answered yet."""

    __slots__ = ("batch", "entry", "name", "names")

    def __init__(self, names: Names[Entry], name: bytes, entry: Entry | None, batch: int) -> None:
        self.names = names
        self.name = name
        self.entry = entry
        self.batch = batch

    def settle(self) -> None:
        """It happened."""
        self.names.settle(self)

    def forget(self) -> None:
        """It did not happen."""
        self.names.forget(self)


class Names(Generic[Entry]):
    """Client name → entry: as it will be when everything sent succeeds (``entries``), and as the server has it."""

    __slots__ = ("_pending", "_settled", "entries")

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}
        self._settled: dict[bytes, Entry] = {}
        self._pending: dict[bytes, deque[Change[Entry]]] = {}

    def get(self, name: bytes) -> Entry | None:
        """The entry of this name, if there is one."""
        return self.entries.get(name[:NAME_BYTES])

    def change(self, name: bytes, entry: Entry | None, batch: int) -> Change[Entry]:
        """Set or drop a name by a message of batch ``batch``."""
        name = name[:NAME_BYTES]
        change = Change(self, name, entry, batch)
        self._pending.setdefault(name, deque()).append(change)
        _put(self.entries, name, entry)
        return change

    def drop(self, name: bytes, batch: int) -> tuple[Change[Entry], ...]:
        """Drop a name by a message of batch ``batch``; nothing where it neither means anything nor may come to."""
        name = name[:NAME_BYTES]
        if name not in self.entries and name not in self._pending:
            return ()
        return (self.change(name, None, batch),)

    def doubtful(self, name: bytes, batch: int) -> bool:
        """Whether what the name means hangs on an unanswered message of an *earlier* batch."""
        pending = self._pending.get(name[:NAME_BYTES])
        return pending is not None and pending[-1].batch != batch

    def settle(self, change: Change[Entry]) -> None:
        """The server made this change."""
        _put(self._settled, change.name, change.entry)
        if not self._drop(change):
            _put(self.entries, change.name, change.entry)

    def forget(self, change: Change[Entry]) -> None:
        """The server did not make this change: the name means what the changes around it say."""
        pending = self._drop(change)
        _put(self.entries, change.name, pending[-1].entry if pending else self._settled.get(change.name))

    def clear_settled(self, *, keep: Callable[[bytes, Entry], bool] | None = None) -> None:
        """The server dropped every name it has answered for, but those to ``keep``; later ones are not touched."""
        for name in [name for name, entry in self._settled.items() if keep is None or not keep(name, entry)]:
            del self._settled[name]
            if name not in self._pending:
                del self.entries[name]

    def _drop(self, change: Change[Entry]) -> deque[Change[Entry]]:
        pending = self._pending[change.name]
        pending.remove(change)  # answers come in order, so it is the first of them
        if not pending:
            del self._pending[change.name]
        return pending


def _put(entries: dict[bytes, Entry], name: bytes, entry: Entry | None) -> None:
    if entry is None:
        entries.pop(name, None)
    else:
        entries[name] = entry


AnyChanges: TypeAlias = tuple[Change[Prepared] | Change[Portal], ...]


@dataclass(slots=True)
class Expectation:
    """One message on its way, and what to do with its answer."""

    kind: Sent
    ticket: object | None = None
    nonce: bytes = b""  # stands in the server's error if the message was substituted
    instead: Mapping[str, str] | None = None  # the fields to say in place of that error
    aliases: tuple[tuple[bytes, bytes], ...] = ()  # (our name, the client's): put back in error texts
    guard: Guard = Guard.NONE  # what errors and notices that answer it lose
    changes: AnyChanges = ()
    steps: deque[AnyChanges] = field(default_factory=deque)  # of each statement of a Query, as it is completed
    edits: tuple[Edit, ...] = ()  # what its text became: places in error texts are the client's again
    silent: bool = False  # of our own making: the client did not send it and does not hear of it
    counted: int = 0  # rows since the last completion
    row_bytes: int = 0  # of rows and COPY data, as messages
    completed: int = 0  # rows of the completions so far: a Query may hold several statements
    failed: bool = False
    moves: bool = False  # it may move the search_path
    may_copy: bool = False  # the server may ask for COPY data before it is done
    hidden: bool = False  # of our own making: the client hears nothing of it
    question: bool = False  # the last message of a question to a strict session
    prepared: Prepared | None = None  # the statement that a strict session may analyse again with it
    overdue: bool = False  # it was cancelled because it took too long
    watch: RowWatch | None = None  # looks at its rows as they pass by
    copied: bool = False  # what flows is COPY data: a message of it is not always a row, so the tag's number counts

    @property
    def rows(self) -> int:
        """Rows that flowed from this message."""
        return self.completed + self.counted

    def step(self) -> None:
        """One statement of a Query is done."""
        if self.steps:
            for change in self.steps.popleft():
                change.settle()

    def settle(self) -> None:
        """The server did what the message asked; or, of a Query, as much of it as it did."""
        for change in self.changes:
            change.settle()
        self._forget_steps()

    def forget(self) -> None:
        """The server skipped the message."""
        for change in self.changes:
            change.forget()
        self._forget_steps()

    def _forget_steps(self) -> None:
        while self.steps:
            for change in self.steps.popleft():
                change.forget()

    def fail(self) -> None:
        """The server refused the message: nothing changed, but that a failing Parse destroys the unnamed statement."""
        for change in self.changes:
            if self.kind is Sent.PARSE and not change.name:
                change.entry = None
                change.settle()
            else:
                change.forget()


class Ledger:
    """The queue of expectations, with what an error does to it."""

    __slots__ = ("queue",)

    def __init__(self) -> None:
        self.queue: deque[Expectation] = deque()

    def expect(self, expectation: Expectation) -> None:
        """A message goes to the server."""
        self.queue.append(expectation)

    def head(self) -> Expectation | None:
        """The message the next answer belongs to."""
        return self.queue[0] if self.queue else None

    def skip_to_sync(self) -> bool:
        """After the head failed in the extended protocol the server ignores everything up to Sync: forget it.

        Returns whether a Sync is on its way; if not, the server goes on ignoring what is sent.
        """
        self.queue.popleft().fail()
        while self.queue and self.queue[0].kind is not Sent.SYNC:
            self.queue.popleft().forget()
        return bool(self.queue)
