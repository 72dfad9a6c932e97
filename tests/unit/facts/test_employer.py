from pathlib import Path
from typing import Any

import pytest

from gateway.facts.control import OwnershipTest
from gateway.model import Confidence, Country, EmployerFacts, EntityId, Stay
from tests.unit.facts.world import moment, principal, registry

ENTITIES = """\
entities:
  - {{id: shop, name: Shop, country: JP}}
  - {{id: helper, name: Helper, country: KR}}
  - {{id: below, name: Below, country: CN}}
  - {{id: nowhere, name: Nowhere}}
  - {{id: alone, name: Alone, country: US}}
contracts:
  - {{id: k1, principal: shop, contractor: helper, purpose: support, subcontractors: {first}, last_audit: 2025-12-02}}
  - {{id: k2, principal: helper, contractor: below, purpose: support, subcontractors: none}}
  - {{id: k3, principal: shop, contractor: nowhere, purpose: support, subcontractors: none}}
{blocks}
"""

PEOPLE = """\
people:
  - issuer: https://id.test.example
    subject: ann
    name: Ann
    residence: TH
    stay: residence
    groups: [g]
    employments:
{jobs}
"""


def facts(
    tmp_path: Path, *jobs: str, first: str = "known", blocks: str = "", subject: str = "ann", on: str = "2026-01-01"
) -> EmployerFacts:
    found = registry(
        tmp_path,
        people=PEOPLE.format(jobs="\n".join(f"      - {{entity: {job}}}" for job in jobs)),
        entities=ENTITIES.format(first=first, blocks=blocks),
    )
    return found.employer(principal(subject), EntityId("shop"), moment(on))


def test_employee_of_the_controller_is_of_the_same_legal_entity(tmp_path: Path) -> None:
    found = facts(tmp_path, "shop")
    assert (found.known, found.complete, found.note) == (True, True, "")
    assert found.same_legal_entity
    assert found.relation == "controller"
    assert [link.entity for link in found.chain] == ["shop"]
    assert (found.person, found.groups, found.residence, found.stay) == ("Ann", ("g",), "TH", Stay.RESIDENCE)


def test_subcontractor_at_hop_two_with_its_contracts(tmp_path: Path) -> None:
    found = facts(tmp_path, "below")
    assert found.complete
    assert not found.same_legal_entity
    assert (found.entity, found.country, found.relation) == ("below", "CN", "subcontractor")
    assert [(link.hop, link.country, link.relation, link.contract) for link in found.chain] == [
        (0, "JP", "controller", None),
        (1, "KR", "contractor", "k1"),
        (2, "CN", "subcontractor", "k2"),
    ]
    assert [(item["id"], item["hop"], item["last_audit_age_days"]) for item in found.contracts] == [
        ("k1", 1, 30),
        ("k2", 2, None),
    ]


def test_the_contract_somebody_is_there_for_is_the_one_that_counts(tmp_path: Path) -> None:
    another = "  - {{id: a1, principal: shop, contractor: helper, purpose: marketing, subcontractors: none}}\n"
    both = ENTITIES.replace("{blocks}", another + "{blocks}")

    def used(name: str, *jobs: str, day: str = "2026-01-01") -> tuple[list[str], bool, str]:
        folder = tmp_path / name
        folder.mkdir()
        people = PEOPLE.format(jobs="\n".join(f"      - {{entity: {job}}}" for job in jobs))
        found = registry(folder, people=people, entities=both.format(first="known", blocks=""))
        facts = found.employer(principal("ann"), EntityId("shop"), moment(day))
        return [str(one["id"]) for one in facts.contracts], facts.complete, facts.note

    assert used("any", "helper") == (["a1"], True, "")
    assert used("one", "helper, contract: k1") == (["k1"], True, "")
    assert used("two", "helper, contract: k1", "helper, contract: a1") == (["a1"], True, "")
    assert used("whichever", "helper, contract: k1", "helper") == (["a1"], True, "")
    assert used("past", "helper, contract: k1", "helper, to: 2020-01-01") == (["k1"], True, "")
    note = "k2, which the person works under, leads not from Shop to Below"
    ended = both.replace("contractor: below,", "contractor: below, to: 2025-01-01,")
    both = ended + "  - {{id: k4, principal: helper, contractor: below, purpose: support, subcontractors: none}}\n"
    assert used("ended", "below, contract: k2") == ([], False, note)


def test_person_in_no_registry_has_an_unknown_employer(tmp_path: Path) -> None:
    found = facts(tmp_path, "shop", subject="bob")
    assert (found.known, found.complete, found.entity, found.relation) == (False, False, None, "unknown")
    assert found.note == "the person is not in the people registry"


@pytest.mark.parametrize(
    ("job", "note"),
    [
        (
            "shop, to: 2025-06-01",
            "the person has no employment in force: the last one, with Shop, ended before 2025-06-01",
        ),
        ("shop, from: 2026-01-02", "the person has no employment in force"),
    ],
)
def test_employment_not_in_force_is_no_employer(tmp_path: Path, job: str, note: str) -> None:
    found = facts(tmp_path, job)
    assert (found.known, found.complete, found.entity) == (False, False, None)
    assert found.note == note
    assert found.person == "Ann"


def test_employer_that_nothing_leads_to_is_incomplete(tmp_path: Path) -> None:
    found = facts(tmp_path, "alone")
    assert (found.known, found.complete, found.relation, found.chain) == (True, False, "unknown", ())
    assert (found.entity, found.country) == ("alone", "US")
    assert found.note == "no contract and no ownership in force leads from Shop to Alone"


def test_country_of_law_not_registered_is_incomplete(tmp_path: Path) -> None:
    found = facts(tmp_path, "nowhere")
    assert not found.complete
    assert found.note == "the country of law of Nowhere (hop 1) is not in the registry"


@pytest.mark.parametrize("job", ["helper", "below"])
def test_unknown_subcontractors_anywhere_on_the_chain_are_incomplete(tmp_path: Path, job: str) -> None:
    found = facts(tmp_path, job, first="unknown")
    assert not found.complete
    assert found.note == "whether Helper (hop 1) sub-contracts under k1 is unknown"
    assert len(found.chain) > 1


def test_chain_that_contradicts_its_contract_is_incomplete(tmp_path: Path) -> None:
    assert facts(tmp_path, "helper", first="none").complete
    found = facts(tmp_path, "below", first="none")
    assert not found.complete
    assert found.note == "contract k1 says Helper has no sub-contractors, yet the chain goes on"


def test_several_employers_show_the_least_favourable_and_are_incomplete(tmp_path: Path) -> None:
    found = facts(tmp_path, "shop", "below", "helper")
    assert not found.complete
    assert not found.same_legal_entity
    assert found.entity == "below"
    assert "several employments are in force (Below and Helper and Shop)" in found.note


def test_same_employer_twice_is_one_employer(tmp_path: Path) -> None:
    assert facts(tmp_path, "shop, from: 2020-01-01", "shop, from: 2025-01-01").complete


@pytest.mark.parametrize(
    ("job", "block", "by"),
    [
        ("below", "{id: b, entity: below}", "b"),
        ("below", "{id: b, entity: helper}", "b"),
        ("below", "{id: b, country: CN}", "b"),
        ("helper", "{id: b, country: CN}", None),
        ("shop", "{id: b, country: CN}", None),
        ("alone", "{id: b, entity: alone}", "b"),
        ("below", "{id: b, country: CN, from: 2026-01-02}", None),
        ("below", "{id: b, country: CN, to: 2026-01-01}", None),
    ],
)
def test_block_on_an_entity_or_country_of_the_chain(tmp_path: Path, job: str, block: str, by: str | None) -> None:
    assert facts(tmp_path, job, blocks=f"blocks:\n  - {block}").blocked_by == by


def test_block_of_any_employer_counts(tmp_path: Path) -> None:
    assert facts(tmp_path, "shop", "helper", blocks="blocks: [{id: b, entity: helper}]").blocked_by == "b"


HELD = OwnershipTest(id="cn", countries=frozenset({Country("CN")}), share=50, headquarters=False)
OWNED = """\
entities:
  - {id: shop, name: Shop, country: JP}
  - {id: helper, name: Helper, country: JP, owners: known}
  - {id: below, name: Below, country: JP}
  - {id: beijing, name: Beijing, country: CN}
ownership:
  - {owner: beijing, of: helper, share: 25}
  - {owner: beijing, of: helper, share: 25, from: 2026-01-02}
  - {owner: beijing, of: below, share: unknown}
contracts:
  - {id: k1, principal: shop, contractor: helper, purpose: support, subcontractors: known}
  - {id: k2, principal: helper, contractor: below, purpose: support, subcontractors: none}
"""


def held(tmp_path: Path, employer: str, on: str) -> list[tuple[str, int, str, str, str]]:
    people = PEOPLE.format(jobs=f"      - {{entity: {employer}}}")
    tested = registry(tmp_path, people=people, entities=OWNED).tested((HELD,))
    found = tested.employer(principal("ann"), EntityId("shop"), moment(on))
    return [(one.test, one.hop, one.entity, one.answer, one.note) for one in found.held]


def test_every_entity_below_the_controller_is_asked_every_ownership_test(tmp_path: Path) -> None:
    unknown = "which share of Below is held by Beijing is not recorded"
    assert held(tmp_path, "below", "2026-01-01") == [
        ("cn", 1, "helper", "no", ""),
        ("cn", 2, "below", "unknown", unknown),
    ]
    assert held(tmp_path, "below", "2026-01-02")[0] == (
        "cn",
        1,
        "helper",
        "yes",
        "Helper is held by Beijing (25 percent) and Beijing (25 percent)",
    )


def test_an_employer_without_a_chain_is_asked_and_so_is_the_controller_for_its_own_people(tmp_path: Path) -> None:
    assert held(tmp_path, "beijing", "2026-01-01") == [("cn", 0, "beijing", "yes", "Beijing: law of CN")]
    assert held(tmp_path, "shop", "2026-01-01") == [
        ("cn", 0, "shop", "unknown", "who holds 100 percent of Shop is not recorded")
    ]


def test_facts_of_a_principal_and_a_day_are_worked_out_once(tmp_path: Path) -> None:
    found = registry(tmp_path)
    ann, shop, at = principal("ann"), EntityId("shop"), moment("2026-01-01")
    assert found.employer(ann, shop, at) is found.employer(ann, shop, at + 80_000)
    assert found.employer(ann, shop, at) is not found.employer(ann, shop, at + 90_000)
    assert found.tested((HELD,)).employer(ann, shop, at).held


def test_several_employers_bring_the_origins_of_all(tmp_path: Path) -> None:
    found = facts(tmp_path, "helper", "below")
    assert not found.complete
    assert found.countries(EntityId("shop")) == {"KR", "CN"}


TOGETHER = """\
entities:
  - {id: shop, name: Shop, country: JP}
  - {id: helper, name: Helper, country: JP}
  - {id: one, name: One, country: CN}
  - {id: two, name: Two, country: CN}
  - {id: three, name: Three, country: SG}
  - {id: owner, name: Owner, country: US}
ownership:
  - {owner: one, of: helper, share: 30}
  - {owner: two, of: helper, share: 30, from: 2026-01-02}
  - {owner: three, of: helper, share: 40}
  - {owner: owner, of: shop, share: 100}
contracts:
  - {id: k1, principal: shop, contractor: helper, purpose: support, subcontractors: none}
"""


@pytest.mark.parametrize(("on", "expected"), [("2026-01-01", {"JP"}), ("2026-01-02", {"JP", "CN"})])
def test_owners_of_one_country_who_control_only_together_bring_it(tmp_path: Path, on: str, expected: set[str]) -> None:
    people = PEOPLE.format(jobs="      - {entity: helper}")
    found = registry(tmp_path, people=people, entities=TOGETHER).employer(
        principal("ann"), EntityId("shop"), moment(on)
    )
    assert found.countries(EntityId("shop")) == expected


def declared(tmp_path: Path, subject: str = "ann", job: str = "helper", **said: Any) -> EmployerFacts:
    found = registry(
        tmp_path,
        people=PEOPLE.format(jobs=f"      - {{entity: {job}}}"),
        entities=ENTITIES.format(first="known", blocks="blocks: [{id: stop, entity: alone}]"),
    )
    return found.employer(principal(subject, **said), EntityId("shop"), moment("2026-01-01"))


def test_token_that_says_what_the_registry_says_changes_nothing(tmp_path: Path) -> None:
    found = declared(tmp_path, employer="helper", residence="TH")
    assert found == declared(tmp_path)
    assert (found.complete, found.confidence, found.conflict) == (True, Confidence.ATTESTED, False)


def test_token_that_differs_is_a_conflict_with_the_origins_of_both(tmp_path: Path) -> None:
    found = declared(tmp_path, employer="below")
    assert (found.known, found.complete, found.conflict, found.entity) == (True, False, True, "helper")
    assert found.note == "the token says that the employer is Below"
    assert found.countries(EntityId("shop")) == {"KR", "CN"}
    assert found.confidence is Confidence.ATTESTED


def test_token_cannot_hide_a_block_nor_the_registrys_words(tmp_path: Path) -> None:
    assert declared(tmp_path, employer="alone").blocked_by == "stop"
    assert declared(tmp_path, job="alone", employer="shop").blocked_by == "stop"
    claimed = declared(tmp_path, job="below", employer="shop")
    assert (claimed.entity, claimed.same_legal_entity, claimed.complete) == ("below", False, False)


def test_token_alone_declares_and_completes_nothing(tmp_path: Path) -> None:
    found = declared(tmp_path, subject="stranger", employer="shop", residence="KR")
    assert (found.known, found.complete, found.confidence, found.conflict) == (True, False, Confidence.DECLARED, False)
    assert (found.entity, found.same_legal_entity, found.residence) == ("shop", False, "KR")
    assert found.note.startswith("the employer is only declared by the token")


def test_employer_that_nobody_knows_is_said(tmp_path: Path) -> None:
    found = declared(tmp_path, subject="stranger", employer="nobody")
    assert (found.known, found.conflict) == (False, False)
    assert "the token says that the employer is 'nobody', which the registry does not know" in found.note
    assert declared(tmp_path, employer="nobody").conflict


def test_residence_that_differs_is_a_conflict_and_counts_too(tmp_path: Path) -> None:
    found = declared(tmp_path, residence="CN")
    assert (found.residence, found.conflict, found.complete) == ("TH", True, False)
    assert "CN" in found.countries(EntityId("shop"))


def test_facts_kept_are_of_what_the_token_said(tmp_path: Path) -> None:
    found = registry(tmp_path)
    shop, at = EntityId("shop"), moment("2026-01-01")
    assert found.employer(principal(), shop, at).complete
    assert not found.employer(principal(employer="helper"), shop, at).complete
    assert found.employer(principal(), shop, at).complete
