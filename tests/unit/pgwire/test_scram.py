"""SCRAM-SHA-256: the vector of RFC 7677, and a server that cheats at each step."""

from __future__ import annotations

import hashlib
from base64 import b64encode

import pytest

from gateway.errors import Reason, UpstreamError
from gateway.pgwire.scram import (
    MAX_ITERATIONS,
    MAX_SALT_BYTES,
    MECHANISM,
    MECHANISM_PLUS,
    Salted,
    ScramClient,
    prepare_password,
)

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def _client() -> ScramClient:
    client = ScramClient("pencil", NONCE)
    client._first_bare = f"n=user,r={NONCE}"  # the vector names a user; PostgreSQL takes it from the start-up packet
    assert client.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    return client


def _refused(call, *arguments) -> str:
    with pytest.raises(UpstreamError) as caught:
        call(*arguments)
    assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE
    assert caught.value.answer.sqlstate == "58000"
    return caught.value.detail


def test_the_vector_of_rfc_7677():
    client = _client()
    assert client.final(SERVER_FIRST) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    client.verify(SERVER_FINAL)


@pytest.mark.parametrize(
    ("end_point", "mechanism", "header", "bound"),
    [
        (None, MECHANISM, b"n,,", b"n,,"),
        (b"\1" * 32, MECHANISM, b"y,,", b"y,,"),  # we could have: the server knows whether it offered
        (b"\1" * 32, MECHANISM_PLUS, b"p=tls-server-end-point,,", b"p=tls-server-end-point,," + b"\1" * 32),
    ],
)
def test_what_is_bound_is_said_first_and_signed(end_point, mechanism, header, bound):
    client = ScramClient("pencil", NONCE, end_point)
    assert client.first(mechanism) == header + b"n=,r=" + NONCE.encode()
    assert client.final(SERVER_FIRST).startswith(b"c=" + b64encode(bound) + b",r=")


def test_nothing_is_bound_to_nothing():
    assert "no certificate" in _refused(ScramClient("pencil", NONCE).first, MECHANISM_PLUS)


def test_it_is_known_when_the_server_may_make_us_hash():
    client = ScramClient("pencil", NONCE)
    seen = [client.hashing]
    client.first()
    seen.append(client.hashing)
    client.final(SERVER_FIRST)
    assert [*seen, client.hashing] == [False, True, False]


def test_an_extension_after_the_iteration_count_is_signed_and_ignored():
    client = _client()
    client.final(SERVER_FIRST + b",x=later")
    _refused(client.verify, SERVER_FINAL)  # the signature covers the extension: it is another one


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"r=",
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        SERVER_FIRST.replace(b"rOprN", b"xOprN"),  # does not extend ours
        b"r=" + NONCE.encode() + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",  # adds nothing of its own
        SERVER_FIRST.replace(b"i=4096", b"i=0"),
        SERVER_FIRST.replace(b"i=4096", b"i=-1"),
        SERVER_FIRST.replace(b"i=4096", b"i=4096x"),
        SERVER_FIRST.replace(b"i=4096", b"i=%d" % (MAX_ITERATIONS + 1)),
        SERVER_FIRST.replace(b"i=4096", b"i=" + b"9" * 5000),
        SERVER_FIRST.replace(b",i=4096", b""),
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s="),
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=***"),
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=AAA"),
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=" + b64encode(bytes(MAX_SALT_BYTES + 1))),
        b"m=mandatory," + SERVER_FIRST,
        SERVER_FIRST + b",r=" + NONCE.encode() + b"other\0",
        b"e=other-error",
        SERVER_FIRST + "é".encode(),
        SERVER_FIRST.replace(b"%", b"\0"),
        b"\xff\xfe",
    ],
)
def test_a_server_first_message_that_is_not_as_the_rfc_says(first):
    _refused(_client().final, first)


@pytest.mark.parametrize(
    "final",
    [
        b"",
        b"v=",
        b"v=AAAA",
        SERVER_FINAL[:-4],
        SERVER_FINAL.replace(b"6rri", b"7rri"),
        b"e=invalid-proof",
        b"x=1," + SERVER_FINAL,
        b"v=\xff",
        b"v=*",
    ],
)
def test_a_server_that_cannot_prove_itself(final):
    client = _client()
    client.final(SERVER_FIRST)
    _refused(client.verify, final)


def test_each_message_is_written_once_and_in_order():
    """A server that could ask again would choose how long we hash."""
    fresh = ScramClient("pencil", NONCE)
    _refused(fresh.verify, SERVER_FINAL)
    _refused(fresh.verify, b"v=")
    _refused(fresh.final, SERVER_FIRST)
    client = _client()
    _refused(client.first)
    client.final(SERVER_FIRST)
    _refused(client.final, SERVER_FIRST)
    client.verify(SERVER_FINAL)
    _refused(client.verify, SERVER_FINAL)


@pytest.mark.parametrize(
    ("password", "prepared"),
    [
        ("pencil", "pencil"),
        ("I\u00adX", "IX"),  # RFC 4013, section 3
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("ｐａｓｓ", "pass"),
        ("関所", "関所"),
        ("\u0007", "\u0007"),  # prohibited: as it is, like PostgreSQL
        ("\u0627\u0031", "\u0627\u0031"),  # mixed directions: as it is
        ("\u0627\u0031\u0628", "\u0627\u0031\u0628"),
        ("\u00ad", "\u00ad"),  # nothing would be left
    ],
)
def test_passwords_are_prepared_as_postgresql_does(password, prepared):
    assert prepare_password(password) == prepared


def test_the_rounds_are_done_once_for_a_password_and_a_salt(monkeypatch):
    rounds: list[tuple[bytes, bytes, int]] = []

    def counted(name: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        rounds.append((password, salt, iterations))
        return hashlib.new(name, password + salt).digest()

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    salted, asked = Salted(), [(b"p", b"s", 1), (b"p", b"t", 1), (b"q", b"t", 1), (b"q", b"t", 2)]
    for one in asked:
        assert salted(*one) == salted(*one)
    assert rounds == asked
