import json
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts.ownership_tests import read_tests
from gateway.facts.registry import Registry, load_registry
from gateway.whois import MOST, explain, reading_of
from tests.leis import with_check_digits
from tests.packs import packs
from tests.unit.facts.world import FILES, moment, write_registry

DEMO = Path(__file__).parents[2] / "gateway" / "demo" / "registry"
AT = moment("2026-11-22")


@pytest.fixture(scope="module")
def demo() -> Registry:
    return load_registry(DEMO).tested(read_tests(packs().data))


@pytest.mark.parametrize("name", ["wang", "https://id.line.example#wang"])
def test_person_is_found_by_subject_and_by_identity(demo: Registry, name: str) -> None:
    found = explain(demo, name, AT)
    assert (found["kind"], found["name"], found["registry_revision"]) == ("person", "Wang Meilin", demo.revision)
    assert found["residence"] == {"value": "CN", "source": "people.yaml", "confidence": "attested"}
    assert found["us_person"] == {"value": None, "source": "people.yaml", "confidence": "unknown"}
    (towards,) = found["towards"]
    assert [link["entity"] for link in towards["chain"]] == ["line-jp", "jp-monitor", "dalian-monitor"]
    assert [(one["entity"], one["answer"]) for one in towards["held"]] == [
        ("jp-monitor", "unknown"),
        ("dalian-monitor", "yes"),
    ]
    json.dumps(found)


def test_employments_are_shown_with_their_place_and_whether_they_are_in_force(demo: Registry) -> None:
    (job,) = explain(demo, "wang", moment("2019-12-31"))["employments"]
    assert (job["from"], job["in_force"]) == ("2020-01-15", False)
    assert job["source"].startswith("people.yaml:")


@pytest.mark.parametrize("name", ["line-jp", "line corporation"])
def test_entity_is_found_by_id_and_by_name(demo: Registry, name: str) -> None:
    found = explain(demo, name, AT)
    (parent,) = found["owners"]
    assert (parent["entity"], parent["share_percent"], parent["from"]) == ("ly", 100, "2021-03-01")
    (holding,) = parent["owners"]
    assert (holding["entity"], holding["share_percent"]) == ("a-holdings", 64.5)
    assert [owner["entity"] for owner in holding["owners"]] == ["naver", "softbank"]
    assert [one["id"] for one in found["contracts"]] == ["timeline-monitoring", "platform-development"]
    assert found["held"][0]["answer"] == "no"


def test_holdings_are_those_of_the_day(demo: Registry) -> None:
    (before,) = explain(demo, "line-jp", moment("2021-02-28"))["owners"]
    assert (before["entity"], before["share_percent"], before["to"]) == ("naver", 72.64, "2021-03-01")


def test_address_says_why_it_is_unknown(demo: Registry) -> None:
    found = explain(demo, "192.0.2.200", AT)
    assert (found["kind"], found["location"]["countries"], found["location"]["unknown"]) == ("address", (), True)
    assert "VPN exit" in found["location"]["note"]


def test_nobody_is_a_problem(demo: Registry) -> None:
    with pytest.raises(ConfigError, match="nobody: no address, and no person or entity of the registry"):
        explain(demo, "nobody", AT)


def test_name_of_several_is_a_problem(tmp_path: Path) -> None:
    twice = FILES["people.yaml"] + FILES["people.yaml"].split("\n", 1)[1].replace("id.test", "other")
    same = FILES["entities.yaml"].replace("name: Helper", "name: SHOP")
    registry = load_registry(write_registry(tmp_path, people=twice, entities=same))
    with pytest.raises(ConfigError, match="several people have this subject"):
        explain(registry, "ann", AT)
    with pytest.raises(ConfigError, match="several entities have this name"):
        explain(registry, "sHop", AT)


def test_imported_entity_by_its_lei_and_rings_of_owners_end(tmp_path: Path) -> None:
    one, two = (with_check_digits(f"9999TEST{letter * 10}") for letter in "AB")
    write_registry(tmp_path, entities=FILES["entities.yaml"] + "blocks: [{id: stop, country: CN}]\n")
    (tmp_path / "entities.csv").write_text(
        f"lei,name,country,headquarters,status,owners_unknown\n{one},One,CN,HK,LAPSED,NON_PUBLIC\n{two},Two,,,ISSUED,\n"
    )
    (tmp_path / "ownership.csv").write_text(
        f"owner,of,share,from,to,basis\n{one},{two},,,,consolidation\n{two},{one},40,,,\n"
    )
    found = explain(load_registry(tmp_path), one, AT)
    assert (found["country"]["source"], found["owners_note"], found["status"]) == (
        "entities.csv",
        "NON_PUBLIC",
        "LAPSED",
    )
    assert found["blocked_by"] == ["stop"]
    (owner,) = found["owners"]
    assert owner["country"] is None
    assert [(above["entity"], above["shown_above"], above["owners"]) for above in owner["owners"]] == [(one, True, [])]


def test_tree_is_bounded(tmp_path: Path) -> None:
    entities = FILES["entities.yaml"].split("contracts:")[0]
    entities += "".join(f"  - {{id: o{number}, name: O, country: JP}}\n" for number in range(MOST + 50))
    entities += "ownership:\n"
    entities += "".join(f"  - {{owner: o{number}, of: shop, share: 0.1}}\n" for number in range(MOST + 50))
    found = explain(load_registry(write_registry(tmp_path, entities=entities)), "shop", AT)
    assert len(found["owners"]) == MOST


@pytest.mark.parametrize(
    ("name", "principal", "entity"),
    [
        ("wang", "https://id.line.example#wang", "dalian-monitor"),
        ("line-cn", None, "line-cn"),
        ("192.0.2.10", None, None),
        ("nobody", None, None),
    ],
)
def test_asking_is_about_whom_it_names(demo: Registry, name: str, principal: str | None, entity: str | None) -> None:
    reading = reading_of(demo, name, AT)
    assert (reading.what, reading.principal, reading.entity) == ("whois", principal, entity)
