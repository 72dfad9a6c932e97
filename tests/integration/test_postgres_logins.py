"""Logins at the postgres door that are refused: with which words, in the record, counted, and nothing forwarded."""

from __future__ import annotations

import base64
import json
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.demo.characters import AUDIENCE, ISSUER, LI, SATO, Character
from gateway.demo.database import Database
from gateway.demo.relay import proxy_header
from gateway.errors import ANSWERS, Reason
from gateway.pgwire.frames import encode
from gateway.pgwire.proxy import SIGNATURE
from gateway.pgwire.startup import startup_message
from tests.houses import House
from tests.integration.postgres_wire import Wire, bystander, events, until

pytestmark = pytest.mark.integration


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "sato",
        "preferred_username": "sato",
        "groups": ["engineer"],
        "iat": now,
        "nbf": now,
        "exp": now + 600,
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def signed(house: House, algorithm: str = "ES256", key: Any = None, **changes: Any) -> str:
    """A token of the house's own issuer, changed."""
    key = key or house.issuer._key
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": house.issuer._key_id})


def segment(document: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def hs256_with_the_public_key(house: House) -> str:
    """The classic: the public key, which everybody has, taken for a shared secret."""
    import hashlib
    import hmac

    public = house.issuer._key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    head = f"{segment({'alg': 'HS256', 'kid': house.issuer._key_id})}.{segment(claims())}"
    mac = base64.urlsafe_b64encode(hmac.digest(public, head.encode(), hashlib.sha256)).rstrip(b"=").decode()
    return f"{head}.{mac}"


@dataclass(frozen=True)
class Refused:
    id: str
    reason: Reason
    token: Callable[[House], str]
    user: str = "sato"
    database: str = "messenger"


CASES = [
    Refused("expired", Reason.TOKEN_EXPIRED, lambda house: house.token(SATO, at=int(time.time()) - 7200, ttl=3600)),
    Refused("not-yet", Reason.TOKEN_NOT_YET_VALID, lambda house: house.token(SATO, at=int(time.time()) + 3600)),
    Refused("foreign-issuer", Reason.TOKEN_ISSUER_UNTRUSTED, lambda house: signed(house, iss="https://evil.example")),
    Refused(
        "alg-none", Reason.TOKEN_ALGORITHM_REFUSED, lambda house: f"{segment({'alg': 'none'})}.{segment(claims())}."
    ),
    Refused("hs256-with-the-public-key", Reason.TOKEN_ALGORITHM_REFUSED, hs256_with_the_public_key),
    Refused(
        "another-key",
        Reason.TOKEN_SIGNATURE_INVALID,
        lambda house: signed(house, key=ec.generate_private_key(ec.SECP256R1())),
    ),
    Refused(
        "unknown-key",
        Reason.TOKEN_KEY_UNKNOWN,
        lambda house: jwt.encode(claims(), house.issuer._key, "ES256", {"kid": "x"}),
    ),
    Refused("wrong-audience", Reason.TOKEN_AUDIENCE_MISMATCH, lambda house: signed(house, aud="another")),
    Refused("no-token", Reason.TOKEN_MISSING, lambda house: ""),
    Refused("not-a-token", Reason.TOKEN_MALFORMED, lambda house: "correct horse battery staple"),
    Refused("half-a-token", Reason.TOKEN_MALFORMED, lambda house: house.token(SATO)[:-41]),  # no length of base64
    Refused("huge", Reason.TOKEN_MALFORMED, lambda house: signed(house, groups=["g" * 20] * 700)),
    Refused("other-user", Reason.USER_MISMATCH, lambda house: house.token(SATO), user="li"),
    Refused("role-of-the-server", Reason.USER_MISMATCH, lambda house: house.token(SATO), user="postgres"),
    Refused("unknown-database", Reason.DATASOURCE_UNKNOWN, lambda house: house.token(SATO), database="template1"),
    Refused("no-group", Reason.PROFILE_NONE, lambda house: signed(house, groups=None)),
    Refused("other-group", Reason.PROFILE_NONE, lambda house: signed(house, groups=["accounting"])),
]


def knock(house: House, port: int, token: str, user: str = "sato", database: str = "messenger") -> dict[str, str]:
    with Wire(port) as wire:
        wire.startup(user, database)
        wire.password(token)
        return wire.fatal()


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_refused_login(house: House, messenger: Database, caplog: pytest.LogCaptureFixture, case: Refused) -> None:
    refused = len(events(house, "login_refused"))
    counted = house.metric("sekisho_logins_total", method="token", result=case.reason)
    with messenger.connect() as admin, bystander(house, LI):
        connected = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'sekisho_engineer'"
        before = admin.execute(connected).fetchone()
        fields = knock(house, house.ports.sites["tokyo-hq"], case.token(house), case.user, case.database)
        assert admin.execute(connected).fetchone() == before
    assert fields["C"] == ANSWERS[case.reason].sqlstate
    assert fields["C"] == ("3D000" if case.reason is Reason.DATASOURCE_UNKNOWN else "28000")
    assert case.reason in fields["H"]
    assert house.metric("sekisho_logins_total", method="token", result=case.reason) == counted + 1
    (entry,) = events(house, "login_refused")[refused:]
    assert entry["reason"] == case.reason
    assert entry["door"] == "postgres"
    assert entry["peer"] == {"address": "127.0.0.1", "site": "tokyo-hq", "via_edge": False}
    told = fields["M"] + fields["H"]
    assert "Traceback" not in caplog.text
    assert not [one for one in caplog.records if one.exc_info]
    for secret in ("eyJ", messenger.socket_directory.name, "sekisho_engineer"):
        assert secret not in told
        assert secret not in json.dumps(entry)


def test_a_driver_shows_the_reason(house: House) -> None:
    parameters = house.parameters(SATO, password=house.token(SATO, at=int(time.time()) - 7200, ttl=60))
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(**parameters)
    assert "token_expired" in str(caught.value)


def test_a_large_token_of_an_ordinary_kind_is_let_in(house: House) -> None:
    """Hundreds of groups make a token of more bytes than the server's limit for small messages."""
    token = signed(house, groups=["engineer", *[f"group-{number:04}" for number in range(700)]])
    assert 12_000 < len(token) < 16_384
    with psycopg.connect(**house.parameters(SATO, password=token)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_password_message_beyond_any_token_is_a_broken_one(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato")
        assert wire.message() is not None
        wire.send(b"p" + struct.pack("!I", 70_000))
        assert wire.fatal()["C"] == "08P01"


@pytest.mark.parametrize(
    ("parameters", "sqlstate", "reason"),
    [
        ({"options": "-c search_path=evil"}, "28000", Reason.STARTUP_PARAMETER_REFUSED),
        ({"options": "-c="}, "28000", Reason.STARTUP_PARAMETER_REFUSED),
        ({"replication": "database"}, "28000", Reason.STARTUP_PARAMETER_REFUSED),
        ({"role": "postgres"}, "28000", Reason.STARTUP_PARAMETER_REFUSED),
        ({"client_encoding": "SJIS"}, "28000", Reason.STARTUP_PARAMETER_REFUSED),
    ],
)
def test_a_refused_startup_parameter(house: House, parameters: dict[str, str], sqlstate: str, reason: Reason) -> None:
    refused = len(events(house, "login_refused"))
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato", **parameters)
        fields = wire.fatal()
    assert (fields["C"], reason in fields["H"]) == (sqlstate, True)
    assert [entry["reason"] for entry in events(house, "login_refused")[refused:]] == [reason]


def test_another_major_version_of_the_protocol(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.send(struct.pack("!II", 8, 4 << 16))
        fields = wire.fatal()
    assert fields["C"] == "0A000"


def test_a_newer_minor_version_and_options_are_negotiated(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        body = struct.pack("!I", 3 << 16 | 2) + b"user\0sato\0database\0messenger\0_pq_.magic\x001\0\0"
        wire.send(struct.pack("!I", len(body) + 4) + body)
        assert wire.message() == (b"v", struct.pack("!II", 3 << 16 | 2, 1) + b"_pq_.magic\0")
        wire.password(house.token(SATO))
        assert wire.until(b"Z", b"E")[-1] == (b"Z", b"I")


def test_what_a_client_says_of_itself_is_only_attribution(house: House) -> None:
    before = len(events(house, "session_open"))
    with house.connect(SATO, application_name="tokyo-hq; jp", options="") as connection:
        assert connection.info.parameter_status("application_name") == "tokyo-hq; jp"
        assert connection.execute("SELECT current_user, session_user").fetchone() == ("sekisho_engineer",) * 2
    (entry,) = events(house, "session_open")[before:]
    assert entry["attribution"]["application_name"] == "tokyo-hq; jp"


def test_the_login_timeout(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"login_timeout_ms": 200}})
    port = house.ports.sites["tokyo-hq"]
    for sent in (b"", startup_message({"user": "sato"})[:10], startup_message({"user": "sato"})):
        with Wire(port) as wire:
            wire.send(sent)
            fields = wire.fatal()
            assert (fields["C"], "login_timeout" in fields["H"]) == ("28000", True)
    assert [entry["reason"] for entry in events(house, "login_refused")] == ["login_timeout"] * 3
    with house.connect(SATO) as connection:  # and the deadline is over for those who are in
        until(lambda: len(events(house, "session_open")) == 1)
        started = time.monotonic()
        until(lambda: time.monotonic() > started + 0.3)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_more_sessions_than_the_limit(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"sessions": 2}})
    port = house.ports.sites["tokyo-hq"]
    with house.connect(SATO), house.connect(LI) as second:
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            house.connect(SATO)
        with Wire(port) as wire:
            wire.startup("sato")
            fields = wire.fatal()
        assert (fields["C"], fields["H"]) == ("53300", "Reason: too_many_sessions")
        # a cancel request is no session: it must come through above all when everything is busy
        second.cancel_safe(timeout=5)
        assert {entry["reason"] for entry in events(house, "login_refused")} == {"too_many_sessions"}
    until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
    with house.connect(SATO) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_many_silent_connections_do_not_lock_others_out_for_ever(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"sessions": 2, "login_timeout_ms": 300}})
    silent = [socket.create_connection(("127.0.0.1", house.ports.edge)) for _ in range(50)]
    try:
        until(lambda: _can(house, SATO))
    finally:
        for one in silent:
            one.close()


def _can(house: House, who: Character) -> bool:
    try:
        house.connect(who).close()
    except psycopg.OperationalError:
        return False
    return True


# ------------------------------------------------------------------------------------------------------- the edge


def test_the_edge_listener_wants_a_proxy_header(house: House) -> None:
    for first in (
        startup_message({"user": "sato", "database": "messenger"}),
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"\0" * 32,
    ):
        before = len(events(house, "protocol_error"))
        with Wire(house.ports.edge) as wire, bystander(house, LI):
            wire.send(first)
            fields = wire.fatal()
        assert (fields["C"], "message_malformed" in fields["H"]) == ("08P01", True)
        (entry,) = events(house, "protocol_error")[before:]
        assert entry["reason"] == "message_malformed"


@pytest.mark.parametrize(
    "broken",
    [
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff",  # longer than any header
        b"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + b"\0" * 12,  # another version
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8" + b"\0" * 216,  # a Unix socket
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x04" + b"\0" * 4,  # too short for its family
    ],
    ids=["long", "version", "family", "short"],
)
def test_a_garbled_proxy_header(house: House, broken: bytes) -> None:
    with Wire(house.ports.edge) as wire:
        wire.send(broken)
        assert wire.fatal()["C"] == "08P01"


def test_a_proxy_header_in_pieces_and_the_place_it_names(house: House) -> None:
    header = proxy_header("192.0.2.9", 4000, "127.0.0.1", house.ports.edge)
    with Wire(house.ports.edge) as wire:
        for start in range(0, len(header), 5):
            wire.send(header[start : start + 5])
        wire.startup("sato")
        wire.password(house.token(SATO))
        assert wire.until(b"Z", b"E")[-1] == (b"Z", b"I")
        entry = events(house, "session_open")[-1]
        assert entry["peer"] == {"address": "192.0.2.9", "site": None, "via_edge": True}


@pytest.mark.parametrize("listener", ["edge", "tokyo-hq"])
@pytest.mark.parametrize("version", [1, 2])
def test_a_proxy_header_from_who_is_no_edge_is_not_believed(house: House, listener: str, version: int) -> None:
    """127.0.0.2 is none, wherever it knocks; at a listener without edges nobody is."""
    port = house.ports.edge if listener == "edge" else house.ports.sites[listener]
    header = proxy_header("192.0.2.9", 4000, "127.0.0.1", port)
    before = house.metric("sekisho_logins_total", method="none", result="edge_untrusted")
    with bystander(house, LI), Wire(port, source="127.0.0.2") as wire:
        wire.send(header if version == 2 else b"PROXY TCP4 192.0.2.9 127.0.0.1 4000 5432\r\n")
        fields = wire.fatal()
    assert (fields["C"], fields["H"]) == ("28000", "Reason: edge_untrusted")
    entry = events(house, "login_refused")[-1]
    assert (entry["reason"], entry["peer"]["address"]) == ("edge_untrusted", "127.0.0.2")
    assert house.metric("sekisho_logins_total", method="none", result="edge_untrusted") == before + 1


def test_an_edge_of_its_own_accord_and_one_with_more_to_say(house: House) -> None:
    """LOCAL is a health check: nobody stands behind it. TLVs behind the address block are skipped, up to a limit."""
    local = SIGNATURE + b"\x20\x00\x00\x00"
    whole = proxy_header("192.0.2.9", 4000, "127.0.0.1", house.ports.edge)
    tlvs = b"\x03\x00\x04crc!" + b"\x04\x0f\x00" + b"\0" * 0x0F00
    more = whole[:14] + (12 + len(tlvs)).to_bytes(2, "big") + whole[16:] + tlvs
    for header, address in ((local, None), (more, "192.0.2.9")):
        with Wire(house.ports.edge) as wire:
            wire.send(header)
            wire.startup("sato")
            wire.password(house.token(SATO))
            assert wire.until(b"Z", b"E")[-1] == (b"Z", b"I")
            entry = events(house, "session_open")[-1]
            assert entry["peer"] == {"address": address, "site": None, "via_edge": True}
    with Wire(house.ports.edge) as wire:
        wire.send(local[:-1])
        wire.socket.shutdown(socket.SHUT_WR)
        wire.until()
    until(lambda: events(house, "protocol_error")[-1]["reason"] == "startup_truncated")


def test_loopback_without_a_site_is_nowhere(new_house: Callable[..., House], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    house = new_house({"listeners": {"postgres": [{"address": f"127.0.0.1:{port}", "plaintext": "loopback"}]}})
    with psycopg.connect(**{**house.parameters(SATO), "port": port}, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute("SELECT name FROM users WHERE id = 1")
        assert "location" in str(caught.value.diag.message_detail)
        assert connection.execute("SELECT count(*) FROM stickers").fetchone() == (12,)
    entry = next(one for one in house.entries("decision") if one["effect"] == "deny")
    assert entry["location"]["countries"] == []


def test_a_client_that_leaves_while_it_is_logged_in_leaves_nothing(house: House, messenger: Database) -> None:
    token = house.token(SATO)
    for _ in range(10):
        with Wire(house.ports.sites["tokyo-hq"]) as wire:
            wire.startup("sato")
            wire.password(token)
    until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
    with messenger.connect() as admin:
        left = (
            "SELECT 1 FROM pg_stat_activity WHERE usename = 'sekisho_engineer' AND application_name <> 'sekisho twin'"
        )
        until(lambda: admin.execute(left).fetchone() is None)
    opened = {entry["session"] for entry in events(house, "session_open")}
    until(lambda: {entry["session"] for entry in events(house, "session_close")} == opened)


def test_nothing_may_be_sent_ahead_of_authentication(house: House) -> None:
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato")
        assert wire.message() is not None
        wire.send(encode(b"p", house.token(SATO).encode() + b"\0") + encode(b"Q", b"SELECT 1\0"))
        assert wire.fatal()["C"] == "08P01"
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        start = startup_message({"user": "sato", "database": "messenger"})
        wire.send(start + start)
        assert wire.fatal()["C"] == "08P01"
    with Wire(house.ports.sites["tokyo-hq"]) as wire:
        wire.startup("sato")
        assert wire.message() is not None
        wire.send(encode(b"Q", b"SELECT 1\0"))
        assert wire.fatal()["C"] == "08P01"
