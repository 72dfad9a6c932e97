"""What one file says of another is looked at as a whole, with the place of whoever says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.model import PrincipalId
from tests.unit.facts.world import ISSUER, moment, registry

LEI = "529900T8BM49AURSDO55"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        (
            "people",
            "people:\n  - {issuer: i, subject: s, name: N, employments: [{entity: nobody}]}\n",
            "people.yaml:2: 'nobody' is not an entity of the registry",
        ),
        (
            "people",
            "people:\n  - {issuer: i, subject: s, name: N, employments: [{entity: shop, contract: c1}]}\n",
            "people.yaml:2: contract 'c1' is none with 'shop'",
        ),
        (
            "catalog",
            "datasources:\n  - {id: shop, storage_countries: [JP], controller: nobody, tables: {}}\n",
            "catalog.yaml:2: 'nobody' is not an entity of the registry",
        ),
        (
            "blocks",
            "blocks:\n  - {id: x, entity: nobody}\n",
            "blocks.yaml:2: 'entity' names an entity that is not in the registry: 'nobody'",
        ),
    ],
)
def test_whoever_is_named_must_be_there(tmp_path: Path, name: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry(tmp_path, **{name: text})
    assert f"{tmp_path.name}/{problem}" in caught.value.problems


def test_employer_named_by_its_lei_is_the_entity(tmp_path: Path) -> None:
    people = f"people:\n  - {{issuer: {ISSUER}, subject: ann, name: Ann, employments: [{{entity: {LEI}}}]}}\n"
    found = registry(tmp_path, people=people, entities=f"entities: [{{id: shop, name: S, country: JP, lei: {LEI}}}]\n")
    assert [job.entity for job in found.people[PrincipalId(f"{ISSUER}#ann")].employments] == ["shop"]


def test_every_date_is_a_moment_of_change(tmp_path: Path) -> None:
    blocks = "blocks:\n  - {id: x, country: KR, from: 2031-01-01, to: 2032-01-01}\n"
    found = registry(tmp_path, blocks=blocks)
    assert found.next_change(moment("2030-12-31")) == moment("2031-01-01")
    assert found.next_change(moment("2031-01-01")) == moment("2032-01-01")
