"""The first bytes of a connection: the CVEs that others had there, and the allow-list of settings."""

from __future__ import annotations

from struct import pack

import pytest

from gateway.errors import AuthenticationError, ClientProtocolError, Reason, SekishoError
from gateway.pgwire.proxy import SIGNATURE
from gateway.pgwire.startup import (
    SSL_REQUEST,
    CancelKey,
    Opening,
    Step,
    cancel_request,
    negotiate_version,
    startup_message,
)

GSSENC_REQUEST = pack("!II", 8, 80877104)


def _startup(body: bytes, *, version: int = 3 << 16) -> bytes:
    return pack("!II", len(body) + 8, version) + body


def _with(*pairs: tuple[str, str], user: str = "li") -> bytes:
    return (
        startup_message({"user": user, "database": "messenger"})[:-1]
        + b"".join(f"{name}\0{value}\0".encode() for name, value in pairs)
        + b"\0"
    )


def _sized(packet: bytes) -> bytes:
    return pack("!I", len(packet)) + packet[4:]


def _opening(*data: bytes, tls: bool = True) -> tuple[Opening, list[Step]]:
    opening, steps = Opening(tls_offered=tls), list[Step]()
    for piece in data:
        opening.feed(piece)
        while (step := opening.step()) is not Step.MORE:
            steps.append(step)
            if step is not Step.REFUSE_ENCRYPTION:
                break
    return opening, steps


def _refused(*data: bytes, tls: bool = True) -> SekishoError:
    with pytest.raises(SekishoError) as caught:
        _opening(*data, tls=tls)
    return caught.value


# ----------------------------------------------------------------------------------------------------------- start-up


def test_a_start_up_message_is_read_byte_by_byte():
    packet = _sized(_with(("application_name", "psql"), ("DateStyle", "ISO")))
    opening, steps = _opening(*[bytes([byte]) for byte in packet])
    assert steps == [Step.STARTED]
    assert opening.request is not None
    assert (opening.request.user, opening.request.database, opening.request.minor) == ("li", "messenger", 0)
    assert opening.request.settings == (("application_name", "psql"), ("datestyle", "ISO"))
    assert not opening.truncated()
    assert not opening.encrypted


@pytest.mark.parametrize("body", [b"user\0li\0\0", b"user\0li\0database\0\0\0"])
def test_no_database_is_the_one_named_like_the_user(body):
    opening, _ = _opening(_startup(body))
    assert opening.request is not None
    assert opening.request.database == "li"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("options", "-c="),  # PgBouncer CVE-2026-107349
        ("options", "-c search_path=evil"),
        ("replication", "true"),
        ("replication", "database"),
        ("role", "postgres"),
        ("session_authorization", "postgres"),
        ("row_security", "off"),
        ("standard_conforming_strings", "off"),
        ("debug_print_rewritten", "on"),
        ("client_min_messages", "debug5"),
        ("Options", "-c x=y"),
        ("_PQ_.x", "y"),
        ("no_such_setting", "1"),
        ("client_encoding", "SJIS"),
        ("client_encoding", ""),
        ("user", "other"),
        ("USER", "other"),
        ("database", "other"),
    ],
)
def test_settings_outside_the_allow_list_and_duplicates_are_refused(name, value):
    refused = _refused(_sized(_with((name, value))))
    assert isinstance(refused, AuthenticationError)
    assert refused.reason is Reason.STARTUP_PARAMETER_REFUSED
    assert refused.answer.sqlstate == "28000"


def test_a_setting_given_twice_in_another_spelling_is_refused():
    refused = _refused(_sized(_with(("TimeZone", "UTC"), ("timezone", "Asia/Tokyo"))))
    assert refused.reason is Reason.STARTUP_PARAMETER_REFUSED


@pytest.mark.parametrize("value", ["UTF8", "utf-8", "'UTF8'", "unicode", "Utf8"])
def test_the_spellings_of_utf8_are_taken_and_not_passed_on(value):
    opening, steps = _opening(_sized(_with(("client_encoding", value))))
    assert steps == [Step.STARTED]
    assert opening.request is not None
    assert opening.request.settings == ()


@pytest.mark.parametrize("body", [b"\0", b"user\0\0\0", b"database\0messenger\0\0"])
def test_no_user_is_refused(body):
    assert _refused(_startup(body)).reason is Reason.STARTUP_PARAMETER_REFUSED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"user",
        b"user\0",
        b"user\0li",
        b"user\0li\0",  # no terminator: the server refuses it, too
        b"user\0li\0database\0\0",
        b"user\0li\0\0database\0other\0\0",  # something behind the terminator
        b"user\0li\0\0x",
        b"\0user\0li\0\0",
        b"user\0li\0\0\0",
        b"user\0\xff\xfe\0\0",
        b"us\xe9r\0li\0\0",
    ],
)
def test_a_packet_of_another_layout_is_malformed(body):
    refused = _refused(_startup(body))
    assert isinstance(refused, ClientProtocolError)
    assert refused.reason is Reason.MESSAGE_MALFORMED
    assert refused.answer.sqlstate == "08P01"


@pytest.mark.parametrize("length", [0, 4, 7, 10_001, 0x16030100, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_length_out_of_bounds_is_malformed_as_soon_as_it_is_there(length):
    assert _refused(pack("!I", length), tls=False).reason is Reason.MESSAGE_MALFORMED


@pytest.mark.parametrize("header", [SIGNATURE, b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"])
@pytest.mark.parametrize("tls", [True, False])
def test_whoever_is_no_edge_says_nothing_of_where_they_stand(header, tls):
    for pieces in ([header], [bytes([byte]) for byte in header], [header[:3], header[3:]]):
        refused = _refused(*pieces, tls=tls)
        assert isinstance(refused, AuthenticationError)
        assert refused.reason is Reason.EDGE_UNTRUSTED


def test_the_longest_packet_is_taken():
    filler = 10_000 - len(_with(("application_name", "")))
    opening, steps = _opening(_sized(_with(("application_name", "x" * filler))))
    assert steps == [Step.STARTED]
    assert opening.request is not None
    assert _refused(_sized(_with(("application_name", "x" * (filler + 1))))).reason is Reason.MESSAGE_MALFORMED


def test_a_second_start_up_message_is_refused():
    """PgBouncer CVE-2026-107350: logging in as somebody else during authentication."""
    packet = _sized(_with())
    assert _refused(packet + packet).reason is Reason.MESSAGE_REFUSED
    opening, _ = _opening(packet)
    opening.feed(packet)
    with pytest.raises(ClientProtocolError) as caught:
        opening.step()
    assert caught.value.reason is Reason.MESSAGE_REFUSED


def test_data_behind_the_start_up_message_is_refused():
    assert _refused(_sized(_with()) + b"Q").reason is Reason.MESSAGE_REFUSED


def test_a_packet_cut_short_is_noticed():
    opening, steps = _opening(_sized(_with())[:-1])
    assert steps == []
    assert opening.truncated()
    assert not Opening(tls_offered=True).truncated()


# ------------------------------------------------------------------------------------------------------------ versions


@pytest.mark.parametrize(("version", "minor"), [(0x30000, 0), (0x30002, 2), (0x30009, 9)])
def test_minor_versions_and_unknown_options_are_negotiated_not_refused(version, minor):
    packet = pack("!II", 0, version) + _with(("_pq_.a", "1"), ("_pq_.b", ""))[8:]
    opening, steps = _opening(_sized(packet))
    assert steps == [Step.STARTED]
    assert opening.request is not None
    assert (opening.request.minor, opening.request.unknown_options) == (minor, ("_pq_.a", "_pq_.b"))


@pytest.mark.parametrize(("minor", "spoken"), [(0, 0), (1, 0), (2, 2), (3, 2), (9999, 2)])
def test_what_is_spoken_is_said_where_it_is_not_what_was_asked_for(minor, spoken):
    opening, _ = _opening(_sized(pack("!II", 0, 3 << 16 | minor) + _with()[8:]))
    assert opening.request is not None
    assert opening.request.spoken == spoken
    assert opening.request.negotiated == (b"" if spoken == minor else negotiate_version(spoken, ()))


def test_the_answer_lists_what_we_do_not_speak():
    assert negotiate_version(0, ("_pq_.a",)) == b"v" + pack("!III", 19, 0x30000, 1) + b"_pq_.a\0"


@pytest.mark.parametrize("version", [0, 2 << 16, 4 << 16, 1234 << 16, 80877105])
def test_another_major_version_is_refused(version):
    refused = _refused(_startup(b"user\0li\0\0", version=version))
    assert refused.reason is Reason.PROTOCOL_VERSION_REFUSED
    assert refused.answer.sqlstate == "0A000"


# ---------------------------------------------------------------------------------------------------------- encryption


def test_encryption_is_asked_for_in_the_order_libpq_does():
    opening, steps = _opening(GSSENC_REQUEST, SSL_REQUEST)
    assert steps == [Step.REFUSE_ENCRYPTION, Step.START_TLS]
    assert opening.encrypted
    opening.feed(_sized(_with()))
    assert opening.step() is Step.STARTED
    assert opening.encrypted


def test_without_tls_both_are_refused_and_the_clear_goes_on():
    opening, steps = _opening(GSSENC_REQUEST, SSL_REQUEST, _sized(_with()), tls=False)
    assert steps == [Step.REFUSE_ENCRYPTION, Step.REFUSE_ENCRYPTION, Step.STARTED]
    assert not opening.encrypted


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize("asked", [SSL_REQUEST, GSSENC_REQUEST])
@pytest.mark.parametrize("behind", [b"x", SSL_REQUEST, _sized(_with())])
def test_bytes_sent_together_with_a_request_for_encryption_are_refused(asked, behind, tls):
    """CVE-2021-23214, CVE-2021-23222, PgBouncer CVE-2021-3935."""
    refused = _refused(asked + behind, tls=tls)
    assert refused.reason is Reason.MESSAGE_MALFORMED
    assert refused.answer.sqlstate == "08P01"


@pytest.mark.parametrize("tls", [True, False])
@pytest.mark.parametrize(
    "requests",
    [
        (SSL_REQUEST, SSL_REQUEST),
        (SSL_REQUEST, GSSENC_REQUEST),
        (GSSENC_REQUEST, GSSENC_REQUEST),
        (GSSENC_REQUEST, SSL_REQUEST, SSL_REQUEST),
        (GSSENC_REQUEST, SSL_REQUEST, GSSENC_REQUEST),
    ],
)
def test_encryption_is_asked_for_once_each_and_never_again_after_tls(requests, tls):
    assert _refused(*requests, tls=tls).reason is Reason.MESSAGE_REFUSED


def test_a_request_for_encryption_has_no_body():
    assert _refused(_startup(b"x", version=80877103)).reason is Reason.MESSAGE_REFUSED


HELLO = b"\x16\x03\x01\x02\x00\x01"


@pytest.mark.parametrize("size", range(1, len(HELLO) + 1))
def test_tls_may_begin_with_the_first_byte_where_it_is_offered(size):
    opening, steps = _opening(HELLO[:size])
    assert (steps, opening.encrypted, opening.take()) == ([Step.START_DIRECT_TLS], True, HELLO[:size])
    assert not opening.truncated()
    opening.feed(SSL_REQUEST)  # under TLS
    with pytest.raises(ClientProtocolError) as caught:
        opening.step()
    assert caught.value.reason is Reason.MESSAGE_REFUSED


@pytest.mark.parametrize("before", [b"", GSSENC_REQUEST, SSL_REQUEST])
def test_tls_begins_nowhere_else_and_not_where_none_is_offered(before):
    tls = before == GSSENC_REQUEST
    assert _refused(*([before] if before else []), HELLO, tls=tls).reason is Reason.MESSAGE_MALFORMED


# -------------------------------------------------------------------------------------------------------------- cancel


@pytest.mark.parametrize("secret", [b"key!", b"k" * 32, b"k" * 256])
def test_a_cancel_request_carries_its_key(secret):
    opening, steps = _opening(cancel_request(77, secret))
    assert steps == [Step.CANCEL]
    assert opening.cancel_key == CancelKey(process_id=77, secret=secret)
    assert opening.request is None


def test_a_cancel_request_may_come_after_tls_or_in_the_clear():
    _, steps = _opening(SSL_REQUEST, cancel_request(7, b"key!"))
    assert steps == [Step.START_TLS, Step.CANCEL]


@pytest.mark.parametrize("packet", [cancel_request(7, b""), cancel_request(7, b"key"), cancel_request(7, b"k" * 257)])
def test_a_key_of_an_impossible_length_is_malformed(packet):
    assert _refused(packet).reason is Reason.MESSAGE_MALFORMED


def test_a_cancel_request_comes_alone():
    assert _refused(cancel_request(7, b"key!") + b"x").reason is Reason.MESSAGE_MALFORMED
    assert _refused(_sized(_with()), cancel_request(7, b"key!")).reason is Reason.MESSAGE_MALFORMED


def test_messages_of_our_own_hold_no_nul():
    with pytest.raises(ValueError, match="NUL"):
        startup_message({"user": "a\0database\0b"})


def test_a_search_path_is_kept_apart_from_the_settings_that_are_passed_on():
    """Whether it is accepted is for configuration to say."""
    opening, _ = _opening(_sized(_with(("Search_Path", "app, public"), ("timezone", "UTC"))))
    assert opening.request is not None
    assert (opening.request.search_path, opening.request.settings) == ("app, public", (("timezone", "UTC"),))
