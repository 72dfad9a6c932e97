"""Frames: cut under a limit per type, however the bytes arrive; nothing is kept by a declared length."""

from __future__ import annotations

from struct import pack

import pytest

from gateway.errors import ClientProtocolError, Reason
from gateway.pgwire.frames import SMALL_MESSAGE_BYTES, FrameReader, cstring, encode
from tests.wire_frames import iter_server_frames


def _refused(data: bytes, *, bulk_limit: int = 1_000_000) -> Reason:
    reader = FrameReader(bulk_limit)
    reader.feed(data)
    with pytest.raises(ClientProtocolError) as caught:
        reader.next_frame()
    assert caught.value.answer.sqlstate == "08P01"
    return caught.value.reason


def test_frames_come_out_whole_however_they_arrive():
    stream = encode(b"Q", b"SELECT 1\0") + encode(b"S") + encode(b"X")
    expected = [(ord("Q"), b"SELECT 1\0"), (ord("S"), b""), (ord("X"), b"")]
    for size in range(1, len(stream) + 1):
        reader, found = FrameReader(100), []
        for at in range(0, len(stream), size):
            reader.feed(stream[at : at + size])
            while (frame := reader.next_frame()) is not None:
                found.append(frame)
        assert found == expected
        assert reader.pending() == 0


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_a_length_shorter_than_itself_is_malformed(length):
    assert _refused(b"Q" + pack("!I", length)) is Reason.MESSAGE_MALFORMED


@pytest.mark.parametrize("kind", list("DECSHXFfcz\x16\xff"))
def test_small_messages_keep_the_servers_own_limit(kind):
    head = kind.encode("latin-1")
    reader = FrameReader(1_000_000)
    reader.feed(head + pack("!I", SMALL_MESSAGE_BYTES))
    assert reader.next_frame() is None
    assert _refused(head + pack("!I", SMALL_MESSAGE_BYTES + 1)) is Reason.MESSAGE_TOO_LARGE


@pytest.mark.parametrize("kind", list("QPBdp"))
@pytest.mark.parametrize("declared", [1_001, 1 << 30, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_bulk_messages_are_bounded_by_the_configured_limit_before_a_byte_of_the_body(kind, declared):
    """pgx CVE-2024-27304 and its kin: a length near 4 GiB wraps around, or is allocated."""
    assert _refused(kind.encode() + pack("!I", declared), bulk_limit=1_000) is Reason.MESSAGE_TOO_LARGE
    reader = FrameReader(1_000)
    reader.feed(kind.encode() + pack("!I", 1_000) + b"x" * 996)
    assert reader.next_frame() == (ord(kind), b"x" * 996)


def test_a_token_longer_than_a_small_message_is_a_password():
    reader = FrameReader(65_536)
    reader.feed(encode(b"p", b"x" * 30_000 + b"\0"))
    assert reader.next_frame() == (ord("p"), b"x" * 30_000 + b"\0")


def test_pending_counts_what_is_not_consumed():
    reader = FrameReader(100)
    reader.feed(encode(b"S") + b"Q\0\0")
    assert reader.pending() == 8
    assert reader.next_frame() == (ord("S"), b"")
    assert reader.pending() == 3
    reader.feed(b"\0\x05\0")
    assert reader.next_frame() == (ord("Q"), b"\0")


def test_a_protocol_string_holds_no_nul():
    assert cstring("関所") == "関所".encode() + b"\0"
    with pytest.raises(ValueError, match="NUL"):
        cstring("a\0b")


def test_complete_frames_of_a_server_are_found_and_an_incomplete_one_is_not():
    data = encode(b"C", b"SELECT 1\0") + encode(b"Z", b"I")
    assert [(k, data[s:e]) for k, s, e in iter_server_frames(data + b"N\0\0\0\x09ab")] == [
        (ord("C"), b"SELECT 1\0"),
        (ord("Z"), b"I"),
    ]
