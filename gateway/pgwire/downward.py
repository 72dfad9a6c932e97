"""Server → client: relayed chunk by chunk, rows uncopied; only what we provoked or named ourselves is reworded.

The table at the end lists every message a server may send in a session; another one ends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from gateway.errors import Reason, UpstreamError
from gateway.pgwire import messages
from gateway.pgwire.actions import Completed, ToClient
from gateway.pgwire.frames import HEADER_BYTES, encode, length_at
from gateway.pgwire.guard import Guard, guarded
from gateway.pgwire.ledger import Edit, Expectation, Sent
from gateway.pgwire.refusals import OVERDUE
from gateway.pgwire.shared import Shared
from gateway.pgwire.strict import Strict

_DATA_ROW: Final = ord("D")
_COPY_DATA: Final = ord("d")
_IMPOSSIBLE: Final = "a message of the server has an impossible length"
_GATHERED: Final = 65_536  # bytes of a row that is looked at; a longer one is relayed unseen
_NO_CURSOR: Final = "34000"
_FAREWELLS: Final = frozenset({"FATAL", "PANIC"})
_POSITION: Final = re.compile(rb"\0P([0-9]{1,9})\0")
_ROWS_COME_FROM: Final = frozenset({Sent.QUERY, Sent.EXECUTE})
MAX_SERVER_MESSAGE_BYTES: Final = 4 * 1024 * 1024  # any but rows, which are relayed without being gathered

# The meaning of a statement depends on these: a change of one ends the session. None: any report is a change, since
# the server reports a setting at login and then only when it changes. The search_path: `gateway.pgwire.path`.
PINNED: Final[Mapping[bytes, bytes | None]] = MappingProxyType(
    {
        b"client_encoding": b"UTF8",
        b"standard_conforming_strings": b"on",
        b"session_authorization": None,
        b"is_superuser": None,
    }
)


class Downward:
    """The server's messages."""

    __slots__ = ("_message_limit", "_shared", "_skip", "_strict", "_tail", "farewell")

    def __init__(
        self, shared: Shared, strict: Strict | None = None, *, message_limit: int = MAX_SERVER_MESSAGE_BYTES
    ) -> None:
        self._shared = shared
        self._strict = strict
        self._message_limit = message_limit
        self._tail = b""  # the beginning of a message whose end has not come
        self._skip = 0  # bytes of a row that are still to come
        self.farewell = False  # the server has said why it ends the session

    @property
    def between(self) -> bool:
        """Whether the next byte of the server begins a message."""
        return not self._skip and not self._tail

    @property
    def rest_of_row(self) -> int:
        """Bytes to come of a row whose beginning the client has been given."""
        return self._skip

    def relay(self, data: bytes) -> None:
        """Bytes from the server. Raises UpstreamError."""
        position = 0
        if self._tail:
            data, self._tail = self._tail + data, b""
        elif self._skip:
            position = min(self._skip, len(data))
            self._skip -= position
        out: list[bytes] = []
        ours = self._shared.path.asking  # then a row is the answer to a question of our own
        start, size = 0, len(data)  # data[start:position] is looked at and not yet put out
        try:
            while size - position >= HEADER_BYTES:
                kind = data[position]
                if (kind == _DATA_ROW or kind == _COPY_DATA) and not ours:  # relayed without being gathered
                    end = self._rows(data, position)
                    if end == position:
                        break  # somebody looks at this row, and it has not come whole
                    if end > size:
                        self._skip, position = end - size, size
                        break
                    position = end
                    continue
                length = length_at(data, position + 1)
                if length < 4:
                    raise UpstreamError(Reason.MESSAGE_MALFORMED, _IMPOSSIBLE)
                end = position + 1 + length
                if end > size:
                    if end - position > self._message_limit:
                        raise UpstreamError(Reason.MESSAGE_TOO_LARGE, "a message of the server is over the limit")
                    break
                else:
                    handler = _SERVER.get(kind)
                    if handler is None:
                        raise UpstreamError(Reason.MESSAGE_REFUSED, f"the server sent a message of type {chr(kind)!r}")
                    instead = handler(self, kind, data[position + HEADER_BYTES : end])
                    if instead is not None:
                        out += (data[start:position], instead)
                        start = end
                position = end
            self._tail = data[position:]
        finally:  # what came before a message that ends the session is the client's
            out.append(data[start:position])
            whole = b"".join(out)
            if whole:
                self._shared.actions.append(ToClient(whole))

    def _rows(self, data: bytes, position: int) -> int:
        """One row, and those of its kind that follow it: skipped by their lengths. Where the last of them ends, which
        may be beyond what has come."""
        kind = data[position]
        head = self._shared.ledger.head()
        if (
            head is None
            or head.instead is not None
            or head.kind not in _ROWS_COME_FROM
            or head.copied is (kind == _DATA_ROW)
        ):
            raise UpstreamError(Reason.MESSAGE_REFUSED, "the server sent a row nobody asked for")
        last, counted = len(data) - HEADER_BYTES, 0
        began, watch = position, head.watch if kind == _DATA_ROW else None
        gathered = _GATHERED if watch is not None and watch.whole else 0
        while position <= last and data[position] == kind:
            length = data[position + 1] << 24 | data[position + 2] << 16 | data[position + 3] << 8 | data[position + 4]
            if length < 4:
                raise UpstreamError(Reason.MESSAGE_MALFORMED, _IMPOSSIBLE)
            if length < gathered and position + length >= len(data):
                break
            position += 1 + length
            counted += 1
        head.counted += counted
        head.row_bytes += position - began
        if watch is not None and counted:
            watch.rows(data, began, counted)
        return position

    def _expect(self, *kinds: Sent) -> Expectation:
        """The message that is being answered; one that we meant to fail has no other answer than an error."""
        head = self._shared.ledger.head()
        if head is None or head.kind not in kinds or (head.instead is not None and not head.failed):
            raise UpstreamError(Reason.MESSAGE_REFUSED, "the server's answers are out of step with the messages sent")
        return head

    def _done(self, *kinds: Sent) -> Expectation:
        done = self._expect(*kinds)
        self._shared.ledger.queue.popleft()
        done.settle()
        return done

    def _prepared_ok(self, kind: int, body: bytes) -> bytes | None:
        done = self._done(Sent.PARSE)
        if done.silent:
            return b""
        return self._strict.answered(done) if self._strict is not None else None

    def _bound_ok(self, kind: int, body: bytes) -> bytes | None:
        return b"" if self._done(Sent.BIND).silent else None

    def _own_row(self, kind: int, body: bytes) -> bytes:
        self._shared.path.heard(body)
        return b""

    def _closed_ok(self, kind: int, body: bytes) -> bytes | None:
        done = self._done(Sent.CLOSE)
        if done.silent:
            self._shared.path.answered()
            return b""
        return self._strict.answered(done) if self._strict is not None else None

    def _parameters(self, kind: int, body: bytes) -> None:
        self._expect(Sent.DESCRIBE)

    def _described(self, kind: int, body: bytes) -> None:
        if self._expect(Sent.DESCRIBE, Sent.QUERY).kind is Sent.DESCRIBE:
            self._done(Sent.DESCRIBE)

    def _complete(self, kind: int, body: bytes) -> bytes | None:
        head = self._expect(Sent.EXECUTE, Sent.QUERY)
        if head.silent:
            self._done(Sent.EXECUTE)
            return b""
        # A tag may name more rows than were sent (UPDATE 3), never fewer; but COPY sends what is no row, a header.
        named = messages.rows_of_tag(body) if kind == ord("C") else 0
        head.completed += named if head.copied else max(head.counted, named)
        head.counted, head.copied = 0, False
        self._shared.copying = False
        if head.kind is Sent.EXECUTE:
            # What it wrote may be checked at Sync or COMMIT, and an error of that quotes the rows.
            self._shared.guarded |= Guard.LASTING in head.guard
            self._shared.path.executed(head)
            self._report(self._done(Sent.EXECUTE), "00000")
        else:
            head.step()
        if body in (b"DEALLOCATE ALL\0", b"DISCARD ALL\0"):
            # Answers come in order: what is settled now was there then; a later Parse in the pipeline was not (#1535).
            self._shared.statements.clear_settled(keep=lambda name, entry: not name)
        if body in (b"CLOSE CURSOR ALL\0", b"DISCARD ALL\0"):
            self._shared.portals.clear_settled()
        return None

    def _copy_out(self, kind: int, body: bytes) -> None:
        self._begin_copy()

    def _copy_done(self, kind: int, body: bytes) -> None:
        if not self._expect(Sent.EXECUTE, Sent.QUERY).copied:
            raise UpstreamError(Reason.MESSAGE_REFUSED, "the server ended a COPY that had not begun")

    def _copy_in(self, kind: int, body: bytes) -> None:
        self._begin_copy()
        self._shared.copying = True

    def _begin_copy(self) -> None:
        head = self._expect(Sent.EXECUTE, Sent.QUERY)
        if not head.may_copy:
            raise UpstreamError(Reason.MESSAGE_REFUSED, "the server began a COPY nobody asked for")
        head.copied = True

    def _report(self, done: Expectation, sqlstate: str) -> None:
        if done.ticket is not None:
            self._shared.actions.append(Completed(done.ticket, done.rows, sqlstate, done.row_bytes))

    def _ready(self, kind: int, body: bytes) -> bytes | None:
        done = self._done(Sent.SYNC, Sent.QUERY)
        if done.silent:
            self._shared.status = body
            self._shared.path.answered()
            return b""
        if done.kind is Sent.QUERY and not done.failed:
            self._report(done, "00000")
        self._shared.status = body
        # Of a Query that failed, too: BEGIN, a write and a savepoint may stand before what failed in it.
        self._shared.guarded |= Guard.LASTING in done.guard
        if body == b"I":  # the transaction is over and its portals with it
            self._shared.guarded = False
            self._shared.portals.clear_settled(keep=lambda name, portal: portal.hold)
        self._shared.path.ready(done)
        return None

    def _error(self, kind: int, body: bytes) -> bytes | None:
        head = self._shared.ledger.head()
        asking = self._shared.path.asking
        if head is not None and head.hidden and self._strict is not None and not asking:
            return self._strict.refused(body)
        fields = messages.decode_fields(body)
        self.farewell |= fields.get("V", fields.get("S")) in _FAREWELLS
        if asking and not self.farewell:
            self._shared.path.failed()
        if head is None:
            return self._guarded(kind, body)  # between statements: the server ends the session and says why
        self._shared.copying = head.copied = False
        sqlstate = fields.get("C", "XX000")
        if head.instead is not None and head.nonce in body:
            instead: bytes | None = messages.encode_fields(b"E", head.instead)
        elif head.overdue and sqlstate == OVERDUE["C"]:
            instead = messages.encode_fields(b"E", OVERDUE)
        else:
            instead = self._guarded(kind, body)
        self._shared.path.refused()
        if sqlstate == _NO_CURSOR:
            # A held cursor is kept over the end of a transaction, which may have ended the cursor all the same.
            self._shared.portals.clear_settled(keep=lambda name, portal: not portal.own or portal.own not in body)
        self._report(head, sqlstate)
        if head.kind is Sent.QUERY:
            head.failed = True
        elif head.kind is not Sent.SYNC:
            self._shared.skipping = not self._shared.ledger.skip_to_sync()
        return instead

    def _notice(self, kind: int, body: bytes) -> bytes | None:
        if self._strict is not None and self._strict.heard(body):
            return b""
        return self._guarded(kind, body)

    def _guarded(self, kind: int, body: bytes) -> bytes | None:
        """An error or a notice without what may quote data, and with the client's names for ours; None: as it is."""
        head = self._shared.ledger.head()
        said, guard = body, Guard.WORDS if self._shared.guarded else Guard.NONE
        if head is not None:
            guard |= head.guard
            for own, name in head.aliases:
                if own:
                    said = said.replace(own, name)
            if head.edits:
                said = _POSITION.sub(lambda found: b"\0P%d\0" % _place(int(found[1]), head.edits), said)
        said = guarded(kind, said, guard)
        return encode(bytes((kind,)), said) if said != body else None

    def _setting(self, kind: int, body: bytes) -> None:
        name, _, value = body.rstrip(b"\0").partition(b"\0")
        if name == b"search_path":
            self._shared.path.reported()
        elif name in PINNED and value != PINNED[name]:
            raise UpstreamError(Reason.PINNED_SETTING_CHANGED, f"{name.decode()} changed")


def _place(position: int, edits: tuple[Edit, ...]) -> int:
    """A place in the text that went on as one in the client's own, both counted from 1."""
    place = position
    for at, gone, came in edits:
        if place - 1 < at:
            break
        place = at + 1 if place - 1 < at + came else place - came + gone
    return place


_SERVER: Final[Mapping[int, Callable[[Downward, int, bytes], bytes | None]]] = MappingProxyType(
    {
        ord("1"): Downward._prepared_ok,
        ord("2"): Downward._bound_ok,
        ord("3"): Downward._closed_ok,
        ord("T"): Downward._described,
        ord("n"): Downward._described,
        ord("t"): Downward._parameters,
        ord("C"): Downward._complete,
        ord("I"): Downward._complete,
        ord("s"): Downward._complete,
        ord("H"): Downward._copy_out,
        ord("c"): Downward._copy_done,
        ord("G"): Downward._copy_in,
        ord("Z"): Downward._ready,
        ord("E"): Downward._error,
        ord("D"): Downward._own_row,
        ord("N"): Downward._notice,
        ord("S"): Downward._setting,
    }
)
