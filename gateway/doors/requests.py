"""One question and one answer for every door that speaks in documents, so that the grpc and http doors cannot differ.

    wire -> document -> AskRequest -> Ask -> (the desk) -> Outcome -> document -> wire

A door only turns its wire format into a document (plain JSON values) and back; what a document may hold, who may assert
an address, and what an answer says is here, once. Pure: no sockets, no clock, nothing of Flask or gRPC.

Refused by default: an unknown key, a key given twice, a value of another type, two tokens. A field that is not
understood may have been meant as a restriction.
"""

from __future__ import annotations

import ipaddress
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, TypeVar, assert_never

from prometheus_client.registry import Collector

from gateway.errors import ANSWERS, AuthenticationError, ConfigError, Reason, SekishoError
from gateway.model import (
    DatasourceId,
    Door,
    Effect,
    Finding,
    JsonValue,
    Mask,
    Obligation,
    Peer,
    Principal,
    RowFilter,
    RowLimit,
    SubjectCountries,
    UnknownObligation,
)
from gateway.needs import Ask, Outcome

log = logging.getLogger(__name__)

MAX_BODY: Final = 1024 * 1024
"""Largest request either door reads. Bytes."""

OBLIGATIONS: Final = ("mask", "row_filter", "row_limit", "subject_countries")
"""Kinds a caller may say it fulfils."""

_MAX_TOKEN: Final = 16_384  # characters; a token with hundreds of groups has about 8000
_MAX_NAME: Final = 255
_MAX_PARAMETERS: Final = 65_535  # what the PostgreSQL protocol can count
_MAX_OID: Final = 2**32 - 1
_MAX_SHOWN: Final = 64  # how much of a caller's own word is repeated to them

T = TypeVar("T")


class DeskApi(Protocol):
    """What the document doors need of the desk."""

    @property
    def collector(self) -> Collector: ...
    def verify_token(self, token: str) -> Principal: ...
    def choose_profile(self, datasource: str, principal: Principal) -> str: ...
    def ask(self, ask: Ask) -> Outcome: ...
    async def ask_async(self, ask: Ask) -> Outcome: ...
    def refused(self, door: Door, reason: Reason, peer_address: str | None, detail: str) -> None: ...
    def ready(self) -> tuple[bool, list[str]]: ...
    def alive(self) -> bool: ...
    def resolved_config(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRequest:
    """One request as read from the wire: well-formed, and not believed yet. There is no purpose: a token signs it."""

    token: str
    datasource: str
    sql: str
    parameter_types: tuple[int, ...] = ()
    address: str | None = None
    supports: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Edges:
    """Networks whose callers may assert a person's address."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    @classmethod
    def parse(cls, networks: Sequence[str]) -> Edges:
        """From configuration. ConfigError names every network that is none."""
        parsed, problems = [], []
        for text in networks:
            try:
                parsed.append(ipaddress.ip_network(text))
            except ValueError as error:
                problems.append(f"edges: {error}")
        if problems:
            raise ConfigError(problems)
        return cls(tuple(parsed))

    def peer(self, caller: str | None, asserted: str | None) -> Peer:
        """Where the person is: the asserted address, if the caller's own is an edge; else the caller's own."""
        if asserted is None:
            return Peer(address=caller)
        if caller is None or not any(ipaddress.ip_address(caller) in network for network in self.networks):
            raise AuthenticationError(
                Reason.EDGE_UNTRUSTED, "only a configured edge may give an address; leave `address` out"
            )
        return Peer(address=asserted, via_edge=True)


# --- from the wire ---------------------------------------------------------------------------------------------------


def parse_json(body: bytes) -> object:
    """The document in ``body``. A key given twice is refused: two readers could believe different ones."""
    try:
        return json.loads(body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        _invalid("the body is not valid UTF-8")
    except RecursionError:
        _invalid("the body is nested too deeply")
    except ValueError:  # malformed, or an integer with thousands of digits
        _invalid("the body is not valid JSON")


def read_request(document: object, authorization: Sequence[str] = ()) -> AskRequest:
    """The request in ``document``; ``authorization`` are the values of that header or metadata key."""
    request = _object(document, "the body", ("token", "datasource", "statement", "address", "supported_obligations"))
    statement = _object(
        _required(request, "statement", "statement"), "statement", ("sql", "parameter_types"), prefix="statement."
    )
    return AskRequest(
        token=_token(request.get("token", ""), authorization),
        datasource=_filled(_required(request, "datasource", "datasource"), "datasource", _MAX_NAME),
        sql=_filled(_required(statement, "sql", "statement.sql"), "statement.sql", MAX_BODY),
        parameter_types=_list(statement, "parameter_types", "statement.parameter_types", _MAX_PARAMETERS, _oid),
        address=_address(_text(request["address"], "address", _MAX_NAME)) if "address" in request else None,
        supports=frozenset(_list(request, "supported_obligations", "supported_obligations", 16, _kind)),
    )


def prepare(desk: DeskApi, door: Door, request: AskRequest, *, caller: str | None, edges: Edges) -> Ask:
    """The question to put: who asks is verified first, so that a stranger learns nothing about edges or datasources.

    Requests here stand alone; the record files them under the door's name where a session's identity would be.
    """
    principal = desk.verify_token(request.token)
    peer = edges.peer(caller, request.address)
    return Ask(
        door=door,
        datasource=DatasourceId(request.datasource),
        profile=desk.choose_profile(request.datasource, principal),
        principal=principal,
        peer=peer,
        sql=request.sql,
        parameter_types=request.parameter_types,
        supports=request.supports,
        session=door.value,
    )


def refuse(desk: DeskApi, door: Door, error: SekishoError, caller: str | None) -> SekishoError:
    """Records and counts a refusal. What comes back is to be answered: it is worse news if that failed."""
    try:
        desk.refused(door, error.reason, caller, error.detail)
    except SekishoError as worse:
        return worse
    except Exception:
        log.exception("refusal_not_recorded")
        return SekishoError(Reason.INTERNAL)
    return error


def canonical_address(text: str) -> str:
    """One spelling per address, without zone; an IPv4 peer of a dual-stack socket is that IPv4 address."""
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


# --- to the wire -----------------------------------------------------------------------------------------------------


def answer_document(ask: Ask, outcome: Outcome) -> dict[str, JsonValue]:
    """What the caller is told. It says ``allow`` only where decision, reason and obligations all agree on it."""
    decision = outcome.decision
    verdict = decision.verdict if decision is not None else None
    allowed = outcome.reason is Reason.ALLOWED
    if allowed and (decision is None or not decision.allowed or outcome.complaint is not None):
        raise SekishoError(Reason.INTERNAL, "the answer contradicts itself")
    if allowed and verdict is not None and any(duty.kind not in ask.supports for duty in verdict.obligations):
        raise SekishoError(Reason.INTERNAL, "the answer needs what the caller cannot fulfil")
    complaint = outcome.complaint
    return {
        "decision_id": decision.id if decision is not None else "",
        "effect": (Effect.ALLOW if allowed else Effect.DENY).value,
        "reason": outcome.reason.value,
        "message": outcome.message or ANSWERS[outcome.reason].summary,
        "detail": outcome.detail,
        "hint": outcome.hint,
        "obligations": [_obligation(duty) for duty in verdict.obligations] if verdict is not None else [],
        "findings": [_finding(finding) for finding in verdict.findings] if verdict is not None else [],
        "cross_border": verdict.cross_border if verdict is not None else False,
        "valid_until": verdict.valid_until if verdict is not None else 0,
        "revision": verdict.revision if verdict is not None else "",
        "reused": decision.reused if decision is not None else False,
        "complaint": {"sqlstate": complaint.sqlstate, "fields": dict(complaint.fields)} if complaint else None,
    }


def json_text(value: JsonValue) -> str:
    """JSON text of a fact, one spelling per value."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _finding(finding: Finding) -> dict[str, JsonValue]:
    return {
        "rule": finding.rule,
        "layer": finding.layer.value,
        "mode": finding.mode.value,
        "citation": finding.citation,
        "message": finding.message,
        "fact": finding.fact,
        "value": json_text(finding.value),
        "remedy": finding.remedy,
    }


def _obligation(duty: Obligation) -> dict[str, JsonValue]:
    match duty:
        case Mask():
            return {"kind": duty.kind, "relation": duty.relation, "column": duty.column, "method": duty.method}
        case RowFilter():
            return {"kind": duty.kind, "relation": duty.relation, "predicate": duty.predicate}
        case SubjectCountries():
            countries = list(duty.countries)
            return {"kind": duty.kind, "relation": duty.relation, "column": duty.column, "countries": countries}
        case RowLimit():
            return {"kind": duty.kind, "rows": duty.rows}
        case UnknownObligation():
            return {"kind": duty.kind, "name": duty.name}
        case _:
            assert_never(duty)


def _plain(value: JsonValue) -> JsonValue:
    """Frozen mappings and tuples as the types the json module writes."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


# --- one field at a time ---------------------------------------------------------------------------------------------


def _invalid(detail: str) -> NoReturn:
    raise SekishoError(Reason.REQUEST_INVALID, detail)


def _shown(word: str) -> str:
    """A caller's own word, safe to repeat: ASCII, without control characters, not too long."""
    return json.dumps(word[:_MAX_SHOWN])


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document: dict[str, object] = {}
    for key, value in pairs:
        if key in document:
            _invalid(f"key {_shown(key)} is given twice")
        document[key] = value
    return document


def _no_constant(name: str) -> NoReturn:
    _invalid(f"{name} is not JSON")


def _object(value: object, name: str, keys: tuple[str, ...], *, prefix: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        _invalid(f"{name} must be an object")
    for key in value:
        if key not in keys:
            _invalid(f"unknown key {_shown(prefix + key)}; known: {', '.join(prefix + known for known in keys)}")
    return value


def _required(document: dict[str, object], key: str, name: str) -> object:
    if key not in document:
        _invalid(f"{name} is missing")
    return document[key]


def _text(value: object, name: str, longest: int) -> str:
    if not isinstance(value, str):
        _invalid(f"{name} must be a string")
    if len(value) > longest:
        _invalid(f"{name} is longer than {longest} characters")
    try:
        value.encode("utf-8")  # JSON can spell half a surrogate pair; no database or record can hold one
    except UnicodeEncodeError:
        _invalid(f"{name} holds half a surrogate pair")
    return value


def _filled(value: object, name: str, longest: int) -> str:
    return _text(value, name, longest) or _invalid(f"{name} is empty")


def _list(
    document: dict[str, object], key: str, name: str, most: int, read: Callable[[object, str], T]
) -> tuple[T, ...]:
    values = document.get(key, [])
    if not isinstance(values, list):
        _invalid(f"{name} must be a list")
    if len(values) > most:
        _invalid(f"{name} has more than {most} entries")
    return tuple(read(value, f"{name}[{place}]") for place, value in enumerate(values))


def _oid(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MAX_OID:
        _invalid(f"{name} must be a type OID, 0 to {_MAX_OID}")
    return value


def _kind(value: object, name: str) -> str:
    if not isinstance(value, str) or value not in OBLIGATIONS:
        _invalid(f"{name} must be one of {', '.join(OBLIGATIONS)}")
    return value


def _address(text: str) -> str:
    try:
        if "%" in text:  # a zone means something on the caller's machine only
            raise ValueError(text)
        return canonical_address(text)
    except ValueError:
        _invalid("address must be an IPv4 or IPv6 address without a zone")


def _token(given: object, authorization: Sequence[str]) -> str:
    token = given if isinstance(given, str) else _text(given, "token", 0)
    if authorization:
        if token:
            # Later the two may name two identities (a caller and the person); until then neither is guessed.
            _invalid("a token is given both in the request and as `authorization`; give one")
        scheme, _, token = authorization[0].strip(" ").partition(" ")
        token = token.strip(" ")
        if len(authorization) > 1 or scheme.lower() != "bearer" or not token:
            raise AuthenticationError(Reason.TOKEN_MALFORMED, "`authorization` must be given once, as Bearer <token>")
    if not token:
        raise AuthenticationError(Reason.TOKEN_MISSING, "give `token`, or `authorization: Bearer <token>`")
    if len(token) > _MAX_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise AuthenticationError(Reason.TOKEN_MALFORMED, f"a token is at most {_MAX_TOKEN} printable characters")
    return token
