"""Reads the configuration: one YAML file, ``SEKISHO_*`` for scalars, every problem in one run.

Generic over the dataclasses of `gateway.config`: the file is read as YAML *nodes*, so each problem is told as
``file:line: key: message`` (or ``SEKISHO_X: key: message``). First everything is read into drafts, in which what could
not be read is absent; then `gateway.config_rules` looks at the drafts; only a file without a problem becomes a Config.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

from gateway import config_rules
from gateway.config import Config
from gateway.config_draft import Draft, build
from gateway.errors import ConfigError
from gateway.model import JsonValue

PREFIX: Final = "SEKISHO_"
_MAX_BYTES: Final = 4 * 1024 * 1024
# Kubernetes sets these in every pod of a namespace that has a Service called sekisho or sekisho-…: not meant for us.
_SERVICE_LINK: Final = re.compile(
    r"SEKISHO(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)"
)
_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_TRUE: Final = frozenset({"true", "yes", "on"})
_FALSE: Final = frozenset({"false", "no", "off"})
_TYPE_WORDS: Final = types.MappingProxyType(
    {str: "text", int: "whole number", bool: "true or false", Path: "path", tuple: "list of text"}
)
Settings = TypeVar("Settings")
_FOUND: Final = types.MappingProxyType(
    {
        "str": "text",
        "int": "a number",
        "float": "a number with a fraction",
        "bool": "true or false",
        "null": "nothing",
        "timestamp": "a date",
        "seq": "a list",
        "map": "a section",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of README's table."""

    name: str
    type: str
    default: str
    help: str


@dataclass(slots=True)
class _Override:
    variable: str
    text: str


@dataclass(slots=True)
class _Reader:
    """One run over one file."""

    file: str
    folder: Path
    overrides: dict[str, _Override]
    problems: list[tuple[int, str]] = field(default_factory=list)

    def problem(self, line: int, key: str, message: str, variable: str | None = None) -> None:
        place = variable or f"{self.file}:{line}"
        self.problems.append((line, f"{place}: {key}: {message}" if key else f"{place}: {message}"))

    def section(self, kind: type, node: yaml.Node | None, key: str, line: int) -> Draft | None:
        """A draft of one dataclass, with every field that could be read."""
        if node is not None and not isinstance(node, yaml.MappingNode):
            self.problem(line, key, f"expected a section, found {_found(node)}")
            return None
        draft = Draft(kind=kind, key=key, line=line)
        present = self._entries(kind, node, key) if node is not None else {}
        hints = typing.get_type_hints(kind)
        for setting in dataclasses.fields(kind):
            name = _dotted(key, setting.name)
            self._field(draft, setting, hints[setting.name], name, present.get(setting.name))
        return draft

    def _entries(self, kind: type, node: yaml.MappingNode, key: str) -> dict[str, tuple[yaml.Node, int]]:
        known = [setting.name for setting in dataclasses.fields(kind)]
        found: dict[str, tuple[yaml.Node, int]] = {}
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            name = key_node.value if isinstance(key_node, yaml.ScalarNode) else "?"
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean `{near[0]}`?" if near else f"; known here: {', '.join(known)}"
                self.problem(line, _dotted(key, name), f"unknown key{hint}")
            elif name in found:
                self.problem(line, _dotted(key, name), f"given twice, first in line {found[name][1]}")
            else:
                found[name] = (value, line)
        return found

    def _field(
        self,
        draft: Draft,
        setting: dataclasses.Field[Any],
        hint: Any,
        name: str,
        entry: tuple[yaml.Node, int] | None,
    ) -> None:
        inner, optional = _unwrap(hint)
        override = self.overrides.get(name)
        nested = any(other.startswith(f"{name}.") for other in self.overrides)
        if entry is not None and not nested and override is None and _is_null(entry[0]):
            if optional:
                draft.values[setting.name] = None
                draft.places[setting.name] = (entry[1], None)
                return
            entry = None
        if entry is None and override is None and not nested:
            if setting.metadata["required"]:
                self.problem(draft.line, name, "missing")
            elif dataclasses.is_dataclass(inner) and not optional:
                draft.values[setting.name] = self.section(typing.cast(type, inner), None, name, draft.line)
            else:
                draft.values[setting.name] = setting.default
            return
        line = entry[1] if entry is not None else draft.line
        draft.places[setting.name] = (line, override.variable if override else None)
        if override is not None:
            value = self._scalar(inner, override.text, line, name, override.variable)
        else:
            node = entry[0] if entry is not None and not _is_null(entry[0]) else None
            value = self._value(inner, node, line, name)
        if value is not None:
            draft.values[setting.name] = value

    def _value(self, kind: Any, node: yaml.Node | None, line: int, name: str) -> Any:
        if dataclasses.is_dataclass(kind):
            return self.section(typing.cast(type, kind), node, name, line)
        if node is None:  # only sections may be read from variables alone
            self.problem(line, name, "missing")
            return None
        if typing.get_origin(kind) is tuple:
            if not isinstance(node, yaml.SequenceNode):
                self.problem(line, name, f"expected a list, found {_found(node)}")
                return None
            item = typing.get_args(kind)[0]
            read = [
                self._value(item, child, child.start_mark.line + 1, f"{name}[{index}]")
                for index, child in enumerate(node.value)
            ]
            return tuple(value for value in read if value is not None)
        tag = node.tag.rpartition(":")[2]
        if issubclass(kind, StrEnum):
            words = [word.value for word in kind]
            if tag == "str" and node.value in words:
                return kind(node.value)
            self.problem(line, name, f"expected one of {', '.join(words)}")
            return None
        fits = {str: "str", Path: "str", int: "int", bool: "bool"}[kind] == tag and isinstance(node, yaml.ScalarNode)
        if not fits:
            quote = "; put it in quotes" if kind in (str, Path) and isinstance(node, yaml.ScalarNode) else ""
            self.problem(line, name, f"expected {_TYPE_WORDS[kind]}, found {_found(node)}{quote}")
            return None
        return self._scalar(kind, node.value, line, name, None)

    def _scalar(self, kind: Any, text: str, line: int, name: str, variable: str | None) -> Any:
        if kind is int and _NUMBER.fullmatch(text):
            return int(text)
        if kind is bool and text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
        if kind in (int, bool):
            self.problem(line, name, f"expected {_TYPE_WORDS[kind]}", variable)
            return None
        if not text.strip() or "\0" in text:
            self.problem(line, name, "must not be empty", variable)
            return None
        return (self.folder / text) if kind is Path else text


def load_as(kind: type[Settings], path: Path) -> Settings:
    """A file of other settings than the gateway's own: a dataclass of `gateway.config_setting`, read by the same rules.
    Raises ConfigError with every problem."""
    reader = _Reader(file=str(path), folder=path.resolve().parent, overrides={})
    draft = _read_file(reader, path, kind)
    if reader.problems or draft is None:
        raise ConfigError([text for _, text in sorted(reader.problems, key=lambda problem: problem[0])])
    settings: Settings = build(draft)
    return settings


def load(path: Path, environ: Mapping[str, str], *, check_files: bool = True) -> Config:
    """The configuration of ``path``, or a ConfigError with every problem.

    Relative paths, of variables too, are relative to the file's folder. ``check_files`` False leaves out whether the
    files named exist, for checking a configuration on another machine than it is for.
    """
    reader = _Reader(file=str(path), folder=path.resolve().parent, overrides={})
    _read_variables(reader, environ)
    draft = _read_file(reader, path)
    if draft is not None:
        for line, variable, key, message in config_rules.check(draft, check_files=check_files):
            reader.problem(line, key, message, variable)
    if reader.problems or draft is None:
        raise ConfigError([text for _, text in sorted(reader.problems, key=lambda problem: problem[0])])
    config: Config = build(draft)
    return config


def _read_file(reader: _Reader, path: Path, kind: type = Config) -> Draft | None:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            reader.problem(1, "", f"larger than {_MAX_BYTES} bytes")
            return None
        node = yaml.compose(data.decode("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        reader.problem(1, "", f"cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        reader.problem(data[: error.start].count(b"\n") + 1, "", "not UTF-8")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reader.problem(mark.line + 1 if mark else 1, "", f"not YAML: {error.problem}")
    except yaml.YAMLError:  # a character YAML does not allow
        reader.problem(1, "", "not YAML: a control character")
    except RecursionError:
        reader.problem(1, "", "nested too deeply")
    else:
        return reader.section(kind, None if node is None or _is_null(node) else node, "", 1)
    return None


def _read_variables(reader: _Reader, environ: Mapping[str, str]) -> None:
    names = {variable(setting): setting for setting, kind in _leaves(Config, "") if "[]" not in setting and kind}
    for name, text in sorted(environ.items()):
        if not name.startswith(PREFIX) or _SERVICE_LINK.fullmatch(name):
            continue
        if name in names:
            reader.overrides[names[name]] = _Override(name, text)
        else:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
            hint = f"; did you mean {near[0]}?" if near else "; lists are set in the file only"
            reader.problems.append((0, f"{name}: unknown variable{hint}"))


def variable(setting: str) -> str:
    """The environment variable of a scalar setting: ``limits.sessions`` is ``SEKISHO_LIMITS_SESSIONS``."""
    return PREFIX + setting.replace(".", "_").upper()


def iter_settings(kind: type = Config) -> Iterator[Setting]:
    """Every setting in the order of the file, sections included; ``[]`` stands for each item of a list."""
    yield from _settings(kind, "")


def _settings(kind: Any, prefix: str) -> Iterator[Setting]:
    hints = typing.get_type_hints(kind)
    for item in dataclasses.fields(kind):
        inner, _ = _unwrap(hints[item.name])
        listed = typing.get_origin(inner) is tuple
        element = typing.get_args(inner)[0] if listed else inner
        section = dataclasses.is_dataclass(element)
        name = _dotted(prefix, item.name) + ("[]" if listed and section else "")
        words = ("list of sections" if listed else "section") if section else _words(tuple if listed else inner)
        yield Setting(name=name, type=words, default=_default_text(item, section), help=item.metadata["help"])
        if section:
            yield from _settings(element, name)


def _words(kind: type) -> str:
    return " or ".join(f"`{word}`" for word in kind) if issubclass(kind, StrEnum) else _TYPE_WORDS[kind]


def _default_text(item: dataclasses.Field[Any], section: bool) -> str:
    if item.metadata["required"]:
        return "required"
    default = item.default
    if default is dataclasses.MISSING:
        return "its defaults"
    if default in (None, "") or (section and default == ()):
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return f"[{', '.join(default)}]"
    return str(default)


def _leaves(kind: Any, prefix: str) -> Iterator[tuple[str, bool]]:
    """Dotted names, each with whether it is a scalar."""
    for setting in _settings(kind, prefix):
        yield setting.name, "section" not in setting.type and "list" not in setting.type


def resolved(config: Config) -> dict[str, JsonValue]:
    """The configuration in force as plain values: for ``check-config`` and ``/v1/config``. Secrets are paths in it."""
    return {item.name: _plain(getattr(config, item.name)) for item in dataclasses.fields(config)}


def _plain(value: Any) -> JsonValue:
    if dataclasses.is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int) else str(value)


def _unwrap(hint: Any) -> tuple[Any, bool]:
    """``X | None`` -> (X, True); everything else -> (itself, False)."""
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        inner = [item for item in typing.get_args(hint) if item is not type(None)]
        return inner[0], True
    return hint, False


def _dotted(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")


def _found(node: yaml.Node) -> str:
    return _FOUND.get(node.tag.rpartition(":")[2], "something else")
