from pathlib import Path

from gateway.facts.registry import load_registry
from gateway.registry_summary import summary, summary_text
from tests.unit.facts.world import FILES, moment, write_registry

DEMO = Path(__file__).parents[2] / "gateway" / "demo" / "registry"
AT = moment("2026-11-22")


def test_demo_in_numbers() -> None:
    found = summary(load_registry(DEMO), AT)
    assert (found["people"], found["entities"], found["holdings"], found["contracts"]) == (
        8,
        {"by_hand": 9, "imported": 0},
        7,
        3,
    )
    assert found["countries_brought"]["CN"] == 3
    assert (found["tables"], found["columns"], found["columns_without_data_type"]) == (9, 34, 10)
    assert found["people_without_employment"] == []
    assert "8 people; by the countries their employers bring: CN 3" in summary_text(found)


def test_what_somebody_should_look_at_is_listed(tmp_path: Path) -> None:
    entities = FILES["entities.yaml"].replace("subcontractors: none, from: 2020-01-01", "to: 2026-12-24")
    entities = entities.replace("name: Helper, country: KR", "name: Helper") + "blocks: [{id: stop, entity: helper}]\n"
    found = summary(
        load_registry(
            write_registry(
                tmp_path,
                entities=entities,
                people=FILES["people.yaml"].replace("from: 2020-01-01", "to: 2020-01-01"),
                catalog=FILES["catalog.yaml"]
                .replace("        subject_countries: [JP]\n", "")
                .replace("    tables:", "    unlabelled: none\n    trust: declared\n    tables:"),
                disclosures="notices: [{id: n, controller: shop, to: 2027-06-01, disclosures: []}]\n",
            )
        ),
        AT,
    )
    assert found["people_without_employment"] == ["https://id.test.example#ann"]
    assert found["entities_without_country"] == ["helper"]
    assert found["contracts_of_unknown_depth"] == ["c1"]
    assert found["tables_without_subject_key"] == ["shop: public.customers"]
    assert found["not_denied_without_label"] == {"shop": "none"}
    assert found["trusted_without_the_server"] == {"shop": "declared"}
    assert found["tables_of_unknown_subjects"] == ["shop: public.customers"]
    assert found["blocks_in_force"] == ["stop"]
    assert found["disclosures_that_end"] == [{"notice": "n", "controller": "shop", "to": "2027-06-01"}]
    assert found["ends_soon"] == ["contract c1: 2026-12-24"]
    assert found["countries_brought"] == {"unknown": 1}
    text = summary_text(found)
    for name in (
        "blocked: stop",
        "subjects unknown: shop: public.customers",
        "not denied without label: shop (none)",
        "trusted without the server: shop (declared)",
        "ends soon: contract c1: 2026-12-24",
    ):
        assert name in text


def test_what_was_claimed_said_and_agreed(tmp_path: Path) -> None:
    found = summary(
        load_registry(
            write_registry(
                tmp_path,
                disclosures="""\
notices:
  - id: n
    controller: shop
    disclosures: []
    claims: [{claim: stored_only_in, countries: [JP], data_types: [user.payment], subject_countries: [JP, TH]}]
""",
                agreements="agreements: [{id: a, kind: scc, controller: shop, entity: helper, foreign_law_risk: none}]",
                consents="""\
consents:
  - {notice: n, subject_country: JP, separate: true, withdrawn: 2026-11-20}
  - {notice: n, subject_country: TH, separate: true, expires: 2026-12-01}
""",
                adequacy="adequacy: [{regime: eu, country: US, accepted: false, citation: a court}]\n",
            )
        ),
        AT,
    )
    assert found["claims"] == ["user.payment of people in JP, TH stored only in JP"]
    assert found["agreements_never_checked"] == ["a"]
    assert found["consents_not_given"] == ["n, JP: withdrawn"]
    assert found["countries_struck_off"] == ["US (eu)"]
    assert found["ends_soon"] == ["consent to n, TH: 2026-12-01"]
    text = summary_text(found)
    for name in ("claimed: user.payment", "agreements never checked: a", "consent not given: n, JP", "struck off: US"):
        assert name in text
