"""Runs every case of golden/facts: a registry and a question in words and data, and the facts that must come out."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.facts.geoip import load_countries
from gateway.facts.ownership_tests import read_tests
from gateway.facts.registry import Registry, load_registry
from gateway.facts.sightings import Sightings
from gateway.model import (
    ColumnUse,
    ColumnUseKind,
    Country,
    DatasourceId,
    EntityId,
    Location,
    Peer,
    Principal,
    StatementEffect,
    StatementFacts,
)
from gateway.yaml_text import load_yaml
from tests.packs import packs

CASES = Path(__file__).parent / "facts"
DEMO = Path(__file__).parents[2] / "gateway" / "demo" / "registry"
MAX_AGE = 900  # seconds for which a country claim counts
WINDOW = 600  # seconds within which two countries are both
TESTS = read_tests(packs().data)  # of ownership, as the packs ask them


def load(path: Path) -> list[dict[str, Any]]:
    document = load_yaml(path.read_text(encoding="utf-8"))
    return [{"registry": document.get("registry")} | case for case in document["cases"]]


ALL = [
    pytest.param(case, id=f"{path.stem}: {case['case']}")
    for path in sorted(CASES.glob("*.yaml"))
    for case in load(path)
]


def registry_of(case: dict[str, Any], directory: Path) -> Registry:
    """The demo's registry, or the one the case (or its file) spells out; ``countries`` are a database of addresses."""
    if case["registry"] is None:
        return load_registry(DEMO).tested(TESTS)
    files = dict(case["registry"])
    database = files.pop("countries", None)
    for name, content in files.items():
        (directory / f"{name}.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    registry = load_registry(directory).tested(TESTS)
    if database is None:
        return registry
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Golden-Country")
    for network, entry in database.items():
        writer.insert_network(IPSet([network]), entry)
    writer.to_db_file(str(directory / "countries.mmdb"))
    return registry.with_countries(load_countries(directory / "countries.mmdb"))


def plain(value: Any) -> Any:
    """A fact as YAML would write it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, str):
        return str(value)
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def differences(expected: Any, found: Any, path: str) -> list[str]:
    """Where the facts differ from what the case says; a case says only what it is about."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for key, value in expected.items()
            for line in (
                differences(value, found[key], f"{path}.{key}") if key in found else [f"{path}.{key}: no such fact"]
            )
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            line
            for number, (left, right) in enumerate(zip(expected, found, strict=True))
            for line in differences(left, right, f"{path}[{number}]")
        ]
    return [] if expected == found else [f"{path}: expected {expected!r}, found {found!r}"]


def statement_of(reads: list[str]) -> StatementFacts:
    """``public.users.phone`` reads a column, ``public.users`` touches a relation without one."""
    columns = tuple(
        ColumnUse(relation=name.rpartition(".")[0], column=name.rpartition(".")[2], use=ColumnUseKind.OUTPUT)
        for name in reads
        if name.count(".") == 2
    )
    relations = {use.relation for use in columns} | {name for name in reads if name.count(".") == 1}
    return StatementFacts(
        kind="select",
        effect=StatementEffect.READ,
        complete=True,
        relations=tuple(sorted(relations)),
        columns=columns,
    )


def moment(said: Any) -> int:
    return int(datetime.fromisoformat(str(said)).replace(tzinfo=UTC).timestamp())


def principal_of(ask: dict[str, Any], at: int) -> Principal:
    claims = {name: ask.get(f"claimed_{name}") for name in ("country", "employer", "residence")}
    return Principal(
        issuer=ask.get("issuer", "https://id.line.example"),
        subject=ask["who"],
        database_user=ask["who"],
        expires_at=at + 3600,
        issued_at=moment(ask["claimed_on"]) if "claimed_on" in ask else at,
        declared_country=None if claims["country"] is None else Country(claims["country"]),
        declared_employer=claims["employer"],
        declared_residence=None if claims["residence"] is None else Country(claims["residence"]),
    )


def place_of(ask: dict[str, Any], registry: Registry, sightings: Sightings) -> Location:
    """Where somebody is: of an address at a listener, or of what an edge says of it."""
    at = moment(ask["on"])
    principal = principal_of(ask, at)
    peer = Peer(address=ask.get("address"), site=ask.get("site"), via_edge=ask.get("edge", False))
    return sightings.place(registry.person(principal), registry.location(peer, principal, at, MAX_AGE), at).location


def facts_of(case: dict[str, Any], registry: Registry) -> dict[str, Any]:
    """Everything the registry says about the question, after what was ``seen`` before it."""
    ask, sightings = case["ask"], Sightings(window=WINDOW, most=1000)
    at = moment(ask["on"])
    for before in ask.get("seen", ()):
        place_of({"who": ask["who"], **before}, registry, sightings)
    source = registry.datasource(DatasourceId(ask.get("datasource", "messenger")), at)
    assert source is not None
    controller = EntityId(source.controller)
    found = {
        "datasource": source,
        "employer": registry.employer(principal_of(ask, at), controller, at),
        "location": place_of(ask, registry, sightings),
        "data": registry.data(source.id, statement_of(ask.get("reads", [])), at),
    }
    assured = registry.assured(controller, at)
    found |= {field.name: getattr(assured, field.name) for field in fields(assured)}
    return {name: plain(value) for name, value in found.items()}


@pytest.mark.parametrize("case", ALL)
def test_facts_are_what_the_case_says(case: dict[str, Any], tmp_path: Path) -> None:
    facts = facts_of(case, registry_of(case, tmp_path))
    assert differences(case["facts"], facts, "facts") == []


def test_every_case_says_why() -> None:
    for path in CASES.glob("*.yaml"):
        for case in load(path):
            assert set(case) <= {"case", "because", "registry", "ask", "facts"}
            assert case["because"]
