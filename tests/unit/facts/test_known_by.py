"""Each fact about a person says where it comes from and how well it is known; what nobody recorded is unknown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gateway.facts.ownership_tests import read_tests
from gateway.facts.registry import Registry, load_registry
from gateway.model import Confidence, Country, EntityId, Principal
from tests.packs import packs
from tests.unit.facts.world import FILES, moment, write_registry

DEMO = Path(__file__).parents[3] / "gateway" / "demo" / "registry"
AT = moment("2026-11-22")
WANG = Principal(issuer="https://id.line.example", subject="wang", database_user="wang", expires_at=AT + 3600)
ATTESTED, DECLARED, UNKNOWN = Confidence.ATTESTED, Confidence.DECLARED, Confidence.UNKNOWN


def found(registry: Registry, principal: Principal, controller: str) -> dict[str, tuple[str, Confidence]]:
    facts = registry.employer(principal, EntityId(controller), AT)
    assert len({one.fact for one in facts.known_by}) == len(facts.known_by), "no fact twice"
    return {one.fact: (one.source, one.confidence) for one in facts.known_by}


def test_every_fact_of_a_registered_person() -> None:
    demo = load_registry(DEMO).tested(read_tests(packs().data))
    assert found(demo, WANG, "line-jp") == {
        "principal.residence": ("people.yaml", ATTESTED),
        "principal.stay": ("people.yaml", ATTESTED),
        "principal.us_person": ("people.yaml", UNKNOWN),
        "employer.entity": ("people.yaml", ATTESTED),
        "employer.chain[0]": ("entities.yaml", ATTESTED),
        "employer.chain[1]": ("entities.yaml", ATTESTED),
        "employer.chain[2]": ("entities.yaml", ATTESTED),
        "employer.contracts[0]": ("entities.yaml", ATTESTED),
        "employer.contracts[1]": ("entities.yaml", ATTESTED),
        "employer.held[0]": ("entities.yaml", UNKNOWN),  # nobody recorded who owns the contractor
        "employer.held[1]": ("entities.yaml", ATTESTED),
    }


def test_of_whom_nobody_registered_nothing_is_known() -> None:
    demo = load_registry(DEMO)
    ghost = replace(WANG, subject="ghost")
    assert set(found(demo, ghost, "line-jp").values()) == {("none", UNKNOWN)}


def test_what_only_a_token_says_is_declared() -> None:
    demo = load_registry(DEMO)
    ghost = replace(WANG, subject="ghost", declared_employer="jp-monitor", declared_residence=Country("JP"))
    facts = found(demo, ghost, "line-jp")
    assert facts["principal.residence"] == ("token", DECLARED)
    assert facts["employer.entity"] == ("token", DECLARED)
    assert facts["employer.chain[1]"] == ("entities.yaml", ATTESTED), "of the firm the registry knows by itself"


def test_a_residence_the_token_contradicts_is_still_the_registrys() -> None:
    demo = load_registry(DEMO)
    facts = demo.employer(replace(WANG, declared_residence=Country("JP")), EntityId("line-jp"), AT)
    assert facts.conflict
    assert facts.known_by[0].source == "people.yaml"


def test_what_a_file_leaves_out_is_unknown(tmp_path: Path) -> None:
    entities = FILES["entities.yaml"].replace("name: Helper, country: KR", "name: Helper")
    people = FILES["people.yaml"].replace("entity: shop", "entity: helper")
    registry = load_registry(write_registry(tmp_path, entities=entities, people=people))
    ann = Principal(issuer="https://id.test.example", subject="ann", database_user="ann", expires_at=AT + 3600)
    facts = found(registry, ann, "shop")
    assert facts["employer.chain[0]"] == ("entities.yaml", ATTESTED)
    assert facts["employer.chain[1]"] == ("entities.yaml", UNKNOWN), "the country of its law is not there"
