"""A logged-in session, without sockets: bytes and judgements in, actions out.

::

    client            Session                         server
      | Parse ---------> | Judge --> (door, authorize)    |
      |                  | <-- judged                     |
      |                  | Parse, its name ours --------> |      allowed
      |                  | Parse of a random word ------> |      denied: the server fails it itself, so the
      |                  | <-- ErrorResponse, rewritten - |      transaction, pipeline or batch aborts as it always does

One message is judged at a time; what follows it waits in the buffer (the door stops reading). No entry in a table =
refused: a message nobody thought about ends the session with 08P01.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.errors import ClientProtocolError, PolicyUnavailable, Reason, SekishoError
from gateway.pgwire.actions import Action, Close, Judgement
from gateway.pgwire.downward import MAX_SERVER_MESSAGE_BYTES, Downward
from gateway.pgwire.express import NOT_HERE, Express
from gateway.pgwire.frames import FrameReader
from gateway.pgwire.guard import Guard
from gateway.pgwire.ledger import Sent
from gateway.pgwire.messages import FLUSH
from gateway.pgwire.shared import Shared
from gateway.pgwire.strict import Approver
from gateway.pgwire.upward import Upward

MAX_IN_FLIGHT: Final = 10_000  # messages without an answer: each costs memory here and only five bytes there
READ_AHEAD_BYTES: Final = 1024 * 1024  # what a door that stops reading may still deliver, beside one whole message


class Session:
    """Both directions of one logged-in session."""

    __slots__ = ("_crowded", "_downward", "_express", "_pending_limit", "_reader", "_shared", "_strict", "_upward")

    def __init__(
        self,
        *,
        bulk_limit: int,
        names_limit: int,
        nonce: Callable[[], str],
        approver: Approver | None = None,
        tree_bytes: int = MAX_SERVER_MESSAGE_BYTES,
        search_path: str = "",
    ) -> None:
        """``approver`` makes the session strict: its server is asked what statements mean (`gateway.pgwire.strict`).
        ``search_path``: as it is in the start-up packet."""
        self._shared = Shared(search_path)
        self._express = Express(self._shared, bulk_limit)
        self._reader = FrameReader(bulk_limit)
        self._pending_limit = bulk_limit + READ_AHEAD_BYTES
        self._crowded = False  # so much is on its way that answers must come before more is sent
        self._upward = Upward(self._shared, names_limit=names_limit, nonce=nonce)
        self._strict = self._upward.be_strict(approver, tree_bytes) if approver is not None else None
        limit = max(MAX_SERVER_MESSAGE_BYTES, 2 * tree_bytes) if approver is not None else MAX_SERVER_MESSAGE_BYTES
        self._downward = Downward(self._shared, self._strict, message_limit=limit)

    @property
    def waiting(self) -> bool:
        """Whether a judgement or an answer is awaited: the door should not read on from the client."""
        upward = self._upward
        return upward.judging is not None or upward.held is not None or self._crowded or self._express.waits

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and no transaction is open."""
        return not self.running and not self.waiting and self._shared.status == b"I" and self._shared.synced

    @property
    def pending(self) -> int:
        """Bytes of the client's that are kept: of a message that has not come in whole, or that has to wait."""
        return self._reader.pending()

    @property
    def rest_of_row(self) -> int:
        """Bytes to come of a row the client was given half of: a message of ours would be read as the rest of it."""
        return self._downward.rest_of_row

    @property
    def farewell(self) -> bool:
        """Whether the client knows from the server itself why the session ends: that is said once."""
        return self._downward.farewell

    @property
    def running(self) -> bool:
        """Whether the server still owes an answer."""
        return bool(self._shared.ledger.queue) or self._express.under_way

    @property
    def search_path(self) -> str | None:
        """As the server has it, where nothing that may move it is under way; None: as the session began."""
        return self._shared.path.text

    # -- the fast lane (`gateway.pgwire.express`) -------------------------------------------------------------------

    def enter(self, data: bytes) -> object | None:
        """Bytes from the client: where they are one statement of a session at rest, the ticket of its last execution
        or the text of a Query, for the door to see whether it stands. It calls ``go`` when that is recorded, or
        ``back``. None: nothing of them was looked at (``client_data``)."""
        shared = self._shared
        if (
            self._strict is not None
            or shared.closed
            or shared.skipping
            or shared.copying
            or shared.ledger.queue
            or shared.path.touched
            or self._reader.pending()
            or self.waiting
            or self._express.under_way
        ):
            return None
        return self._express.enter(data)

    @property
    def entered(self) -> str:
        """The text of the statement that entered last."""
        return self._express.text

    def go(self, ticket: object, guard: Guard, sent: str | None) -> bytes:
        """What goes to the server, now that the statement which entered is recorded; and then ``rest``."""
        return self._express.go(ticket, guard, sent)

    def back(self) -> list[Action]:
        """What entered has to be asked about: as ``client_data`` does."""
        self._reader.put_back(self._express.back())
        return self._pump()

    def rest(self) -> list[Action] | None:
        """What is to be done with bytes that the client sent meanwhile; None: there are none."""
        return self._pump() if self._reader.pending() else None

    def answered(self, data: bytes) -> int:
        """Bytes from the server, for the client as they are: the number of rows where they end the statement, or
        MORE; NOT_HERE where nothing of them was looked at (``server_data``)."""
        if not self._express.under_way or not self._downward.between or self._shared.closed:
            return NOT_HERE
        return self._express.answered(data)

    @property
    def answered_bytes(self) -> int:
        """Of the rows of the statement that ended last in ``answered``, as messages."""
        return self._express.row_bytes

    # -- every message by itself ----------------------------------------------------------------------------------

    @property
    def answering(self) -> object:
        """What the server owes the next answer to; None: nothing. The same object only for the same message."""
        if self._express.under_way:  # looked at now and then, it is no longer one like any other
            self._express.unfold()
        return self._shared.ledger.head()

    def overdue(self) -> None:
        """What the server works on takes too long and is about to be cancelled: so it says so."""
        for expected in self._shared.ledger.queue:  # answers to what it has done may wait with it for a Sync
            expected.overdue = True
            if expected.kind in (Sent.QUERY, Sent.SYNC):
                break

    def client_data(self, data: bytes) -> list[Action]:
        """Bytes from the client."""
        if self._shared.closed:
            return []
        self._reader.feed(data)
        actions = self._pump()
        if self._reader.pending() > self._pending_limit and not self._shared.closed:
            self._end(ClientProtocolError(Reason.LIMIT_EXCEEDED, "too much was sent ahead of an answer"))
            actions += self._shared.take()
        return actions

    def judged(self, judgement: Judgement) -> list[Action]:
        """The answer to the last Judge."""
        self._upward.judged(judgement)
        return self._pump()

    def ask(self, text: str, types: tuple[int, ...]) -> list[Action]:
        """Ask a strict session's server about a text, while a judgement is awaited. Raises PolicyUnavailable."""
        if self._strict is None or self._shared.closed or self._upward.judging is None:
            raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the session cannot be asked")
        self._strict.ask(text, types)
        return self._shared.take()

    def server_data(self, data: bytes) -> list[Action]:
        """Bytes from the server."""
        if self._shared.closed:
            return []
        if self._express.under_way:
            self._express.unfold()
        try:
            self._downward.relay(data)
        except SekishoError as error:
            self._end(error)
        on_its_way = len(self._shared.ledger.queue)
        if self._upward.held is not None and (not on_its_way or self._shared.copying):
            held, self._upward.held = self._upward.held, None
            return self._pump(held)
        if self._crowded and on_its_way <= MAX_IN_FLIGHT // 2:
            self._crowded = False
            return self._pump()
        return self._shared.take()

    def _pump(self, frame: tuple[int, bytes] | None = None) -> list[Action]:
        try:
            while not self.waiting and not self._shared.closed:
                frame = frame or self._reader.next_frame()
                if frame is None:
                    break
                if self._express.under_way:
                    self._express.unfold()
                self._upward.message(*frame)
                frame = None
                if len(self._shared.ledger.queue) >= MAX_IN_FLIGHT:
                    self._shared.send(FLUSH)  # or the server would keep its answers to itself
                    self._crowded = True
        except SekishoError as error:
            self._end(error)
        return self._shared.take()

    def _end(self, error: SekishoError) -> None:
        self._shared.flush()
        self._shared.closed = True
        self._shared.actions.append(Close(error.reason, error.detail))
