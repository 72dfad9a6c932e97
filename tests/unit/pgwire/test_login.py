"""Our login at a server, over scripted bytes: what is answered, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from struct import pack

import pytest

from gateway.errors import Reason, UpstreamError
from gateway.pgwire.frames import encode
from gateway.pgwire.login import LoginRefused, ServerLogin
from tests.unit.pgwire.playbook import error, notice, ready, setting

NONCE = "sekisho_0123456789abcdef"
SALT = b"0123456789abcdef"


def _authentication(code: int, body: bytes = b"") -> bytes:
    return encode(b"R", pack("!I", code) + body)


OK = _authentication(0)
SASL = _authentication(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")
GREETING = setting("server_version", "18.4") + encode(b"K", pack("!I", 77) + b"k" * 32) + ready()


def _login(password: str | None = "secret") -> ServerLogin:
    return ServerLogin({"user": "gate", "database": "m"}, password=password, nonce=NONCE)


class Scram:
    """The server's side, written from the RFC."""

    def __init__(self, password: bytes = b"secret", iterations: int = 16) -> None:
        self.salted = hashlib.pbkdf2_hmac("sha256", password, SALT, iterations)
        self.first = f"r={NONCE}server,s={b64encode(SALT).decode()},i={iterations}"

    def final(self, client_final: bytes) -> bytes:
        without, _, proof = client_final.decode().rpartition(",p=")
        signed = f"n=,r={NONCE},{self.first},{without}".encode()
        client_key = hmac.digest(self.salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
        assert bytes(a ^ b for a, b in zip(client_key, signature, strict=True)) == b64decode(proof)
        server_key = hmac.digest(self.salted, b"Server Key", "sha256")
        return b"v=" + b64encode(hmac.digest(server_key, signed, "sha256"))


def _through_scram(login: ServerLogin) -> None:
    scram = Scram()
    sent = login.receive(SASL)
    client_first = f"n,,n=,r={NONCE}".encode()
    assert sent == encode(b"p", b"SCRAM-SHA-256\0" + pack("!I", len(client_first)) + client_first)
    answer = login.receive(_authentication(11, scram.first.encode()))
    assert answer[:1] == b"p"
    assert login.receive(_authentication(12, scram.final(answer[5:]))) == b""


def _refused(login: ServerLogin, data: bytes) -> UpstreamError:
    with pytest.raises(UpstreamError) as caught:
        login.receive(data)
    assert caught.value.reason is Reason.UPSTREAM_UNAVAILABLE
    assert not login.ready
    return caught.value


def test_a_whole_login_with_scram():
    login = _login()
    assert login.start() == pack("!II", 30, 3 << 16) + b"user\0gate\0database\0m\0\0"
    _through_scram(login)
    assert login.receive(OK + notice("hello") + GREETING + b"rest") == b""
    assert login.ready
    assert login.rest() == b"rest"
    assert (login.process_id, login.secret) == (77, b"k" * 32)
    assert login.settings == {"server_version": "18.4"}


def test_a_login_that_is_bound_to_its_tls():
    scram, end_point = Scram(), b"\1" * 32
    login = ServerLogin({"user": "gate"}, password="secret", nonce=NONCE, end_point=end_point, bound=True)
    client_first = f"p=tls-server-end-point,,n=,r={NONCE}".encode()
    sent = login.receive(SASL)
    assert sent == encode(b"p", b"SCRAM-SHA-256-PLUS\0" + pack("!I", len(client_first)) + client_first)
    answer = login.receive(_authentication(11, scram.first.encode()))
    bound = b64encode(b"p=tls-server-end-point,," + end_point)
    assert answer[5:].startswith(b"c=" + bound + b",")
    login.receive(_authentication(12, scram.final(answer[5:])))
    login.receive(OK + ready())
    assert login.ready


ONLY_PLUS = _authentication(10, b"SCRAM-SHA-256-PLUS\0\0")
STRIPPED = _authentication(10, b"SCRAM-SHA-256\0\0")


@pytest.mark.parametrize(
    ("offered", "end_point", "why"),
    [(STRIPPED, b"e" * 32, "does not offer SCRAM-SHA-256-PLUS"), (SASL, None, "its certificate has no end point")],
)
def test_where_binding_is_required_nothing_less_is_spoken(offered, end_point, why):
    login = ServerLogin({"user": "gate"}, password="secret", nonce=NONCE, end_point=end_point, bound=True)
    assert why in _refused(login, offered).detail


def test_where_it_is_preferred_the_server_is_told_that_we_could_have():
    login = ServerLogin({"user": "gate"}, password="secret", nonce=NONCE, end_point=b"e" * 32)
    assert b"SCRAM-SHA-256\0" in (sent := login.receive(STRIPPED))
    assert sent.endswith(f"y,,n=,r={NONCE}".encode())
    login = ServerLogin({"user": "gate"}, password="secret", nonce=NONCE, end_point=b"e" * 32)
    assert b"SCRAM-SHA-256-PLUS\0" in login.receive(ONLY_PLUS)


def test_a_whole_login_without_a_password_byte_by_byte():
    login = _login(None)
    for byte in OK + GREETING:
        assert login.receive(bytes([byte])) == b""
    assert login.ready


def test_a_server_without_cancel_keys_is_tolerated():
    login = _login(None)
    login.receive(OK + ready())
    assert login.ready
    assert login.secret == b""


def test_trust_is_refused_where_a_password_is_set():
    assert "SCRAM expected" in _refused(_login(), OK).detail


def test_ok_before_the_server_proved_itself_is_refused():
    login = _login()
    login.receive(SASL)
    assert "SCRAM expected" in _refused(login, OK).detail
    login = _login()
    login.receive(SASL)
    login.receive(_authentication(11, Scram().first.encode()))
    assert "SCRAM expected" in _refused(login, OK).detail


@pytest.mark.parametrize(
    "asked",
    [
        _authentication(3),
        _authentication(5, b"salt"),
        _authentication(2),
        _authentication(7),
        _authentication(9),
        _authentication(10, b"SCRAM-SHA-256-PLUS\0\0"),
        _authentication(10, b"OAUTHBEARER\0\0"),
        _authentication(10),
        _authentication(99),
        _authentication(0xFFFFFFFF),
    ],
)
def test_any_other_kind_of_login_is_refused(asked):
    """Cleartext (3) and MD5 (5) above all: whoever stands in the server's place could ask."""
    assert "other than SCRAM" in _refused(_login(), asked).detail
    assert "none is configured" in _refused(_login(None), asked).detail


def test_a_signature_that_is_wrong_is_refused():
    login = _login()
    login.receive(SASL)
    login.receive(_authentication(11, Scram().first.encode()))
    assert "signature" in _refused(login, _authentication(12, b"v=" + b64encode(bytes(32)))).detail


@pytest.mark.parametrize("code", [11, 12])
def test_scram_out_of_order_is_refused(code):
    _refused(_login(), _authentication(code, Scram().first.encode()))


def test_scram_asked_for_twice_is_refused():
    login = _login()
    login.receive(SASL)
    _refused(login, SASL)
    login = _login()
    login.receive(SASL)
    login.receive(_authentication(11, Scram().first.encode()))
    _refused(login, _authentication(11, Scram().first.encode()))


def test_the_servers_refusal_keeps_its_words_for_the_log():
    refused = _refused(_login(), error("28P01", 'password authentication failed for user "gate"'))
    assert isinstance(refused, LoginRefused)
    assert refused.sqlstate == "28P01"
    assert "gate" in refused.server_message
    assert "gate" not in refused.detail.replace("gateway", "")


def test_a_refusal_without_sqlstate_or_message():
    """PgBouncer CVE-2026-6666."""
    for body in (b"", b"\0", b"SFATAL\0\0", b"garbage"):
        refused = _refused(_login(), encode(b"E", body))
        assert isinstance(refused, LoginRefused)
        assert (refused.sqlstate, refused.server_message) == ("XX000", "no message")


@pytest.mark.parametrize("early", [setting("a", "b"), encode(b"K", bytes(8)), ready()])
def test_nothing_but_notices_comes_before_authentication(early):
    assert "unexpected" in _refused(_login(None), early).detail


@pytest.mark.parametrize(
    "odd",
    [encode(b"K"), encode(b"K", b"\0\0\0"), OK, _authentication(3), encode(b"D", bytes(2)), encode(b"v", bytes(8))],
)
def test_odd_messages_after_authentication_are_refused(odd):
    login = _login(None)
    login.receive(OK)
    assert "unexpected" in _refused(login, odd).detail


@pytest.mark.parametrize("body", [b"", b"\0", b"\0\0\0"])
def test_an_authentication_request_cut_short_is_refused(body):
    assert "unexpected" in _refused(_login(None), encode(b"R", body)).detail


@pytest.mark.parametrize("length", [0, 3, 65_537, 0xFFFFFFFF])
def test_lengths_out_of_bounds_are_another_protocol(length):
    assert "does not speak" in _refused(_login(), b"R" + pack("!I", length)).detail


def test_a_server_that_never_ends_is_cut_off():
    login = _login(None)
    login.receive(OK)
    assert "too much" in _refused(login, b"N" + pack("!I", 65_000) + b"x" * 66_000).detail
