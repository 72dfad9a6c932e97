"""Golden cases of policy, as a lawyer reads them: facts in; effect, rules, obligations out. YAML files of this shape:

    from: people.yaml            # a file beside this one that its parts are laid over; people.yaml, where there is one
    common: {...}                # what every document has
    people: {li: {...}}          # laid over it by `who`
    statements: {users: {...}}   # laid over that by `what`
    cases:
      - case: L01 an engineer of the Shanghai affiliate reads users
        basis: APPI 28(1)(2)
        who: li
        what: users
        set: {employer.chain.1.country: DE}    # places of the document
        remove: [employer.blocked]
        expect: {effect: deny, rules: [jp-appi-28]}

`rules` are the enforced findings' rules in order, `shadow` those that are only counted, `obligations` all of them;
besides these a case may expect `fact`, `value`, `citation` and a part of `message` of the first finding, `reason`,
`cross_border`, `durability`, `valid_until`, `headroom`, `limits`, and in place of all `only`: the one rule that speaks.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.errors import ConfigError, Reason
from gateway.model import Mode
from gateway.yaml_text import load_yaml

BASE: Final = "people.yaml"
_FILE: Final = frozenset({"from", "common", "people", "statements", "cases"})
_CASE: Final = frozenset({"case", "basis", "who", "what", "input", "set", "remove", "expect", "fits_schema"})
_EXPECT: Final = frozenset(
    {
        *("effect", "rules", "shadow", "obligations", "only", "fact", "value", "citation", "message", "reason"),
        *("cross_border", "durability", "valid_until", "headroom", "limits"),
    }
)
_PARTS: Final = ("people", "statements")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: the document asked about and what has to come of it."""

    id: str  # file and name
    basis: str
    document: Any  # what is no input at all is a case too
    expect: Mapping[str, Any]
    fits_schema: bool  # whether the document is one the schema allows


def read_cases(paths: Sequence[Path]) -> tuple[Case, ...]:
    """All cases of these files, in order. Raises ConfigError with every problem."""
    problems: list[str] = []
    found: list[Case] = []
    for path in paths:
        content = _with_base(path, problems)
        found += _cases_of(path, content, problems)
    names = [case.id for case in found]
    problems += sorted({f"{name}: two cases have this name" for name in names if names.count(name) > 1})
    if problems:
        raise ConfigError(problems)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing an answer says otherwise than the case."""

    what: str
    expected: Any
    got: Any


def differences(case: Case, answer: Any) -> tuple[Difference, ...]:
    """What an engine's answer says otherwise than the case expects; () where nothing."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("findings"), list):
        return (Difference("answer", "a decision", answer),)
    findings = answer["findings"]
    expected = {"shadow": [], "obligations": [], "limits": [], **case.expect}
    if "only" in case.expect:
        expected = dict(case.expect)
    said = {
        **{name: answer.get(name) for name in _EXPECT},
        **{name: findings[0].get(name) if findings else None for name in ("fact", "value", "citation", "message")},
        "rules": _speaking(findings, Mode.ENFORCE),
        "shadow": _speaking(findings, Mode.SHADOW),
        "only": rules[0] if len(rules := _speaking(findings, None)) == 1 else rules,
        "reason": next((one["reason"] for one in findings if one.get("mode") == Mode.ENFORCE), Reason.ALLOWED.value),
    }
    return tuple(
        Difference(name, value, said[name])
        for name, value in expected.items()
        if (value not in (said[name] or "") if name == "message" else said[name] != value)
    )


def _speaking(findings: Sequence[Mapping[str, Any]], mode: Mode | None) -> list[str]:
    """The rules that speak in this mode, each once, in the order a person meets them."""
    return list(dict.fromkeys(one["rule"] for one in findings if mode is None or one.get("mode") == mode))


def document(content: Mapping[str, Any], who: str, what: str) -> Any:
    """The whole document of a person who runs a statement."""
    return _over(_over(content["common"], content["people"][who]), content["statements"][what])


def content_of(path: Path) -> Mapping[str, Any]:
    """A file's parts, laid over those of the file it starts from. Raises ConfigError."""
    problems: list[str] = []
    content = _with_base(path, problems)
    if problems:
        raise ConfigError(problems)
    return content


def _with_base(path: Path, problems: list[str]) -> Mapping[str, Any]:
    content = _mapping_of(path, problems)
    base = path.with_name(str(content.get("from", BASE)))
    if base == path or (base.name == BASE and "from" not in content and not base.exists()):
        return {"common": {}, "people": {}, "statements": {}, **content}
    below = _mapping_of(base, problems)
    parts = {name: {**below.get(name, {}), **content.get(name, {})} for name in _PARTS}
    return {**content, "common": _over(below.get("common", {}), content.get("common", {})), **parts}


def _mapping_of(path: Path, problems: list[str]) -> Mapping[str, Any]:
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{path}: not readable ({type(error).__name__})")
        return {}
    except yaml.YAMLError as error:
        line = error.problem_mark.line + 1 if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else 1
        problems.append(f"{path}:{line}: not YAML")
        return {}
    if not isinstance(content, dict):
        problems.append(f"{path}:1: the file must hold a mapping")
        return {}
    problems += [f"{path}: unknown key '{key}'" for key in sorted(map(str, content.keys() - _FILE))]
    return content


def _cases_of(path: Path, content: Mapping[str, Any], problems: list[str]) -> Iterator[Case]:
    for number, entry in enumerate(content.get("cases", []), start=1):
        if not isinstance(entry, Mapping) or not isinstance(entry.get("case"), str):
            problems.append(f"{path}: case {number} has no name ('case')")
            continue
        place = f"{path.stem}: {entry['case']}"
        expect = entry.get("expect")
        expected = expect if isinstance(expect, Mapping) else {}
        if not {"rules", "only"} & expected.keys():
            problems.append(f"{place}: 'expect' must say which 'rules' speak")
        problems += [f"{place}: {problem}" for problem in _strangers(content, entry)]
        unknown = [*(entry.keys() - _CASE), *(expected.keys() - _EXPECT)]
        problems += [f"{place}: unknown key '{key}'" for key in sorted(map(str, unknown))]
        try:
            asked = _asked(content, entry)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            if not any(_strangers(content, entry)):
                problems.append(f"{place}: there is no {error.args[0] if error.args else error!s}")
            continue
        yield Case(
            id=place,
            basis=str(entry.get("basis", "")),
            document=asked,
            expect=expected,
            fits_schema=entry.get("fits_schema", True) is True,
        )


def _strangers(content: Mapping[str, Any], entry: Mapping[str, Any]) -> Iterator[str]:
    """Whom and what a case names and nobody describes, and who there is."""
    for key, part in (("who", "people"), ("what", "statements")):
        known, name = content[part], entry.get(key)
        if "input" not in entry and name not in known:
            there = (
                f"there are {', '.join(sorted(known))}" if known else f"it has none; is {BASE} beside it, or `from`?"
            )
            yield f"'{key}: {name}' is not among the {part} of this file or of that it starts from: {there}"


def _asked(content: Mapping[str, Any], entry: Mapping[str, Any]) -> Any:
    found = copy.deepcopy(entry["input"]) if "input" in entry else document(content, entry["who"], entry["what"])
    for place, value in entry.get("set", {}).items():
        put(found, place.split("."), copy.deepcopy(value))
    for place in entry.get("remove", []):
        take(found, place.split("."))
    return found


def _over(below: Any, above: Any) -> Any:
    """``above`` laid over ``below``: mappings are merged, anything else is replaced."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _over(below.get(key), above.get(key, below.get(key))) for key in {**below, **above}}
    return copy.deepcopy(above)


def _holder(value: Any, path: list[str]) -> tuple[Any, Any]:
    for name in path[:-1]:
        value = value[int(name) if isinstance(value, list) else name]
    return value, int(path[-1]) if isinstance(value, list) else path[-1]


def put(value: Any, path: list[str], new: Any) -> None:
    """Set the place in a document."""
    holder, key = _holder(value, path)
    holder[key] = new


def take(value: Any, path: list[str]) -> None:
    """Remove the place from a document."""
    holder, key = _holder(value, path)
    del holder[key]
