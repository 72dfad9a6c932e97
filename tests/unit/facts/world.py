"""A small world for the tests of gateway.facts: a valid registry folder, people and moments."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from gateway.facts.fields import Problems, Section
from gateway.facts.registry import Registry, load_registry
from gateway.facts.yaml_tree import read_tree
from gateway.model import Country, Principal

ISSUER = "https://id.test.example"

FILES = {
    "people.yaml": """\
people:
  - issuer: https://id.test.example
    subject: ann
    name: Ann
    residence: JP
    stay: residence
    employments:
      - {entity: shop, from: 2020-01-01}
""",
    "entities.yaml": """\
entities:
  - {id: shop, name: Shop, country: JP}
  - {id: helper, name: Helper, country: KR}
contracts:
  - {id: c1, principal: shop, contractor: helper, purpose: support, subcontractors: none, from: 2020-01-01}
""",
    "networks.yaml": """\
sites:
  - {id: office, country: JP, kind: office, direct: true, cidrs: [192.0.2.0/24]}
""",
    "catalog.yaml": """\
datasources:
  - id: shop
    storage_countries: [JP]
    controller: shop
    tables:
      public.customers:
        subject_countries: [JP]
        columns:
          id: []
          email: [user.contact.email]
      public.prices: {about: nobody}
""",
}


def write_registry(directory: Path, **files: str) -> Path:
    """Write a registry folder; ``people="…"`` replaces people.yaml, and so on."""
    texts = FILES | {f"{name}.yaml": text for name, text in files.items()}
    for name, text in texts.items():
        (directory / name).write_text(text, encoding="utf-8")
    return directory


def registry(directory: Path, **files: str) -> Registry:
    """A registry read from a folder."""
    return load_registry(write_registry(directory, **files))


def section(text: str, file: str = "test.yaml") -> tuple[Section, Problems]:
    """A section of a text, with the list its problems go to."""
    problems = Problems()
    return Section(read_tree(text.encode()), file, problems), problems


def moment(text: str) -> int:
    """``2021-03-17`` or ``2021-03-17T12:00:00`` in UTC, as seconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def principal(
    subject: str = "ann",
    *,
    issuer: str = ISSUER,
    issued_at: int | None = None,
    country: str | None = None,
    employer: str | None = None,
    residence: str | None = None,
) -> Principal:
    """A verified principal."""
    return Principal(
        issuer=issuer,
        subject=subject,
        database_user=subject,
        expires_at=4_000_000_000,
        issued_at=issued_at,
        declared_country=None if country is None else Country(country),
        declared_employer=employer,
        declared_residence=None if residence is None else Country(residence),
    )
