"""Server → client: relayed chunk by chunk, rows uncopied; only what we provoked or named ourselves is reworded.

The table at the end lists every message a server may send in a session; another one ends it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from types import MappingProxyType
from typing import Final

from gateway.errors import Reason, UpstreamError
from gateway.pgwire import messages
from gateway.pgwire.actions import Completed, ToClient
from gateway.pgwire.frames import encode
from gateway.pgwire.ledger import Expectation, Prepared, Sent
from gateway.pgwire.shared import Shared

_LENGTH: Final = Struct("!I")
_DATA_ROW: Final = ord("D")
_MAX_SERVER_MESSAGE_BYTES: Final = 4 * 1024 * 1024  # any but DataRow, which is relayed without being gathered

# The meaning of a statement depends on these: a change of one ends the session.
PINNED: Final = MappingProxyType({"client_encoding": "UTF8", "standard_conforming_strings": "on"})


class Downward:
    """The server's messages."""

    __slots__ = ("_shared", "_skip", "_tail")

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._tail = b""  # the beginning of a message whose end has not come
        self._skip = 0  # bytes of a row that are still to come

    def relay(self, data: bytes) -> None:
        """Bytes from the server. Raises UpstreamError."""
        position = 0
        if self._tail:
            data, self._tail = self._tail + data, b""
        elif self._skip:
            position = min(self._skip, len(data))
            self._skip -= position
        out: list[bytes] = []
        start, size = 0, len(data)  # data[start:position] is looked at and not yet put out
        while size - position >= 5:
            kind = data[position]
            end = position + 1 + _LENGTH.unpack_from(data, position + 1)[0]
            if kind == _DATA_ROW:
                if not self._shared.ledger.queue:
                    raise UpstreamError(Reason.MESSAGE_REFUSED, "the server sent a row nobody asked for")
                self._shared.ledger.queue[0].rows += 1
                if end > size:
                    self._skip, position = end - size, size
                    break
            elif end > size:
                if end - position > _MAX_SERVER_MESSAGE_BYTES:
                    raise UpstreamError(Reason.MESSAGE_TOO_LARGE, "a message of the server is over the limit")
                break
            else:
                handler = _SERVER.get(kind)
                if handler is None:
                    raise UpstreamError(Reason.MESSAGE_REFUSED, f"the server sent a message of type {chr(kind)!r}")
                instead = handler(self, kind, data[position + 5 : end])
                if instead is not None:
                    out += (data[start:position], instead)
                    start = end
            position = end
        out.append(data[start:position])
        self._tail = data[position:]
        whole = b"".join(out)
        if whole:
            self._shared.actions.append(ToClient(whole))

    def _pop(self, *kinds: Sent) -> Expectation:
        head = self._shared.ledger.head()
        if head is None or head.kind not in kinds:
            raise UpstreamError(Reason.MESSAGE_REFUSED, "the server's answers are out of step with the messages sent")
        self._shared.ledger.queue.popleft()
        return head

    def _prepared_ok(self, kind: int, body: bytes) -> None:
        done = self._pop(Sent.PARSE)
        entry = done.names.get(done.name) if done.names is not None else None
        if isinstance(entry, Prepared):
            entry.confirmed = True

    def _bound_ok(self, kind: int, body: bytes) -> None:
        self._pop(Sent.BIND)

    def _closed_ok(self, kind: int, body: bytes) -> None:
        self._pop(Sent.CLOSE)

    def _described(self, kind: int, body: bytes) -> None:
        head = self._shared.ledger.head()
        if head is None or head.kind is not Sent.QUERY:
            self._pop(Sent.DESCRIBE)

    def _complete(self, kind: int, body: bytes) -> None:
        head = self._shared.ledger.head()
        if head is None or head.kind is not Sent.QUERY:
            done = self._pop(Sent.EXECUTE)
            self._report(done, done.rows if kind != ord("C") else _rows_of_tag(body, done.rows), "00000")
        elif kind == ord("C"):
            head.rows = _rows_of_tag(body, head.rows)
        if body == b"DEALLOCATE ALL\0":
            # Answers come in order: what is confirmed now was there then; a later Parse in the pipeline was not.
            entries = self._shared.statements.entries
            for name in [name for name, prepared in entries.items() if prepared.confirmed]:
                del entries[name]

    def _report(self, done: Expectation, rows: int, sqlstate: str) -> None:
        if done.ticket is not None:
            self._shared.actions.append(Completed(done.ticket, rows, sqlstate))

    def _ready(self, kind: int, body: bytes) -> None:
        done = self._pop(Sent.SYNC, Sent.QUERY)
        if done.kind is Sent.QUERY and not done.failed:
            self._report(done, done.rows, "00000")
        self._shared.status = body
        if body == b"I" and self._shared.portals.entries:
            # The transaction is over and its portals with it; those bound after this Sync are of the next one.
            alive = self._shared.batch - sum(1 for one in self._shared.ledger.queue if one.kind is Sent.SYNC)
            entries = self._shared.portals.entries
            for name in [name for name, portal in entries.items() if portal.batch < alive]:
                del entries[name]

    def _error(self, kind: int, body: bytes) -> bytes | None:
        head = self._shared.ledger.head()
        if head is None:
            return None  # between statements: the server ends the session and says why
        instead = _reworded(head, body)
        if instead is None or head.ticket is not None:
            self._report(head, head.rows, messages.decode_fields(body).get("C", "XX000"))
        if head.kind is Sent.QUERY:
            head.failed = True
        elif head.kind is not Sent.SYNC:
            self._shared.skipping = not self._shared.ledger.skip_to_sync()
        return instead

    def _setting(self, kind: int, body: bytes) -> None:
        name, _, value = body.rstrip(b"\0").partition(b"\0")
        pinned = PINNED.get(name.decode("utf-8", "replace"))
        if pinned is not None and value.decode("utf-8", "replace") != pinned:
            raise UpstreamError(Reason.PINNED_SETTING_CHANGED, f"{name.decode('utf-8', 'replace')} changed")

    def _pass(self, kind: int, body: bytes) -> None:
        """Relayed as it is."""


def _reworded(head: Expectation, body: bytes) -> bytes | None:
    """Our words for an error that we provoked, or the client's name for one that names ours."""
    if head.instead is not None and head.nonce in body:
        return messages.encode_fields(b"E", head.instead)
    if head.alias is not None and head.alias[0] and head.alias[0] in body:
        return encode(b"E", body.replace(*head.alias))
    return None


def _rows_of_tag(body: bytes, counted: int) -> int:
    """Rows of a CommandComplete tag (`SELECT 5`, `INSERT 0 1`, `UPDATE 3`); those counted where it names none."""
    last = body.rstrip(b"\0").rpartition(b" ")[2]
    return int(last) if last.isdigit() else counted


_SERVER: Final[Mapping[int, Callable[[Downward, int, bytes], bytes | None]]] = MappingProxyType(
    {
        ord("1"): Downward._prepared_ok,
        ord("2"): Downward._bound_ok,
        ord("3"): Downward._closed_ok,
        ord("T"): Downward._described,
        ord("n"): Downward._described,
        ord("t"): Downward._pass,
        ord("C"): Downward._complete,
        ord("I"): Downward._complete,
        ord("s"): Downward._complete,
        ord("Z"): Downward._ready,
        ord("E"): Downward._error,
        ord("N"): Downward._pass,
        ord("S"): Downward._setting,
    }
)
