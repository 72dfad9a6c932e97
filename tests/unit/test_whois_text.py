from pathlib import Path

import pytest

from gateway.facts.ownership_tests import read_tests
from gateway.facts.registry import Registry, load_registry
from gateway.whois import explain
from gateway.whois_text import whois_text
from tests.packs import packs
from tests.unit.facts.world import FILES, moment, write_registry

DEMO = Path(__file__).parents[2] / "gateway" / "demo" / "registry"


@pytest.fixture(scope="module")
def demo() -> Registry:
    return load_registry(DEMO).tested(read_tests(packs().data))


def text(registry: Registry, name: str) -> str:
    return whois_text(explain(registry, name, moment("2026-11-22")))


def test_person_with_the_chain_as_a_tree(demo: Registry) -> None:
    shown = text(demo, "wang")
    assert shown.startswith("Wang Meilin, https://id.line.example#wang\n")
    assert (
        "  chain          LINE Corporation (line-jp), JP: controller\n"
        "                 └ Kyushu Monitoring (jp-monitor), JP: contractor under timeline-monitoring\n"
        "                   └ Dalian Monitoring Service (dalian-monitor), CN: subcontractor under "
        "timeline-monitoring-dalian\n"
    ) in shown
    assert "us person      unknown   (people.yaml does not say)" in shown
    assert "held           us-dsp-202, dalian-monitor: yes" in shown
    assert shown.endswith(f"as of 2026-11-22T00:00:00+00:00, registry {demo.revision}")


def test_entity_with_its_owners_as_a_tree(demo: Registry) -> None:
    assert (
        "  owners         └ LY Corporation (ly), JP: 100 percent from 2021-03-01\n"
        "                   └ A Holdings Corporation (a-holdings), JP: 64.5 percent from 2021-03-01\n"
        "                     └ NAVER Corporation (naver), KR: 50 percent from 2021-03-01\n"
        "                     └ SoftBank Corp. (softbank), JP: 50 percent from 2021-03-01\n"
    ) in text(demo, "line-jp")


def test_address(demo: Registry) -> None:
    assert "countries      CN   (attested, site_network)" in text(demo, "198.51.100.10")
    assert "why            the address is a VPN exit" in text(demo, "192.0.2.200")


def test_what_is_odd_is_said(tmp_path: Path) -> None:
    people = (
        FILES["people.yaml"]
        .replace("from: 2020-01-01", "to: 2020-01-01")
        .replace("    name: Ann\n", "    name: Ann\n    groups: [g]\n")
    )
    entities = """\
entities:
  - {id: shop, name: Shop, country: JP}
  - {id: helper, name: Helper, country: KR, headquarters: CN}
  - {id: parent, name: Parent, headquarters: CN}
ownership:
  - {owner: parent, of: shop, share: unknown, basis: consolidation}
  - {owner: parent, of: helper, share: 50, to: 2030-01-01}
contracts:
  - {id: c1, principal: shop, contractor: helper, purpose: support, last_audit: 2025-01-01}
blocks: [{id: stop, entity: shop}]
"""
    registry = load_registry(write_registry(tmp_path, people=people, entities=entities))
    shop = text(registry, "shop")
    assert "└ Parent (parent), country unknown, seat CN: share unknown, by consolidation" in shop
    assert "blocked by     stop" in shop
    assert "sub-contractors unknown, last audit 2025-01-01" in shop
    assert "unknown        who else owns it" in shop
    ann = text(registry, "ann")
    assert "Shop (shop) to 2020-01-01, not in force" in ann
    assert "unknown        the person has no employment in force" in ann
    working = load_registry(
        write_registry(tmp_path, people=FILES["people.yaml"].replace("shop", "helper"), entities=entities)
    )
    assert "under c1 supervisor and supervised both belong to parent" in text(working, "ann")


def test_what_an_entity_is_designated_as_and_what_was_agreed_with_it(tmp_path: Path) -> None:
    entities = """\
entities:
  - {id: shop, name: Shop, country: JP}
  - {id: helper, name: Helper, country: KR, designations: [ciio, {as: telecom, to: 2020-01-01}]}
contracts:
  - {id: c1, principal: shop, contractor: helper, purpose: sale, transaction: data_brokerage, exemptions: ["202.504"]}
"""
    agreements = """\
agreements:
  - {id: dpf, kind: certification, scheme: dpf, controller: shop, entity: helper, foreign_law_risk: noted,
     to: 2026-01-01, last_check: 2025-03-01, tia: {date: 2025-02-01, outcome: effective}}
"""
    registry = load_registry(write_registry(tmp_path, entities=entities, agreements=agreements))
    shown = text(registry, "helper")
    assert "  designated     ciio\n" in shown
    assert "transaction: data brokerage, exempt by 202.504" in shown
    assert (
        "  agreement      dpf: certification (dpf) with shop to 2026-01-01, not in force   "
        "(attested, agreements.yaml:2)\n"
        "                 last check 2025-03-01, foreign law noted\n"
    ) in shown
    document = explain(registry, "helper", moment("2025-12-31"))
    assert document["designations"] == ["ciio"]
    assert document["agreements"][0]["assessment"] == {"date": "2025-02-01", "outcome": "effective"}
    assert document["agreements"][0]["in_force"] is True
