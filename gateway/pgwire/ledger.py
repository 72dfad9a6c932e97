"""What was sent to the server and is not answered yet, and the client's names for statements and portals.

The server answers strictly in order, so a queue of expectations says which message each answer belongs to: whose
completion it is, whose error must be said in our own words, whose name change did not happen. Client names never reach
the server: each becomes a name of ours that SQL text cannot guess (one namespace serves SQL PREPARE and protocol Parse,
SQL cursors and portals: HAZARDS 1.7), and a change of the map is undone when the server skipped or refused the message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar


class Sent(IntEnum):
    """Kinds of messages that get an answer."""

    QUERY = 0
    PARSE = 1
    BIND = 2
    DESCRIBE = 3
    EXECUTE = 4
    CLOSE = 5
    SYNC = 6


@dataclass(slots=True)
class Prepared:
    """A statement the client prepared: its name at the server, its text, and what was decided about it."""

    own: bytes
    text: str
    types: tuple[int, ...]
    ticket: object
    fresh: bool = True  # decided at Parse and not executed since: that decision's entry covers the first Execute
    confirmed: bool = False  # the server has said ParseComplete


@dataclass(slots=True)
class Portal:
    """A bound statement, ready to be executed."""

    own: bytes
    prepared: Prepared
    batch: int  # number of Syncs sent before it: a portal dies with its transaction


Entry = TypeVar("Entry")


class Names(Generic[Entry]):
    """Client name → entry. ``swap`` returns what is needed to undo a change that the server never made."""

    __slots__ = ("entries",)

    def __init__(self) -> None:
        self.entries: dict[bytes, Entry] = {}

    def get(self, name: bytes) -> Entry | None:
        """The entry of this name, if there is one."""
        return self.entries.get(name)

    def swap(self, name: bytes, entry: Entry | None) -> Entry | None:
        """Set or drop a name; returns what stood there before."""
        previous = self.entries.pop(name, None)
        if entry is not None:
            self.entries[name] = entry
        return previous


@dataclass(slots=True)
class Expectation:
    """One message on its way, and what to do with its answer."""

    kind: Sent
    ticket: object = None
    nonce: bytes = b""  # stands in the server's error if the message was substituted
    instead: Mapping[str, str] | None = None  # the fields to say in place of that error
    alias: tuple[bytes, bytes] | None = None  # (our name, the client's): put back in error texts
    names: Names[Prepared] | Names[Portal] | None = None
    name: bytes = b""
    previous: Prepared | Portal | None = None
    rows: int = 0
    failed: bool = False

    def undo(self) -> None:
        """Take back the change of names: the server refused or skipped the message."""
        if self.names is not None:
            self.names.swap(self.name, self.previous)  # type: ignore[arg-type]  # previous came out of this map


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
        """After an error in the extended protocol the server ignores everything up to Sync: forget it, undo it.

        Returns whether a Sync is on its way; if not, the server goes on ignoring what is sent.
        """
        skipped: list[Expectation] = []
        while self.queue and self.queue[0].kind is not Sent.SYNC:
            skipped.append(self.queue.popleft())
        for expectation in reversed(skipped):
            expectation.undo()
        return bool(self.queue)
