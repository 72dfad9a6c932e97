"""Every rule says what it is: METADATA above it for people, a row in its pack's table for the engine; both agree.

A rule is a line ``passed contains "<id>" if ...``. Its row is ``rules.<id>`` of the data beside it. The engine reads
mode and dates from the row only, so lowering a rule shows in its owner's own two files or not at all.

A rule that is about certain relations names them in its METADATA (``relations``): ``schema.relation``, of whichever
datasource has it, or ``datasource:schema.relation``. Sessions of such a datasource are strict (`gateway.strictness`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

import yaml

from gateway.model import Layer, Mode
from gateway.yaml_text import load_yaml

_RULE: Final = re.compile(r'^passed contains "(?P<id>[^"]*)"')
_PASSED: Final = re.compile(r"(?<![.\w])passed\b")
_TEXTS: Final = re.compile(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`|#[^\n]*')
_AGREED: Final = ("layer", "citation", "effective_from", "effective_to", "mode")
_ROW: Final = frozenset({*_AGREED, "title", "owner", "order", "confidence"})
_CUSTOM: Final = frozenset({"id", *_AGREED, "cases", "relations", "undisclosed"})
_NAMED: Final = re.compile(r"^(?:(?P<datasource>[^:\s]+):)?(?P<relation>[^.:\s]+\.[^:\s]+)$")
_LOCATION: Final = "input.location.countries"
_DATE: Final = re.compile(r"^\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleText:
    """One rule as its module shows it."""

    id: str
    place: str  # file:line
    pack: str  # folder of the module
    metadata: Mapping[str, Any] | None  # the block above it; None = there is none


def rule_texts(path: str, text: str) -> list[RuleText]:
    """The rules of one module."""
    lines = text.splitlines()
    pack = path.rsplit("/", 1)[0]
    return [
        RuleText(id=found["id"], place=f"{path}:{number + 1}", pack=pack, metadata=_block_above(lines, number))
        for number, line in enumerate(lines)
        if (found := _RULE.match(line))
    ]


def check_rules(modules: Sequence[tuple[str, str]], data: Mapping[str, Any]) -> list[str]:
    """What is wrong with the rules' metadata and rows."""
    problems: list[str] = []
    seen: dict[str, str] = {}
    for path, text in modules:
        problems.extend(_passed_otherwise(path, text))
        for rule in rule_texts(path, text):
            if rule.id in seen:
                problems.append(f"{rule.place}: rule {rule.id} is already defined at {seen[rule.id]}")
            seen[rule.id] = rule.place
            row = rule_rows(data, rule.pack).get(rule.id)
            if not isinstance(row, Mapping):
                problems.append(f"{rule.place}: rule {rule.id} has no row in {rule.pack}/data.yaml")
            else:
                problems.extend(_row_problems(rule, row))
                problems.extend(_agreement_problems(rule, row))
    for pack in sorted({path.rsplit("/", 1)[0] for path, _ in modules}):
        missing = sorted(str(id) for id in rule_rows(data, pack) if id not in seen)
        problems.extend(f"{pack}/data.yaml:1: rule {id} is in the table but in no module" for id in missing)
    return problems


def _passed_otherwise(path: str, text: str) -> list[str]:
    """Where a module lets rules pass other than by their names. What passes by a variable might be anybody's rule: a
    house's pack could let those of law pass."""
    named = {rule.place for rule in rule_texts(path, text)}
    plain = _TEXTS.sub(lambda found: "\n" * found[0].count("\n"), text)
    places = [f"{path}:{plain.count(chr(10), 0, found.start()) + 1}" for found in _PASSED.finditer(plain)]
    wrong = [place for place in places if place not in named or places.count(place) > 1]
    return [f'{place}: a rule passes by its name: passed contains "<id>" if ...' for place in dict.fromkeys(wrong)]


def _block_above(lines: Sequence[str], number: int) -> Mapping[str, Any] | None:
    start = number
    while start > 0 and lines[start - 1].startswith("#"):
        start -= 1
    block = lines[start:number]
    if "# METADATA" not in block:
        return None
    body = block[block.index("# METADATA") + 1 :]
    return _parsed("\n".join(line[1:].removeprefix(" ") for line in body))


@lru_cache(
    maxsize=1000
)  # the same blocks are read for the check, the list and the table of a bundle, and of the next one
def _parsed(block: str) -> Mapping[str, Any] | None:
    try:
        parsed = load_yaml(block)
    except yaml.YAMLError:
        return None
    return parsed if isinstance(parsed, Mapping) else None


def rule_rows(data: Mapping[str, Any], pack: str) -> Mapping[str, Any]:
    """The table of a pack (its folder): id -> row."""
    part: Any = data
    for name in pack.split("/"):
        part = part.get(name, {}) if isinstance(part, Mapping) else {}
    rows = part.get("rules", {}) if isinstance(part, Mapping) else {}
    return rows if isinstance(rows, Mapping) else {}


def _row_problems(rule: RuleText, row: Mapping[str, Any]) -> list[str]:
    problems: list[str] = []
    absent, unknown = sorted(_ROW - row.keys() - {"confidence"}), sorted(row.keys() - _ROW)
    problems.extend(f"the row of {rule.id} lacks {name}" for name in absent)
    problems.extend(f"the row of {rule.id} has an unknown field {name}" for name in unknown)
    for name, kind in (("layer", Layer), ("mode", Mode)):
        if name in row and row[name] not in {str(member) for member in kind}:
            problems.append(f"the row of {rule.id}: {name} must be one of {', '.join(kind)}")
    for name in ("title", "citation", "owner"):
        if name in row and not (isinstance(row[name], str) and row[name]):
            problems.append(f"the row of {rule.id}: {name} must be a text")
    if "effective_from" in row and not _is_day(row["effective_from"]):
        problems.append(f"the row of {rule.id}: effective_from must be a day, YYYY-MM-DD")
    if row.get("effective_to") is not None and not _is_day(row["effective_to"]):
        problems.append(f"the row of {rule.id}: effective_to must be a day, YYYY-MM-DD, or null")
    if "order" in row and (isinstance(row["order"], bool) or not isinstance(row["order"], int)):
        problems.append(f"the row of {rule.id}: order must be a whole number")
    return [f"{rule.place}: {problem}" for problem in problems]


def _is_day(value: object) -> bool:
    if not isinstance(value, str) or not _DATE.match(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _agreement_problems(rule: RuleText, row: Mapping[str, Any]) -> list[str]:
    metadata = rule.metadata
    if metadata is None:
        return [f"{rule.place}: rule {rule.id} has no METADATA above it"]
    custom = metadata.get("custom")
    if not isinstance(custom, Mapping):
        return [f"{rule.place}: the METADATA of {rule.id} has no custom fields"]
    problems: list[str] = []
    said = {name: value.isoformat() if isinstance(value, date) else value for name, value in custom.items()}
    for name in ("title", "description"):
        if not metadata.get(name):
            problems.append(f"the METADATA of {rule.id} lacks {name}")
    if said.get("id") != rule.id:
        problems.append(f"the METADATA above {rule.id} has another id")
    for name in _AGREED:
        if name not in said and name != "effective_to":
            problems.append(f"the METADATA of {rule.id} lacks {name}")
        elif name in row and said.get(name) != row[name]:
            problems.append(f"the METADATA of {rule.id} and its row differ in {name}")
    # A misspelt `relations` would be none, and sessions not strict that should be.
    unknown = sorted(str(name) for name in said.keys() - _CUSTOM)
    problems += [f"the METADATA of {rule.id} has an unknown custom field {name}" for name in unknown]
    problems += _relation_problems(rule, said.get("relations", []))
    if said.get("undisclosed", True) is not True:
        problems.append(f"the METADATA of {rule.id}: undisclosed is true, or not there")
    return [f"{rule.place}: {problem}" for problem in problems]


def _relation_problems(rule: RuleText, said: object) -> list[str]:
    if not isinstance(said, list) or not all(isinstance(name, str) for name in said):
        return [f"the METADATA of {rule.id}: relations must be a list of texts"]
    return [
        f"the METADATA of {rule.id}: '{name}' must be written schema.relation or datasource:schema.relation"
        for name in said
        if not _NAMED.match(name)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRelation:
    """A relation that a rule is about. ``datasource`` None: of whichever datasource has it."""

    datasource: str | None
    relation: str

    def __str__(self) -> str:
        return self.relation if self.datasource is None else f"{self.datasource}:{self.relation}"


def _custom(rule: RuleText) -> Mapping[str, Any]:
    return (rule.metadata or {}).get("custom") or {}


def _named_relations(rule: RuleText) -> tuple[NamedRelation, ...]:
    names = _custom(rule).get("relations", [])
    found = (_NAMED.match(name) for name in names)
    return tuple(NamedRelation(datasource=one["datasource"], relation=one["relation"]) for one in found if one)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRow:
    """What the engine, the metrics and the doors know of a rule."""

    id: str
    layer: Layer
    mode: Mode
    pack: str
    title: str
    citation: str
    relations: tuple[NamedRelation, ...] = ()
    undisclosed: bool = False  # it speaks where users were not told of a country: such accesses are counted apart
    needs_country: bool = False  # its module asks in which country somebody is


def rule_table(modules: Sequence[tuple[str, str]], data: Mapping[str, Any]) -> list[RuleRow]:
    """Every rule of a bundle that `check_rules` found good, by id."""
    rows = [
        RuleRow(
            id=rule.id,
            layer=Layer(row["layer"]),
            mode=Mode(row["mode"]),
            pack=rule.pack,
            title=row["title"],
            citation=row["citation"],
            relations=_named_relations(rule),
            undisclosed=_custom(rule).get("undisclosed") is True,
            needs_country=_LOCATION in text and not path.startswith("sekisho/"),  # which asks whether it is there
        )
        for path, text in modules
        for rule in rule_texts(path, text)
        for row in (rule_rows(data, rule.pack)[rule.id],)
    ]
    return sorted(rows, key=lambda row: row.id)
