"""TLS of a listener: modern, PostgreSQL's only, bound to by its certificate's hash, and whom a client's names."""

from __future__ import annotations

import datetime
import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import NameOID

from gateway.config import PostgresTls
from gateway.doors.pg_tls import ListenerTls, end_point, peer_certificate, server_context, why_failed
from tests.servers import TestCa


def settings(ca: TestCa, *, clients: bool = False) -> PostgresTls:
    issued = ca.issue("localhost")
    return PostgresTls(certificate=issued.certificate, key=issued.key, client_ca=ca.path if clients else None)


def handshake(server_side: ssl.SSLContext, client_side: ssl.SSLContext) -> ssl.SSLObject:
    """The server's end of it. Raises SSLError where either side refuses."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(down, up, server_hostname="localhost")
    server = server_side.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return server


def client_context(ca: TestCa) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca.path))
    context.set_alpn_protocols(["http/1.1", "postgresql"])
    return context


def test_tls_is_modern_and_speaks_only_postgresql(test_ca: TestCa):
    context = server_context(settings(test_ca))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.options & ssl.OP_NO_TICKET
    assert context.num_tickets == 0
    assert handshake(context, client_context(test_ca)).selected_alpn_protocol() == "postgresql"


def test_a_clients_certificate_is_asked_for_or_demanded(test_ca: TestCa):
    asked = server_context(settings(test_ca, clients=True))
    demanded = server_context(settings(test_ca, clients=True), certificate_required=True)
    assert (asked.verify_mode, demanded.verify_mode) == (ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED)
    assert peer_certificate(handshake(asked, client_context(test_ca)).getpeercert()) is None
    with pytest.raises(ssl.SSLError) as caught:
        handshake(demanded, client_context(test_ca))
    assert why_failed(caught.value) == "the TLS handshake failed: peer did not return a certificate"


def test_what_a_clients_certificate_says(test_ca: TestCa):
    mine = test_ca.issue("a.internal", "spiffe://corp.example/a", "a@corp.example", client="root", days=(-1, 1))
    client = client_context(test_ca)
    client.load_cert_chain(mine.certificate, mine.key)
    found = peer_certificate(handshake(server_context(settings(test_ca, clients=True)), client).getpeercert())
    assert found is not None
    assert found.names == (("DNS", "a.internal"), ("URI", "spiffe://corp.example/a"), ("email", "a@corp.example"))
    tomorrow = datetime.datetime.now(datetime.UTC).timestamp() + 86_400
    assert abs(found.not_after - tomorrow) < 60


def test_a_certificate_of_another_authority_or_another_day_is_not_accepted(test_ca: TestCa, tmp_path: Path):
    context = server_context(settings(test_ca, clients=True))
    stranger = TestCa(tmp_path)
    for issued, why in (
        (stranger.issue("a"), "signature failure"),
        (test_ca.issue("a", days=(-2, -1)), "certificate has expired"),
        (test_ca.issue("a", days=(1, 2)), "certificate is not yet valid"),
    ):
        client = client_context(test_ca)
        client.load_cert_chain(issued.certificate, issued.key)
        with pytest.raises(ssl.SSLError) as caught:
            handshake(context, client)
        assert why in why_failed(caught.value)
        assert why_failed(caught.value).startswith("the client's certificate was not accepted")


def self_signed(path: Path, key: Any, algorithm: Any, **more: Any) -> Path:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + datetime.timedelta(days=1)
    ).sign(key, algorithm, **more)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(
    ("algorithm", "more", "expected"),
    [
        (hashes.SHA256(), {}, "sha256"),
        (hashes.SHA384(), {}, "sha384"),
        (hashes.SHA512(), {}, "sha512"),
        (
            hashes.SHA384(),
            {"rsa_padding": padding.PSS(mgf=padding.MGF1(hashes.SHA384()), salt_length=padding.PSS.DIGEST_LENGTH)},
            "sha384",
        ),
    ],
)
def test_the_end_point_is_the_hash_by_the_signatures_own_function(tmp_path: Path, algorithm, more, expected):
    path = self_signed(tmp_path / "c.pem", rsa.generate_private_key(65537, 2048), algorithm, **more)
    assert end_point(path) == hashlib.new(expected, ssl.PEM_cert_to_DER_cert(path.read_text())).digest()


def test_the_end_point_is_of_the_first_certificate(tmp_path: Path):
    first = self_signed(tmp_path / "a.pem", ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    second = self_signed(tmp_path / "b.pem", ec.generate_private_key(ec.SECP256R1()), hashes.SHA512())
    chain = tmp_path / "chain.pem"
    chain.write_bytes(first.read_bytes() + second.read_bytes())
    assert end_point(chain) == end_point(first)


def test_a_certificate_without_a_hash_function_has_no_end_point(tmp_path: Path):
    """Ed25519: RFC 5929 knows no hash for it, and drivers that guess one disagree (CVE-2026-54291)."""
    assert end_point(self_signed(tmp_path / "c.pem", ed25519.Ed25519PrivateKey.generate(), None)) is None


def test_context_and_end_point_are_of_one_certificate(test_ca: TestCa):
    tls = settings(test_ca)
    both = ListenerTls.of(tls, certificate_required=False)
    assert both.end_point == end_point(tls.certificate)
    shown = handshake(both.context, client_context(test_ca))
    assert shown.version() == "TLSv1.3"


def test_a_peer_that_left():
    assert why_failed(ConnectionResetError(104, "x")) == "the peer left during the TLS handshake"
    assert "unknown" in why_failed(ssl.SSLError(1, "x"))
