"""Bundles as one file: the same bytes for the same input, nothing but plain files, and what OPA makes of them."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.policy.archive import pack, unpack
from gateway.policy.bundle import Bundle, load_bundle
from gateway.policy.signature import SigningKey, VerificationKey
from tests.engines import opa_serving
from tests.golden.policy_cases import POLICIES
from tests.packs import packs
from tests.servers import require_tool
from tests.unit.policy.keys import OTHER, PRIVATE, PUBLIC

PACKS = packs()
REGISTRY = {"people.yaml": b"people: []\n", "blocks.yaml": b"blocks: []\n"}
REVISION = f"{PACKS.revision}+1234"
SIGNED = SigningKey(pem=PRIVATE)
BELIEVED = VerificationKey(pem=PUBLIC)


def tar(*entries: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return out.getvalue()


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


MANIFEST = (".manifest", json.dumps({"roots": ["a"], "rego_version": 1, "revision": "r"}).encode())


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def test_a_number_goes_with_it_and_is_signed() -> None:
    numbered = pack(PACKS, REGISTRY, REVISION, SIGNED, number=7)
    assert unpack(numbered, BELIEVED).number == 7
    assert unpack(pack(PACKS, REGISTRY, REVISION, SIGNED), BELIEVED).number is None
    assert (
        pack(PACKS, {}, REVISION, number=7)
        == pack(PACKS, {}, REVISION, number=7)
        != pack(PACKS, {}, REVISION, number=8)
    )


def test_the_same_input_is_the_same_bytes() -> None:
    assert pack(PACKS, REGISTRY, REVISION) == pack(PACKS, dict(reversed(REGISTRY.items())), REVISION)


def test_what_is_packed_is_what_comes_out_and_judges_under_the_same_revision(tmp_path: Path) -> None:
    archive = unpack(pack(PACKS, REGISTRY, REVISION))
    assert (archive.revision, archive.roots, dict(archive.registry)) == (REVISION, PACKS.roots, REGISTRY)
    loaded = load_bundle(write(tmp_path, dict(archive.policy)))
    assert (loaded.revision, loaded.modules, loaded.data) == (PACKS.revision, PACKS.modules, PACKS.data)


def test_a_signed_one_is_believed_by_its_key_and_by_no_other() -> None:
    data = pack(PACKS, REGISTRY, REVISION, SIGNED)
    assert unpack(data, BELIEVED).revision == REVISION
    assert unpack(data).revision == REVISION
    other = VerificationKey(pem=PUBLIC, algorithm="ES384")
    with pytest.raises(ConfigError, match="not the configured key's"):
        unpack(data, other)
    with pytest.raises(ConfigError, match="must be signed here"):
        unpack(pack(PACKS, REGISTRY, REVISION), BELIEVED)


def test_what_was_changed_added_or_taken_after_the_signature_is_found() -> None:
    files = dict(unpack(pack(PACKS, REGISTRY, REVISION)).files)
    with tarfile.open(fileobj=io.BytesIO(pack(PACKS, REGISTRY, REVISION, SIGNED))) as signed:
        member = signed.extractfile(".signatures.json")
        assert member is not None
        files[".signatures.json"] = member.read()
    for changed, problem in (
        ({**files, "registry/blocks.yaml": b"blocks: [] \n"}, "registry/blocks.yaml: is not as it was signed"),
        ({**files, "registry/more.yaml": b""}, "registry/more.yaml: not in the signature"),
        ({**files, "data.json": b"{}"}, "data.json: is not as it was signed"),
        (
            {name: data for name, data in files.items() if name != "data.json"},
            "data.json: in the signature, and missing",
        ),
    ):
        with pytest.raises(ConfigError) as caught:
            unpack(tar(*changed.items()), BELIEVED)
        assert list(caught.value.problems) == [problem]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "no .tar.gz"),
        (b"no archive", "no .tar.gz"),
        (gzip.compress(b"no archive"), "no .tar.gz"),
        (pack(PACKS, REGISTRY, REVISION)[:-200], "no .tar.gz"),
        (tar(("a/a.rego", b"")), ".manifest: missing"),
        (tar((".manifest", b"{}")), ".manifest: rego_version must be 1"),
        (tar((".manifest", b'{"rego_version": 1, "roots": ["a"]}')), "revision is missing"),
        (tar(MANIFEST, ("../etc/passwd", b"")), "not a path a bundle may have"),
        (tar(MANIFEST, ("a//b", b"")), "not a path"),
        (tar(MANIFEST, ("a/../b", b"")), "not a path"),
        (tar(MANIFEST, ("a\\b", b"")), "not a path"),
        (tar(MANIFEST, ("a\nb", b"")), "not a path"),
        (tar(MANIFEST, ("a/a.rego", b"1"), ("/a/a.rego", b"2")), "a/a.rego: is there twice"),
        (tar(MANIFEST, link("registry", "/etc")), "neither a file nor a folder"),
        (tar(MANIFEST, link("registry", "/etc", tarfile.LNKTYPE)), "neither a file nor a folder"),
        (tar(MANIFEST, link("registry", "", tarfile.FIFOTYPE)), "neither a file nor a folder"),
    ],
    ids=itertools.count(),  # not the bytes: a gzip holds the second it was made in
)
def test_what_is_no_bundle_is_said(data: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        unpack(data)
    assert problem in str(caught.value)


def test_what_is_small_and_unpacks_without_end_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.policy.archive._MAX_UNPACKED", 1000)
    with pytest.raises(ConfigError, match="larger than 1000 bytes when unpacked"):
        unpack(tar(MANIFEST, ("a/a.rego", bytes(2000))))
    monkeypatch.setattr("gateway.policy.archive._MAX_UNPACKED", 1 << 30)
    monkeypatch.setattr("gateway.policy.archive._MAX_FILES", 3)
    with pytest.raises(ConfigError, match="more than 3 files"):
        unpack(tar(MANIFEST, *((f"a/{n}.rego", b"") for n in range(3))))


@pytest.mark.parametrize("name", ["data.json", ".manifest", ".hidden", "a/b"])
def test_a_registry_s_file_cannot_be_taken_for_policy(name: str) -> None:
    with pytest.raises(ConfigError, match="no file of a registry"):
        pack(PACKS, {name: b"{}"}, REVISION)


def test_a_policy_cannot_have_the_registry_s_place() -> None:
    bundle = Bundle(revision="r", modules=(), data={}, roots=("registry/x",))
    with pytest.raises(ConfigError, match="the registry's place"):
        pack(bundle, {}, "r")


# ------------------------------------------------------------------------------------------------------ with OPA itself


@pytest.fixture
def opa() -> Callable[..., subprocess.CompletedProcess[str]]:
    program = require_tool("opa")
    return lambda *words, **more: subprocess.run([program, *words], capture_output=True, text=True, timeout=60, **more)


def test_opa_loads_it_with_its_signature_and_refuses_it_with_another_key(
    tmp_path: Path, opa: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    bundle, key = tmp_path / "bundle.tar.gz", tmp_path / "key.pem"
    bundle.write_bytes(pack(PACKS, REGISTRY, REVISION, SIGNED))
    key.write_text(PUBLIC)
    verified = ("--verification-key", str(key), "--verification-key-id", "sekisho", "--signing-alg", "ES256")
    with opa_serving("--bundle", str(bundle), *verified):
        pass
    key.write_text(OTHER)
    refused = opa("run", "--server", "--addr=127.0.0.1:0", "--bundle", str(bundle), *verified)
    assert refused.returncode != 0


def test_what_opa_builds_and_signs_is_read_and_believed(
    tmp_path: Path, opa: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    bundle, key = tmp_path / "bundle.tar.gz", tmp_path / "key.pem"
    key.write_text(PRIVATE)
    signed = ("--signing-key", str(key), "--signing-alg", "ES256", "--revision", "r7")
    built = opa("build", "--bundle", ".", "--ignore", "*_test.rego", "-o", str(bundle), *signed, cwd=POLICIES)
    assert built.returncode == 0, built.stderr
    archive = unpack(bundle.read_bytes(), BELIEVED)
    assert archive.revision == "r7"
    assert set(archive.roots) == set(PACKS.roots)
    loaded = load_bundle(write(tmp_path / "unpacked", dict(archive.policy)))
    assert loaded.data == PACKS.data
