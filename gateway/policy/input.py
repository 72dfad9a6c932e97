"""Facts of one request -> the JSON document policy sees. Its shape is ``policies/schema/input.schema.json``.

The document is the public contract of policy authors: a field here is described there, closed sets are the enums of
``gateway.model``, and what is not known is an explicit ``null``, ``false`` or empty list, never an absent field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from gateway.model import (
    Agreement,
    ChainLink,
    ColumnLabel,
    DataFacts,
    DatasourceFacts,
    Disclosure,
    EmployerFacts,
    HeldFact,
    JsonValue,
    Location,
    Principal,
    StatementFacts,
    Understanding,
)

SCHEMA_VERSION: Final = 1
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
)

Document = dict[str, JsonValue]


def build_input(u: Understanding) -> Document:
    """The input document of one request."""
    moment = _rfc3339(u.at)
    return {
        "schema_version": SCHEMA_VERSION,
        "time": moment,
        "date": moment[:10],
        "valid_until": _rfc3339(u.valid_until),
        "registry_revision": u.registry_revision,
        "door": str(u.door),
        "action": "statement",
        "datasource": _datasource(u.datasource),
        "profile": u.profile,
        "purpose": u.purpose,
        "principal": _principal(u.principal, u.employer),
        "location": _location(u.location),
        "employer": _employer(u.employer),
        "origin": {"countries": list(u.origin)},
        "statement": _statement(u.statement),
        "data": _data(u.data),
        "disclosures": [_disclosure(disclosure) for disclosure in u.disclosures],
        "agreements": [_agreement(agreement) for agreement in u.agreements],
        "volume": {"window": u.volume.window, "rows": u.volume.rows},
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
        },
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
        "token_id": principal.token_id,
        "issued_at": None if principal.issued_at is None else _rfc3339(principal.issued_at),
        "expires_at": _rfc3339(principal.expires_at),
        "declared_country": principal.declared_country,
        "declared_employer": principal.declared_employer,
        "declared_residence": principal.declared_residence,
        "person": employer.person,
        "stay": str(employer.stay),
        "residence": employer.residence,
        "us_person": str(employer.us_person),
    }


def _location(location: Location) -> Document:
    return {
        "known": not location.unknown,
        "countries": _texts(location.countries),
        "source": str(location.source),
        "confidence": str(location.confidence),
        "conflict": location.conflict,
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
    }
