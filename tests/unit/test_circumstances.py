"""The circumstances of a statement: every fact a decision is made from gets there, and stands for as long as all do."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.circumstances import understand
from gateway.errors import PolicyUnavailable, Reason
from gateway.facts.registry import load_registry
from gateway.facts.sightings import Sightings
from gateway.facts.volume import VolumeCounter
from gateway.model import DatasourceId, Door, Peer, Principal, StatementEffect, StatementFacts, Understanding
from gateway.needs import Ask
from tests.unit.facts.world import moment
from tests.worlds import REGISTRY, StillWorld

READS = StatementFacts(kind="select", effect=StatementEffect.READ, complete=True, relations=("public.users",))
AT = moment("2026-11-18T10:00:00")
ADDED = {
    "disclosures": """\
notices:
  - id: n
    controller: line-jp
    disclosures: [{country: KR, data_types: [user], consent: true}]
    claims: [{claim: stored_only_in, countries: [JP], data_types: [user]}]
""",
    "agreements": """\
agreements:
  - {id: a, kind: scc, controller: line-jp, entity: line-plus, foreign_law_risk: none}
""",
    "consents": """\
consents:
  - {notice: n, subject_country: JP, separate: true, expires: 2026-11-19}
""",
    "adequacy": """\
adequacy:
  - {regime: jp, country: KR, accepted: false, citation: x}
""",
}


@pytest.fixture
def world(tmp_path: Path) -> StillWorld:
    folder = tmp_path / "registry"
    shutil.copytree(REGISTRY, folder)
    for name, text in ADDED.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    entities = folder / "entities.yaml"
    text = entities.read_text(encoding="utf-8")
    entities.write_text(
        text.replace("id: line-jp\n", "id: line-jp\n    designations: [telecom]\n", 1), encoding="utf-8"
    )
    return StillWorld(load_registry(folder), "policy-1")


def ask(expires_at: int = AT + 90_000) -> Ask:
    return Ask(
        door=Door.POSTGRES,
        datasource=DatasourceId("messenger"),
        profile="engineer",
        principal=Principal(
            issuer="https://id.line.example",
            subject="kim",
            database_user="kim",
            expires_at=expires_at,
            purpose="support",
        ),
        peer=Peer(address=None, site="seoul-office"),
        sql="SELECT",
        session="s-1",
    )


def asked(world: StillWorld, about: Ask, at: int = AT) -> Understanding:
    return understand(world, VolumeCounter(), Sightings(window=600, most=10), about, READS, at)[0]


def test_everything_told_agreed_and_said_is_there(world: StillWorld) -> None:
    found = asked(world, ask())
    assert [one.notice for one in found.disclosures] == ["n"]
    assert [one.claim for one in found.claims] == ["stored_only_in"]
    assert [one.kind for one in found.agreements] == ["scc"]
    assert [(one.subject_country, one.status) for one in found.consents] == [("JP", "given")]
    assert [(one.regime, one.country, one.accepted) for one in found.adequacy] == [("jp", "KR", False)]
    assert found.datasource.controller_designations == ("telecom",)
    assert found.employer.chain[0].designations == ("telecom",)
    assert (found.employer.entity, found.location.countries, found.purpose) == ("line-plus", ("KR",), "support")
    assert found.data.about_people


def test_it_stands_until_the_first_of_them_changes(world: StillWorld) -> None:
    assert asked(world, ask(expires_at=AT + 60)).valid_until == AT + 60
    midnight = moment("2026-11-19")  # when the consent expires, and another day is counted
    assert asked(world, ask()).valid_until == midnight
    assert [one.status for one in asked(world, ask(), midnight).consents] == ["expired"]


def test_a_datasource_that_the_catalog_does_not_know(world: StillWorld) -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        asked(world, replace(ask(), datasource=DatasourceId("elsewhere")))
    assert caught.value.reason is Reason.DATASOURCE_UNKNOWN
