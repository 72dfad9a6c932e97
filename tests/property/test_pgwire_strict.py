"""Random clients of a strict session against a model of PostgreSQL whose views an administrator replaces at any moment.

The model is that of ``test_pgwire_session``, and says the tree of whatever it analyses. A text means something else in
each *version* of the catalogs; odd ones are those that show telephone numbers, and no judge allows them. Unlike a real
server the model takes no locks, so that what a statement means may change between the question about it and its run.
"""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PolicyUnavailable, Reason
from gateway.pgwire.actions import Action, Analysed, Close, Completed, Judge, Judgement, Leave, ToClient, ToServer
from gateway.pgwire.frames import encode
from gateway.pgwire.session import Session
from tests.property.test_pgwire_session import DENIED, NONCE, Model, legal, sound
from tests.property.test_pgwire_session import _shape as shape
from tests.unit.pgwire import playbook as wire
from tests.wire_frames import iter_server_frames

UTILITY = "utility"
ROW = wire.row(b"42")


def said(tree: str) -> bytes:
    fields = (b"SLOG", b"VLOG", b"C00000", b"Mrewritten parse tree:", b"D" + tree.encode(), b"Relog_node_display")
    return encode(b"N", b"\0".join(fields) + b"\0\0")


def odd(tree: str) -> bool:
    return tree != UTILITY and int(tree.rpartition("#")[2]) % 2 == 1


class TalkingModel(Model):
    """Says trees: at Parse, in a Query, and again at Bind and Describe where the meaning has changed."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.meant: dict[str, str] = {}  # of statements
        self.planned: dict[str, str] = {}  # of portals

    def tree(self, text: str) -> str:
        return f"{text}#{self.version}" if text.startswith("SELECT") else UTILITY

    def _parse(self, name: str, text: str) -> bool:
        before = self.out
        failed = super()._parse(name, text)
        if not failed:
            self.meant[name] = self.tree(text)
            self.out = before + said(self.meant[name]) + self.out[len(before) :]
        return failed

    def _again(self, name: str) -> None:
        text = self.statements.get(name)
        if text is not None and self.meant[name] != self.tree(text) and not self._aborted(text):
            self.meant[name] = self.tree(text)
            self.out += said(self.meant[name])

    def _bind(self, portal: str, statement: str) -> bool:
        self._again(statement)
        failed = super()._bind(portal, statement)
        if not failed:
            self.planned[portal] = self.meant[statement]
        return failed

    def _describe(self, target: str, name: str) -> bool:
        if target == "S":
            self._again(name)
        return super()._describe(target, name)

    def _run(self, text: str, portal: tuple[str, int, int] | None) -> bool:
        tree = self.tree(text) if portal is None else self.planned[portal[0]]
        if portal is None:
            self.out += said(tree)
        before = self.out
        went = super()._run(text, portal)
        self.out = before + self.out[len(before) :].replace(ROW, wire.row(tree.encode()))
        return went


class Approver:
    """A ticket is the set of trees that were judged."""

    def same(self, ticket: object, tree: str) -> bool:
        return isinstance(ticket, frozenset) and tree in ticket

    covers = same


class StrictWorld:
    """A client, the session, the door and the model; whoever moves next is drawn."""

    def __init__(self, data: st.DataObject | None) -> None:
        self.data = data
        self.session = Session(
            bulk_limit=4096, names_limit=100, nonce=lambda: NONCE, approver=Approver(), tree_bytes=1000
        )
        self.model = TalkingModel()
        self.to_server: deque[bytes] = deque()
        self.to_client: deque[bytes] = deque()
        self.received = b""
        self.judge: Judge | None = None
        self.to_ask: list[str] | None = None  # None: not begun
        self.trees: set[str] = set()
        self.asking = self.failed = False
        self.end: Close | Leave | None = None

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case ToServer():
                    assert self.judge is None or self.asking, "bytes went on behind a judgement that is awaited"
                    self.to_server.append(action.data)
                case ToClient():
                    self.received += action.data
                case Judge():
                    self.judge, self.to_ask, self.trees, self.failed = action, None, set(), False
                case Analysed():
                    assert not action.too_large
                    self.asking, self.failed = False, action.complaint is not None
                    self.trees |= set(action.trees)
                case Close() | Leave():
                    self.end = action
                case Completed():
                    assert isinstance(action.ticket, frozenset)

    def decide(self) -> None:
        """One step of the door: a question, or the judgement."""
        judge = self.judge
        assert judge is not None
        if self.to_ask is None:
            if isinstance(judge.ticket, frozenset) and (self.data is None or self.data.draw(st.booleans())):
                return self._judged(Judgement(judge.ticket))
            parts = judge.text.split(";") if sound(judge.text) else [judge.text]
            self.to_ask = [one for one in parts if one.startswith("SELECT") or not sound(one)]
        if self.to_ask and not self.failed:
            text = self.to_ask.pop(0)
            self.asking = True
            self.act(self.session.ask(text, judge.types))
        elif self.failed or "denied" in judge.text or any(map(odd, self.trees)):
            self._judged(Judgement(None, DENIED))
        else:
            self._judged(Judgement(frozenset(self.trees | {UTILITY})))

    def _judged(self, judgement: Judgement) -> None:
        if self.failed:
            try:
                self.session.ask("SELECT late", ())
            except PolicyUnavailable:
                pass
            else:
                raise AssertionError("the server would not have heard")
        self.judge = None
        self.act(self.session.judged(judgement))

    def serve(self) -> None:
        if answer := self.model.take(self.to_server.popleft()):
            self.to_client.append(answer)

    def answer(self) -> None:
        data = self.to_client.popleft()
        at = self.data.draw(st.integers(0, len(data))) if self.data is not None else 0
        for piece in (data[:at], data[at:]):
            self.act(self.session.server_data(piece))

    def moves(self) -> list[object]:
        found: list[object] = [self.decide] if self.judge is not None and not self.asking else []
        return found + ([self.serve] if self.to_server else []) + ([self.answer] if self.to_client else [])

    def step(self) -> bool:
        moves = self.moves()
        if not moves or self.end is not None:
            return False
        move = self.data.draw(st.sampled_from(moves)) if self.data is not None else moves[0]
        move()  # type: ignore[operator]
        return True

    def check(self) -> None:
        for kind, start, end in iter_server_frames(self.received):
            body = self.received[start:end]
            assert b"elog_node_display" not in body, "a notice that was ours alone"
            if kind == ord("D"):
                assert not odd(body[6:].decode()), "a row of what was never allowed"
                assert b"denied" not in body
            assert NONCE.encode() not in body, "a name of ours"
        assert not any("denied" in text for text in self.model.ran)
        if isinstance(self.end, Close):
            assert self.end.reason is Reason.MEANING_CHANGED, self.end


@given(data=st.data(), stream=st.lists(legal, max_size=25))
def test_no_row_comes_of_what_was_not_judged(data, stream):
    """Whenever the administrator moves."""
    world = StrictWorld(data)
    for message in [*stream, wire.SYNC]:
        if world.end is None:
            world.act(world.session.client_data(message))
        for _ in range(data.draw(st.integers(0, 5))):
            world.model.version += data.draw(st.sampled_from([0, 0, 0, 1]))
            world.step()
        world.check()
    while world.step():
        world.model.version += data.draw(st.sampled_from([0, 0, 0, 0, 1]))
    world.check()


views = st.sampled_from(["SELECT allowed_1", "SELECT allowed_1", "SELECT allowed_2"])
few = st.sampled_from(["s1", ""])
habits = st.one_of(
    st.builds(wire.parse, few, views),
    views.map(wire.query),
    st.builds(lambda name, end: wire.bind("", name) + wire.execute() + end, few, st.sampled_from([wire.SYNC, b""])),
    st.builds(lambda name, end: wire.bind("", name) + wire.execute() + end, few, st.sampled_from([wire.SYNC, b""])),
    st.builds(lambda name: wire.describe("S", name) + wire.bind("p1", name) + wire.execute("p1", 2), few),
    st.just(wire.execute("p1", 1) + wire.SYNC),
    st.just(wire.query("BEGIN")),
    st.just(wire.SYNC),
)


@given(data=st.data(), stream=st.lists(st.tuples(habits, st.integers(0, 2)), min_size=2, max_size=14))
def test_no_row_comes_of_a_prepared_statement_that_means_something_else_by_now(data, stream):
    """Prepared, bound, described and executed again and again while its meaning goes to and fro."""
    world = StrictWorld(data)
    world.act(world.session.client_data(wire.parse("s1", "SELECT allowed_1") + wire.SYNC))
    for message, moved in [*stream, (wire.SYNC, 0)]:
        while world.step():
            pass
        world.model.version += moved
        if world.end is None:
            world.act(world.session.client_data(message))
        for _ in range(data.draw(st.integers(0, 3))):
            world.step()
        world.model.version += data.draw(st.sampled_from([0, 0, 0, 1]))
    while world.step():
        pass
    world.check()


@given(stream=st.lists(legal, max_size=20))
def test_a_strict_session_shows_what_a_direct_one_shows(stream):
    """While nothing changes: the kinds of messages and the SQLSTATEs are PostgreSQL's own, and what runs is the same.

    But that a text of several statements is asked about before any of it runs: it may fail as a whole.
    """
    if any(b";" in message for message in stream):
        return
    world, direct = StrictWorld(None), Model()
    stream = [message.replace(b"denied", b"allows") for message in stream]
    plain = b""
    for message in [*stream, wire.SYNC]:
        plain += direct.take(message)
        world.act(world.session.client_data(message))
        while world.step():
            pass
    assert world.end is None
    seen = [(kind, b"" if kind == "D" else body) for kind, body in shape(world.received)]
    expected = [(kind, b"" if kind == "D" else body) for kind, body in shape(plain)]
    if any(kind == "E" and body == DENIED["C"].encode() for kind, body in seen):
        expected = [(kind, DENIED["C"].encode() if kind == "E" else body) for kind, body in expected]
        seen = [(kind, DENIED["C"].encode() if kind == "E" else body) for kind, body in seen]
    assert seen == expected
    assert world.model.status == direct.status
