"""What is asked of whom, and what each way makes of the answers; without sockets."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.config import Certificates
from gateway.doors.pg_proof import (
    BearerProof,
    CertificateProof,
    Discovery,
    Offer,
    Proven,
    ScramProof,
    TokenProof,
    choose_proof,
)
from gateway.errors import AuthenticationError, ClientProtocolError, Reason
from gateway.facts.certificates import PeerCertificate
from gateway.links.service_users import ServiceUsers, load_service_users
from gateway.model import Principal
from gateway.pgwire.scram_server import Verifier
from tests.unit.pgwire.scram_peer import ScramPeer

SATO = Principal(issuer="https://id", subject="sato", database_user="sato", expires_at=2_000_000_000)
CERTIFICATES = Certificates(issuer="sekisho:certificate", san="dns", groups=("engineer",))
BATCH = PeerCertificate((("DNS", "batch"),), 1_000)
END_POINT = bytes(range(32))


def verify(token: str) -> Principal:
    if token == "good":
        return SATO
    reason = Reason.ISSUER_KEYS_UNAVAILABLE if token == "no.keys" else Reason.TOKEN_EXPIRED
    raise AuthenticationError(reason, "why")


@pytest.fixture
def users(tmp_path: Path) -> ServiceUsers:
    path = tmp_path / "users.yaml"
    verifier = Verifier.of("secret", b"s" * 16).text()
    path.write_text(f"users:\n- name: svc_a\n  subject: job\n  verifier: {verifier}\n  groups: [engineer]\n")
    return load_service_users(config.ServiceUsers(file=path), b"k" * 32)


def offer(*ways: str, users: ServiceUsers | None = None) -> Offer:
    return Offer(
        ways=ways,
        verify_token=verify,
        service_users=users,
        certificates=CERTIFICATES,
        oauth_issuer="https://id",
        oauth_scope="openid",
        lifetime=600,
    )


def kind(*ways: str, name: str, users: ServiceUsers, certificate: PeerCertificate | None = None) -> type:
    return type(choose_proof(offer(*ways, users=users), name, end_point=END_POINT, certificate=certificate))


def test_what_is_asked_depends_on_the_listener_the_certificate_and_the_names_beginning(users: ServiceUsers):
    assert kind("token", "scram", name="sato", users=users) is TokenProof
    assert kind("token", "scram", name="svc_a", users=users) is ScramProof
    assert kind("token", "scram", name="svc_nobody", users=users) is ScramProof, "whoever exists"
    assert kind("oauthbearer", "scram", name="svc_a", users=users) is ScramProof
    assert kind("oauthbearer", "scram", name="sato", users=users) is BearerProof
    assert kind("token", name="svc_a", users=users) is TokenProof, "this listener takes no passwords"
    everything = ("certificate", "token", "scram")
    assert kind(*everything, name="svc_a", users=users, certificate=BATCH) is CertificateProof
    assert kind(*everything, name="svc_a", users=users) is ScramProof
    assert kind("token", name="sato", users=users, certificate=BATCH) is TokenProof, "nor certificates"


@pytest.mark.parametrize(("ways", "name"), [(("scram",), "sato"), (("certificate",), "sato")])
def test_where_nothing_fits(users: ServiceUsers, ways: tuple[str, ...], name: str):
    with pytest.raises(AuthenticationError) as caught:
        kind(*ways, name=name, users=users)
    assert caught.value.reason is Reason.LOGIN_NOT_OFFERED


def test_a_token():
    proof = TokenProof(verify)
    assert proof.begin() == b"R\0\0\0\x08\0\0\0\x03"
    assert proof.receive(b"good\0") == Proven(SATO)
    with pytest.raises(AuthenticationError):
        proof.receive(b"bad\0")


def initial(mechanism: str, message: bytes) -> bytes:
    return mechanism.encode() + b"\0" + len(message).to_bytes(4, "big") + message


def bearer(token: str) -> bytes:
    return initial("OAUTHBEARER", b"n,,\x01auth=" + (f"Bearer {token}".encode() if token else b"") + b"\x01\x01")


def oauth() -> BearerProof:
    return BearerProof(verify, issuer="https://id", scope="openid")


def test_a_bearer_token():
    proof = oauth()
    assert proof.begin() == b"R\0\0\0\x15\0\0\0\x0aOAUTHBEARER\0\0"
    assert proof.receive(bearer("good")) == Proven(SATO)


@pytest.mark.parametrize(
    ("token", "kind", "reason"),
    [("", Discovery, Reason.TOKEN_MISSING), ("bad", AuthenticationError, Reason.TOKEN_EXPIRED)],
)
def test_a_bearer_token_that_is_not_there_or_not_good(token: str, kind: Any, reason: Reason):
    proof = oauth()
    answer = proof.receive(bearer(token))
    assert isinstance(answer, bytes)
    assert answer[5:9] == b"\0\0\0\x0b"
    assert json.loads(answer[9:])["openid-configuration"] == "https://id/.well-known/openid-configuration"
    assert proof.failure is not None
    with pytest.raises(AuthenticationError) as caught:
        proof.receive(b"\x01")
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    with pytest.raises(ClientProtocolError):
        proof.receive(bearer("good"))  # one try


def test_another_token_would_not_help_without_the_issuers_keys():
    with pytest.raises(AuthenticationError) as caught:
        oauth().receive(bearer("no.keys"))
    assert caught.value.reason is Reason.ISSUER_KEYS_UNAVAILABLE


def test_scram(users: ServiceUsers):
    proof = ScramProof(users, "svc_a", end_point=END_POINT, lifetime=600)
    assert proof.begin() == b"R\0\0\0\x2a\0\0\0\x0aSCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
    peer = ScramPeer("secret", gs2="p=tls-server-end-point,,", binding=END_POINT)
    first = proof.receive(initial("SCRAM-SHA-256-PLUS", peer.first()))
    assert isinstance(first, bytes)
    done = proof.receive(peer.final(first[9:]))
    assert isinstance(done, Proven)
    assert peer.proven(done.last[9:])
    found = done.principal
    assert (found.id, found.database_user, found.groups) == ("sekisho:service#job", "svc_a", ("engineer",))
    assert abs(found.expires_at - time.time() - 600) < 5


def test_each_exchange_has_a_nonce_of_its_own(users: ServiceUsers):
    peer = ScramPeer("secret")
    nonces = {
        ScramProof(users, "svc_a", end_point=None, lifetime=1).receive(initial("SCRAM-SHA-256", peer.first()))
        for _ in range(20)
    }
    assert len(nonces) == 20


def test_plus_is_offered_only_where_there_is_something_to_bind_to(users: ServiceUsers):
    proof = ScramProof(users, "svc_a", end_point=None, lifetime=600)
    assert b"PLUS" not in (proof.begin() or b"")  # type: ignore[operator]
    with pytest.raises(ClientProtocolError) as caught:
        proof.receive(initial("SCRAM-SHA-256-PLUS", ScramPeer("secret").first()))
    assert caught.value.reason is Reason.MESSAGE_REFUSED


def test_a_certificate_is_good_until_it_or_the_login_ends():
    now = int(time.time())
    for not_after, expected in ((now + 100, now + 100), (now + 100_000, now + 600)):
        proof = CertificateProof(PeerCertificate(BATCH.names, not_after), CERTIFICATES, lifetime=600)
        proven = proof.begin()
        assert isinstance(proven, Proven)
        assert (proven.principal.id, proven.last) == ("sekisho:certificate#batch", b"")
        assert abs(proven.principal.expires_at - expected) < 5
    with pytest.raises(ClientProtocolError):
        proof.receive(b"")
