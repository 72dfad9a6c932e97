"""Four files as one: read together, checked against each other, as of any day."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts.assurances import FILES
from gateway.facts.registry import load_registry
from gateway.model import EntityId
from tests.unit.facts.world import moment, registry, write_registry

SHOP = EntityId("shop")
TEXTS = {
    "disclosures": """\
notices:
  - id: n
    controller: shop
    from: 2026-02-01
    disclosures: [{country: KR, entities: [helper], data_types: [user], consent: true}]
    claims: [{claim: stored_only_in, countries: [JP], data_types: [user], from: 2026-03-01}]
""",
    "agreements": """\
agreements:
  - {id: a, kind: scc, controller: shop, entity: helper, foreign_law_risk: none, from: 2026-04-01,
     tia: {date: 2026-05-01, outcome: effective}}
""",
    "consents": """\
consents:
  - {notice: n, subject_country: JP, separate: true, from: 2026-06-01, expires: 2026-07-01}
""",
    "adequacy": """\
adequacy:
  - {regime: jp, country: KR, accepted: false, citation: x, from: 2026-08-01}
""",
}


def test_everything_holds_from_its_own_day(tmp_path: Path) -> None:
    found = registry(tmp_path, **TEXTS)
    seen = []
    for month in range(1, 9):
        assured = found.assured(SHOP, moment(f"2026-{month:02}-01"))
        kinds = (assured.disclosures, assured.claims, assured.agreements, assured.consents, assured.adequacy)
        seen.append("".join(word for word, facts in zip("dcasq", kinds, strict=True) if facts))
    assert seen == ["", "d", "dc", "dca", "dca", "dcas", "dcas", "dcasq"]


def test_an_answer_ends_where_any_of_it_changes(tmp_path: Path) -> None:
    found = registry(tmp_path, **TEXTS)
    at, turns = moment("2026-01-15"), []
    while at < moment("2026-05-01"):
        at = found.next_change(at)
        turns.append(at)
    assert turns == [moment(f"2026-{month:02}-01") for month in range(2, 6)]
    # from the assessment on, something is counted in days
    assert found.next_change(at) == moment("2026-05-02")


def test_other_controllers_have_nothing_of_it_but_adequacy(tmp_path: Path) -> None:
    other = registry(tmp_path, **TEXTS).assured(EntityId("helper"), moment("2026-08-01"))
    assert (other.disclosures, other.claims, other.agreements, other.consents) == ((), (), (), ())
    assert len(other.adequacy) == 1


def test_entities_named_are_those_of_the_registry(tmp_path: Path) -> None:
    write_registry(tmp_path, **{name: text.replace("helper", "nobody") for name, text in TEXTS.items()})
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path)
    assert [problem.partition("/")[2] for problem in caught.value.problems] == [
        "agreements.yaml:2: 'nobody' is not an entity of the registry",
        "disclosures.yaml:2: 'nobody' is not an entity of the registry",
    ]


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_empty_is_a_problem(tmp_path: Path, name: str) -> None:
    (write_registry(tmp_path) / name).write_text("", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path)
    assert caught.value.problems == (f"{tmp_path.name}/{name}:1: the file is empty",)


def test_each_file_is_part_of_the_revision(tmp_path: Path) -> None:
    revisions = {registry(tmp_path).revision}
    for name, text in TEXTS.items():
        revisions.add(registry(tmp_path, **{name: text}).revision)
    assert len(revisions) == 5
