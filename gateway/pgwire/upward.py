"""Client → server: each message judged, renamed, forwarded or substituted. The table at the end is the whole truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire import messages
from gateway.pgwire.actions import Judge, Judgement, Leave
from gateway.pgwire.ledger import Expectation, Portal, Prepared, Sent
from gateway.pgwire.shared import Shared

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


class Upward:
    """The client's messages. ``judging`` is set while a judgement is awaited; ``held`` is a message that must wait."""

    __slots__ = ("_limit", "_nonce", "_serial", "_shared", "held", "judging")

    def __init__(self, shared: Shared, *, names_limit: int, nonce: Callable[[], str]) -> None:
        self._shared = shared
        self._limit = names_limit
        self._nonce = nonce  # a new unguessable word at each call
        self._serial = 0
        self.judging: Callable[[Judgement], None] | None = None
        self.held: tuple[int, bytes] | None = None  # waits until an earlier answer settles its name

    def message(self, kind: int, body: bytes) -> None:
        """One message. Raises ClientProtocolError."""
        handler = _CLIENT.get(kind)
        if handler is None:
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, f"messages of type {chr(kind)!r} are refused")
        if self._shared.skipping and kind not in _HEARD_WHILE_SKIPPING:
            return  # the server ignores it as well, Query and Flush included
        handler(self, body)

    def _ask(self, judge: Judge, answer: Callable[[Judgement], None]) -> None:
        # What was forwarded before goes first: its order against this statement's record is the client's own.
        self._shared.flush()
        self.judging = answer
        self._shared.actions.append(judge)

    def _own_name(self) -> bytes:
        self._serial += 1
        return f"{self._nonce()}_{self._serial}".encode()

    def _query(self, body: bytes) -> None:
        query = messages.decode_query(body)
        text = query.decode("utf-8", "surrogateescape")

        def answer(judgement: Judgement) -> None:
            # Any Query destroys the unnamed statement and portal (HAZARDS W14).
            self._shared.statements.swap(b"", None)
            self._shared.portals.swap(b"", None)
            if judgement.instead is None:
                self._shared.send(messages.encode_query(query), Expectation(Sent.QUERY, judgement.ticket))
            else:
                nonce = self._own_name()
                self._shared.send(
                    messages.encode_query(nonce), Expectation(Sent.QUERY, nonce=nonce, instead=judgement.instead)
                )

        self._ask(Judge(text, (), executes=True), answer)

    def _parse(self, body: bytes) -> None:
        parse = messages.decode_parse(body)
        existing = self._shared.statements.get(parse.name) if parse.name else None
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
                previous = self._shared.statements.swap(parse.name, prepared)
                self._shared.send(
                    messages.encode_parse(own, parse.query, parse.types),
                    Expectation(Sent.PARSE, names=self._shared.statements, name=parse.name, previous=previous),
                )
            else:
                nonce = self._own_name()
                if not parse.name:
                    self._shared.statements.swap(b"", None)  # a failing Parse destroys it, too
                self._shared.send(
                    messages.encode_parse(own, nonce),
                    Expectation(Sent.PARSE, nonce=nonce, instead=judgement.instead),
                )

        self._ask(Judge(text, parse.types, executes=False), answer)

    def _parse_again(self, body: bytes, name: bytes, existing: Prepared) -> None:
        """A name that is taken: the server says 42P05 and keeps the old statement (HAZARDS W11)."""
        if not existing.confirmed and self._shared.ledger.queue:
            self.held = (ord("P"), body)  # whether it is taken depends on an answer that has not come yet
            return
        harmless = messages.encode_parse(existing.own, b"SELECT 1")
        self._shared.send(harmless, Expectation(Sent.PARSE, alias=(existing.own, name)))

    def _full(self) -> bool:
        return len(self._shared.statements.entries) + len(self._shared.portals.entries) >= self._limit

    def _bind(self, body: bytes) -> None:
        bind = messages.decode_bind(body)
        prepared = self._shared.statements.get(bind.statement)
        if prepared is None:
            # Never a client's own name: nothing that was not judged can answer to this one.
            nonce = self._own_name()
            self._shared.send(
                messages.encode_bind(b"", nonce, bind.rest), Expectation(Sent.BIND, alias=(nonce, bind.statement))
            )
            return
        existing = self._shared.portals.get(bind.portal) if bind.portal else None
        own = existing.own if existing is not None else (self._own_name() if bind.portal else b"")
        if existing is None and bind.portal and self._full():
            refused = Expectation(Sent.BIND, nonce=own, instead=_TOO_MANY)
            self._shared.send(messages.encode_bind(b"", own, bind.rest), refused)
            return
        previous = self._shared.portals.swap(bind.portal, Portal(own, prepared, self._shared.batch))
        self._shared.send(
            messages.encode_bind(own, prepared.own, bind.rest),
            Expectation(
                Sent.BIND, alias=(own, bind.portal), names=self._shared.portals, name=bind.portal, previous=previous
            ),
        )

    def _describe(self, body: bytes) -> None:
        target, name = messages.decode_target(body)
        own = self._resolve(target, name)
        self._shared.send(messages.encode_target(b"D", target, own), Expectation(Sent.DESCRIBE, alias=(own, name)))

    def _close(self, body: bytes) -> None:
        target, name = messages.decode_target(body)
        own = self._resolve(target, name)
        if target == ord("S"):
            gone = Expectation(
                Sent.CLOSE, names=self._shared.statements, name=name, previous=self._shared.statements.swap(name, None)
            )
        else:
            portals = self._shared.portals
            gone = Expectation(Sent.CLOSE, names=portals, name=name, previous=portals.swap(name, None))
        self._shared.send(messages.encode_target(b"C", target, own), gone)

    def _resolve(self, target: int, name: bytes) -> bytes:
        entry = self._shared.statements.get(name) if target == ord("S") else self._shared.portals.get(name)
        return entry.own if entry is not None else self._own_name()

    def _execute(self, body: bytes) -> None:
        name, limit = messages.decode_execute(body)
        portal = self._shared.portals.get(name)
        if portal is None:
            nonce = self._own_name()
            self._shared.send(messages.encode_execute(nonce, limit), Expectation(Sent.EXECUTE, alias=(nonce, name)))
            return
        prepared = portal.prepared
        fresh, prepared.fresh = prepared.fresh, False

        def answer(judgement: Judgement) -> None:
            if judgement.instead is None:
                prepared.ticket = judgement.ticket
                self._shared.send(
                    messages.encode_execute(portal.own, limit),
                    Expectation(Sent.EXECUTE, judgement.ticket, alias=(portal.own, name)),
                )
            else:
                nonce = self._own_name()
                self._shared.send(
                    messages.encode_execute(nonce, limit),
                    Expectation(Sent.EXECUTE, nonce=nonce, instead=judgement.instead),
                )

        self._ask(Judge(prepared.text, prepared.types, True, prepared.ticket, fresh), answer)

    def _sync(self, body: bytes) -> None:
        messages.decode_empty(body)
        self._shared.skipping = False
        self._shared.batch += 1
        self._shared.send(messages.SYNC, Expectation(Sent.SYNC))

    def _flush_message(self, body: bytes) -> None:
        messages.decode_empty(body)
        self._shared.send(messages.FLUSH)

    def _copy_remainder(self, body: bytes) -> None:
        """CopyData, CopyDone, CopyFail outside COPY are ignored by the server; here they do not even reach it."""

    def _terminate(self, body: bytes) -> None:
        self._shared.flush()
        self._shared.closed = True
        self._shared.actions.append(Leave())


_CLIENT: Final[Mapping[int, Callable[[Upward, bytes], None]]] = MappingProxyType(
    {
        ord("Q"): Upward._query,
        ord("P"): Upward._parse,
        ord("B"): Upward._bind,
        ord("D"): Upward._describe,
        ord("E"): Upward._execute,
        ord("C"): Upward._close,
        ord("S"): Upward._sync,
        ord("H"): Upward._flush_message,
        ord("X"): Upward._terminate,
        ord("d"): Upward._copy_remainder,
        ord("c"): Upward._copy_remainder,
        ord("f"): Upward._copy_remainder,
    }
)
