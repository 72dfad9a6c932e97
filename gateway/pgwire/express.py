"""The fast lane: a statement that was judged before, sent and answered as drivers mostly do, one at a time.

A chunk that is a whole Bind, [Describe,] Execute, Sync of a statement decided at Parse, or one Query, costs no
messages, expectations and actions, but one look (``enter``), one entry of the record (the door's), and one write
(``go``). Its answer, where it is nothing but rows and their end, is counted and passed on as it came (``answered``).

Nothing is decided here, and nothing is different here: whatever else comes, from either side, finds the ledger as the
slow lane would have left it (``unfold``). A message that is not exactly as expected is the slow lane's to judge.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import ClientProtocolError
from gateway.pgwire import messages
from gateway.pgwire.frames import HEADER_BYTES, length_at
from gateway.pgwire.guard import Guard
from gateway.pgwire.ledger import AnyChanges, Change, Expectation, Portal, Prepared, Sent
from gateway.pgwire.shared import Shared

# What follows Bind: the unnamed portal described or not, executed without a limit of rows; Sync.
_EXECUTED: Final = b"E\0\0\0\x09\0\0\0\0\0S\0\0\0\x04"
_DESCRIBED: Final = b"D\0\0\0\x06P\0" + _EXECUTED
_FORGETS: Final = (b"DEALLOCATE ALL\0", b"CLOSE CURSOR ALL\0")  # their completion is more than an end

NOT_HERE: Final = -1  # the slow lane's
MORE: Final = -2  # so far so good

_EMPTY: Final = 0
_ENTERED: Final = 1  # waits for its entry in the record
_SENT: Final = 2

_BIND: Final = ord("B")
_QUERY: Final = ord("Q")
_BIND_COMPLETE: Final = ord("2")
_ROW_DESCRIPTION: Final = ord("T")
_NO_DATA: Final = ord("n")
_DATA_ROW: Final = ord("D")
_COMPLETE: Final = ord("C")
_READY: Final = ord("Z")


class Express:
    """At most one statement at a time."""

    __slots__ = (
        "_answers",
        "_bulk_limit",
        "_chunk",
        "_counted",
        "_described",
        "_guard",
        "_lasting",
        "_name",
        "_phase",
        "_prepared",
        "_rest",
        "_shared",
        "_text",
        "_ticket",
        "row_bytes",
    )

    def __init__(self, shared: Shared, bulk_limit: int) -> None:
        self._shared = shared
        self._bulk_limit = bulk_limit
        self._phase = _EMPTY
        self._chunk = b""  # as the client sent it
        self._rest = 0  # where in it stands what follows the statement's name
        self._name = b""  # of the statement
        self._prepared: Prepared | None = None  # None: a Query
        self._text = ""  # of a Query
        self._described = False
        self._ticket: object = None
        self._guard = Guard.NONE
        self._lasting = False
        self._answers = 0  # 0: BindComplete is due; 1: a description; 2: rows and their end
        self._counted = 0
        self.row_bytes = 0  # of the statement under way, or, once its end is told, of the last one

    @property
    def waits(self) -> bool:
        """Whether a statement waits for its entry."""
        return self._phase == _ENTERED

    @property
    def text(self) -> str:
        """Of the statement that entered last: of its Parse, or the Query itself."""
        return self._text if self._prepared is None else self._prepared.text

    @property
    def under_way(self) -> bool:
        """Whether the server owes the answer to one."""
        return self._phase == _SENT

    def enter(self, chunk: bytes) -> object | None:
        """Take a chunk in: the ticket of its statement's last execution, or the text of a Query. None: not here."""
        if len(chunk) < HEADER_BYTES:
            return None
        if chunk[0] == _BIND:
            return self._enter_bind(chunk)
        if chunk[0] != _QUERY:
            return None
        end = len(chunk) - 1
        if length_at(chunk, 1) != end or end > self._bulk_limit or chunk.find(b"\0", HEADER_BYTES) != end:
            return None
        self._prepared, self._chunk, self._phase = None, chunk, _ENTERED
        self._text = chunk[HEADER_BYTES:end].decode("utf-8", "surrogateescape")
        return self._text

    def _enter_bind(self, chunk: bytes) -> object | None:
        length = length_at(chunk, 1)
        end = 1 + length
        if end + len(_EXECUTED) == len(chunk):
            described, following = False, _EXECUTED
        elif end + len(_DESCRIBED) == len(chunk):
            described, following = True, _DESCRIBED
        else:
            return None
        if length > self._bulk_limit or chunk[HEADER_BYTES] != 0 or not chunk.startswith(following, end):
            return None
        rest = chunk.find(b"\0", HEADER_BYTES + 1, end) + 1
        if not rest:
            return None
        name = chunk[HEADER_BYTES + 1 : rest - 1]
        prepared = self._shared.statements.get(name)
        if prepared is None or prepared.ticket is None or not prepared.plain or prepared.fresh or prepared.changed:
            return None
        if prepared.path != self._shared.path.text:
            return None  # under this search_path it was not judged
        try:
            messages.check_bind(chunk, rest, end)
        except ClientProtocolError:
            return None  # said in the other lane
        self._prepared, self._chunk, self._name, self._rest = prepared, chunk, name, rest
        self._described, self._phase = described, _ENTERED
        return prepared.ticket

    def back(self) -> bytes:
        """It is not for this lane after all: the chunk."""
        chunk, self._chunk, self._phase = self._chunk, b"", _EMPTY
        return chunk

    def go(self, ticket: object, guard: Guard, sent: str | None) -> bytes:
        """Its entry is as durable as it has to be: what goes to the server. ``sent``: in place of a Query's text."""
        chunk, prepared = self._chunk, self._prepared
        self._phase, self._chunk = _SENT, b""
        self._ticket, self._counted, self.row_bytes = ticket, 0, 0
        if guard is not self._guard:
            self._guard, self._lasting = guard, Guard.LASTING in guard
        if prepared is None:
            self._answers = 1
            return chunk if sent is None else messages.encode_query(sent.encode())
        prepared.ticket, prepared.guard = ticket, guard
        self._answers = 0
        self._shared.batch += 1
        own = prepared.own
        if own == self._name:  # both unnamed
            return chunk
        length = length_at(chunk, 1) + len(own) - len(self._name)
        return b"".join((b"B", length.to_bytes(4, "big"), b"\0", own, b"\0", chunk[self._rest :]))

    def answered(self, data: bytes) -> int:
        """The server's bytes: the number of rows where they end the statement, MORE where they do not yet; NOT_HERE
        where nothing of them was looked at, since they hold something else."""
        answers, counted, row_bytes, rows = self._answers, self._counted, self.row_bytes, NOT_HERE
        at, size = 0, len(data)
        while at + HEADER_BYTES <= size:
            kind = data[at]
            end = at + 1 + length_at(data, at + 1)
            if end > size or end < at + HEADER_BYTES:
                return NOT_HERE
            if kind == _DATA_ROW and rows == NOT_HERE and answers == 2:
                counted += 1
                row_bytes += end - at
            elif kind == _BIND_COMPLETE and answers == 0:
                answers = 1 if self._described else 2
            elif (kind == _ROW_DESCRIPTION or kind == _NO_DATA) and answers == 1:
                answers = 2
            elif kind == _COMPLETE and rows == NOT_HERE and (answers == 2 or self._prepared is None):
                tag = data[at + HEADER_BYTES : end]
                if tag in _FORGETS:
                    return NOT_HERE
                rows = max(counted, messages.rows_of_tag(tag))
            elif kind == _READY and rows != NOT_HERE and end == size and end == at + HEADER_BYTES + 1:
                self.row_bytes = row_bytes
                self._ended(data[size - 1 :])
                return rows
            else:
                return NOT_HERE
            at = end
        if at != size or rows != NOT_HERE:
            return NOT_HERE  # in the middle of a message, or between an end and its ReadyForQuery
        self._answers, self._counted, self.row_bytes = answers, counted, row_bytes
        return MORE

    def _ended(self, status: bytes) -> None:
        shared = self._shared
        shared.status = status
        # What it wrote may be checked at COMMIT, and an error of that quotes the rows.
        shared.guarded |= self._lasting
        self._phase = _EMPTY
        if self._prepared is None:
            for change in self._gone():
                change.settle()
        elif status != b"I":
            self._bound(shared.batch).settle()
        if status == b"I":
            shared.guarded = False
            if shared.portals.entries:
                shared.portals.clear_settled(keep=_held)

    def unfold(self) -> None:
        """Something else came: what is still due of this statement, as the slow lane would expect it."""
        shared, prepared = self._shared, self._prepared
        expect = shared.ledger.expect
        self._phase = _EMPTY
        if prepared is None:
            text = self._text
            executed = Expectation(Sent.QUERY, self._ticket, changes=self._gone(), guard=self._guard)
        else:
            text = prepared.text
            bound = self._bound(shared.batch - 1)
            if self._answers:
                bound.settle()
            else:
                names = ((b"", b""), (prepared.own, self._name))
                binding = Expectation(Sent.BIND, aliases=names, changes=(bound,), guard=self._guard, prepared=prepared)
                expect(binding)
            if self._described and self._answers < 2:
                expect(Expectation(Sent.DESCRIBE, aliases=((b"", b""),), guard=self._guard))
            executed = Expectation(Sent.EXECUTE, self._ticket, aliases=((b"", b""),), guard=self._guard)
        executed.may_copy = messages.may_copy(text)
        executed.counted, executed.row_bytes = self._counted, self.row_bytes
        expect(executed)
        if prepared is not None:
            expect(Expectation(Sent.SYNC))

    def _bound(self, batch: int) -> Change[Portal]:
        """What Bind made of the unnamed portal."""
        if self._prepared is None:
            raise RuntimeError("a Query binds nothing")
        return self._shared.portals.change(
            b"", Portal(b"", self._prepared, self._ticket, path=self._prepared.path), batch
        )

    def _gone(self) -> AnyChanges:
        """Any Query destroys the unnamed statement and portal (HAZARDS W14)."""
        shared = self._shared
        return (*shared.statements.drop(b"", shared.batch), *shared.portals.drop(b"", shared.batch))


def _held(name: bytes, portal: Portal) -> bool:
    return portal.hold
