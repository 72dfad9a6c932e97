"""Client → server: each message judged, renamed, forwarded or substituted. The table at the end is the whole truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire import messages
from gateway.pgwire.actions import Judge, Judgement, Leave, Refused
from gateway.pgwire.frames import encode
from gateway.pgwire.guard import Guard, guard_of
from gateway.pgwire.ledger import AnyChanges, Expectation, Names, Portal, Prepared, Sent, Spliced
from gateway.pgwire.path import JUDGED_UNDER_IT
from gateway.pgwire.refusals import MOVED, OUTDATED, TOO_MANY, name_taken
from gateway.pgwire.shared import Shared
from gateway.pgwire.sqlnames import SqlNames, lookup_of, may_name
from gateway.pgwire.strict import ALONE, Approver, Strict


def _sent(text: bytes, judgement: Judgement) -> bytes:  # the client's own bytes, unless obligations were written in
    return text if judgement.text is None else judgement.text.encode()


_HEARD_WHILE_SKIPPING: Final = frozenset(b"SX")
_HEARD_WHILE_COPYING: Final = frozenset(b"dcfSHX")
_TERMINATE: Final = ord("X")


class Upward:
    """The client's messages. ``judging`` is set while a judgement is awaited; ``held`` is a message that must wait."""

    __slots__ = ("_limit", "_nonce", "_serial", "_shared", "_sql_names", "_strict", "held", "judging")

    def __init__(self, shared: Shared, *, names_limit: int, nonce: Callable[[], str]) -> None:
        self._shared = shared
        self._limit = names_limit
        self._nonce = nonce  # a new unguessable word at each call
        self._serial = 0
        self._sql_names = SqlNames(shared, self._own_name)
        self._strict: Strict | None = None
        self.judging: Callable[[Judgement], None] | None = None
        self.held: tuple[int, bytes] | None = None  # waits until earlier answers settle its name

    def be_strict(self, approver: Approver, tree_bytes: int) -> Strict:
        """From now on the session's own server is asked what statements mean."""
        self._strict = Strict(self._shared, approver, tree_bytes=tree_bytes, own_name=self._own_name)
        return self._strict

    def message(self, kind: int, body: bytes) -> None:
        """One message. Raises ClientProtocolError."""
        handler = _CLIENT.get(kind)
        if handler is None:
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, f"messages of type {chr(kind)!r} are refused")
        if self._shared.skipping and kind not in _HEARD_WHILE_SKIPPING:
            return  # the server ignores it as well, Query and Flush included
        if self._shared.copying and kind not in _HEARD_WHILE_COPYING:
            # The server would read it as the end of everything as well: protocol synchronization was lost.
            raise ClientProtocolError(Reason.MESSAGE_REFUSED, f"unexpected message of type {chr(kind)!r} during COPY")
        queue = self._shared.ledger.queue
        if queue and queue[-1].may_copy and not self._shared.copying and kind != _TERMINATE:
            # A COPY would take it for data, and ignore a Sync (libpq sends one ahead): not before that is known.
            return self._hold(bytes((kind,)), body)
        if self._shared.path.touched and kind in JUDGED_UNDER_IT and self._waits_for_path(kind, body):
            return
        if self._strict is not None and queue and kind in ALONE:
            return self._hold(bytes((kind,)), body)  # a tree may come with the answers to what went before
        handler(self, body)

    def judged(self, judgement: Judgement) -> None:
        """The answer to the judgement awaited: the statement goes on, or its substitute."""
        answer, self.judging = self.judging, None
        if answer is None:
            raise RuntimeError("judged() without a Judge")
        # An error may have come meanwhile, for a message before this one: the server ignores everything up to Sync.
        if not self._shared.closed and not self._shared.skipping:
            answer(judgement)

    def _ask(self, judge: Judge, answer: Callable[[Judgement], None]) -> None:
        # What was forwarded before goes first: its order against this statement's record is the client's own.
        self._shared.flush()
        path = self._shared.path
        if path.touched or path.text is not None:
            judge = replace(judge, path=path.text, path_state=path.state)
        self.judging = answer
        self._shared.actions.append(judge)

    def _hold(self, kind: bytes, body: bytes) -> None:
        """The message waits for the answers to everything sent; Flush, or the server would keep them to itself."""
        self.held = (kind[0], body)
        self._shared.send(messages.FLUSH)

    def _waits_for_path(self, kind: int, body: bytes) -> bool:
        """Whether the message is put off: until it is known under which search_path it counts."""
        path = self._shared.path
        if path.must_wait():
            self._hold(bytes((kind,)), body)
        elif path.unknown:
            self.held = (kind, body)
            path.ask(self._own_name)
        return self.held is not None

    def _own_name(self) -> bytes:
        self._serial += 1
        return f"{self._nonce()}_{self._serial}".encode()

    def _query(self, body: bytes) -> None:
        query = messages.decode_query(body)
        text = query.decode("utf-8", "surrogateescape")
        names = may_name(text)
        if names and self._shared.ledger.queue:
            return self._hold(b"Q", body)  # what its names stand for hangs on answers to come

        def answer(judgement: Judgement) -> None:
            batch = self._shared.batch  # any Query destroys the unnamed statement and portal (HAZARDS W14)
            gone: AnyChanges = (*self._shared.statements.drop(b"", batch), *self._shared.portals.drop(b"", batch))
            if self._strict is not None and self._strict.failed:
                return self._strict.say_failure(judgement, gone, query=True)
            instead = judgement.instead or self._too_many(judgement)
            if instead is None:
                expected = Expectation(
                    Sent.QUERY,
                    judgement.ticket,
                    changes=gone,
                    guard=guard_of(judgement),
                    may_copy=messages.may_copy(text),
                    watch=judgement.watch,
                )
                sent = _sent(query, judgement)
                if judgement.naming is not None:
                    sent = self._sql_names.query(sent, judgement, judgement.naming, expected)
                self._shared.path.sent(judgement.path, expected)
                self._shared.send(messages.encode_query(sent), expected)
            else:
                nonce = self._own_name()
                expected = Expectation(Sent.QUERY, nonce=nonce, instead=instead, changes=gone)
                self._shared.send(messages.encode_query(nonce), expected)

        if self._strict is not None:
            self._strict.begin(scratch=True)
        self._ask(Judge(text, (), True, names=self._sql_names.stands_for if names else None), answer)

    def _too_many(self, judgement: Judgement) -> Mapping[str, str] | None:
        """What is said of a text that makes more names than there may be."""
        return TOO_MANY if judgement.naming and self._full(self._sql_names.made(judgement.naming)) else None

    def _parse(self, body: bytes) -> None:
        parse = messages.decode_parse(body)
        statements, batch = self._shared.statements, self._shared.batch
        if parse.name:
            taken = statements.get(parse.name) is not None
            if statements.doubtful(parse.name, batch) or (taken and self._shared.ledger.queue):
                # Whether it is taken hangs on answers to come: of its own Parse, of a DEALLOCATE ALL.
                return self._hold(b"P", body)
            if taken:
                return self._refuse_parse(parse.name, name_taken(parse.name))
            if self._full():
                return self._refuse_parse(parse.name, TOO_MANY)
        text = parse.query.decode("utf-8", "surrogateescape")
        names = may_name(text)
        if names and self._shared.ledger.queue:
            return self._hold(b"P", body)  # what its names stand for hangs on answers to come
        offered = self._own_name() if parse.name and self._strict is not None else b""

        def answer(judgement: Judgement) -> None:
            if self._strict is not None and self._strict.failed:
                gone = () if parse.name else statements.drop(b"", batch)
                return self._strict.say_failure(judgement, gone)
            there = self._strict is not None and self._strict.adopt(judgement)
            if judgement.instead is not None:
                return self._refuse_parse(parse.name, judgement.instead)
            own = offered or (self._own_name() if parse.name else b"")
            prepared = Prepared(own, text, parse.types, judgement.ticket, judgement.text, guard=guard_of(judgement))
            prepared.plain = judgement.naming is None and not messages.may_copy(text)
            prepared.path = self._shared.path.text
            if there:
                return statements.change(parse.name, prepared, batch).settle()
            sent = _sent(parse.query, judgement)
            if judgement.naming is not None:
                sending = self._sql_names.splice(sent, judgement.naming, itself=(parse.name, own))
                sent, prepared.spliced = sending.text, sending.spliced
            self._send_parse(parse.name, prepared, sent)

        if self._strict is not None:
            self._strict.begin(offer=(offered, parse.query, parse.types))
        self._ask(Judge(text, parse.types, False, names=self._sql_names.stands_for if names else None), answer)

    def _send_parse(self, name: bytes, prepared: Prepared, text: bytes, *, silent: bool = False) -> None:
        change = self._shared.statements.change(name, prepared, self._shared.batch)
        expected = Expectation(
            Sent.PARSE,
            aliases=((prepared.own, name),),
            changes=(change,),
            silent=silent,
            guard=prepared.guard,
            prepared=prepared,
        )
        if prepared.spliced is not None:
            expected.aliases += prepared.spliced.aliases
            expected.edits = prepared.spliced.edits
        self._shared.send(messages.encode_parse(prepared.own, text, prepared.types), expected)

    def _parse_again(self, name: bytes, prepared: Prepared, spliced: Spliced) -> Prepared:
        """The names in a prepared text stand for something else by now: the server is given it with those of ours."""
        text = prepared.given
        sending = self._sql_names.splice(text, spliced.naming, before=spliced, itself=(name, prepared.own))
        if sending.spliced.owns == spliced.owns:
            return prepared
        own = self._own_name() if name else b""
        sending = self._sql_names.splice(text, spliced.naming, before=sending.spliced, itself=(name, own))
        # Without a ticket: what it does now is decided before it is executed.
        anew = Prepared(own, prepared.text, prepared.types, None, prepared.sent, False, prepared.guard, sending.spliced)
        anew.path = self._shared.path.text
        self._send_parse(name, anew, sending.text, silent=True)
        if name:
            closing = Expectation(Sent.CLOSE, silent=True)
            self._shared.send(messages.encode_target(b"C", ord("S"), prepared.own), closing)
        return anew

    def _refuse_parse(self, name: bytes, instead: Mapping[str, str]) -> None:
        nonce = self._own_name()
        # A failing Parse destroys the unnamed statement, too; a named one is as it was.
        gone = () if name else self._shared.statements.drop(b"", self._shared.batch)
        own = self._own_name() if name else b""
        expected = Expectation(Sent.PARSE, nonce=nonce, instead=instead, changes=gone)
        self._shared.send(messages.encode_parse(own, nonce), expected)

    def _full(self, more: int = 1) -> bool:
        """Whether so many names more are too many, which is said then."""
        full = len(self._shared.statements.entries) + len(self._shared.portals.entries) + more > self._limit
        if full:
            self._shared.actions.append(Refused(Reason.LIMIT_EXCEEDED))
        return full

    def _bind(self, body: bytes) -> None:
        bind = messages.decode_bind(body)
        statements, portals, batch = self._shared.statements, self._shared.portals, self._shared.batch
        if statements.doubtful(bind.statement, batch) or (bind.portal and portals.doubtful(bind.portal, batch)):
            return self._hold(b"B", body)
        prepared = statements.get(bind.statement)
        if prepared is None:
            # Never a client's own name: nothing that was not judged can answer to this one.
            nonce = self._own_name()
            expected = Expectation(Sent.BIND, aliases=((nonce, bind.statement),))
            return self._shared.send(messages.encode_bind(b"", nonce, bind.rest), expected)
        if prepared.spliced is not None:
            if self._shared.ledger.queue:
                return self._hold(b"B", body)
            prepared = self._parse_again(bind.statement, prepared, prepared.spliced)
        if prepared.path != self._shared.path.text:
            return self._judge_again(prepared, body)
        existing = portals.get(bind.portal) if bind.portal else None
        own = existing.own if existing is not None else (self._own_name() if bind.portal else b"")
        if existing is None and bind.portal and self._full():
            refused = Expectation(Sent.BIND, nonce=own, instead=TOO_MANY)
            return self._shared.send(messages.encode_bind(b"", own, bind.rest), refused)
        change = portals.change(bind.portal, Portal(own, prepared, prepared.ticket, path=prepared.path), batch)
        aliases = ((own, bind.portal), (prepared.own, bind.statement))
        expected = Expectation(Sent.BIND, aliases=aliases, changes=(change,), guard=prepared.guard, prepared=prepared)
        self._shared.send(messages.encode_bind(own, prepared.own, bind.rest), expected)

    def _judge_again(self, prepared: Prepared, body: bytes) -> None:
        """Under another search_path it is analysed again, and planned, which runs functions: judged before that."""
        if self._strict is not None or prepared.spliced is not None:
            prepared.path, prepared.ticket = self._shared.path.text, None  # at Execute: by its tree, by its names
            return self._bind(body)

        def answer(judgement: Judgement) -> None:
            instead = judgement.instead or (OUTDATED if judgement.text != prepared.sent else None)
            if instead is None:
                prepared.path, prepared.guard = self._shared.path.text, guard_of(judgement)
                prepared.ticket, prepared.fresh = judgement.ticket, True
                return self._bind(body)
            nonce, rest = self._own_name(), messages.decode_bind(body).rest
            expected = Expectation(Sent.BIND, nonce=nonce, instead=instead)
            self._shared.send(messages.encode_bind(b"", nonce, rest), expected)

        self._ask(Judge(prepared.text, prepared.types, False), answer)

    def _describe(self, body: bytes) -> None:
        target, name = messages.decode_target(body)
        names = self._names(target)
        if names.doubtful(name, self._shared.batch):
            return self._hold(b"D", body)
        entry = names.get(name)
        own, guard = (entry.own, entry.guard) if entry is not None else (self._own_name(), Guard.NONE)
        prepared = entry if isinstance(entry, Prepared) else None
        expected = Expectation(Sent.DESCRIBE, aliases=((own, name),), guard=guard, prepared=prepared)
        self._shared.send(messages.encode_target(b"D", target, own), expected)

    def _close(self, body: bytes) -> None:
        target, name = messages.decode_target(body)
        names = self._names(target)
        if names.doubtful(name, self._shared.batch):
            return self._hold(b"C", body)
        entry = names.get(name)
        own, guard = (entry.own, entry.guard) if entry is not None else (self._own_name(), Guard.NONE)
        expected = Expectation(Sent.CLOSE, changes=names.drop(name, self._shared.batch), guard=guard)
        self._shared.send(messages.encode_target(b"C", target, own), expected)

    def _names(self, target: int) -> Names[Prepared] | Names[Portal]:
        return self._shared.statements if target == ord("S") else self._shared.portals

    def _execute(self, body: bytes) -> None:
        name, limit = messages.decode_execute(body)
        if self._shared.portals.doubtful(name, self._shared.batch):
            return self._hold(b"E", body)
        portal = self._shared.portals.get(name)
        if portal is None:
            nonce = self._own_name()
            expected = Expectation(Sent.EXECUTE, aliases=((nonce, name),))
            return self._shared.send(messages.encode_execute(nonce, limit), expected)
        prepared = portal.prepared
        fresh, prepared.fresh = prepared.fresh, False
        spliced = prepared.spliced

        def answer(judgement: Judgement) -> None:
            if self._strict is not None and self._strict.failed:
                return self._strict.say_failure(judgement, ())
            instead = judgement.instead
            if self._strict is not None:
                instead = self._strict.settle(prepared, judgement)
            if instead is None and portal.path != self._shared.path.text:
                instead = MOVED
            if instead is None and judgement.text != prepared.sent:
                instead = OUTDATED  # the server would run what was right when it was prepared
            if instead is None and spliced is not None and self._full(self._sql_names.made(spliced.naming)):
                instead = TOO_MANY
            if instead is None:
                prepared.ticket, prepared.guard = judgement.ticket, guard_of(judgement)
                expected = Expectation(
                    Sent.EXECUTE,
                    judgement.ticket,
                    aliases=((portal.own, name),),
                    guard=prepared.guard,
                    may_copy=messages.may_copy(prepared.text),
                    watch=judgement.watch,
                )
                if spliced is not None:
                    self._sql_names.execute(prepared, spliced, judgement, expected)
                self._shared.path.sent(judgement.path, expected)
                self._shared.send(messages.encode_execute(portal.own, limit), expected)
            else:
                nonce = self._own_name()
                expected = Expectation(Sent.EXECUTE, nonce=nonce, instead=instead)
                self._shared.send(messages.encode_execute(nonce, limit), expected)

        names = None if spliced is None else lookup_of(spliced)
        opened = None if portal.ticket is prepared.ticket else portal.ticket
        ticket = prepared.ticket
        if self._strict is not None:
            self._strict.begin()
            ticket = None if prepared.changed else ticket
        self._ask(Judge(prepared.text, prepared.types, True, ticket, fresh, opened, names), answer)

    def _sync(self, body: bytes) -> None:
        messages.decode_empty(body)
        if self._shared.copying:
            return  # the server ignores it among COPY data; here it does not even reach it
        self._shared.skipping = False
        self._shared.batch += 1
        self._shared.send(messages.SYNC, Expectation(Sent.SYNC))

    def _flush_message(self, body: bytes) -> None:
        messages.decode_empty(body)
        self._shared.send(messages.FLUSH)

    def _copy(self, kind: bytes, body: bytes) -> None:
        """Data for a COPY. Outside of one the server ignores them, and here they do not even reach it."""
        if self._shared.copying:
            self._shared.copying = kind == b"d"
            self._shared.send(encode(kind, body))
            copy = self._shared.ledger.head()
            if kind != b"d" and copy is not None and copy.kind is Sent.EXECUTE:
                copy.may_copy = False  # it has been one; a Query may hold another

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
        ord("d"): lambda upward, body: upward._copy(b"d", body),
        ord("c"): lambda upward, body: upward._copy(b"c", body),
        ord("f"): lambda upward, body: upward._copy(b"f", body),
    }
)
