"""What is asked and answered, as frozen values of the words that the gateway itself speaks in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Unpack

from google.protobuf.json_format import MessageToDict

from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.model import (
    Complaint,
    Country,
    Finding,
    Layer,
    Mask,
    Mode,
    Obligation,
    RowFilter,
    RowLimit,
    SubjectCountries,
    UnknownObligation,
)

Supported = Literal["mask", "row_filter", "row_limit", "subject_countries"]
Use = Literal["output", "predicate", "arrange", "write_target", "whole_row"]


@dataclass(frozen=True, slots=True)
class ResourceColumn:
    """One use of one column: it is shown, rows are chosen or arranged by it, it is written, whole rows go out."""

    relation: str  # as the catalog names it: schema.table
    column: str
    use: Use = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What is about to be done to which data, in the program's own words, where it is no SQL. Every column counts: what
    is left out is not allowed by the answer."""

    columns: tuple[ResourceColumn, ...]
    effect: Literal["read", "write"] = "read"

    def message(self) -> wire.Resource:
        """As it goes over the wire."""
        return wire.Resource(
            effect=f"RESOURCE_EFFECT_{self.effect.upper()}",
            relations=dict.fromkeys(one.relation for one in self.columns),
            columns=[
                wire.ResourceColumn(relation=one.relation, column=one.column, use=f"COLUMN_USE_{one.use.upper()}")
                for one in self.columns
            ],
        )


class More(TypedDict, total=False):
    """What a question may say beside its datasource and its text; see `Question`."""

    parameter_types: tuple[int, ...]
    supports: tuple[Supported, ...]
    token: str
    principal: tuple[str, str] | None
    address: str | None
    completes: bool


class Filters(TypedDict, total=False):
    """Which decisions are wanted; what is left out filters nothing."""

    entity: str  # of people employed by it; needed by those who may read about their own only
    principal: str  # issuer#subject
    country: str  # in the origin
    rule: str  # that spoke
    effect: Literal["allow", "deny"]
    since: int  # seconds since 1970
    token: str  # of whoever watches, if it is not the program itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One statement, or ``resource`` in its place, and for whom it is asked. Without ``token`` and ``principal``: for
    whoever the client is."""

    datasource: str
    sql: str = ""
    resource: Resource | None = None
    parameter_types: tuple[int, ...] = ()
    supports: tuple[Supported, ...] = ()  # obligations the program can fulfil
    token: str = ""  # of the person
    principal: tuple[str, str] | None = None  # issuer and subject of the person, where the program may say so
    address: str | None = None  # of the person, where the program may say so
    completes: bool = False  # it will tell what went out

    def __post_init__(self) -> None:
        if bool(self.sql) is (self.resource is not None):
            raise ValueError("a question is about `sql` or about `resource`, one of them")

    def message(self) -> wire.AuthorizeRequest:
        """As it goes over the wire."""
        statement = wire.Statement(sql=self.sql, parameter_types=self.parameter_types)
        return wire.AuthorizeRequest(
            token=self.token,
            datasource=self.datasource,
            statement=statement if self.resource is None else None,
            resource=self.resource.message() if self.resource is not None else None,
            address=self.address,
            supported_obligations=[f"OBLIGATION_KIND_{kind.upper()}" for kind in self.supports],
            principal=_principal(self.principal),
            completes=self.completes,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One decision. Whatever is not ``allowed`` must not be executed; what is, only under its obligations."""

    allowed: bool
    reason: str
    decision_id: str
    message: str
    detail: str
    hint: str
    obligations: tuple[Obligation, ...]
    findings: tuple[Finding, ...]
    cross_border: bool
    valid_until: int  # seconds since 1970; 0: it must not be used again
    revision: str
    reused: bool
    complaint: Complaint | None

    @classmethod
    def of(cls, told: wire.AuthorizeResponse) -> Answer:
        """From the wire. An obligation of a kind this client does not know makes it a denial."""
        obligations = tuple(map(_obligation, told.obligations))
        unknown = any(isinstance(one, UnknownObligation) for one in obligations)
        return cls(
            allowed=told.effect == wire.EFFECT_ALLOW and not unknown,
            reason=told.reason,
            decision_id=told.decision_id,
            message=told.message,
            detail=told.detail,
            hint=told.hint,
            obligations=obligations,
            findings=tuple(_finding(one) for one in told.findings),
            cross_border=told.cross_border,
            valid_until=told.valid_until,
            revision=told.revision,
            reused=told.reused,
            complaint=_complaint(told.complaint) if told.HasField("complaint") else None,
        )


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer that lets nothing through, with what it was made from."""

    answer: Answer
    nearest: str
    facts: Mapping[str, Any] | None

    @classmethod
    def of(cls, told: wire.ExplainResponse) -> Explanation:
        """From the wire."""
        facts = MessageToDict(told.facts) if told.HasField("facts") else None
        return cls(Answer.of(told.answer), told.nearest, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One decision of the record. To go on behind it, watch ``after`` its ``position``."""

    position: tuple[str, int]  # writer and sequence
    at_us: int
    decision_id: str
    effect: str
    reason: str
    door: str  # where it was asked; empty: at the command line
    datasource: str  # empty: none, the record was read
    principal: str
    entity: str
    cross_border: bool
    rules: tuple[str, ...]
    entry: Mapping[str, Any]

    @classmethod
    def of(cls, told: wire.WatchDecisionsResponse) -> Found:
        """From the wire."""
        return cls(
            position=(told.position.writer, told.position.sequence),
            at_us=told.at_us,
            decision_id=told.decision_id,
            effect=wire.Effect.Name(told.effect).removeprefix("EFFECT_").lower(),
            reason=told.reason,
            door=told.door,
            datasource=told.datasource,
            principal=told.principal,
            entity=told.entity,
            cross_border=told.cross_border,
            rules=tuple(told.rules),
            entry=MessageToDict(told.entry),
        )


def batch_message(
    questions: Sequence[Question], token: str = "", principal: tuple[str, str] | None = None
) -> wire.AuthorizeBatchRequest:
    """Several questions at once; ``token``, ``principal``: the person of all of them."""
    requests = [one.message() for one in questions]
    return wire.AuthorizeBatchRequest(requests=requests, token=token, principal=_principal(principal))


def watch_message(after: Iterable[tuple[str, int]], **filters: Unpack[Filters]) -> wire.WatchDecisionsRequest:
    """Which decisions are wanted."""
    positions = [wire.Position(writer=writer, sequence=sequence) for writer, sequence in after]
    effect = f"EFFECT_{filters['effect'].upper()}" if "effect" in filters else None
    return wire.WatchDecisionsRequest(
        after=positions,
        effect=effect,
        token=filters.get("token"),
        entity=filters.get("entity"),
        principal=filters.get("principal"),
        country=filters.get("country"),
        rule=filters.get("rule"),
        since=filters.get("since"),
    )


def _principal(named: tuple[str, str] | None) -> wire.Principal | None:
    return wire.Principal(issuer=named[0], subject=named[1]) if named is not None else None


def _obligation(told: wire.Obligation) -> Obligation:
    match told.WhichOneof("kind"):
        case "mask":
            return Mask(relation=told.mask.relation, column=told.mask.column, method=told.mask.method)
        case "row_filter":
            return RowFilter(relation=told.row_filter.relation, predicate=told.row_filter.predicate)
        case "row_limit":
            return RowLimit(rows=told.row_limit.rows)
        case "subject_countries":
            of = told.subject_countries
            return SubjectCountries(relation=of.relation, column=of.column, countries=tuple(map(Country, of.countries)))
        case _:
            return UnknownObligation(name=told.unknown.name)


def _complaint(told: wire.Complaint) -> Complaint:
    return Complaint(sqlstate=told.sqlstate, fields=tuple(told.fields.items()))


def _finding(told: wire.Finding) -> Finding:
    return Finding(
        rule=told.rule,
        layer=Layer(wire.Layer.Name(told.layer).removeprefix("LAYER_").lower()),
        mode=Mode(wire.Mode.Name(told.mode).removeprefix("MODE_").lower()),
        citation=told.citation,
        message=told.message,
        fact=told.fact,
        value=json.loads(told.value),
        remedy=told.remedy,
    )
