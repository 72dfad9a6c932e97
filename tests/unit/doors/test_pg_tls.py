"""TLS of a listener: modern, PostgreSQL's only, bound to by its certificate's hash, and whom a client's names."""

from __future__ import annotations

import datetime
import hashlib
import ssl
from pathlib import Path

import pytest

from gateway.config import PostgresTls
from gateway.doors.pg_tls import ListenerTls, server_context, why_failed
from gateway.links.certificates import peer_certificate
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


def test_context_and_end_point_are_of_one_certificate(test_ca: TestCa):
    tls = settings(test_ca)
    both = ListenerTls.of(tls, certificate_required=False)
    assert both.end_point == hashlib.sha256(ssl.PEM_cert_to_DER_cert(tls.certificate.read_text())).digest()
    shown = handshake(both.context, client_context(test_ca))
    assert shown.version() == "TLSv1.3"


def test_a_peer_that_left():
    assert why_failed(ConnectionResetError(104, "x")) == "the peer left during the TLS handshake"
    assert "unknown" in why_failed(ssl.SSLError(1, "x"))
