"""The session's search_path: not followed by rules of our own, but asked of the server wherever it may have moved.

SET is transactional: the end of a transaction, the way back to a savepoint, an error undo it or keep it. So once a
statement that may move the path has been sent (``touched``), a message that something is judged by waits until it is
known what became of those before it, and after each of them that may have moved the path the server is asked
(``SHOW search_path``, which takes no snapshot and starts no transaction that was not there) before anything is judged.
A session whose path nobody touches pays one look at a flag per message.

::

    client            Session                         server
      | SET search_path  | Judge …, Query --------------> |      touched
      | <--------------- | <------------ Z -------------- |      doubtful: no transaction, or the SET is in it
      | Query ---------> | Parse, Bind, Execute, Sync --> |      SHOW search_path, under names of ours; Query is held
      |                  | <------------ D … Z ---------- |      known; settled, where no transaction is open
      |                  | Judge (under it) …             |
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING, Final

from gateway.errors import Reason, UpstreamError
from gateway.pgwire import messages
from gateway.pgwire.ledger import Expectation, Sent
from gateway.search_path import PathDeed, PathState

if TYPE_CHECKING:
    from gateway.pgwire.shared import Shared

JUDGED_UNDER_IT: Final = frozenset(b"QPBEDC")  # and what is answered before the question would be mixed up with it
_QUESTION: Final = b"SHOW search_path"
_NO_PARAMETERS: Final = b"\0\0\0\0\0\0"
_ALL_ROWS: Final = b"\0\0\0\0"
_COLUMN: Final = Struct("!HI")
_ENDS_A_BATCH: Final = (Sent.SYNC, Sent.QUERY)


class SessionPath:
    """What is known of one session's search_path."""

    __slots__ = ("_apart", "_began", "_doubtful", "_shared", "_value", "asking", "text", "touched")

    def __init__(self, shared: Shared, began: str) -> None:
        self._shared = shared
        self._began = began  # as it was in the start-up packet, and is again after RESET
        self._doubtful = False  # it may have been moved since it was asked
        self._apart = False  # nothing has been sent since the server was last ready: a Sync would end nothing
        self._value: str | None = None  # the answer so far
        self.text: str | None = None  # as the server has it; None: as the session began
        self.touched = False  # it may not be what it was when the transaction began
        self.asking = False

    @property
    def state(self) -> PathState:
        """How far ``text`` is known, at a moment when nothing is in doubt."""
        return PathState.OPEN if self.touched else PathState.SETTLED

    def sent(self, deed: PathDeed, expected: Expectation) -> None:
        """A judged statement goes to the server."""
        if deed is PathDeed.SETS or (deed is PathDeed.ENDS and self.touched):
            self.touched = expected.moves = True

    def must_wait(self) -> bool:
        """Whether answers are awaited on which it hangs under which path the next message counts.

        Within a batch a failure skips all that follows, so only what moves the path is waited for, and everything where
        the server is to be asked.
        """
        queue = self._shared.ledger.queue
        return any(one.moves or one.kind in _ENDS_A_BATCH for one in queue) or (self.unknown and bool(queue))

    @property
    def unknown(self) -> bool:
        """Whether the server must be asked. In a failed transaction it would not answer, and runs nothing either."""
        return self._doubtful and self._shared.status != b"E"

    def ask(self, own_name: Callable[[], bytes]) -> None:
        """Ask the server, with nothing else on its way."""
        statement, portal = own_name(), own_name()
        self._send(Sent.PARSE, messages.encode_parse(statement, _QUESTION))
        self._send(Sent.BIND, messages.encode_bind(portal, statement, _NO_PARAMETERS))
        self._send(Sent.EXECUTE, messages.encode_execute(portal, _ALL_ROWS))
        self._send(Sent.CLOSE, messages.encode_target(b"C", ord("P"), portal))
        self._send(Sent.CLOSE, messages.encode_target(b"C", ord("S"), statement))
        if self._apart:
            self._send(Sent.SYNC, messages.SYNC)
        else:
            self._shared.send(messages.FLUSH)
        self.asking, self._value = True, None

    def _send(self, kind: Sent, message: bytes) -> None:
        self._shared.send(message, Expectation(kind, silent=True, hidden=True))

    def heard(self, body: bytes) -> None:
        """The row of the answer. Raises UpstreamError."""
        count, length = _COLUMN.unpack_from(body) if len(body) >= _COLUMN.size else (0, 0)
        if not self.asking or self._value is not None or count != 1 or len(body) != _COLUMN.size + length:
            raise UpstreamError(Reason.MESSAGE_REFUSED, "the server sent a row nobody asked for")
        self._value = body[_COLUMN.size :].decode("utf-8", "replace")

    def answered(self) -> None:
        """A message of ours was answered: the last one of a question, perhaps. Raises UpstreamError."""
        if not self.asking or self._shared.ledger.queue:
            return
        if self._value is None:
            raise UpstreamError(Reason.PINNED_SETTING_CHANGED, "the server did not tell its search_path")
        self.text = None if self._value == self._began else self._value
        self.asking = self._doubtful = False
        self.touched = not (self._apart and self._shared.status == b"I")

    def failed(self) -> None:
        """The server answered the question with an error: nobody knows the path. Raises UpstreamError."""
        raise UpstreamError(Reason.PINNED_SETTING_CHANGED, "the session's search_path could not be asked for")

    def executed(self, done: Expectation) -> None:
        """A statement ran to its end, with more of its batch to come."""
        if done.moves:
            self._doubtful, self._apart = True, False

    def refused(self) -> None:
        """A statement failed: what was set with it may be undone."""
        if self.touched:
            self._doubtful, self._apart = True, False

    def ready(self, done: Expectation) -> None:
        """The server is ready for a new batch."""
        if self.touched and (self._doubtful or done.moves or self._shared.status == b"I"):
            self._doubtful = self._apart = True

    def reported(self) -> None:
        """The server says that it moved (version 18 does). Raises UpstreamError where nobody moved it."""
        if not self.touched:
            raise UpstreamError(Reason.PINNED_SETTING_CHANGED, "search_path changed")
        self._doubtful, self._apart = True, False
