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

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct
from types import MappingProxyType
from typing import Final

from gateway.errors import ClientProtocolError, Reason, SekishoError, UpstreamError
from gateway.pgwire import messages
from gateway.pgwire.frames import FrameReader, encode
from gateway.pgwire.ledger import Expectation, Ledger, Names, Portal, Prepared, Sent

_LENGTH: Final = Struct("!I")
_DATA_ROW: Final = ord("D")
_MAX_SERVER_MESSAGE_BYTES: Final = 4 * 1024 * 1024  # any but DataRow, which is relayed without being gathered

# The meaning of a statement depends on these: a change of one ends the session (HAZARDS 1.5).
PINNED: Final = MappingProxyType({"client_encoding": "UTF8", "standard_conforming_strings": "on"})


@dataclass(frozen=True, slots=True)
class ToServer:
    """Send to the server."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ToClient:
    """Send to the client."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Judge:
    """Decide about a statement; the session waits for ``judged``. ``ticket`` is what an earlier judgement returned."""

    text: str
    types: tuple[int, ...]
    executes: bool  # rows may flow from it (Query, Execute), not only a plan be made (Parse)
    ticket: object = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The answer to Judge: go on with this ticket, or say these error fields in place of the statement."""

    ticket: object
    instead: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """A judged statement ran to its end, or failed with ``sqlstate``."""

    ticket: object
    rows: int
    sqlstate: str


@dataclass(frozen=True, slots=True)
class Close:
    """End the session, telling the client why (FATAL)."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The client said goodbye."""


Action = ToServer | ToClient | Judge | Completed | Close | Leave


class Session:
    """Both directions of one logged-in session."""

    __slots__ = (
        "_actions",
        "_batch",
        "_closed",
        "_held",
        "_judging",
        "_ledger",
        "_limit",
        "_nonce",
        "_portals",
        "_reader",
        "_serial",
        "_skip",
        "_skipping",
        "_stalled",
        "_statements",
        "_tail",
        "_to_server",
        "status",
    )

    def __init__(self, *, bulk_limit: int, names_limit: int, nonce: Callable[[], str]) -> None:
        self._reader = FrameReader(bulk_limit)
        self._limit = names_limit
        self._nonce = nonce  # a new unguessable word at each call
        self._ledger = Ledger()
        self._statements: Names[Prepared] = Names()
        self._portals: Names[Portal] = Names()
        self._actions: list[Action] = []
        self._to_server: list[bytes] = []
        self._judging: Callable[[Judgement], None] | None = None
        self._held: tuple[int, bytes] | None = None  # a frame that waits for earlier names to be settled
        self._stalled = False
        self._skipping = False  # the server ignores everything until Sync, and so do we
        self._closed = False
        self._batch = 0
        self._serial = 0
        self._tail = b""
        self._skip = 0
        self.status = b"I"  # the server's transaction status: I, T or E

    # -- what the shell calls -------------------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Whether a judgement is awaited: the door should not read on from the client."""
        return self._judging is not None or self._stalled

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way and no transaction is open."""
        return not self._ledger.queue and self._judging is None and self.status == b"I"

    def client_data(self, data: bytes) -> list[Action]:
        """Bytes from the client."""
        self._reader.feed(data)
        return self._pump()

    def judged(self, judgement: Judgement) -> list[Action]:
        """The answer to the last Judge."""
        answer = self._judging
        if answer is None:
            raise RuntimeError("judged() without a Judge")
        self._judging = None
        answer(judgement)
        return self._pump()

    def server_data(self, data: bytes) -> list[Action]:
        """Bytes from the server."""
        if self._closed:
            return []
        try:
            self._relay(data)
        except SekishoError as error:
            self._end(error)
        if self._stalled and not self._ledger.queue:
            self._stalled = False
            return self._pump()
        return self._take()

    # -- client → server ------------------------------------------------------------------------------------------

    def _pump(self) -> list[Action]:
        try:
            while self._judging is None and not self._stalled and not self._closed:
                if self._held is not None:
                    (kind, body), self._held = self._held, None
                else:
                    frame = self._reader.next_frame()
                    if frame is None:
                        break
                    kind, body = frame
                handler = _CLIENT.get(kind)
                if handler is None:
                    raise ClientProtocolError(Reason.MESSAGE_REFUSED, f"messages of type {chr(kind)!r} are refused")
                if self._skipping and kind not in _HEARD_WHILE_SKIPPING:
                    continue  # the server ignores it as well, Query and Flush included
                handler(self, body)
        except SekishoError as error:
            self._end(error)
        return self._take()

    def _end(self, error: SekishoError) -> None:
        self._flush()
        self._closed = True
        self._actions.append(Close(error.reason, error.detail))

    def _flush(self) -> None:
        if self._to_server:
            self._actions.append(ToServer(b"".join(self._to_server)))
            self._to_server.clear()

    def _take(self) -> list[Action]:
        self._flush()
        actions, self._actions = self._actions, []
        return actions

    def _send(self, data: bytes, expectation: Expectation) -> None:
        self._to_server.append(data)
        self._ledger.expect(expectation)

    def _ask(self, judge: Judge, answer: Callable[[Judgement], None]) -> None:
        # What was forwarded before goes first: its order against this statement's record is the client's own.
        self._flush()
        self._judging = answer
        self._actions.append(judge)

    def _own_name(self) -> bytes:
        self._serial += 1
        return f"{self._nonce()}_{self._serial}".encode()

    def _query(self, body: bytes) -> None:
        query = messages.decode_query(body)
        text = query.decode("utf-8", "surrogateescape")

        def answer(judgement: Judgement) -> None:
            # Any Query destroys the unnamed statement and portal (HAZARDS W14).
            self._statements.swap(b"", None)
            self._portals.swap(b"", None)
            if judgement.instead is None:
                self._send(messages.encode_query(query), Expectation(Sent.QUERY, judgement.ticket))
            else:
                nonce = self._own_name()
                self._send(
                    messages.encode_query(nonce), Expectation(Sent.QUERY, nonce=nonce, instead=judgement.instead)
                )

        self._ask(Judge(text, (), executes=True), answer)

    def _parse(self, body: bytes) -> None:
        parse = messages.decode_parse(body)
        existing = self._statements.get(parse.name) if parse.name else None
        if existing is not None:
            self._parse_again(body, parse.name, existing)
            return
        text = parse.query.decode("utf-8", "surrogateescape")

        def answer(judgement: Judgement) -> None:
            own = self._own_name() if parse.name else b""
            if judgement.instead is None and self._full():
                judgement = Judgement(None, _TOO_MANY)
            if judgement.instead is None:
                prepared = Prepared(own, text, parse.types, judgement.ticket)
                previous = self._statements.swap(parse.name, prepared)
                self._send(
                    messages.encode_parse(own, parse.query, parse.types),
                    Expectation(Sent.PARSE, names=self._statements, name=parse.name, previous=previous),
                )
            else:
                nonce = self._own_name()
                if not parse.name:
                    self._statements.swap(b"", None)  # a failing Parse destroys it, too
                self._send(
                    messages.encode_parse(own, nonce),
                    Expectation(Sent.PARSE, nonce=nonce, instead=judgement.instead),
                )

        self._ask(Judge(text, parse.types, executes=False), answer)

    def _parse_again(self, body: bytes, name: bytes, existing: Prepared) -> None:
        """A name that is taken: the server says 42P05 and keeps the old statement (HAZARDS W11)."""
        if not existing.confirmed and self._ledger.queue:
            self._held = (ord("P"), body)
            self._stalled = True  # whether it is taken depends on an answer that has not come yet
            return
        harmless = messages.encode_parse(existing.own, b"SELECT 1")
        self._send(harmless, Expectation(Sent.PARSE, alias=(existing.own, name)))

    def _full(self) -> bool:
        return len(self._statements.entries) + len(self._portals.entries) >= self._limit

    def _bind(self, body: bytes) -> None:
        bind = messages.decode_bind(body)
        prepared = self._statements.get(bind.statement)
        if prepared is None:
            # Never a client's own name: nothing that was not judged can answer to this one.
            nonce = self._own_name()
            self._send(
                messages.encode_bind(b"", nonce, bind.rest), Expectation(Sent.BIND, alias=(nonce, bind.statement))
            )
            return
        existing = self._portals.get(bind.portal) if bind.portal else None
        own = existing.own if existing is not None else (self._own_name() if bind.portal else b"")
        if existing is None and bind.portal and self._full():
            self._send(messages.encode_bind(b"", own, bind.rest), Expectation(Sent.BIND, nonce=own, instead=_TOO_MANY))
            return
        previous = self._portals.swap(bind.portal, Portal(own, prepared, self._batch))
        self._send(
            messages.encode_bind(own, prepared.own, bind.rest),
            Expectation(
                Sent.BIND, alias=(own, bind.portal), names=self._portals, name=bind.portal, previous=previous
            ),
        )

    def _describe(self, body: bytes) -> None:
        target, name = messages.decode_target(body)
        own = self._resolve(target, name)
        self._send(messages.encode_target(b"D", target, own), Expectation(Sent.DESCRIBE, alias=(own, name)))

    def _close(self, body: bytes) -> None:
        target, name = messages.decode_target(body)
        own = self._resolve(target, name)
        if target == ord("S"):
            gone = Expectation(
                Sent.CLOSE, names=self._statements, name=name, previous=self._statements.swap(name, None)
            )
        else:
            gone = Expectation(Sent.CLOSE, names=self._portals, name=name, previous=self._portals.swap(name, None))
        self._send(messages.encode_target(b"C", target, own), gone)

    def _resolve(self, target: int, name: bytes) -> bytes:
        entry = self._statements.get(name) if target == ord("S") else self._portals.get(name)
        return entry.own if entry is not None else self._own_name()

    def _execute(self, body: bytes) -> None:
        name, limit = messages.decode_execute(body)
        portal = self._portals.get(name)
        if portal is None:
            nonce = self._own_name()
            self._send(messages.encode_execute(nonce, limit), Expectation(Sent.EXECUTE, alias=(nonce, name)))
            return
        prepared = portal.prepared
        fresh, prepared.fresh = prepared.fresh, False

        def answer(judgement: Judgement) -> None:
            if judgement.instead is None:
                prepared.ticket = judgement.ticket
                self._send(
                    messages.encode_execute(portal.own, limit),
                    Expectation(Sent.EXECUTE, judgement.ticket, alias=(portal.own, name)),
                )
            else:
                nonce = self._own_name()
                self._send(
                    messages.encode_execute(nonce, limit),
                    Expectation(Sent.EXECUTE, nonce=nonce, instead=judgement.instead),
                )

        self._ask(Judge(prepared.text, prepared.types, True, prepared.ticket, fresh), answer)

    def _sync(self, body: bytes) -> None:
        messages.decode_empty(body)
        self._skipping = False
        self._batch += 1
        self._send(messages.SYNC, Expectation(Sent.SYNC))

    def _flush_message(self, body: bytes) -> None:
        messages.decode_empty(body)
        self._to_server.append(messages.FLUSH)

    def _copy_remainder(self, body: bytes) -> None:
        """CopyData, CopyDone, CopyFail outside COPY are ignored by the server; here they do not even reach it."""

    def _terminate(self, body: bytes) -> None:
        self._flush()
        self._closed = True
        self._actions.append(Leave())

    # -- server → client ------------------------------------------------------------------------------------------

    def _relay(self, data: bytes) -> None:
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
                if not self._ledger.queue:
                    raise UpstreamError(Reason.MESSAGE_REFUSED, "the server sent a row nobody asked for")
                self._ledger.queue[0].rows += 1
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
            self._actions.append(ToClient(whole))

    def _pop(self, *kinds: Sent) -> Expectation:
        head = self._ledger.head()
        if head is None or head.kind not in kinds:
            raise UpstreamError(Reason.MESSAGE_REFUSED, "the server's answers are out of step with the messages sent")
        self._ledger.queue.popleft()
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
        head = self._ledger.head()
        if head is None or head.kind is not Sent.QUERY:
            self._pop(Sent.DESCRIBE)

    def _complete(self, kind: int, body: bytes) -> None:
        head = self._ledger.head()
        if head is None or head.kind is not Sent.QUERY:
            done = self._pop(Sent.EXECUTE)
            self._report(done, done.rows if kind != ord("C") else _rows_of_tag(body, done.rows), "00000")
        elif kind == ord("C"):
            head.rows = _rows_of_tag(body, head.rows)
        if body == b"DEALLOCATE ALL\0":
            # Answers come in order: what is confirmed now was there then; a later Parse in the pipeline was not.
            entries = self._statements.entries
            for name in [name for name, prepared in entries.items() if prepared.confirmed]:
                del entries[name]

    def _report(self, done: Expectation, rows: int, sqlstate: str) -> None:
        if done.ticket is not None:
            self._actions.append(Completed(done.ticket, rows, sqlstate))

    def _ready(self, kind: int, body: bytes) -> None:
        done = self._pop(Sent.SYNC, Sent.QUERY)
        if done.kind is Sent.QUERY and not done.failed:
            self._report(done, done.rows, "00000")
        self.status = body
        if body == b"I" and self._portals.entries:
            # The transaction is over and its portals with it; those bound after this Sync are of the next one.
            alive = self._batch - sum(1 for one in self._ledger.queue if one.kind is Sent.SYNC)
            entries = self._portals.entries
            for name in [name for name, portal in entries.items() if portal.batch < alive]:
                del entries[name]

    def _error(self, kind: int, body: bytes) -> bytes | None:
        head = self._ledger.head()
        if head is None:
            return None  # between statements: the server ends the session and says why
        instead = _reworded(head, body)
        if instead is None or head.ticket is not None:
            self._report(head, head.rows, messages.decode_fields(body).get("C", "XX000"))
        if head.kind is Sent.QUERY:
            head.failed = True
        elif head.kind is not Sent.SYNC:
            self._skipping = not self._ledger.skip_to_sync()
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


_TOO_MANY: Final = MappingProxyType(
    {
        "S": "ERROR",
        "V": "ERROR",
        "C": "54000",
        "M": "too many prepared statements and portals in this session",
        "H": "Close some of them, or ask the operator to raise limits.statements.",
    }
)

_HEARD_WHILE_SKIPPING: Final = frozenset(b"SX")

_CLIENT: Final[Mapping[int, Callable[[Session, bytes], None]]] = MappingProxyType(
    {
        ord("Q"): Session._query,
        ord("P"): Session._parse,
        ord("B"): Session._bind,
        ord("D"): Session._describe,
        ord("E"): Session._execute,
        ord("C"): Session._close,
        ord("S"): Session._sync,
        ord("H"): Session._flush_message,
        ord("X"): Session._terminate,
        ord("d"): Session._copy_remainder,
        ord("c"): Session._copy_remainder,
        ord("f"): Session._copy_remainder,
    }
)

_SERVER: Final[Mapping[int, Callable[[Session, int, bytes], bytes | None]]] = MappingProxyType(
    {
        ord("1"): Session._prepared_ok,
        ord("2"): Session._bound_ok,
        ord("3"): Session._closed_ok,
        ord("T"): Session._described,
        ord("n"): Session._described,
        ord("t"): Session._pass,
        ord("C"): Session._complete,
        ord("I"): Session._complete,
        ord("s"): Session._complete,
        ord("Z"): Session._ready,
        ord("E"): Session._error,
        ord("N"): Session._pass,
        ord("S"): Session._setting,
    }
)
