"""Pairs of the injector's own. What is done with them at an API server: tests/integration/test_injector_api.py."""

from __future__ import annotations

import base64
import datetime
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509

from gateway.links.webhook_certificates import Pair, Wanted, good_pair, make_pair

WANTED = Wanted(namespace="sekisho-system", service="injector", secret="injector-tls", webhook="injector")
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def data_of(pair: Pair) -> dict[str, str]:
    parts = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.authority}
    return {key: base64.b64encode(part).decode() for key, part in parts.items()}


def test_an_api_server_would_believe_it(tmp_path: Path) -> None:
    """By OpenSSL, under the Service's name."""
    pair = make_pair(WANTED, NOW)
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(pair.certificate)
    key.write_bytes(pair.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cadata=pair.authority.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    lines = [ssl.MemoryBIO() for _ in range(2)]
    ends = (
        client.wrap_bio(lines[0], lines[1], server_hostname="injector.sekisho-system.svc"),
        server.wrap_bio(lines[1], lines[0], server_side=True),
    )
    done: set[int] = set()
    while len(done) < 2:
        for number, end in enumerate(ends):
            try:
                end.do_handshake()
                done.add(number)
            except ssl.SSLWantReadError:
                continue
    assert ends[0].version() == "TLSv1.3"


def test_the_authority_signs_nothing_else() -> None:
    authority = x509.load_pem_x509_certificate(make_pair(WANTED, NOW).authority)
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert b"PRIVATE" not in make_pair(WANTED, NOW).authority


def test_a_good_pair_is_kept_until_it_ends_soon() -> None:
    pair = make_pair(WANTED, NOW)
    data = data_of(pair)
    assert good_pair(data, WANTED, NOW) == pair
    assert good_pair(data, WANTED, NOW + 59 * DAY) == pair
    assert good_pair(data, WANTED, NOW + 61 * DAY) is None
    assert good_pair(data, WANTED, NOW - DAY) is None


@pytest.mark.parametrize(
    "change",
    [
        {"tls.crt": ""},
        {"tls.key": "bm8ga2V5"},
        {"ca.crt": "%%%"},
        {"tls.key": data_of(make_pair(WANTED, NOW))["tls.key"]},
        {"ca.crt": data_of(make_pair(WANTED, NOW))["ca.crt"]},
    ],
)
def test_what_is_no_pair_is_not_kept(change: dict[str, str]) -> None:
    assert good_pair(data_of(make_pair(WANTED, NOW)) | change, WANTED, NOW) is None


def test_a_pair_for_another_name_is_not_kept() -> None:
    assert good_pair(data_of(make_pair(WANTED, NOW)), replace(WANTED, service="other"), NOW) is None
    assert good_pair({}, WANTED, NOW) is None
