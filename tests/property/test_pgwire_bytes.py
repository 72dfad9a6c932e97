"""Random bytes at every parser of `gateway.pgwire`: refused with a reason, never an exception of another kind."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import AuthenticationError, ClientProtocolError, Reason, UpstreamError
from gateway.pgwire import messages
from gateway.pgwire.actions import Action, Close, Judge, Judgement
from gateway.pgwire.frames import encode
from gateway.pgwire.login import ServerLogin
from gateway.pgwire.proxy import SIGNATURE, read_header
from gateway.pgwire.scram import ScramClient
from gateway.pgwire.session import READ_AHEAD_BYTES, Session
from gateway.pgwire.startup import Opening, Step
from tests.unit.pgwire import playbook as wire

WIRE_REASONS = {Reason.MESSAGE_MALFORMED, Reason.MESSAGE_REFUSED, Reason.MESSAGE_TOO_LARGE}
SERVER_REASONS = WIRE_REASONS | {Reason.PINNED_SETTING_CHANGED}
SOUND = [
    wire.query("SELECT 1"),
    wire.parse("s", "SELECT $1", 23),
    wire.bind("p", "s", b"1", None),
    wire.describe("S", "s"),
    wire.execute("p", 1),
    wire.close("P", "p"),
    wire.SYNC,
    wire.FLUSH,
    wire.PARSED,
    wire.BOUND,
    wire.COLUMNS,
    wire.row(),
    wire.complete("SELECT 1"),
    wire.error("42601", "gw_1"),
    wire.notice("n"),
    wire.setting("client_encoding", "UTF8"),
    wire.ready(),
]


def _mutated(random_: random.Random) -> bytes:
    """A stream of sound messages with some bytes changed, dropped or inserted; now and then plain noise."""
    if random_.random() < 0.2:
        return random_.randbytes(random_.randrange(1, 200))
    stream = bytearray(b"".join(random_.choices(SOUND, k=random_.randrange(1, 8))))
    for _ in range(random_.randrange(0, 4)):
        at = random_.randrange(len(stream))
        match random_.randrange(3):
            case 0:
                stream[at] = random_.randrange(256)
            case 1:
                del stream[at]
            case _:
                stream.insert(at, random_.randrange(256))
        if not stream:
            break
    return bytes(stream)


def _ends(actions: list[Action]) -> list[Reason]:
    return [action.reason for action in actions if isinstance(action, Close)]


@pytest.mark.parametrize("seed", range(20))
def test_two_thousand_byte_streams_never_raise(seed):
    random_ = random.Random(seed)
    for _ in range(100):
        session = Session(bulk_limit=4096, names_limit=5, nonce=lambda: "gw")
        for _ in range(random_.randrange(1, 6)):
            data = _mutated(random_)
            if random_.random() < 0.5:
                actions = session.client_data(data)
                assert set(_ends(actions)) <= WIRE_REASONS
            else:
                actions = session.server_data(data)
                assert set(_ends(actions)) <= SERVER_REASONS | WIRE_REASONS
            while actions and isinstance(actions[-1], Judge):
                instead = wire.DENIED if random_.random() < 0.3 else None
                actions = session.judged(Judgement("t", instead))
            assert session._reader.pending() <= 4096 + READ_AHEAD_BYTES


@given(data=st.binary(max_size=300), tls=st.booleans())
@settings(max_examples=300)
def test_the_opening_says_what_is_wrong(data, tls):
    opening, sqlstate = Opening(tls_offered=tls), "08P01"
    try:
        for byte in data:
            opening.feed(bytes([byte]))
            while opening.step() is Step.REFUSE_ENCRYPTION:
                pass
    except (ClientProtocolError, AuthenticationError) as error:
        sqlstate = error.answer.sqlstate
    assert sqlstate in ("08P01", "28000", "0A000")


@given(tail=st.binary(max_size=80), signed=st.booleans())
def test_a_proxy_header_is_read_or_refused(tail, signed):
    data = (SIGNATURE if signed else b"") + tail
    refused = header = None
    try:
        header = read_header(data)
    except ClientProtocolError as error:
        refused = error.reason
    assert refused in (None, Reason.MESSAGE_MALFORMED)
    assert header is None or header.size <= len(data)


@given(
    stream=st.lists(st.tuples(st.sampled_from([b"R", b"S", b"K", b"Z", b"E", b"N", b"x"]), st.binary(max_size=60))),
    password=st.sampled_from([None, "secret"]),
)
def test_a_login_ends_ready_or_refused(stream, password):
    login = ServerLogin({"user": "u"}, password=password, nonce="abc")
    refused = None
    try:
        login.receive(b"".join(encode(kind, body) for kind, body in stream))
    except UpstreamError as error:
        refused = error.reason
    assert refused in (None, Reason.UPSTREAM_UNAVAILABLE)
    assert not (login.ready and password)


@example(server_first=b"", server_final=b"v=")
@given(server_first=st.binary(max_size=120), server_final=st.binary(max_size=60))
def test_scram_never_believes_noise(server_first, server_final):
    client = ScramClient("secret", "abc")
    client.first()
    for call, data in ((client.final, server_first), (client.verify, server_final)):
        with pytest.raises(UpstreamError):
            call(data)


@given(body=st.binary(max_size=120))
def test_decoders_refuse_or_give_back_what_encodes_to_the_same(body):
    def back(decode, encoded) -> None:
        try:
            found = decode(body)
        except ClientProtocolError:
            return
        assert encoded(found)[5:] == body

    back(messages.decode_query, messages.encode_query)
    back(messages.decode_parse, lambda p: messages.encode_parse(p.name, p.query, p.types))
    back(messages.decode_bind, lambda b: messages.encode_bind(b.portal, b.statement, b.rest))
    back(messages.decode_execute, lambda e: messages.encode_execute(*e))
    back(messages.decode_target, lambda t: messages.encode_target(b"D", *t))


@given(body=st.binary(max_size=120))
def test_fields_of_a_server_never_raise(body):
    fields = messages.decode_fields(body)
    assert messages.encode_fields(b"E", fields)[:1] == b"E"


def _rows_as_read(tag: bytes) -> int:
    """What the tag says, in words of the specification: its last word, where that is a number."""
    last = tag.rstrip(b"\0").rpartition(b" ")[2]
    return int(last) if last.isdigit() and len(last) < 20 and not tag.startswith(b"MOVE ") else 0


@given(st.one_of(st.binary(max_size=40), st.from_regex(rb"[A-Z]{0,6}( [0-9]{0,21}){0,2}\0?", fullmatch=True)))
@example(b"SELECT 18446744073709551615\0")
@example(b"MOVE 3\0")
@example(b"7\0")
@example(b"SELECT5\0")
def test_rows_of_a_tag(tag: bytes) -> None:
    assert messages.rows_of_tag(tag) == _rows_as_read(tag)


def _bind_is_whole(data: bytes, rest: int, end: int) -> bool:
    """The same by struct, from the documentation of Bind."""
    try:
        (formats,) = struct.unpack_from("!H", data, rest)
        at = rest + 2 + 2 * formats
        (values,) = struct.unpack_from("!H", data, at)
        at += 2
        for _ in range(values):
            (length,) = struct.unpack_from("!i", data, at)
            at += 4 + (0 if length == -1 else length % 2**32)
            if at > end:
                return False
        (results,) = struct.unpack_from("!H", data, at)
    except struct.error:
        return False
    return bool(at + 2 + 2 * results == end)


@given(
    st.lists(st.sampled_from((0, 1)), max_size=3),
    st.lists(st.none() | st.binary(max_size=6), max_size=3),
    st.lists(st.sampled_from((0, 1)), max_size=3),
    st.binary(max_size=8),
    st.none() | st.tuples(st.integers(0, 40), st.integers(0, 255)),
    st.integers(-3, 3),
)
def test_the_shape_of_bind(
    formats: list[int],
    values: list[bytes | None],
    results: list[int],
    behind: bytes,
    changed: tuple[int, int] | None,
    off: int,
) -> None:
    parts = [struct.pack(f"!H{len(formats)}H", len(formats), *formats), struct.pack("!H", len(values))]
    parts += [struct.pack("!i", -1) if one is None else struct.pack("!i", len(one)) + one for one in values]
    sound = b"p\0s\0" + b"".join(parts) + struct.pack(f"!H{len(results)}H", len(results), *results)
    messages.check_bind(sound + behind, 4, len(sound))
    data, end = bytearray(sound + behind), max(4, len(sound) + off)
    if changed is not None and 4 + changed[0] < len(data):
        data[4 + changed[0]] = changed[1]
    if _bind_is_whole(bytes(data), 4, end):
        messages.check_bind(bytes(data), 4, end)
    else:
        with pytest.raises(ClientProtocolError) as refused:
            messages.check_bind(bytes(data), 4, end)
        assert refused.value.reason is Reason.MESSAGE_MALFORMED
