"""The files of a registry's folder, as bytes: known names, bounded sizes, and only as a whole.

Where a ``.manifest`` lies in the folder, names, sizes and hashes must be as it says, so that a folder half copied is no
registry; `sekisho registry manifest` writes it. blocks.yaml is not part of it: it is changed alone and in a hurry.

    {"files": {"people.yaml": {"size": 2210, "sha256": "5f2c..."}, ...}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.facts.fields import Problems

MANIFEST: Final = ".manifest"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".csv"})
_MAX_MANIFEST: Final = 1_000_000


def read_folder(
    directory: Path, limits: Mapping[str, int], required: Iterable[str], alone: str, problems: Problems
) -> Mapping[str, bytes]:
    """The bytes of every file, each read once: what is hashed is what is parsed.

    ``limits`` names every file there may be, with its bytes at the most; of a tree, whoever reads it says that it is
    larger, and where. ``alone`` is the one that no manifest covers.
    """
    files: dict[str, bytes] = {}
    try:
        names = sorted(path.name for path in directory.iterdir() if path.suffix in _SUFFIXES)
        manifest = _manifest(directory, problems)
    except OSError:
        raise ConfigError([f"{directory}: the registry's folder cannot be read"]) from None
    for name in names:
        if name not in limits:
            problems.add(name, 0, f"no file of a registry (known: {', '.join(sorted(limits))})")
            continue
        try:
            with (directory / name).open("rb") as stream:
                files[name] = stream.read(limits[name] + 1)
        except OSError:
            problems.add(name, 0, "the file cannot be read")
            continue
        if name.endswith(".csv") and len(files[name]) > limits[name]:
            problems.add(name, 0, f"the file is larger than {limits[name]} bytes")
            del files[name]
    for name in required:
        if name not in names:
            problems.add(name, 0, "the file is missing")
    if manifest is not None:
        _check_manifest(manifest, {name: data for name, data in files.items() if name != alone}, problems)
    return MappingProxyType(files)


def digests(files: Mapping[str, bytes]) -> Mapping[str, str]:
    """The hash of every file."""
    return MappingProxyType({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})


def revision(known: Mapping[str, str]) -> str:
    """One hash of all, by which a registry is known."""
    listed = "\n".join(f"{name} {known[name]}" for name in sorted(known))
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def write_manifest(directory: Path, limits: Iterable[str], alone: str) -> Path:
    """Write the manifest of the files that lie there now, whole or not at all."""
    paths = [directory / name for name in sorted(limits) if name != alone]
    files = {path.name: path.read_bytes() for path in paths if path.is_file()}
    listed = {name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    path = directory / MANIFEST
    part = directory / f"{MANIFEST}.part"
    part.write_text(json.dumps({"files": listed}, indent=2) + "\n", encoding="utf-8")
    part.replace(path)
    return path


def _manifest(directory: Path, problems: Problems) -> Mapping[str, Any] | None:
    path = directory / MANIFEST
    if not path.exists():
        return None
    with path.open("rb") as stream:
        data = stream.read(_MAX_MANIFEST)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    files = document.get("files") if isinstance(document, dict) else None
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        problems.add(MANIFEST, 0, "not a manifest: `sekisho registry manifest` writes one")
        return None
    return files


def _check_manifest(manifest: Mapping[str, Any], files: Mapping[str, bytes], problems: Problems) -> None:
    for name in sorted({*manifest, *files}):
        if name not in files:
            problems.add(name, 0, f"the file is named in {MANIFEST} and missing")
        elif name not in manifest:
            problems.add(name, 0, f"the file is not named in {MANIFEST}")
        elif manifest[name].get("size") != len(files[name]):
            problems.add(name, 0, f"{len(files[name])} bytes, where {MANIFEST} says {manifest[name].get('size')}")
        elif manifest[name].get("sha256") != hashlib.sha256(files[name]).hexdigest():
            problems.add(name, 0, f"its sha256 is not the one in {MANIFEST}")
