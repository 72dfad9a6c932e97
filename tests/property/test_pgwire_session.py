"""Random clients against a model of PostgreSQL, through `gateway.pgwire.session`, with random verdicts and chunks.

The model server answers as PostgreSQL does where it matters here: in order; its answers kept back until Sync, Flush or
an error; everything ignored from an error to Sync; one unnamed statement and portal; portals that end with their
transaction; a text is what it *runs*, so that what ran can be held against what was judged. Texts about ``people`` make
it quote a SECRET: at once, or when the transaction ends in which they wrote.

What the fast lane takes (`gateway.pgwire.express`) goes there, and nobody is to see any difference.
"""

from __future__ import annotations

from collections import deque
from struct import pack, unpack_from

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ANSWERS
from gateway.pgwire.actions import Action, Close, Completed, Judge, Judgement, Leave, ToClient, ToServer
from gateway.pgwire.express import NOT_HERE
from gateway.pgwire.frames import encode
from gateway.pgwire.guard import Guard, guard_of
from gateway.pgwire.session import READ_AHEAD_BYTES, Session
from gateway.pgwire.sqlnames import may_name
from tests.unit.pgwire import playbook as wire
from tests.wire_frames import iter_server_frames

NONCE = "sekisho_5ec2e7"
CLIENT_NAMES = ("", "s1", "s2", "s3")
SECRET = "+81 90-0000-0000"
DENIED = {"S": "ERROR", "V": "ERROR", "C": "42501", "M": "not for you"}


# ------------------------------------------------------------------------------------------------------ model server


class Model:
    """What PostgreSQL makes of a stream of messages."""

    def __init__(self) -> None:
        self.buffer = b""
        self.out = b""  # made and not sent yet
        self.statements: dict[str, str] = {}
        self.portals: dict[str, tuple[str, int]] = {}  # text, rows already fetched
        self.status = "I"
        self.implicit = False  # a transaction that Sync will end
        self.deferred = False  # what it wrote breaks a rule that is looked at when it ends
        self.skipping = False
        self.ran: list[str] = []
        self.seen = b""

    def take(self, data: bytes) -> bytes:
        """Bytes in; bytes that are sent now."""
        self.seen += data
        self.buffer += data
        sent, position = b"", 0
        for kind, start, end in iter_server_frames(self.buffer):
            if self._message(chr(kind), self.buffer[start:end]):
                sent, self.out = sent + self.out, b""
            position = end
        self.buffer = self.buffer[position:]
        return sent

    def _message(self, kind: str, body: bytes) -> bool:
        """One message; returns whether output is flushed."""
        if self.skipping and kind not in "SX":
            return False
        texts = body.split(b"\0")
        names = [text.decode("utf-8", "replace") for text in texts]
        match kind:
            case "Q":
                self._query(names[0])
                return True
            case "S":
                self.skipping = False
                if self.implicit:
                    self._checked()
                    self._end("I")
                self.out += wire.ready(self.status)
                return True
            case "H":
                return True
            case "P":
                return self._parse(names[0], names[1])
            case "B":
                return self._bind(names[0], names[1])
            case "D":
                return self._describe(names[0][0], names[0][1:])
            case "C":
                known = self.statements if names[0][0] == "S" else self.portals
                known.pop(names[0][1:], None)  # type: ignore[attr-defined]
                self.out += wire.CLOSED
            case "E":
                return self._execute(names[0], unpack_from("!i", body, len(texts[0]) + 1)[0])
            case "X":
                pass
            case _:
                raise AssertionError(f"{kind} reached the server")
        return False

    def _fail(self, sqlstate: str, message: str) -> bool:
        self.out += wire.error(sqlstate, message)
        self.skipping = True
        self._broken()
        return True

    def _broken(self) -> None:
        if self.status == "T":
            self.status = "E"
        elif self.status == "I":
            self._end("I")

    def _checked(self) -> bool:
        """The end of a transaction that should be kept."""
        if self.deferred:
            self._quote("23505")
        return not self.deferred

    def _quote(self, sqlstate: str) -> None:
        self.out += wire.notice(f"now {SECRET}")
        self.out += wire.error(sqlstate, f"of {SECRET}", D=SECRET, W=SECRET, q=SECRET, H=SECRET)

    def _end(self, status: str) -> None:
        self.status, self.implicit, self.deferred = status, False, False
        self.portals.clear()

    def _aborted(self, text: str) -> bool:
        return self.status == "E" and text not in ("COMMIT", "ROLLBACK")

    def _query(self, text: str) -> None:
        self.statements.pop("", None)
        if not sound(text):
            self.out += wire.error("42601", f'syntax error at or near "{text}"')
            self._broken()
        elif self._aborted(text):
            self.out += wire.error("25P02", "current transaction is aborted")
        else:
            self.portals.pop("", None)
            for one in text.split(";"):
                if not self._run(one, None):
                    self._broken()
                    break
            else:
                if self.status == "I":
                    self._checked()
        if self.status == "I":
            self._end("I")
        self.out += wire.ready(self.status)

    def _parse(self, name: str, text: str) -> bool:
        if not name:
            self.statements.pop("", None)
        if name in self.statements:
            # PostgreSQL looks at the text first; the gateway does not judge, nor forward, what cannot be prepared.
            return self._fail("42P05", f'prepared statement "{name}" already exists')
        if not sound(text):
            return self._fail("42601", f'syntax error at or near "{text}"')
        if self._aborted(text):
            return self._fail("25P02", "current transaction is aborted")
        if "nowhere" in text:
            return self._fail("42P01", 'relation "nowhere" does not exist')
        self.statements[name] = text
        self._begun()
        self.out += wire.PARSED
        return False

    def _begun(self) -> None:
        if self.status == "I":
            self.implicit = True

    def _bind(self, portal: str, statement: str) -> bool:
        if statement not in self.statements:
            return self._fail("26000", f'prepared statement "{statement}" does not exist')
        text = self.statements[statement]
        if self._aborted(text):
            return self._fail("25P02", "current transaction is aborted")
        if portal and portal in self.portals:
            return self._fail("42P03", f'cursor "{portal}" already exists')
        self.portals[portal] = (text, 0)
        self._begun()
        self.out += wire.BOUND
        return False

    def _describe(self, target: str, name: str) -> bool:
        known = self.statements if target == "S" else self.portals
        if name not in known:
            what = ("26000", "prepared statement") if target == "S" else ("34000", "portal")
            return self._fail(what[0], f'{what[1]} "{name}" does not exist')
        self.out += (wire.PARAMETERS if target == "S" else b"") + wire.COLUMNS
        return False

    def _execute(self, name: str, limit: int) -> bool:
        if name not in self.portals:
            return self._fail("34000", f'portal "{name}" does not exist')
        text, done = self.portals[name]
        if self._aborted(text):
            return self._fail("25P02", "current transaction is aborted")
        if not self._run(text, (name, done, limit)):
            self.skipping = True
            self._broken()
            return True
        return False

    def _run(self, text: str, portal: tuple[str, int, int] | None) -> bool:
        self.ran.append(text)
        if text == "BEGIN":
            self.status, self.implicit = "T", False
            self.out += wire.complete("BEGIN")
        elif text in ("COMMIT", "ROLLBACK"):
            kept = text == "ROLLBACK" or self.status == "E" or self._checked()
            self._end("I")
            if not kept:
                return False
            self.out += wire.complete("ROLLBACK" if text == "ROLLBACK" else "COMMIT")
        elif text == "DEALLOCATE ALL":
            self.statements = {name: kept for name, kept in self.statements.items() if not name}
            self.out += wire.complete("DEALLOCATE ALL")
        elif "zero" in text:
            self.out += wire.error("22012", "division by zero")
            return False
        elif "nowhere" in text:
            self.out += wire.error("42P01", 'relation "nowhere" does not exist')
            return False
        elif "people_fail" in text:
            self._quote("22P02")
            return False
        elif portal is None:
            self.deferred |= "people_write" in text
            self.out += wire.COLUMNS + wire.row(b"42") * 3 + wire.complete("SELECT 3")
        else:
            name, done, limit = portal
            self.deferred |= "people_write" in text
            rows = min(3 - done, limit) if limit else 3 - done
            self.out += wire.row(b"42") * rows
            if limit and done + rows < 3:
                self.portals[name] = (text, done + rows)
                self.out += wire.SUSPENDED
            else:
                self.portals[name] = (text, 3)
                self.out += wire.complete(f"SELECT {rows}")
        return True


def sound(text: str) -> bool:
    return text.startswith(("SELECT", "BEGIN", "COMMIT", "ROLLBACK", "DEALLOCATE"))


# ------------------------------------------------------------------------------------------------------------- clients

numbers = st.integers(0, 10**6)
texts = st.one_of(
    numbers.map("SELECT allowed_{}".format),
    numbers.map("SELECT denied_{}".format),
    numbers.map("SELECT zero_{}".format),
    numbers.map("SELECT nowhere_{}".format),
    numbers.map("nonsense_{}".format),
    numbers.map("SELECT people_write_{}".format),
    numbers.map("SELECT people_fail_{}".format),
    numbers.map("SELECT 1;SELECT people_write_{};BEGIN".format),
    st.sampled_from(["BEGIN", "COMMIT", "ROLLBACK", "DEALLOCATE ALL", "SELECT 1;SELECT zero;SELECT 2"]),
)
names = st.sampled_from(CLIENT_NAMES)
portals = st.sampled_from(("", "p1", "p2"))
legal = st.one_of(
    texts.map(wire.query),
    st.builds(wire.parse, names, texts),
    st.builds(wire.parse, names, texts),
    st.builds(wire.bind, portals, names),
    st.builds(wire.bind, portals, names),
    st.builds(wire.execute, portals, st.integers(0, 4)),
    st.builds(wire.execute, portals, st.integers(0, 4)),
    st.builds(wire.describe, st.just("S"), names),
    st.builds(wire.describe, st.just("P"), portals),
    st.builds(wire.close, st.just("S"), names),
    st.builds(wire.close, st.just("P"), portals),
    st.just(wire.SYNC),
    st.just(wire.SYNC),
    st.just(wire.FLUSH),
    names.map(lambda name: wire.bind("", name, b"v") + wire.execute() + wire.SYNC),
    names.map(lambda name: wire.bind("", name) + wire.describe("P", "") + wire.execute() + wire.SYNC),
)
illegal = st.one_of(
    st.builds(encode, st.sampled_from([b"F", b"p", b"d", b"Z"]), st.binary(max_size=20)),
    st.builds(encode, st.sampled_from([b"Q", b"P", b"B", b"E", b"D", b"S"]), st.binary(max_size=20)),
    st.just(b"Q" + pack("!I", 1 << 30)),
    st.binary(min_size=1, max_size=12),
)


class World:
    """A client, the session, the model; whoever moves next is drawn."""

    def __init__(self, data: st.DataObject, limit: int) -> None:
        self.data = data
        self.session = Session(bulk_limit=4096, names_limit=limit, nonce=lambda: NONCE)
        self.model = Model()
        self.to_server: deque[bytes] = deque()
        self.to_client: deque[bytes] = deque()
        self.received = b""
        self.judge: Judge | None = None
        self.entered: str | None = None  # waits for its entry, in the fast lane
        self.end: Close | Leave | None = None
        self.allowed: set[str] = set()  # texts judged and allowed
        self.to_run: list[str] = []  # those allowed to run (not only to be prepared), in their order

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case ToServer():
                    assert self.judge is None, "bytes went on behind a judgement that is awaited"
                    assert self.end is None, "bytes went on after the end"
                    self.to_server.append(action.data)
                case ToClient():
                    self.received += action.data
                case Judge():
                    assert self.judge is None
                    self.judge = action
                case Close() | Leave():
                    self.end = action
                case Completed():
                    assert action.ticket in self.allowed

    def client(self, data: bytes) -> None:
        for piece in self._pieces(data):
            found = self.session.enter(piece)
            if found is None:
                self.act(self.session.client_data(piece))
            elif found not in self.allowed or may_name(str(found)):
                self.act(self.session.back())
            else:
                assert self.judge is None
                self.entered = str(found)

    def recorded(self) -> None:
        """The entry of what entered is written, or cannot be."""
        text, self.entered = self.entered, None
        assert text is not None
        if self.data.draw(st.integers(0, 5)) == 0:
            self.act(self.session.back())
            return
        self.to_run.append(text)
        guard = guard_of(Judgement(text, guarded="people" in text, lasting="people_write" in text))
        self.to_server.append(self.session.go(text, guard, None))
        self.act(self.session.rest() or [])

    def _pieces(self, data: bytes) -> list[bytes]:
        at = self.data.draw(st.one_of(st.just(0), st.integers(0, len(data))))
        return [piece for piece in (data[:at], data[at:]) if piece]

    def decide(self) -> None:
        judge, self.judge = self.judge, None
        assert judge is not None
        late = judge.executes and "allowed" in judge.text and self.data.draw(st.integers(0, 5)) == 0
        if "denied" in judge.text or late:
            self.act(self.session.judged(Judgement(None, DENIED)))
        else:
            self.allowed.add(judge.text)
            if judge.executes:
                self.to_run.append(judge.text)
            people, lasting = "people" in judge.text, "people_write" in judge.text
            self.act(self.session.judged(Judgement(judge.text, guarded=people, lasting=lasting)))

    def serve(self) -> None:
        answer = self.model.take(self.to_server.popleft())
        if answer:
            self.to_client.append(answer)

    def answer(self) -> None:
        for piece in self._pieces(self.to_client.popleft()):
            if self.session.answered(piece) == NOT_HERE:
                self.act(self.session.server_data(piece))
            else:
                self.received += piece

    def settle(self) -> None:
        """Everybody moves until nothing moves."""
        while self.end is None and (self.judge or self.entered or self.to_server or self.to_client):
            moves = [self.decide] if self.judge is not None else []
            moves += [self.recorded] if self.entered is not None else []
            moves += [self.serve] if self.to_server else []
            moves += [self.answer] if self.to_client else []
            self.data.draw(st.sampled_from(moves))()

    def step(self) -> None:
        moves = [self.decide] if self.judge is not None else []
        moves += [self.recorded] if self.entered is not None else []
        moves += [self.serve] if self.to_server else []
        moves += [self.answer] if self.to_client else []
        if moves and self.end is None:
            self.data.draw(st.sampled_from(moves))()

    def check(self) -> None:
        assert b"denied" not in self.model.seen, "a denied text reached the server"
        for name in (b"s1", b"s2", b"s3", b"p1", b"p2"):
            assert name not in self.model.seen, "a name of the client's reached the server"
        assert SECRET.encode() not in self.received, "the server's words about people reached the client"
        assert NONCE.encode() not in self.received, "a name or a nonce of ours reached the client"
        # What ran is what was judged to run, in that order: nothing was taken for something else.
        ran = self.model.ran
        judged = iter(one for text in self.to_run for one in text.split(";"))
        for text in ran:
            assert any(text == one for one in judged), f"{text} ran and was not judged to run"
        assert self.session._reader.pending() <= 4096 + READ_AHEAD_BYTES
        for names in (self.session._shared.statements, self.session._shared.portals):
            assert set(names.entries) <= {b"", b"s1", b"s2", b"s3", b"p1", b"p2"}
        if isinstance(self.end, Close):
            assert ANSWERS[self.end.reason].sqlstate in ("08P01", "54000"), self.end


@given(
    data=st.data(),
    stream=st.lists(st.one_of(*[legal] * 12, illegal), max_size=30),
    limit=st.sampled_from([1, 3, 100]),
)
def test_whatever_a_client_sends(data, stream, limit):
    world = World(data, limit)
    for message in stream:
        if world.end is None:
            world.client(message)
        for _ in range(data.draw(st.integers(0, 3))):
            world.step()
        world.check()
    world.settle()
    world.check()


@given(data=st.data(), stream=st.lists(legal, max_size=30), limit=st.sampled_from([1, 3, 100]))
def test_every_sync_and_query_of_a_legal_client_is_answered(data, stream, limit):
    """And the client sees the statuses that PostgreSQL would show: one ReadyForQuery for each, none invented."""
    world = World(data, limit)
    for message in [*stream, wire.SYNC]:
        world.client(message)
        for _ in range(data.draw(st.integers(0, 3))):
            world.step()
    world.settle()
    world.check()
    assert world.end is None
    assert world.session.idle == (world.model.status == "I")
    assert not world.session.waiting
    asked = sum(1 for kind in _kinds(world.model.seen) if kind in "QS")
    answered = [kind for kind in _kinds(world.received) if kind == "Z"]
    assert len(answered) <= asked
    assert [_kinds(world.received)[-1]] == ["Z"]


def _kinds(data: bytes) -> list[str]:
    return [chr(kind) for kind, _, _ in iter_server_frames(data)]


@given(stream=st.lists(legal, max_size=20), fast=st.booleans())
def test_an_allowed_session_shows_what_a_direct_one_shows(stream, fast):
    """Everything allowed, answered at once: the kinds of messages and the SQLSTATEs are PostgreSQL's own."""
    session, behind, direct = Session(bulk_limit=4096, names_limit=100, nonce=lambda: NONCE), Model(), Model()
    through = plain = b""
    for message in [*stream, wire.SYNC]:
        plain += direct.take(message)
        if fast and session.enter(message) is not None:
            answer = behind.take(session.go("t", Guard.NONE, None))
            if session.answered(answer) != NOT_HERE:
                through += answer
                continue
            todo = session.server_data(answer)
        else:
            todo = session.client_data(message)
        while todo:
            action = todo.pop(0)
            if isinstance(action, Judge):
                todo += session.judged(Judgement("t"))
            elif isinstance(action, ToServer):
                todo += session.server_data(behind.take(action.data))
            elif isinstance(action, ToClient):
                through += action.data
    assert _shape(through) == _shape(plain)
    assert behind.ran == direct.ran
    assert behind.status == direct.status


def _shape(data: bytes) -> list[tuple[str, bytes]]:
    """Messages, with the SQLSTATE of an error in place of its text."""
    found = []
    for kind, start, end in iter_server_frames(data):
        body = data[start:end]
        found.append((chr(kind), body[body.index(b"\0C") + 2 :][:5] if kind == ord("E") else body))
    return found


pieces = st.one_of(
    st.integers(0, 9).map(lambda number: wire.parse("", f"SELECT allowed_{number}")),
    st.just(wire.bind("", "") + wire.execute()),
    st.just(wire.bind("", "s3")),  # was never prepared: fails, and what follows is skipped
)
batches = st.lists(pieces, min_size=1, max_size=3).map(lambda batch: b"".join(batch) + wire.SYNC)


@given(data=st.data(), stream=st.lists(batches, min_size=2, max_size=6))
def test_the_unnamed_statement_is_never_taken_for_another(data, stream):
    """Batches sent ahead of their answers, some of which undo what later ones seem to rely on."""
    world = World(data, 100)
    for message in [wire.parse("", "SELECT allowed_first") + wire.SYNC, *stream]:
        world.act(world.session.client_data(message))
        while world.judge is not None:
            world.decide()
        if data.draw(st.integers(0, 3)) == 0:
            world.step()
    world.settle()
    world.check()
    assert world.end is None


def _executed(text: str) -> bytes:
    return wire.parse("", text) + wire.bind("", "") + wire.execute("", 0)


endings = st.sampled_from(
    [
        *(wire.query(text) for text in ("BEGIN", "COMMIT", "ROLLBACK", "SELECT people_write_1", "SELECT zero_1")),
        wire.query("SELECT people_write_2;BEGIN"),
        wire.query("BEGIN;SELECT people_write_3;SELECT zero_2"),
        *(_executed(text) for text in ("BEGIN", "COMMIT", "SELECT people_write_4", "SELECT allowed_1")),
        wire.SYNC,
        wire.SYNC,
    ]
)


@given(data=st.data(), stream=st.lists(endings, min_size=2, max_size=12))
def test_no_word_about_people_comes_when_their_transaction_ends(data, stream):
    """Sent ahead of the answers or after them, by either protocol."""
    world = World(data, 100)
    for message in [*stream, wire.SYNC]:
        world.act(world.session.client_data(message))
        while world.judge is not None:
            world.decide()
        for _ in range(data.draw(st.integers(0, 2))):
            world.step()
    world.settle()
    world.check()
    assert world.end is None
