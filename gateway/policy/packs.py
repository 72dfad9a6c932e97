"""The list of packs, ``data.sekisho.packs``: which there are, who owns each, and by which a datasource is asked.

A pack that is not listed would never be asked, and its rules would seem to be in force: such a bundle does not load.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.model import Layer
from gateway.policy.metadata import rule_texts

_ALWAYS: Final = "sekisho/shape"  # looks at the input itself, before any pack
_PLACE: Final = "sekisho/packs/data.yaml:1"
_PACK: Final = frozenset(
    {"owner", "action", "subject_countries", "storage_countries", "required", "chosen", "with_request"}
)
_ACTIONS: Final = frozenset({"audit.read"})  # what a pack may be about instead of statements
_FLAGS: Final = ("required", "chosen", "with_request")
_CHOICE: Final = frozenset({"also", "without"})
_MEMORY: Final = "memory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """One pack of the list."""

    id: str  # layer/name: its folder
    owner: str
    subject_countries: tuple[str, ...] = ()  # of a law: whose people's data it is about
    storage_countries: tuple[str, ...] = ()  # of a law: data that lies there it is about too
    required: bool = False  # no datasource leaves it out
    chosen: bool = False  # asked only where a datasource adds it
    with_request: bool = False  # asked only for statements that an authority asked for
    action: str = "statement"  # what it is asked about, and about nothing else


def packs_of(data: Mapping[str, Any]) -> tuple[Pack, ...]:
    """The packs of a bundle that `check_packs` found good: laws first, in the order of the list."""
    return tuple(_pack(f"{layer}/{name}", said) for layer, name, said in _listed(data))


def choices_of(data: Mapping[str, Any]) -> Mapping[str, Mapping[str, Sequence[str]]]:
    """By datasource: the packs it adds (``also``) and leaves out (``without``)."""
    return _mapping(_list(data).get("datasources"))


def check_packs(modules: Sequence[tuple[str, str]], data: Mapping[str, Any]) -> list[str]:
    """What is wrong with the list, and with what it leaves out."""
    with_rules = {rule.pack for path, text in modules for rule in rule_texts(path, text)} - {_ALWAYS}
    if not with_rules and not _list(data):
        return []
    problems = [f"{_PLACE}: {problem}" for problem in _problems(data)]
    listed = {f"{layer}/{name}" for layer, name, _ in _listed(data)}
    problems += [
        f"{pack}: the pack is not in the list of {_PLACE}, and would never be asked: "
        f"add `{pack.partition('/')[2]}: {{owner: ...}}` there, under {pack.partition('/')[0]}"
        for pack in sorted(with_rules - listed)
    ]
    problems += [f"{_PLACE}: {pack} has no rule" for pack in sorted(listed - with_rules)]
    return problems


def unverified(data: Mapping[str, Any]) -> list[str]:
    """Where a bundle's data is from memory: to be verified before anybody relies on it."""
    return sorted(_from_memory(data, ()))


def _from_memory(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    if isinstance(value, Mapping):
        if value.get("confidence") == _MEMORY:
            yield "/".join(path) + (f" ({value['citation']})" if isinstance(value.get("citation"), str) else "")
        for key, part in value.items():
            if part == _MEMORY and str(key).endswith("_confidence"):
                yield "/".join((*path, str(key).removesuffix("_confidence")))
            yield from _from_memory(part, (*path, str(key)))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            named = part.get("country") if isinstance(part, Mapping) else None
            yield from _from_memory(part, (*path, str(named or number)))


def _list(data: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(data.get("sekisho")).get("packs"))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _listed(data: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for layer in Layer:
        for name, said in _mapping(_list(data).get(str(layer))).items():
            yield str(layer), str(name), _mapping(said)


def _pack(id: str, said: Mapping[str, Any]) -> Pack:
    return Pack(
        id=id,
        owner=str(said["owner"]),
        subject_countries=tuple(said.get("subject_countries", ())),
        storage_countries=tuple(said.get("storage_countries", ())),
        action=str(said.get("action", "statement")),
        **{flag: said.get(flag) is True for flag in _FLAGS},
    )


def _problems(data: Mapping[str, Any]) -> Iterator[str]:
    unknown = _list(data).keys() - {*map(str, Layer), "datasources"}
    yield from (f"unknown key '{key}'" for key in sorted(map(str, unknown)))
    packs: dict[str, Mapping[str, Any]] = {}
    for layer, name, said in _listed(data):
        packs[f"{layer}/{name}"] = said
        yield from (f"{layer}/{name}: {problem}" for problem in _pack_problems(layer, said))
    for datasource, said in choices_of(data).items():
        choice = _mapping(said)
        yield from (f"{datasource}: unknown key '{key}'" for key in sorted(map(str, choice.keys() - _CHOICE)))
        for id in choice.get("also", ()):
            if packs.get(id, {}).get("chosen") is not True:
                yield f"{datasource}: {id} is no pack that can be chosen"
        for id in choice.get("without", ()):
            if id not in packs:
                yield f"{datasource}: there is no pack {id}"
            elif packs[id].get("required") is True:
                yield f"{datasource}: {id} is required and cannot be left out"


def _pack_problems(layer: str, said: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"unknown key '{key}'" for key in sorted(map(str, said.keys() - _PACK)))
    if not isinstance(said.get("owner"), str) or not said.get("owner"):
        yield "it has no owner"
    yield from (f"{flag} must be true or false" for flag in _FLAGS if not isinstance(said.get(flag, False), bool))
    # A statement's rules must not be skipped by a word: law and promises are about statements, and so is every pack
    # that says nothing.
    if "action" in said and (layer != Layer.HOUSE or said["action"] not in _ACTIONS):
        yield f"action is for packs of the house, and one of {', '.join(sorted(_ACTIONS))}"
    countries = said.get("subject_countries", [])
    if not isinstance(countries, list) or not all(isinstance(one, str) and len(one) == 2 for one in countries):
        yield "subject_countries must be a list of country codes"
    elif (layer == Layer.LAW) != bool(countries):
        yield "a law says whose people it is about (subject_countries), and no other pack does"
    if said.get("required") is True and (said.get("chosen") is True or said.get("with_request") is True):
        yield "what is required is asked always"
