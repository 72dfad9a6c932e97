from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from gateway.audit.chain import canonical
from gateway.audit.record import (
    MAX_ATTRIBUTION,
    SCHEMA_VERSION,
    Event,
    completion_entry,
    decision_entry,
    reading_entry,
    refusal_entry,
    refused_reading_entry,
    repeat_entry,
    session_entry,
)
from gateway.errors import Reason
from gateway.inquiry import Looking, Reading, ReadingFacts
from gateway.model import (
    Agreement,
    Answer,
    ChainLink,
    ColumnUse,
    ColumnUseKind,
    Confidence,
    Consent,
    Country,
    DataFacts,
    DatasourceFacts,
    DatasourceId,
    DataType,
    Decision,
    Disclosure,
    Door,
    Effect,
    EmployerFacts,
    EntityId,
    EvidenceRequest,
    Finding,
    HeldFact,
    KnownBy,
    Layer,
    Location,
    LocationSource,
    Mask,
    Mode,
    Peer,
    Principal,
    RowFilter,
    RowLimit,
    StatementEffect,
    StatementFacts,
    SubjectCountries,
    Understanding,
    UnknownObligation,
    Verdict,
    VolumeFacts,
)

AT_NS = 1_732_200_000_123_456_789
AT_US = 1_732_200_000_123_456
CN, JP, KR = Country("CN"), Country("JP"), Country("KR")

PRINCIPAL = Principal(
    issuer="https://id.example",
    subject="li",
    database_user="analyst",
    groups=("dev",),
    mfa=True,
    token_id="t1",
    expires_at=1_732_203_600,
)
STATEMENT = StatementFacts(
    kind="select",
    effect=StatementEffect.READ,
    complete=True,
    relations=("public.users",),
    columns=(
        ColumnUse(relation="public.users", column="phone", use=ColumnUseKind.OUTPUT),
        ColumnUse(relation="public.users", column="name", use=ColumnUseKind.OUTPUT),
        ColumnUse(relation="public.users", column="id", use=ColumnUseKind.PREDICATE),
    ),
)
HOPS = (
    ChainLink(hop=0, entity=EntityId("line-jp"), name="LINE", country=JP, relation="controller"),
    ChainLink(
        hop=1, entity=EntityId("line-cn"), name="Shanghai", country=CN, relation="affiliate", share_percent=100.0
    ),
)
UNDERSTANDING = Understanding(
    at=1_732_200_000,
    door=Door.POSTGRES,
    datasource=DatasourceFacts(
        id=DatasourceId("messenger"),
        storage_countries=(JP, KR),
        controller=EntityId("line-jp"),
        controller_name="LINE",
        controller_country=JP,
    ),
    profile="engineer",
    principal=PRINCIPAL,
    location=Location(
        countries=(JP,), source=LocationSource.SITE_NETWORK, confidence=Confidence.ATTESTED, site="tokyo-vpn"
    ),
    employer=EmployerFacts(
        known=True,
        complete=True,
        confidence=Confidence.ATTESTED,
        entity=EntityId("line-cn"),
        name="Shanghai",
        country=CN,
        chain=HOPS,
        held=(HeldFact(test="us", hop=1, entity=EntityId("line-cn"), answer=Answer.YES, note="Shanghai: law of CN"),),
        person="Li Wei",
        known_by=(KnownBy(fact="principal.residence", source="people.yaml", confidence=Confidence.UNKNOWN),),
    ),
    statement=STATEMENT,
    data=DataFacts(
        about_people=True,
        data_types=(DataType("user.contact.phone_number"),),
        subject_countries=(JP,),
        subject_known=True,
        storage_countries=(JP, KR),
        controller=EntityId("line-jp"),
        columns=(),
        unlabelled=(),
    ),
    disclosures=(
        Disclosure(notice="n2", country=KR, entities=(), data_types=(), consent=True),
        Disclosure(notice="n2", country=JP, entities=(), data_types=(), consent=True),
    ),
    agreements=(
        Agreement(id="a1", kind="scc", entity=EntityId("line-cn"), last_check_age_days=3, foreign_law_risk="noted"),
    ),
    consents=(
        Consent(notice="n2", subject_country=JP, status="given", separate=True, informed=("measures",)),
        Consent(notice="n2", subject_country=KR, status="withdrawn", separate=True, informed=()),
    ),
    volume=VolumeFacts(window="P1D", rows=12),
    purpose="support",
    valid_until=1_732_203_600,
    registry_revision="r1",
)
DECISION = Decision(
    id="d1",
    at=1_732_200_000,
    verdict=Verdict(
        effect=Effect.DENY,
        reason=Reason.POLICY_DENIED,
        obligations=(
            Mask(relation="public.users", column="phone", method="null"),
            RowFilter(relation="public.users", predicate="own"),
            SubjectCountries(relation="public.users", column="country", countries=(Country("KR"),)),
            RowLimit(rows=5),
            UnknownObligation(name="sing"),
        ),
        findings=(
            Finding(
                rule="appi.28",
                layer=Layer.LAW,
                mode=Mode.ENFORCE,
                citation="APPI Art. 28(1)",
                message="for the person",
                fact="employer.country",
                value="CN",
            ),
        ),
        cross_border=True,
        valid_until=1_732_203_000,
        revision="rev",
    ),
)


def _decision(understanding: Understanding = UNDERSTANDING) -> dict:
    return decision_entry(
        understanding,
        DECISION,
        at_ns=AT_NS,
        session="s1",
        statement="SELECT $1",
        statement_hash="ab",
        epoch="c4ca42",
        epoch_age_ms=412,
    )


def test_decision_says_who_whence_whose_law_what_and_why() -> None:
    assert _decision() == {
        "kind": "decision",
        "action": "statement",
        "schema_version": SCHEMA_VERSION,
        "at_us": AT_US,
        "decision_id": "d1",
        "session": "s1",
        "door": "postgres",
        "datasource": "messenger",
        "controller": "line-jp",
        "profile": "engineer",
        "purpose": "support",
        "ticket": None,
        "request": None,
        "principal": {
            "id": "https://id.example#li",
            "issuer": "https://id.example",
            "subject": "li",
            "database_user": "analyst",
            "groups": ["dev"],
            "mfa": True,
            "token_id": "t1",
            "expires_at": 1_732_203_600,
            "declared_country": None,
            "asserted_by": None,
        },
        "caller": None,
        "person": "Li Wei",
        "location": {
            "countries": ["JP"],
            "source": "site_network",
            "confidence": "attested",
            "conflict": False,
            "simultaneous": False,
            "site": "tokyo-vpn",
            "note": "",
        },
        "employer": {
            "known": True,
            "complete": True,
            "note": "",
            "confidence": "attested",
            "conflict": False,
            "entity": "line-cn",
            "name": "Shanghai",
            "country": "CN",
            "relation": "unknown",
            "same_legal_entity": False,
            "blocked_by": None,
            "residence": None,
            "stay": "unknown",
            "us_person": "unknown",
            "chain": [
                {
                    "hop": 0,
                    "entity": "line-jp",
                    "name": "LINE",
                    "country": "JP",
                    "relation": "controller",
                    "contract": None,
                    "share_percent": None,
                },
                {
                    "hop": 1,
                    "entity": "line-cn",
                    "name": "Shanghai",
                    "country": "CN",
                    "relation": "affiliate",
                    "contract": None,
                    "share_percent": 100.0,
                },
            ],
            "owners": [],
            "held": [{"test": "us", "hop": 1, "entity": "line-cn", "answer": "yes", "note": "Shanghai: law of CN"}],
        },
        "origin": list(UNDERSTANDING.origin),
        "known_by": {
            "location.countries[0]": ["site_network", "attested"],
            "principal.residence": ["people.yaml", "unknown"],
        },
        "statement": {
            "kind": "select",
            "effect": "read",
            "complete": True,
            "incomplete": None,
            "detail": "",
            "confidence": "attested",
            "text": "SELECT $1",
            "hash": "ab",
            "relations": ["public.users"],
            "columns": {"output": ["public.users.phone", "public.users.name"], "predicate": ["public.users.id"]},
        },
        "data": {
            "about_people": True,
            "data_types": ["user.contact.phone_number"],
            "subject_countries": ["JP"],
            "subject_known": True,
            "storage_countries": ["JP", "KR"],
            "unlabelled": [],
            "when_unlabelled": "deny",
            "trust": "attested",
        },
        "volume": {"window": "P1D", "rows": 12},
        "disclosures": ["n2"],
        "agreements": ["a1"],
        "consents": [{"notice": "n2", "subject_country": "JP", "status": "given", "row_filter": None}],
        "effect": "deny",
        "reason": "policy_denied",
        "obligations": [
            {"kind": "mask", "relation": "public.users", "column": "phone", "method": "null"},
            {"kind": "row_filter", "relation": "public.users", "predicate": "own"},
            {"kind": "subject_countries", "relation": "public.users", "column": "country", "countries": ["KR"]},
            {"kind": "row_limit", "rows": 5},
            {"kind": "unknown", "name": "sing"},
        ],
        "findings": [
            {
                "rule": "appi.28",
                "layer": "law",
                "mode": "enforce",
                "citation": "APPI Art. 28(1)",
                "fact": "employer.country",
                "value": "CN",
                "reason": "policy_denied",
            }
        ],
        "cross_border": True,
        "revision": "rev",
        "registry_revision": "r1",
        "revision_age_ms": None,
        "epoch": "c4ca42",
        "epoch_age_ms": 412,
        "valid_until": 1_732_203_000,
        "reused": False,
    }


def test_origin_names_the_country_behind_the_exit_in_japan() -> None:
    assert "CN" in _decision()["origin"]
    assert _decision()["location"]["countries"] == ["JP"]


def test_incomplete_statement_keeps_its_code() -> None:
    facts = replace(STATEMENT, complete=False, incomplete="function_refused", detail="function lo_get")
    statement = _decision(replace(UNDERSTANDING, statement=facts))["statement"]
    assert (statement["complete"], statement["incomplete"]) == (False, "function_refused")


def test_repeat_is_compact() -> None:
    assert repeat_entry("d2", of="d1", at_ns=AT_NS, session="s1", epoch_age_ms=7) == {
        "kind": "repeat",
        "schema_version": SCHEMA_VERSION,
        "at_us": AT_US,
        "decision_id": "d2",
        "epoch_age_ms": 7,
        "of": "d1",
        "session": "s1",
    }


def test_completion() -> None:
    assert completion_entry("d1", at_ns=AT_NS, session="s1", rows=3, sqlstate=None, duration_us=812, sent_bytes=90) == {
        "kind": "completion",
        "schema_version": SCHEMA_VERSION,
        "at_us": AT_US,
        "decision_id": "d1",
        "session": "s1",
        "rows": 3,
        "bytes": 90,
        "sqlstate": None,
        "duration_us": 812,
    }


def test_refusal_without_a_decision() -> None:
    entry = refusal_entry(
        "d3",
        at_ns=AT_NS,
        session="s1",
        door=Door.HTTP,
        datasource="messenger",
        profile="engineer",
        principal=PRINCIPAL,
        reason=Reason.TWIN_TIMEOUT,
        sqlstate="58000",
        statement="SELECT $1",
        statement_hash="ab",
    )
    assert (entry["kind"], entry["effect"], entry["reason"]) == ("refusal", "deny", "twin_timeout")
    assert entry["statement"] == {"text": "SELECT $1", "hash": "ab"}
    assert isinstance(entry["principal"], dict)


def test_refusal_with_facts_and_without_a_principal() -> None:
    entry = refusal_entry(
        "d3",
        at_ns=AT_NS,
        session="s1",
        door=Door.HTTP,
        datasource="messenger",
        profile="engineer",
        principal=None,
        reason=Reason.SERVER_COMPLAINT,
        facts=STATEMENT,
    )
    assert entry["principal"] is None
    assert entry["statement"] == _decision()["statement"] | {"text": "", "hash": ""}


@pytest.mark.parametrize("event", list(Event))
def test_events(event: Event) -> None:
    entry = session_entry(
        event.value,
        at_ns=AT_NS,
        session="s1",
        door=Door.POSTGRES,
        peer=Peer(address="203.0.113.5", via_edge=True),
        principal_id=PRINCIPAL.id,
        reason=Reason.TOKEN_EXPIRED,
        attribution={"application_name": "x" * 1000},
    )
    assert (entry["kind"], entry["event"], entry["reason"]) == ("event", event, "token_expired")
    assert entry["peer"] == {"address": "203.0.113.5", "via_edge": True, "site": None}
    assert entry["principal_id"] == "https://id.example#li"
    assert entry["attribution"] == {"application_name": "x" * MAX_ATTRIBUTION}


def test_unknown_event_is_refused() -> None:
    with pytest.raises(ValueError, match="login_maybe"):
        session_entry("login_maybe", at_ns=AT_NS)


def test_every_entry_is_a_line() -> None:
    for entry in (_decision(), session_entry("gateway_start", at_ns=AT_NS)):
        assert canonical(entry)


def test_what_it_is_for_and_on_whose_demand_is_recorded() -> None:
    request = EvidenceRequest(
        authority_country=JP,
        legal_basis="warrant",
        category="financial_harm",
        subjects=1,
        channel="direct",
        reviewed=True,
    )
    asked = replace(UNDERSTANDING, principal=replace(PRINCIPAL, ticket="OPS-17", request=request))
    entry = _decision(asked)
    assert (entry["ticket"], entry["request"]) == ("OPS-17", asdict(request))


def test_reading_is_a_decision_of_its_own() -> None:
    u = UNDERSTANDING
    facts = ReadingFacts(
        at=u.at,
        door=None,
        principal=u.principal,
        location=u.location,
        employer=u.employer,
        controller=u.datasource.controller,
        reading=Reading(what=Looking.DECISIONS, entity="line-cn", since=5),
        purpose=u.purpose,
        valid_until=u.valid_until,
        registry_revision="r1",
    )
    decision = Decision(id="d9", at=7, verdict=replace(DECISION.verdict, findings=()))
    entry = reading_entry(facts, decision, at_ns=7_000, session=None, attribution={"host": "h" * 300})
    of_statement = decision_entry(u, DECISION, at_ns=7, session="s", statement="", statement_hash="")
    assert (entry["kind"], entry["action"], entry["decision_id"], entry["at_us"]) == ("decision", "audit.read", "d9", 7)
    assert entry["reading"] == {"what": "decisions", "entity": "line-cn", "principal": None, "since": 5, "until": None}
    assert entry["attribution"] == {"host": "h" * 256}
    for name in ("principal", "person", "location", "employer", "origin", "known_by", "purpose", "ticket"):
        assert entry[name] == of_statement[name], name
    assert not entry.keys() & {"statement", "data", "datasource", "controller"}


def test_reading_refused_without_a_rule() -> None:
    entry = refused_reading_entry(
        "d9",
        at_ns=7_000,
        session="s",
        door=Door.HTTP,
        principal=UNDERSTANDING.principal,
        reading=Reading(what=Looking.WHOIS, principal="i#li"),
        reason=Reason.ENGINE_TIMEOUT,
        detail="why",
        sqlstate="58000",
        revision="rev",
    )
    assert (entry["kind"], entry["action"], entry["effect"], entry["reason"]) == (
        "refusal",
        "audit.read",
        "deny",
        "engine_timeout",
    )
    assert entry["reading"] == {"what": "whois", "entity": None, "principal": "i#li", "since": None, "until": None}
