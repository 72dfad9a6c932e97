"""Certificates in files that change: only a pair that fits is taken, and whatever is half written is refused loudly."""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from gateway.errors import ConfigError
from gateway.links.certificates import Kept, load_authorities, load_pair
from tests.servers import Issued, TestCa


def put(issued: Issued, directory: Path) -> tuple[Path, Path]:
    directory.mkdir(exist_ok=True)
    certificate, key = directory / "tls.crt", directory / "tls.key"
    certificate.write_bytes(issued.certificate.read_bytes())
    key.write_bytes(issued.key.read_bytes())
    return certificate, key


def looked(kept: Kept[ssl.SSLContext]) -> list[bool]:
    told: list[bool] = []

    async def work() -> None:
        watch = kept.watch(told.append)
        await watch.look()
        await watch.look()

    asyncio.run(work())
    return told


def kept(certificate: Path, key: Path) -> Kept[ssl.SSLContext]:
    def make() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        load_pair(context, certificate, key)
        return context

    return Kept("a listener", (certificate, key), make)


def test_a_renewed_pair_is_taken_and_half_of_one_is_not(
    test_ca: TestCa, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    paths = put(test_ca.issue("localhost"), tmp_path)
    one = kept(*paths)
    before = one.current
    assert looked(one) == []
    renewed = test_ca.issue("localhost")
    paths[1].write_bytes(renewed.key.read_bytes())
    assert looked(one) == [False]
    assert one.current is before
    (record,) = [entry for entry in caplog.records if entry.message == "reload_refused"]
    assert record.problems == [f"{paths[0]} with {paths[1]}: key values mismatch"]  # type: ignore[attr-defined]
    paths[0].write_bytes(renewed.certificate.read_bytes())
    assert looked(one) == [True]
    assert one.current is not before


def test_a_secret_as_kubernetes_mounts_it_is_swapped_by_one_link(test_ca: TestCa, tmp_path: Path):
    for name in ("one", "two"):
        put(test_ca.issue("localhost"), tmp_path / name)
    data = tmp_path / "..data"
    data.symlink_to("one")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).symlink_to(Path("..data") / name)
    found = kept(tmp_path / "tls.crt", tmp_path / "tls.key")
    following = tmp_path / "..data_tmp"
    following.symlink_to("two")
    following.rename(data)
    assert looked(found) == [True]


@pytest.mark.parametrize("what", ["gone", "empty", "unreadable"])
def test_files_that_cannot_be_used_leave_the_old_ones(test_ca: TestCa, tmp_path: Path, what: str):
    certificate, key = put(test_ca.issue("localhost"), tmp_path)
    one = kept(certificate, key)
    before = one.current
    match what:
        case "gone":
            key.unlink()
        case "empty":
            os.truncate(certificate, 0)
        case _:
            certificate.write_bytes(b"\x00" * 100)
    assert looked(one) == [False]
    assert one.current is before


def test_a_key_under_a_passphrase_is_refused_and_nobody_is_asked(test_ca: TestCa, tmp_path: Path):
    certificate, key = put(test_ca.issue("localhost"), tmp_path)
    plain = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        plain.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"a secret"),
        )
    )
    with pytest.raises(ConfigError, match="only a key without one"):
        kept(certificate, key)


def test_authorities_that_are_none(tmp_path: Path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ConfigError, match="No such file"):
        load_authorities(context, tmp_path / "nowhere")
    (tmp_path / "ca.pem").write_text("x")
    with pytest.raises(ConfigError, match="no certificate or crl found"):
        load_authorities(context, tmp_path / "ca.pem")
