"""``Bundle`` -> a standard OPA bundle, and back: one ``.tar.gz`` that OPA loads as it is, and the gateway too.

Policy is in it under its own paths, data as JSON. What belongs to the registry lies under ``registry/`` with its own
names, none of which is one that OPA reads: people are no part of what OPA holds. The same input gives the same bytes.

An archive is read as what a stranger sent: only plain files, in bounds, each once; nothing is unpacked before all of it
has been looked at, and verified where a key is given.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.policy.bundle import MANIFEST, Bundle, overlapping, read_manifest
from gateway.policy.signature import SIGNATURES, SigningKey, VerificationKey, sign, verify

REGISTRY: Final = "registry"
MAX_ARCHIVE: Final = 256 * 1024 * 1024  # bytes that are fetched
_MAX_FILES: Final = 10_000
_MAX_UNPACKED: Final = 1024 * 1024 * 1024
_RESERVED: Final = frozenset({"data.json", "data.yaml", "data.yml", "policy.wasm", "plan.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """What lay in a bundle."""

    revision: str
    roots: tuple[str, ...]
    number: int | None = None  # the publisher's, by which an older bundle is known
    files: Mapping[str, bytes]  # all of it, by path; policy and registry

    @property
    def policy(self) -> Mapping[str, bytes]:
        """The files of the policy, by path."""
        return {path: data for path, data in self.files.items() if not path.startswith(f"{REGISTRY}/")}

    @property
    def registry(self) -> Mapping[str, bytes]:
        """The files of the registry, by name; none where the bundle holds policy alone."""
        head = f"{REGISTRY}/"
        return {path.removeprefix(head): data for path, data in self.files.items() if path.startswith(head)}


def pack(
    bundle: Bundle,
    registry: Mapping[str, bytes],
    revision: str,
    key: SigningKey | None = None,
    *,
    number: int | None = None,
) -> bytes:
    """The archive of a policy, and of a registry's files. Raises ConfigError."""
    if overlapping([bundle.roots, (REGISTRY,)]):
        raise ConfigError([f"{MANIFEST}: a root of the policy is the registry's place in a bundle ({REGISTRY})"])
    wrong = sorted(name for name in registry if name in _RESERVED or name.startswith(".") or "/" in name)
    if wrong:
        raise ConfigError([f"{name}: no file of a registry in a bundle" for name in wrong])
    manifest = {"revision": revision, "roots": list(bundle.roots), "rego_version": 1}
    if number is not None:
        manifest["metadata"] = {"sekisho": {"number": number}}
    files = {path: text.encode() for path, text in bundle.modules}
    files |= {"data.json": _json(bundle.data), MANIFEST: _json(manifest)}
    files |= {f"{REGISTRY}/{name}": data for name, data in registry.items()}
    if key is not None:
        files[SIGNATURES] = sign(files, key)
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(files):
            entry = tarfile.TarInfo(path)  # of nobody, at no time: the same files are the same bytes
            entry.size, entry.mode = len(files[path]), 0o644
            tar.addfile(entry, io.BytesIO(files[path]))
    return gzip.compress(plain.getvalue(), mtime=0)


def unpack(data: bytes, key: VerificationKey | None = None) -> Archive:
    """What lies in an archive; signed with this key, where one is given. Raises ConfigError."""
    files = dict(_files(data))
    signatures = files.pop(SIGNATURES, None)
    if key is not None:
        if signatures is None:
            raise ConfigError([f"{SIGNATURES}: missing, and a bundle must be signed here"])
        verify(files, signatures, key)
    if MANIFEST not in files:
        raise ConfigError([f"{MANIFEST}: missing: this is no bundle"])
    problems: list[str] = []
    manifest = read_manifest(files[MANIFEST], problems)
    if manifest is not None and not manifest.revision:
        problems.append(f"{MANIFEST}: revision is missing")
    if problems or manifest is None:
        raise ConfigError(problems)
    return Archive(
        revision=manifest.revision, roots=manifest.roots, number=manifest.number, files=MappingProxyType(files)
    )


def _json(value: Any) -> bytes:
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()


def _files(data: bytes) -> Mapping[str, bytes]:
    if len(data) > MAX_ARCHIVE:
        raise ConfigError([f"the bundle is larger than {MAX_ARCHIVE} bytes"])
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            plain = stream.read(_MAX_UNPACKED + 1)  # what is small when packed may be without end
        if len(plain) > _MAX_UNPACKED:
            raise ConfigError([f"the bundle is larger than {_MAX_UNPACKED} bytes when unpacked"])
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            return _entries(tar)
    except (OSError, EOFError, zlib.error, tarfile.TarError, UnicodeDecodeError) as error:
        raise ConfigError([f"the bundle is no .tar.gz ({type(error).__name__})"]) from None


def _entries(tar: tarfile.TarFile) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in tar:
        if entry.isdir():
            continue
        path = entry.name.removeprefix("./").removeprefix("/")  # `opa build` writes /data.json
        if not _plain(path):
            raise ConfigError([f"{entry.name!r}: not a path a bundle may have"])
        if not entry.isreg():
            raise ConfigError([f"{path}: neither a file nor a folder"])
        if path in found:
            raise ConfigError([f"{path}: is there twice"])
        if len(found) == _MAX_FILES:
            raise ConfigError([f"the bundle has more than {_MAX_FILES} files"])
        content = tar.extractfile(entry)
        found[path] = content.read() if content is not None else b""
    return found


def _plain(path: str) -> bool:
    return (
        bool(path)
        and "\\" not in path
        and path.isprintable()
        and str(PurePosixPath(path)) == path
        and not ({"", ".", ".."} & set(path.split("/")))
    )
