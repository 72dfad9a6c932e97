"""What both directions of a session know: what is on its way, the client's names, the transaction's status."""

from __future__ import annotations

from gateway.pgwire.actions import Action, ToServer
from gateway.pgwire.ledger import Expectation, Ledger, Names, Portal, Prepared, Sent
from gateway.pgwire.path import SessionPath

_ENDS = frozenset({Sent.SYNC, Sent.QUERY})


class Shared:
    """State of one session."""

    __slots__ = (
        "_to_server",
        "actions",
        "batch",
        "closed",
        "copying",
        "guarded",
        "ledger",
        "path",
        "portals",
        "skipping",
        "statements",
        "status",
        "synced",
    )

    def __init__(self, search_path: str = "") -> None:
        self.ledger = Ledger()
        self.path = SessionPath(self, search_path)
        self.statements: Names[Prepared] = Names()
        self.portals: Names[Portal] = Names()
        self.actions: list[Action] = []
        self._to_server: list[bytes] = []
        self.skipping = False  # the server ignores everything until Sync, and so do we
        self.copying = False  # the server waits for COPY data, and has not been told that they end
        self.guarded = False  # until the transaction ends the server's words may quote data, whatever they answer
        self.closed = False
        self.batch = 0  # Syncs sent so far: what the server skips after an error ends with its batch
        self.status = b"I"  # the server's transaction status: I, T or E
        self.synced = True  # the last message that gets an answer ends its batch; else a transaction is open by that

    def send(self, data: bytes, expectation: Expectation | None = None) -> None:
        """A message for the server, and what its answer will be."""
        self._to_server.append(data)
        if expectation is not None:
            self.synced = expectation.kind in _ENDS
            self.ledger.expect(expectation)

    def flush(self) -> None:
        """What was sent so far becomes an action, before whatever comes next."""
        if self._to_server:
            self.actions.append(ToServer(b"".join(self._to_server)))
            self._to_server.clear()

    def take(self) -> list[Action]:
        """The actions gathered."""
        self.flush()
        actions, self.actions = self.actions, []
        return actions
