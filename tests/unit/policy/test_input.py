"""The input document: what the schema says, with every fact in it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.inquiry import Looking, Reading, ReadingFacts
from gateway.model import (
    Adequacy,
    Agreement,
    Answer,
    Caller,
    ChainLink,
    Claim,
    ColumnLabel,
    ColumnUse,
    ColumnUseKind,
    Confidence,
    Consent,
    Country,
    DataFacts,
    DatasourceFacts,
    DatasourceId,
    DataType,
    Disclosure,
    Door,
    EmployerFacts,
    EntityId,
    EvidenceRequest,
    HeldFact,
    KnownBy,
    Location,
    LocationSource,
    Principal,
    RelationLabel,
    StatementEffect,
    StatementFacts,
    Stay,
    Told,
    Understanding,
    Unit,
    Unlabelled,
    VolumeCount,
    VolumeFacts,
)
from gateway.policy.inprocess import InProcessEngine
from gateway.policy.input import CONTRACT_FIELDS, build_input, reading_input
from tests.packs import packs

POLICIES = Path(__file__).parents[3] / "policies"
SCHEMA = json.loads((POLICIES / "schema" / "input.schema.json").read_text(encoding="utf-8"))

LINK = ChainLink(
    hop=4,
    entity=EntityId("link-entity"),
    name="link-name",
    country=Country("LC"),
    relation="link-relation",
    contract="link-contract",
    share_percent=61.5,
    designations=("link-designation",),
)

FULL = Understanding(
    at=1_790_000_001,
    door=Door.GRPC,
    datasource=DatasourceFacts(
        id=DatasourceId("source-id"),
        storage_countries=(Country("SA"),),
        controller=EntityId("source-controller"),
        controller_name="source-controller-name",
        controller_country=Country("SB"),
        controller_designations=("controller-designation",),
        unlabelled=Unlabelled.ASK,
    ),
    profile="profile",
    principal=Principal(
        issuer="issuer",
        subject="subject",
        database_user="database-user",
        groups=("token-group",),
        mfa=True,
        purpose="token-purpose",
        token_id="token-id",
        expires_at=1_790_000_002,
        issued_at=1_790_000_003,
        declared_country=Country("PA"),
        declared_employer="declared-employer",
        declared_residence=Country("DR"),
        ticket="ticket",
        asserted_by="caller-id",
        request=EvidenceRequest(
            authority_country=Country("AC"),
            legal_basis="warrant",
            category="category",
            subjects=3,
            channel="mlat",
            reviewed=True,
        ),
    ),
    caller=Caller(id="caller-id", identity="uri:caller", asserts=("principal",), expires_at=1_790_000_002),
    location=Location(
        countries=(Country("LA"),),
        source=LocationSource.GEOIP,
        confidence=Confidence.INFERRED,
        conflict=True,
        simultaneous=True,
        site="site",
        note="location-note",
        told=(Told(country=Country("LA"), source="told-source", confidence=Confidence.INFERRED),),
    ),
    employer=EmployerFacts(
        known=True,
        complete=True,
        note="employer-note",
        confidence=Confidence.DECLARED,
        conflict=True,
        entity=EntityId("employer-entity"),
        name="employer-name",
        country=Country("EA"),
        relation="employer-relation",
        same_legal_entity=True,
        chain=(LINK,),
        owners=(dataclasses.replace(LINK, entity=EntityId("owner-entity")),),
        contracts=(
            {
                "id": "contract-id",
                "hop": 9,
                "principal": "contract-principal",
                "contractor": "contract-contractor",
                "purpose": "contract-purpose",
                "data_types": ("contract.type",),
                "subcontractors": "none",
                "last_audit_age_days": 77,
                "owner_of_principal": "contract-owner",
                "transaction": "investment",
                "exemptions": ("exemption",),
            },
        ),
        held=(
            HeldFact(test="held-test", hop=8, entity=EntityId("held-entity"), answer=Answer.UNKNOWN, note="held-note"),
        ),
        blocked_by="block",
        residence=Country("RA"),
        us_person=Answer.NO,
        also_from=(Country("AF"),),
        stay=Stay.TRIP,
        groups=("registry-group",),
        person="person",
        known_by=(KnownBy(fact="known-fact", source="known-source", confidence=Confidence.DECLARED),),
    ),
    statement=StatementFacts(
        kind="kind",
        effect=StatementEffect.WRITE,
        complete=True,
        incomplete="incomplete",
        detail="detail",
        relations=("statement.relation",),
        columns=(ColumnUse(relation="use.relation", column="use-column", use=ColumnUseKind.ARRANGE),),
        transaction="transaction",
    ),
    data=DataFacts(
        about_people=True,
        data_types=(DataType("data.type"),),
        subject_countries=(Country("DA"),),
        subject_known=True,
        storage_countries=(Country("DB"),),
        controller=EntityId("data-controller"),
        columns=(
            ColumnLabel(
                relation="label.relation",
                column="label-column",
                use=ColumnUseKind.WHOLE_ROW,
                data_types=(DataType("label.type"),),
                subject_countries=(Country("DC"),),
                subject_known=True,
                labelled=True,
            ),
        ),
        unlabelled=("unlabelled.relation",),
        relations=(
            RelationLabel(
                relation="label.relation",
                about_people=True,
                subject_countries=(Country("DC"),),
                subject_known=True,
                subject_column="subject-column",
                subject_key="subject-key",
                unit=Unit.DEVICE,
                subjects=("patient",),
                row_filters=("row-filter",),
            ),
        ),
    ),
    disclosures=(
        Disclosure(
            notice="notice",
            country=Country("NA"),
            entities=(EntityId("notice-entity"),),
            data_types=(DataType("notice.type"),),
            consent=True,
        ),
    ),
    agreements=(
        Agreement(
            id="agreement",
            kind="scc",
            entity=EntityId("agreement-entity"),
            last_check_age_days=13,
            foreign_law_risk="noted",
            data_types=(DataType("agreement.type"),),
            scheme="scheme",
            tia_age_days=14,
            tia_outcome="ineffective",
            onward_ban=True,
            access_control=True,
        ),
    ),
    claims=(
        Claim(
            notice="claim-notice",
            claim="stored_only_in",
            countries=(Country("CA"),),
            data_types=(DataType("claim.type"),),
            subject_countries=(Country("CB"),),
        ),
    ),
    consents=(
        Consent(
            notice="consent-notice",
            subject_country=Country("CC"),
            status="withdrawn",
            separate=True,
            informed=("measures",),
            row_filter="consent-filter",
        ),
    ),
    adequacy=(
        Adequacy(
            regime="regime",
            country=Country("AD"),
            accepted=True,
            scope="scope",
            excluded_data_types=(DataType("excluded.type"),),
            citation="citation",
        ),
    ),
    volume=VolumeFacts(
        window="P7D",
        rows=4242,
        counts=(
            VolumeCount(
                data_type=DataType("count.type"),
                subject_country=Country("VC"),
                unit=Unit.DEVICE,
                subjects=11,
                subjects_this_year=7,
                rows=5,
            ),
        ),
    ),
    purpose="purpose",
    valid_until=1_790_000_004,
    registry_revision="registry-revision",
)

EMPTY = Understanding(
    at=0,
    door=Door.POSTGRES,
    datasource=DatasourceFacts(
        id=DatasourceId("d"),
        storage_countries=(),
        controller=EntityId("c"),
        controller_name="",
        controller_country=None,
    ),
    profile="p",
    principal=Principal(issuer="i", subject="s", database_user="u", expires_at=1 << 40),
    location=Location(countries=(), source=LocationSource.NONE, confidence=Confidence.UNKNOWN),
    employer=EmployerFacts(known=False, complete=False),
    statement=StatementFacts(kind="select", effect=StatementEffect.NONE, complete=True),
    data=DataFacts(
        about_people=False,
        data_types=(),
        subject_countries=(),
        subject_known=True,
        storage_countries=(),
        controller=EntityId("c"),
        columns=(),
        unlabelled=(),
    ),
    disclosures=(),
    agreements=(),
    volume=VolumeFacts(window="P1D", rows=0),
    purpose=None,
    valid_until=1 << 40,
    registry_revision="",
)

# Moments are written as RFC 3339; the rest of a fact is found as it is.
MOMENTS = {
    1_790_000_001: "2026-09-21T14:13:21Z",
    1_790_000_002: "2026-09-21T14:13:22Z",
    1_790_000_003: "2026-09-21T14:13:23Z",
    1_790_000_004: "2026-09-21T14:13:24Z",
}


def leaves(value: Any) -> Iterator[Any]:
    """Every single value inside dataclasses, sequences and mappings."""
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            if asked_about(field):
                yield from leaves(getattr(value, field.name))
    elif isinstance(value, dict):
        for part in value.values():
            yield from leaves(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from leaves(part)
    else:
        yield str(value) if isinstance(value, StrEnum) else value


def asked_about(field: dataclasses.Field[Any]) -> bool:
    """What facts rest on is no fact; and some are the door's business."""
    return field.compare and not field.metadata.get("for_the_door")


def unset(value: Any, path: str = "") -> Iterator[str]:
    """Fields that hold nothing, so that FULL says something about each."""
    for field in dataclasses.fields(value):
        part = getattr(value, field.name)
        if not asked_about(field):
            continue
        if part in (None, (), "", False):
            yield f"{path}{field.name}"
        if dataclasses.is_dataclass(part):
            yield from unset(part, f"{path}{field.name}.")


def test_the_schema_is_a_schema_and_every_field_has_a_description() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def walk(node: dict[str, Any]) -> None:
        for name, field in node.get("properties", {}).items():
            assert field.get("description"), name
            walk(field)
            walk(field.get("items", {}))
        if "object" in node.get("type", ()):
            assert node["additionalProperties"] is False
            assert set(node["required"]) == set(node["properties"])

    walk(SCHEMA)
    for definition in SCHEMA["$defs"].values():
        walk(definition)


@pytest.mark.parametrize("facts", [FULL, EMPTY], ids=["full", "empty"])
def test_what_is_built_fits_the_schema(facts: Understanding) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(build_input(facts))


def test_every_fact_is_carried() -> None:
    assert not list(unset(FULL)), "FULL must set every field, or this test shows nothing"
    document = build_input(FULL)
    carried = set(leaves(document))
    for value in leaves(FULL):
        assert MOMENTS.get(value, value) in carried, value


def test_derived_facts() -> None:
    document = build_input(FULL)
    assert document["date"] == "2026-09-21"
    assert document["origin"] == {"countries": ["AF", "EA", "LA", "LC"]}
    assert json.dumps(document)


def test_what_is_unknown_is_said() -> None:
    document: Any = build_input(EMPTY)
    assert document["location"]["known"] is False
    assert document["employer"]["entity"] is None
    assert document["employer"]["blocked"] is False
    assert document["principal"]["expires_at"] == "9999-12-31T23:59:59Z"


def test_a_contract_field_the_registry_lacks_is_null_and_that_is_denied() -> None:
    short = dataclasses.replace(FULL, employer=dataclasses.replace(FULL.employer, contracts=({"id": "x"},)))
    document: Any = build_input(short)
    assert document["employer"]["contracts"] == [{**dict.fromkeys(CONTRACT_FIELDS), "id": "x"}]
    answer: Any = InProcessEngine(packs()).evaluate(document)
    assert [finding["fact"] for finding in answer["findings"]] == ["employer.contracts"]


@pytest.mark.parametrize("facts", [FULL, EMPTY], ids=["full", "empty"])
def test_what_is_built_is_whole_to_the_packs(facts: Understanding) -> None:
    answer: Any = InProcessEngine(packs()).evaluate(build_input(facts))
    assert "house-input-complete" not in {finding["rule"] for finding in answer["findings"]}


READING = ReadingFacts(
    at=1_790_000_001,
    door=None,
    principal=FULL.principal,
    location=FULL.location,
    employer=FULL.employer,
    controller=EntityId("source-controller"),
    reading=Reading(what=Looking.DECISIONS, entity="e", principal="i#p", since=1_790_000_001, until=1_790_000_002),
    purpose="purpose",
    valid_until=1_790_000_004,
    registry_revision="registry",
    caller=FULL.caller,
)


@pytest.mark.parametrize("reading", [READING.reading, Reading(what=Looking.CONFIG)], ids=["narrowed", "of everything"])
def test_reading_fits_the_schema_and_is_whole_to_the_packs(reading: Reading) -> None:
    document = reading_input(dataclasses.replace(READING, reading=reading))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    answer: Any = InProcessEngine(packs()).evaluate(document)
    assert {finding["rule"] for finding in answer["findings"]} == {"house-record-readers"}


def test_reading_says_who_asks_as_a_statement_does() -> None:
    document, statement = reading_input(READING), build_input(FULL)
    assert document.keys() == statement.keys()
    for name in ("principal", "location", "employer", "origin", "known_by", "date", "schema_version"):
        assert document[name] == statement[name], name
    assert document["action"] == "audit.read"
    assert document["reading"] == {
        "what": "decisions",
        "entity": "e",
        "principal": "i#p",
        "since": "2026-09-21T14:13:21Z",
        "until": "2026-09-21T14:13:22Z",
    }
    assert (document["statement"], document["data"], document["datasource"]) == (None, None, None)
    assert (statement["action"], statement["reading"]) == ("statement", None)
