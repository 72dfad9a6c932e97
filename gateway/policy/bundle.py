"""Folders of Rego packs -> ``Bundle``. The layout is a standard bundle's: packages and data mirror folders.

``.manifest`` names the roots, ``*.rego`` are modules, ``data.yaml`` or ``data.json`` hold data under their folder's
path (``regimes/jp/data.yaml`` is ``data.regimes.jp``), ``*_test.rego`` are left out. Every problem is listed, with its
place.

A bundle may be laid over others (a house's own packs over those of law). Nobody's package or data reaches below
another's root: what a child could redefine, it could weaken.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.errors import ConfigError
from gateway.policy.engine import ENTRY_POINT
from gateway.policy.metadata import check_rules, rule_rows
from gateway.policy.packs import check_packs
from gateway.policy.rego import RegoError, RegoProgram, check_syntax
from gateway.yaml_text import load_yaml

MANIFEST: Final = ".manifest"
_MAX_DEPTH: Final = 12
_DATA_FILES: Final = frozenset({"data.yaml", "data.json"})
_PACKAGE: Final = re.compile(r"^package\s+([A-Za-z0-9_.]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Rules and their data, as one revision."""

    revision: str
    modules: tuple[tuple[str, str], ...]  # (path inside the folder, Rego text), sorted
    data: Mapping[str, Any]
    roots: tuple[str, ...]

    def rules(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Every rule's id with its row (layer, citation, dates, mode, owner), sorted by id."""
        packs = sorted({path.rsplit("/", 1)[0] for path, _ in self.modules})
        return tuple(sorted((id, row) for pack in packs for id, row in rule_rows(self.data, pack).items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself."""

    roots: tuple[str, ...]
    revision: str  # empty where a folder has none: it is what lies in it
    number: int | None = None  # the publisher's; a later bundle has no lower one


def load_bundle(directory: Path, *children: Path) -> Bundle:
    """The bundle in ``directory``, and those laid over it; ``ConfigError`` with every problem found."""
    problems = [f"{layer}: not a folder" for layer in (directory, *children) if not layer.is_dir()]
    if problems:
        raise ConfigError(problems)
    layers: list[tuple[str, ...]] = []
    modules: tuple[tuple[str, str], ...] = ()
    data: dict[str, Any] = {}
    for layer in (directory, *children):
        found: list[str] = []
        layers.append(_roots(layer / MANIFEST, found))
        modules += _modules(layer, layers[-1], found)
        _data(data, layer, layers[-1], found)
        problems += found if layer == directory else [f"{layer.name}/{problem}" for problem in found]
    modules = tuple(sorted(modules))
    problems += [
        f"{MANIFEST}: {one} and {other} are roots of two bundles: narrow those of the lower one, or put it in there"
        for one, other in overlapping(layers)
    ]
    compiled = "" if problems else _compiled(modules, data)
    if compiled is not None:  # it tells of one module at most: each by itself, for all there is to say
        problems.extend(error for path, text in modules if (error := check_syntax(path, text)) is not None)
    if not problems:
        problems.extend(check_rules(modules, data))
        problems.extend(check_packs(modules, data))
    if not problems and compiled:
        problems.append(compiled)
    if problems:
        raise ConfigError(problems)
    roots = tuple(sorted(root for layer in layers for root in layer))
    return Bundle(revision=_revision(modules, data), modules=modules, data=data, roots=roots)


def _compiled(modules: Sequence[tuple[str, str]], data: Mapping[str, Any]) -> str | None:
    """Why these do not compile together, or None."""
    try:
        RegoProgram(modules, data, ENTRY_POINT)
    except RegoError as error:
        return str(error)
    return None


def overlapping(layers: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    """Roots of two layers of which one lies in the other."""
    return [
        (one, other)
        for index, layer in enumerate(layers)
        for one in layer
        for later in layers[index + 1 :]
        for other in later
        if _within(one, (other,)) or _within(other, (one,))
    ]


def _revision(modules: tuple[tuple[str, str], ...], data: Mapping[str, Any]) -> str:
    """Hash of what is judged by: rule texts under their paths, and data; independent of the order of files."""
    whole = json.dumps([modules, data], sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(whole.encode()).hexdigest()[:16]


def _roots(path: Path, problems: list[str]) -> tuple[str, ...]:
    try:
        manifest = read_manifest(path.read_bytes(), problems)
    except FileNotFoundError:
        problems.append(
            f'{path.name}: missing; it says what is in the folder: {{"rego_version": 1, "roots": ["house/ours"]}}'
        )
        return ()
    except OSError as error:
        problems.append(f"{path.name}: not readable as JSON ({type(error).__name__})")
        return ()
    return manifest.roots if manifest is not None else ()


def read_manifest(data: bytes, problems: list[str]) -> Manifest | None:
    """The manifest in these bytes."""
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        problems.append(f"{MANIFEST}: not readable as JSON ({type(error).__name__})")
        return None
    if not isinstance(manifest, dict) or manifest.get("rego_version") != 1:
        problems.append(f"{MANIFEST}: rego_version must be 1")
        return None
    roots, revision = manifest.get("roots"), manifest.get("revision", "")
    if not isinstance(roots, list) or not roots or not all(isinstance(root, str) and root.strip("/") for root in roots):
        problems.append(f"{MANIFEST}: roots must be a list of at least one path")
        return None
    if not isinstance(revision, str):
        problems.append(f"{MANIFEST}: revision must be a text")
        return None
    number = _number(manifest)
    if number is not None and (type(number) is not int or number < 0):
        problems.append(f"{MANIFEST}: metadata.sekisho.number must be a whole number, 0 or more")
        return None
    return Manifest(roots=tuple(sorted(root.strip("/") for root in roots)), revision=revision, number=number)


def _number(manifest: Mapping[str, Any]) -> Any:
    """What the publisher counts bundles by. OPA leaves `metadata` to whoever writes it."""
    of_all = manifest.get("metadata")
    ours = of_all.get("sekisho") if isinstance(of_all, dict) else None
    return ours.get("number") if isinstance(ours, dict) else None


def _within(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)


def _files(directory: Path, pattern: str) -> list[Path]:
    """The files of a bundle. A mounted ConfigMap holds its files twice: behind links, and below `..<timestamp>`."""
    found: list[Path] = []
    for folder, inner, names in os.walk(directory, followlinks=True):
        here = Path(folder)
        deep = len(here.relative_to(directory).parts) >= _MAX_DEPTH  # a link that leads back up ends here
        inner[:] = [] if deep else sorted(name for name in inner if not name.startswith(".."))
        found += (here / name for name in names if fnmatch(name, pattern))
    return sorted(found)


def _modules(directory: Path, roots: tuple[str, ...], problems: list[str]) -> tuple[tuple[str, str], ...]:
    modules: list[tuple[str, str]] = []
    for path in _files(directory, "*.rego"):
        if path.name.endswith("_test.rego"):
            continue
        name, folder = path.relative_to(directory).as_posix(), path.parent.relative_to(directory).as_posix()
        text = path.read_text(encoding="utf-8")
        package = _PACKAGE.search(text)
        if package is None or package[1].replace(".", "/") != folder:
            problems.append(f"{name}:1: the package must mirror the folder ({folder.replace('/', '.')})")
        elif not _within(folder, roots):
            problems.append(f"{name}:1: package {package[1]} is outside the roots of {MANIFEST}")
        modules.append((name, text))
    if not modules:
        problems.append(f"{directory}: no Rego module")
    return tuple(modules)


def _data(data: dict[str, Any], directory: Path, roots: tuple[str, ...], problems: list[str]) -> None:
    for path in (path for path in _files(directory, "data.*") if path.name in _DATA_FILES):
        name, folder = path.relative_to(directory).as_posix(), path.parent.relative_to(directory)
        try:
            value = load_yaml(path.read_text(encoding="utf-8"))
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            problems.append(f"{name}:{line}: {error.problem or 'not YAML'}")
            continue
        if not isinstance(value, dict):
            problems.append(f"{name}:1: the file must hold a mapping")
            continue
        plain = _plain(value, name, problems)
        outside = _outside(plain, folder.parts, roots)
        problems += [f"{name}:1: data of {place} is outside the roots of {MANIFEST}" for place in outside]
        if not outside:
            _graft(data, list(folder.parts), plain, name, problems)


def _outside(value: Any, path: tuple[str, ...], roots: tuple[str, ...]) -> list[str]:
    """Places of a value that lie in no root. A file above the roots may hold what lies in them, and nothing else."""
    place = "/".join(path)
    if _within(place, roots):
        return []
    if isinstance(value, dict) and (not place or any(root.startswith(f"{place}/") for root in roots)):
        return [found for key, part in value.items() for found in _outside(part, (*path, key), roots)]
    return [place]


def _graft(data: dict[str, Any], path: list[str], value: dict[str, Any], name: str, problems: list[str]) -> None:
    """Put ``value`` at ``path``; two files that say the same key are a problem, never a silent override."""
    for part in path:
        inner: Any = data.setdefault(part, {})
        if not isinstance(inner, dict):
            problems.append(f"{name}:1: {part} is already a value of another file")
            return
        data = inner
    for key, part in value.items():
        if isinstance(part, dict) and isinstance(data.get(key), dict):
            _graft(data[key], [], part, name, problems)
            continue
        if key in data:
            problems.append(f"{name}:1: {key} is already given by another file")
        data[key] = part


def _plain(value: Any, name: str, problems: list[str]) -> Any:
    """JSON of what YAML read: dates become their text, keys must be texts."""
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                problems.append(f"{name}:1: the key {key!r} is not a text (quote it)")
        return {str(key): _plain(part, name, problems) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part, name, problems) for part in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    problems.append(f"{name}:1: {type(value).__name__} is not a value JSON has")
    return None
