"""Facts of one request -> the JSON document policy sees. Its shape is ``policies/schema/input.schema.json``.

The document is the public contract of policy authors: a field here is described there, closed sets are the enums of
``gateway.model``, and what is not known is an explicit ``null``, ``false`` or empty list, never an absent field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.inquiry import Asked, ReadingFacts
from gateway.model import (
    Adequacy,
    Agreement,
    Caller,
    ChainLink,
    Claim,
    ColumnLabel,
    Consent,
    DataFacts,
    DatasourceFacts,
    Disclosure,
    EmployerFacts,
    EvidenceRequest,
    HeldFact,
    JsonValue,
    Location,
    Principal,
    RelationLabel,
    StatementFacts,
    Understanding,
    VolumeCount,
    VolumeFacts,
)

SCHEMA_VERSION: Final = 2
CONTRACT_FIELDS: Final = (
    "id",
    "hop",
    "principal",
    "contractor",
    "purpose",
    "data_types",
    "subcontractors",
    "last_audit_age_days",
    "owner_of_principal",
    "transaction",
    "exemptions",
)

Document = dict[str, JsonValue]


def build_input(u: Understanding) -> Document:
    """The input document of one statement."""
    return {
        **_asker(u),
        "action": "statement",
        "reading": None,
        "datasource": _datasource(u.datasource),
        "profile": u.profile,
        "request": _request(u.principal.request),
        "statement": _statement(u.statement),
        "data": _data(u.data),
        "disclosures": [_disclosure(disclosure) for disclosure in u.disclosures],
        "agreements": [_agreement(agreement) for agreement in u.agreements],
        "claims": [_claim(claim) for claim in u.claims],
        "consents": [_consent(consent) for consent in u.consents],
        "adequacy": [_adequacy(entry) for entry in u.adequacy],
        "volume": _volume(u.volume),
    }


def reading_input(r: ReadingFacts) -> Document:
    """The input document of somebody who reads the record: nothing in it is about a statement."""
    reading = r.reading
    return {
        **_asker(r),
        "action": "audit.read",
        "reading": {
            "what": str(reading.what),
            "entity": reading.entity,
            "principal": reading.principal,
            "since": None if reading.since is None else _rfc3339(reading.since),
            "until": None if reading.until is None else _rfc3339(reading.until),
        },
        **dict.fromkeys(("datasource", "profile", "request", "statement", "data", "volume")),
        **{name: [] for name in ("disclosures", "agreements", "claims", "consents", "adequacy")},
    }


def _asker(asked: Asked) -> Document:
    """What is known of whoever asks, and when."""
    moment = _rfc3339(asked.at)
    return {
        "schema_version": SCHEMA_VERSION,
        "time": moment,
        "date": moment[:10],
        "valid_until": _rfc3339(asked.valid_until),
        "registry_revision": asked.registry_revision,
        "door": None if asked.door is None else str(asked.door),
        "purpose": asked.purpose,
        "principal": _principal(asked.principal, asked.employer),
        "caller": _caller(asked.caller),
        "location": _location(asked.location),
        "employer": _employer(asked.employer),
        "origin": {"countries": list(asked.origin)},
        "known_by": [
            {"fact": one.fact, "source": str(one.source), "confidence": str(one.confidence)} for one in asked.known_by
        ],
    }


def _rfc3339(at: int) -> str:
    # Far futures stand for "never"; the year 9999 is the last one the format has.
    return datetime.fromtimestamp(min(at, 253402300799), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _texts(values: Iterable[str]) -> list[JsonValue]:
    return [str(value) for value in values]


def _datasource(datasource: DatasourceFacts) -> Document:
    return {
        "id": datasource.id,
        "storage_countries": _texts(datasource.storage_countries),
        "controller": {
            "entity": datasource.controller,
            "name": datasource.controller_name,
            "country": datasource.controller_country,
            "designations": _texts(datasource.controller_designations),
        },
        "unlabelled": str(datasource.unlabelled),
        "trust": str(datasource.trust),
    }


def _request(request: EvidenceRequest | None) -> JsonValue:
    if request is None:
        return None
    return {
        "authority_country": request.authority_country,
        "legal_basis": request.legal_basis,
        "category": request.category,
        "subjects": request.subjects,
        "channel": request.channel,
        "reviewed": request.reviewed,
    }


def _principal(principal: Principal, employer: EmployerFacts) -> Document:
    return {
        "id": principal.id,
        "issuer": principal.issuer,
        "subject": principal.subject,
        "database_user": principal.database_user,
        "groups": _texts(principal.groups),
        "mfa": principal.mfa,
        "purpose": principal.purpose,
        "ticket": principal.ticket,
        "token_id": principal.token_id,
        "issued_at": None if principal.issued_at is None else _rfc3339(principal.issued_at),
        "expires_at": _rfc3339(principal.expires_at),
        "declared_country": principal.declared_country,
        "declared_employer": principal.declared_employer,
        "declared_residence": principal.declared_residence,
        "asserted_by": principal.asserted_by,
        "person": employer.person,
        "stay": str(employer.stay),
        "residence": employer.residence,
        "us_person": str(employer.us_person),
    }


def _caller(caller: Caller | None) -> JsonValue:
    if caller is None:
        return None
    return {
        "id": caller.id,
        "identity": caller.identity,
        "asserts": _texts(caller.asserts),
        "expires_at": _rfc3339(caller.expires_at),
    }


def _location(location: Location) -> Document:
    return {
        "known": not location.unknown,
        "countries": _texts(location.countries),
        "source": str(location.source),
        "confidence": str(location.confidence),
        "conflict": location.conflict,
        "simultaneous": location.simultaneous,
        "site": location.site,
        "note": location.note,
    }


def _employer(employer: EmployerFacts) -> Document:
    return {
        "known": employer.known,
        "complete": employer.complete,
        "note": employer.note,
        "confidence": str(employer.confidence),
        "conflict": employer.conflict,
        "entity": employer.entity,
        "name": employer.name,
        "country": employer.country,
        "relation": employer.relation,
        "same_legal_entity": employer.same_legal_entity,
        "chain": [_link(link) for link in employer.chain],
        "owners": [_link(link) for link in employer.owners],
        "contracts": [_contract(contract) for contract in employer.contracts],
        "held": [_held(fact) for fact in employer.held],
        "groups": _texts(employer.groups),
        # Said twice on purpose: a document that lost one of the two is not mistaken for "not blocked".
        "blocked": employer.blocked_by is not None,
        "blocked_by": employer.blocked_by,
    }


def _link(link: ChainLink) -> Document:
    return {
        "hop": link.hop,
        "entity": link.entity,
        "name": link.name,
        "country": link.country,
        "relation": link.relation,
        "contract": link.contract,
        "share_percent": link.share_percent,
        "designations": _texts(link.designations),
    }


def _contract(contract: Mapping[str, JsonValue]) -> Document:
    """The fields the schema has; one the registry lacks is null, which the rules take for incomplete."""
    return {name: _listed(contract.get(name)) for name in CONTRACT_FIELDS}


def _held(fact: HeldFact) -> Document:
    return {
        "test": fact.test,
        "hop": fact.hop,
        "entity": fact.entity,
        "answer": str(fact.answer),
        "note": fact.note,
    }


def _listed(value: JsonValue) -> JsonValue:
    return list(value) if isinstance(value, tuple) else value


def _statement(statement: StatementFacts) -> Document:
    return {
        "kind": statement.kind,
        "effect": str(statement.effect),
        "complete": statement.complete,
        "incomplete": statement.incomplete,
        "detail": statement.detail,
        "transaction": statement.transaction,
        "confidence": str(statement.confidence),
        "relations": _texts(statement.relations),
        "columns": [
            {"relation": column.relation, "column": column.column, "use": str(column.use)}
            for column in statement.columns
        ],
    }


def _data(data: DataFacts) -> Document:
    return {
        "about_people": data.about_people,
        "data_types": _texts(data.data_types),
        "subject_countries": _texts(data.subject_countries),
        "subject_known": data.subject_known,
        "storage_countries": _texts(data.storage_countries),
        "controller": data.controller,
        "columns": [_label(label) for label in data.columns],
        "relations": [_relation(label) for label in data.relations],
        "unlabelled": _texts(data.unlabelled),
    }


def _label(label: ColumnLabel) -> Document:
    return {
        "relation": label.relation,
        "column": label.column,
        "use": str(label.use),
        "data_types": _texts(label.data_types),
        "subject_countries": _texts(label.subject_countries),
        "subject_known": label.subject_known,
        "labelled": label.labelled,
    }


def _relation(label: RelationLabel) -> Document:
    return {
        "relation": label.relation,
        "about_people": label.about_people,
        "subject_countries": _texts(label.subject_countries),
        "subject_known": label.subject_known,
        "subject_column": label.subject_column,
        "subject_key": label.subject_key,
        "unit": str(label.unit),
        "subjects": _texts(label.subjects),
        "row_filters": _texts(label.row_filters),
    }


def _disclosure(disclosure: Disclosure) -> Document:
    return {
        "notice": disclosure.notice,
        "country": disclosure.country,
        "entities": _texts(disclosure.entities),
        "data_types": _texts(disclosure.data_types),
        "consent": disclosure.consent,
    }


def _agreement(agreement: Agreement) -> Document:
    return {
        "id": agreement.id,
        "kind": agreement.kind,
        "entity": agreement.entity,
        "last_check_age_days": agreement.last_check_age_days,
        "foreign_law_risk": agreement.foreign_law_risk,
        "data_types": _texts(agreement.data_types),
        "scheme": agreement.scheme,
        "tia_age_days": agreement.tia_age_days,
        "tia_outcome": agreement.tia_outcome,
        "onward_ban": agreement.onward_ban,
        "access_control": agreement.access_control,
    }


def _claim(claim: Claim) -> Document:
    return {
        "notice": claim.notice,
        "claim": claim.claim,
        "countries": _texts(claim.countries),
        "data_types": _texts(claim.data_types),
        "subject_countries": _texts(claim.subject_countries),
    }


def _consent(consent: Consent) -> Document:
    return {
        "notice": consent.notice,
        "subject_country": consent.subject_country,
        "status": consent.status,
        "separate": consent.separate,
        "informed": _texts(consent.informed),
        "row_filter": consent.row_filter,
    }


def _adequacy(entry: Adequacy) -> Document:
    return {
        "regime": entry.regime,
        "country": entry.country,
        "accepted": entry.accepted,
        "scope": entry.scope,
        "excluded_data_types": _texts(entry.excluded_data_types),
        "citation": entry.citation,
    }


def _volume(volume: VolumeFacts) -> Document:
    return {
        "window": volume.window,
        "rows": volume.rows,
        "available": volume.available,
        "counts": [_count(count) for count in volume.counts],
    }


def _count(count: VolumeCount) -> Document:
    return {
        "data_type": count.data_type,
        "subject_country": count.subject_country,
        "unit": str(count.unit),
        "subjects": count.subjects,
        "subjects_this_year": count.subjects_this_year,
        "rows": count.rows,
    }
