"""The files of a registry's folder, as bytes: known names, bounded sizes, and only as a whole.

What says that a folder is whole is configured (`Delivery`), because nothing in half of a file says that it is one: a
list that ends early is a list.

- ``manifest``: a ``.manifest`` names every file with its size and its hash; `sekisho registry seal` writes it.

      {"files": {"people.yaml": {"size": 2210, "sha256": "5f2c..."}, ...}}

- ``symlink``: a symbolic link leads to the folder (or ``..data`` inside it, as Kubernetes mounts it), and is turned to
  another folder when that is whole. What changes without the link being turned is refused.
- ``edited``: nothing says so. For a folder that somebody edits by hand, and is there to see what becomes of it.

blocks.yaml is part of none of this: it is changed alone and in a hurry. It says by itself that it is whole, in YAML's
own way: its last line is ``...``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.facts.fields import Problems

MANIFEST: Final = ".manifest"
_TURNED: Final = "..data"  # what Kubernetes turns, in the folder of a ConfigMap
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".csv"})
_MAX_MANIFEST: Final = 1_000_000
_TIMES: Final = 5  # a link that is turned while its folder is read is followed so many times


class Delivery(StrEnum):
    """What says that a folder is whole."""

    MANIFEST = "manifest"
    SYMLINK = "symlink"
    EDITED = "edited"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder held: where it really lay, and the hash of every file."""

    place: str = ""
    hashes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Which files there may be: ``limits`` names every one with its bytes at the most; ``alone`` is blocks.yaml."""

    limits: Mapping[str, int]
    required: tuple[str, ...]
    alone: str


def read_folder(
    directory: Path, known: Known, problems: Problems, delivery: Delivery, former: Contents = Contents()
) -> tuple[Mapping[str, bytes], Contents]:
    """The bytes of every file, each read once: what is hashed is what is parsed. Raises ConfigError where nothing can
    be read. Of a tree that is too large, whoever reads it says so, and where.

    ``former`` is what was read of it before.
    """
    for _ in range(_TIMES):
        place = _place(directory) if delivery is Delivery.SYMLINK else directory
        if place is None:
            raise ConfigError(
                [f"{directory}: no symbolic link leads to the registry's folder, and registry.delivery is symlink"]
            )
        found = Problems()
        try:
            files = _read(place, known, found)
            contents = Contents(f"{place}:{place.stat().st_ino}", _digests(files))
            _check_whole(delivery, place, known.alone, files, contents, former, found)
        except OSError:
            if delivery is Delivery.SYMLINK and _place(directory) != place:
                continue  # turned, and what it led to is gone already
            raise ConfigError([f"{directory}: the registry's folder cannot be read"]) from None
        if delivery is Delivery.SYMLINK and _place(directory) != place:
            continue
        problems.take(found)
        return files, contents
    raise ConfigError([f"{directory}: the link to the registry's folder is turned again and again"])


def revision(hashes: Mapping[str, str]) -> str:
    """One hash of all, by which a registry is known."""
    listed = "\n".join(f"{name} {hashes[name]}" for name in sorted(hashes))
    return hashlib.sha256(listed.encode()).hexdigest()[:16]


def digest(data: bytes) -> str:
    """The hash of one file."""
    return hashlib.sha256(data).hexdigest()


def ends(data: bytes) -> bool:
    """Whether a file of YAML says itself that it is whole: a document that ends in ``...``, not one that was cut."""
    return data.rstrip().rpartition(b"\n")[2].rstrip() == b"..."


def seal(directory: Path, known: Known, hashes: Mapping[str, str]) -> Path:
    """Write the manifest of files that were looked at and have these hashes, whole or not at all. Raises ConfigError
    where one of them has changed meanwhile."""
    problems = Problems()
    files = _read(directory, known, problems)
    if problems.listed() or _digests(files) != hashes:
        raise ConfigError([*problems.listed(), f"{directory}: its files changed while they were looked at"])
    listed = {name: {"size": len(data), "sha256": hashes[name]} for name, data in files.items() if name != known.alone}
    path, part = directory / MANIFEST, directory / f"{MANIFEST}.part"
    with part.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps({"files": listed}, indent=2) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
    return path


def unsealed(directory: Path, known: Known) -> list[str]:
    """In what a folder differs from its manifest; nothing where it is sealed."""
    problems = Problems()
    files = _read(directory, known, Problems())
    _check_manifest(directory, files, _digests(files), known.alone, problems, required=True)
    return problems.listed()


def _place(directory: Path) -> Path | None:
    """The folder that a link leads to just now; None where no link is on the way."""
    inner = directory / _TURNED
    start = inner if inner.is_symlink() else directory
    place = Path(os.path.realpath(start))
    return None if place == Path(os.path.abspath(start)) else place


def _read(directory: Path, known: Known, problems: Problems) -> Mapping[str, bytes]:
    """The files. Raises OSError where the folder cannot be read."""
    files: dict[str, bytes] = {}
    names = sorted(path.name for path in directory.iterdir() if path.suffix in _SUFFIXES)
    for name in names:
        if name not in known.limits:
            problems.add(name, 0, f"no file of a registry (known: {', '.join(sorted(known.limits))})")
            continue
        try:
            with (directory / name).open("rb") as stream:
                files[name] = stream.read(known.limits[name] + 1)
        except OSError:
            problems.add(name, 0, "the file cannot be read")
            continue
        if name.endswith(".csv") and len(files[name]) > known.limits[name]:
            problems.add(name, 0, f"the file is larger than {known.limits[name]} bytes")
            del files[name]
    for name in known.required:
        if name not in names:
            problems.add(name, 0, "the file is missing")
    return MappingProxyType(files)


def _digests(files: Mapping[str, bytes]) -> Mapping[str, str]:
    return MappingProxyType({name: digest(data) for name, data in files.items()})


def _check_whole(
    delivery: Delivery,
    place: Path,
    alone: str,
    files: Mapping[str, bytes],
    contents: Contents,
    former: Contents,
    problems: Problems,
) -> None:
    """That what was read is what somebody meant to be read, and all of it."""
    if delivery is Delivery.EDITED:
        return
    turned = delivery is Delivery.SYMLINK and contents.place != former.place
    _check_manifest(place, files, contents.hashes, alone, problems, required=delivery is Delivery.MANIFEST)
    if delivery is Delivery.SYMLINK and not turned:
        for name in sorted({*contents.hashes, *former.hashes} - {alone}):
            if contents.hashes.get(name) != former.hashes.get(name):
                problems.add(name, 0, "the file changed where it lies, and the link to its folder was not turned")
    if alone in former.hashes and alone not in files and not turned:
        problems.add(alone, 0, "the file is gone, and lifts no block: an empty list of blocks does")
    if alone in files and not turned and contents.hashes[alone] != former.hashes.get(alone) and not ends(files[alone]):
        problems.add(alone, 0, "its last line is not '...': it may have been cut, and lifts no block")


def _check_manifest(
    place: Path,
    files: Mapping[str, bytes],
    hashes: Mapping[str, str],
    alone: str,
    problems: Problems,
    *,
    required: bool,
) -> None:
    """That a manifest, where there is one or must be one, names these files and no others. Raises OSError."""
    try:
        with (place / MANIFEST).open("rb") as stream:
            manifest = _entries(stream.read(_MAX_MANIFEST))
    except FileNotFoundError:
        if required:
            problems.add(
                MANIFEST,
                0,
                "the file is missing, and nothing else says that the folder is whole: see "
                "`sekisho registry seal`, or registry.delivery",
            )
        return
    if manifest is None:
        problems.add(MANIFEST, 0, "not a manifest: `sekisho registry seal` writes one")
        return
    for name in sorted({*manifest, *files} - {alone}):
        if name not in files:
            problems.add(name, 0, f"the file is named in {MANIFEST} and missing")
        elif name not in manifest:
            problems.add(name, 0, f"the file is not named in {MANIFEST}")
        elif manifest[name].get("size") != len(files[name]):
            problems.add(name, 0, f"{len(files[name])} bytes, where {MANIFEST} says {manifest[name].get('size')}")
        elif manifest[name].get("sha256") != hashes[name]:
            problems.add(name, 0, f"its sha256 is not the one in {MANIFEST}")


def _entries(data: bytes) -> Mapping[str, Any] | None:
    """What a manifest says of each file; None where it is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    files = document.get("files") if isinstance(document, dict) else None
    return files if isinstance(files, dict) and all(isinstance(entry, dict) for entry in files.values()) else None
