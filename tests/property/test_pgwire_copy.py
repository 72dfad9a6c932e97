"""COPY through `gateway.pgwire.session`, against a model of PostgreSQL: random clients, random verdicts and chunks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.pgwire.actions import Close, Completed, Judge, Judgement, ToClient, ToServer
from gateway.pgwire.frames import encode
from gateway.pgwire.session import Session
from tests.property import test_pgwire_session as plain
from tests.property.test_pgwire_session import NONCE, Model, World
from tests.unit.pgwire import playbook as wire

DONE = encode(b"c")
FORMATS = b"\0\0\1\0\0"


def piece(data: bytes) -> bytes:
    return encode(b"d", data)


class CopyModel(Model):
    """PostgreSQL with COPY: what it reads among the data, and what it sends."""

    def __init__(self) -> None:
        super().__init__()
        self.copying = ""  # "Q" or "E": the message that began it
        self.taken: list[bytes] = []

    def _message(self, kind: str, body: bytes) -> bool:
        if not self.copying:
            return kind in "dcf" or super()._message(kind, body)
        match kind:
            case "d":
                self.taken.append(body)
            case "c":
                self.out += wire.complete(f"COPY {len(self.taken)}")
                self._over()
            case "f":
                self.out += wire.error("57014", "COPY from stdin failed")
                self._broken()
                self.skipping = self.copying == "E"
                self._over()
                return True
            case "H" | "S":
                return False
            case "X":
                pass
            case _:
                raise AssertionError(f"{kind} reached the server among COPY data: it would end the connection")
        return False

    def _over(self) -> None:
        if self.copying == "Q":
            if self.status == "I":
                self._end("I")
            self.out += wire.ready(self.status)
        self.copying = ""

    def _query(self, text: str) -> None:
        super()._query(text)
        if self.copying:  # what was said after the text is said when the data have come
            self.out = self.out[: -len(wire.ready())]

    def _run(self, text: str, portal: tuple[str, int, int] | None) -> bool:
        if text.startswith("COPY in"):
            self.ran.append(text)
            self.copying, self.taken = ("Q" if portal is None else "E"), []
            self.out += encode(b"G", FORMATS)
            return True
        if text.startswith("COPY out"):
            self.ran.append(text)
            rows = [piece(b"head"), piece(b"1"), piece(b"2")]
            self.out += encode(b"H", FORMATS) + b"".join(rows) + DONE + wire.complete("COPY 2")
            return True
        return super()._run(text, portal)

    def take(self, data: bytes) -> bytes:
        sent = super().take(data)
        if self.copying or data.endswith(DONE):  # BeginCopy flushes, and so does the end of a Query
            sent, self.out = sent + self.out, b""
        return sent


plain_sound = plain.sound
numbers = st.integers(0, 9)
texts = st.one_of(
    numbers.map("SELECT allowed_{}".format),
    numbers.map("COPY in_allowed_{}".format),
    numbers.map("COPY in_allowed_{}".format),
    numbers.map("COPY out_allowed_{}".format),
    numbers.map("COPY in_denied_{}".format),
    numbers.map("COPY out_denied_{}".format),
    st.sampled_from(["BEGIN", "COMMIT"]),
)
anything = st.one_of(
    texts.map(wire.query),
    st.builds(wire.parse, st.sampled_from(["", "s1"]), texts),
    st.builds(wire.bind, st.just(""), st.sampled_from(["", "s1"])),
    st.just(wire.execute()),
    st.just(wire.SYNC),
    st.just(wire.FLUSH),
    st.binary(max_size=5).map(piece),
    st.just(DONE),
    st.just(encode(b"f", b"why\0")),
)
data_of_a_copy = st.builds(
    lambda parts, end: b"".join(parts) + end,
    st.lists(st.one_of(st.binary(max_size=5).map(piece), st.just(wire.SYNC), st.just(wire.FLUSH)), max_size=4),
    st.sampled_from([DONE, encode(b"f", b"why\0")]),
)


def polite(text: str, extended: bool, ahead: bool, rest: bytes) -> list[bytes]:
    """A client that copies as libpq does: a Sync may go ahead of the data, another one follows them."""
    if not extended:
        return [wire.query(text), rest]
    begin = wire.parse("", text) + wire.bind("", "") + wire.execute()
    return [begin + (wire.SYNC if ahead else wire.FLUSH), rest + wire.SYNC]


politely = st.lists(
    st.one_of(
        st.builds(polite, numbers.map("COPY in_{}".format), st.booleans(), st.booleans(), data_of_a_copy),
        st.builds(polite, numbers.map("COPY out_{}".format), st.booleans(), st.just(True), st.just(b"")),
        st.builds(polite, numbers.map("SELECT {}".format), st.booleans(), st.just(True), st.just(b"")),
    ),
    max_size=6,
)


def sound(text: str) -> bool:
    return text.startswith("COPY") or plain_sound(text)


@given(data=st.data(), stream=st.lists(anything, max_size=25))
def test_no_message_but_copy_data_gets_between_copy_data(data, stream):
    plain.sound = sound
    try:
        world = World(data, 100)
        world.model = CopyModel()
        for message in stream:
            if world.end is None:
                world.client(message)
            for _ in range(data.draw(st.integers(0, 3))):
                world.step()
            world.check()
        world.settle()
        world.check()
        assert world.end is None or isinstance(world.end, Close)
    finally:
        plain.sound = plain_sound


@given(stream=politely)
def test_a_client_that_copies_sees_what_it_sees_without_a_gateway(stream):
    plain.sound = sound
    try:
        session, behind, direct = (
            Session(bulk_limit=4096, names_limit=100, nonce=lambda: NONCE),
            CopyModel(),
            CopyModel(),
        )
        through = straight = b""
        copied: list[list[bytes]] = [[], []]
        for message in [one for each in stream for one in each]:
            straight += direct.take(message)
            copied[0] += direct.taken
            todo = session.client_data(message)
            while todo:
                action = todo.pop(0)
                if isinstance(action, Judge):
                    todo += session.judged(Judgement("t"))
                elif isinstance(action, ToServer):
                    todo += session.server_data(behind.take(action.data))
                elif isinstance(action, ToClient):
                    through += action.data
                else:
                    assert isinstance(action, Completed)
            copied[1] += behind.taken
        assert plain._shape(through) == plain._shape(straight)
        assert copied[0] == copied[1]
        assert behind.ran == direct.ran
        assert session.idle == (behind.status == "I")
    finally:
        plain.sound = plain_sound
