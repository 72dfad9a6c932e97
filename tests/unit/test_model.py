"""The shared values: closed, frozen, and the few things derived from them."""

from __future__ import annotations

import dataclasses

import pytest

from gateway import model as m
from gateway.errors import Reason

KINDS = [kind for kind in vars(m).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_values_are_frozen_slotted_and_named(kind):
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert all(item.kw_only for item in dataclasses.fields(kind) if item.init)
    assert kind.__doc__


def link(hop: int, country: str | None, relation: str = "contractor") -> m.ChainLink:
    code = m.Country(country) if country else None
    return m.ChainLink(hop=hop, entity=m.EntityId(f"e{hop}"), name=f"E{hop}", country=code, relation=relation)


def understanding(location: m.Location, employer: m.EmployerFacts) -> m.Understanding:
    controller = m.EntityId("e0")
    return m.Understanding(
        at=0,
        door=m.Door.HTTP,
        datasource=m.DatasourceFacts(
            id=m.DatasourceId("d"),
            storage_countries=(),
            controller=controller,
            controller_name="",
            controller_country=None,
        ),
        profile="p",
        principal=m.Principal(issuer="https://id", subject="s", database_user="s", expires_at=1),
        location=location,
        employer=employer,
        statement=m.StatementFacts(kind="select", effect=m.StatementEffect.NONE, complete=True),
        data=m.DataFacts(
            about_people=False,
            data_types=(),
            subject_countries=(),
            subject_known=True,
            storage_countries=(),
            controller=controller,
            columns=(),
            unlabelled=(),
        ),
        disclosures=(),
        agreements=(),
        volume=m.VolumeFacts(window="P1D", rows=0),
        purpose=None,
        valid_until=1,
        registry_revision="r",
    )


HERE = m.Location(countries=(m.Country("JP"),), source=m.LocationSource.SITE_NETWORK, confidence=m.Confidence.ATTESTED)
NOWHERE = m.Location(countries=(), source=m.LocationSource.NONE, confidence=m.Confidence.UNKNOWN)


def test_a_location_without_countries_is_unknown():
    assert NOWHERE.unknown
    assert not HERE.unknown


def test_origin_joins_location_chain_owners_and_employer_but_not_the_controller():
    employer = m.EmployerFacts(
        known=True,
        complete=True,
        country=m.Country("CN"),
        chain=(link(0, "US", "controller"), link(1, "SG"), link(2, None), link(3, "CN")),
        owners=(link(1, "KR", "owner"), link(2, None, "owner")),
    )
    assert understanding(HERE, employer).origin == ("CN", "JP", "KR", "SG")


@pytest.mark.parametrize(
    ("stay", "expected"),
    [(m.Stay.TRIP, ("JP",)), (m.Stay.RESIDENCE, ("CN", "JP")), (m.Stay.UNKNOWN, ("CN", "JP"))],
)
def test_where_a_person_lives_counts_unless_they_are_on_a_trip_there(stay, expected):
    employer = m.EmployerFacts(known=True, complete=True, residence=m.Country("CN"), stay=stay)
    assert understanding(HERE, employer).origin == expected


def test_nothing_known_is_no_origin():
    assert understanding(NOWHERE, m.EmployerFacts(known=False, complete=False)).origin == ()


def test_a_principal_is_named_by_issuer_and_subject():
    principal = m.Principal(issuer="https://id", subject="kim", database_user="kim", expires_at=1)
    assert principal.id == "https://id#kim"
    assert principal.mfa is False


def test_a_decision_is_allowed_by_its_effect_alone():
    for effect in m.Effect:
        verdict = m.Verdict(effect=effect, reason=Reason.ALLOWED, valid_until=1, revision="r")
        assert m.Decision(id="d", at=0, verdict=verdict).allowed is (effect is m.Effect.ALLOW)


def test_a_verdict_is_synced_unless_something_says_less():
    verdict = m.Verdict(effect=m.Effect.DENY, reason=Reason.POLICY_DENIED, valid_until=1, revision="r")
    assert verdict.durability is m.Durability.SYNCED


def test_each_obligation_says_its_kind_itself():
    made = (
        m.Mask(relation="a.b", column="c", method="null"),
        m.RowFilter(relation="a.b", predicate="p"),
        m.SubjectCountries(relation="a.b", column="c", countries=()),
        m.RowLimit(rows=1),
        m.UnknownObligation(name="approve"),
    )
    assert [obligation.kind for obligation in made] == [
        "mask",
        "row_filter",
        "subject_countries",
        "row_limit",
        "unknown",
    ]
    with pytest.raises(TypeError):
        m.RowLimit(rows=1, kind="mask")
