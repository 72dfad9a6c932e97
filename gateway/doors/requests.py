"""One question and one answer for every door that speaks in documents, so that the grpc and http doors cannot differ.

    wire -> document -> AskRequest -> Ask -> (the desk) -> Outcome -> document -> wire

A door only turns its wire format into a document (plain JSON values) and back; what a document may hold, who may assert
an address, and what an answer says is here, once. Pure: no sockets, no clock, nothing of Flask or gRPC.

Refused by default: an unknown key, a key given twice, a value of another type, two tokens. A field that is not
understood may have been meant as a restriction.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

from prometheus_client.registry import Collector

from gateway.doors.completions import Completion
from gateway.doors.documents import (
    MAX_BODY,
    MAX_NAME,
    address_of,
    filled,
    flag_of,
    invalid,
    list_of,
    object_of,
    required,
    text_of,
    token_of,
)
from gateway.errors import AuthenticationError, ConfigError, Reason, SekishoError
from gateway.inquiry import Inquiry
from gateway.model import DatasourceId, Door, Peer, Principal
from gateway.needs import Ask, Outcome

log = logging.getLogger(__name__)

OBLIGATIONS: Final = ("mask", "row_filter", "row_limit", "subject_countries")
"""Kinds a caller may say it fulfils."""

MAX_BATCH: Final = 100
"""Most requests in one batch."""

FIELDS: Final = ("token", "datasource", "statement", "address", "supported_obligations", "completes")
"""Of one request."""

MAX_PARAMETERS: Final = 65_535  # what the PostgreSQL protocol can count
MAX_OID: Final = 2**32 - 1
MAX_KINDS: Final = 16


class Refusing(Protocol):
    """Who records and counts what never became a question."""

    def refused(self, door: Door, reason: Reason, peer_address: str | None, detail: str) -> None: ...


class DeskApi(Refusing, Protocol):
    """What the document doors need of the desk."""

    @property
    def collector(self) -> Collector: ...
    def verify_token(self, token: str) -> Principal: ...
    def choose_profile(self, datasource: str, principal: Principal) -> str: ...
    def ask(self, ask: Ask) -> Outcome: ...
    async def ask_async(self, ask: Ask) -> Outcome: ...
    def ask_all(self, asks: Sequence[Ask]) -> list[Outcome]: ...
    async def ask_all_async(self, asks: Sequence[Ask]) -> list[Outcome]: ...
    def complete(self, completion: Completion, principal: Principal, door: Door) -> None: ...
    async def complete_async(self, completion: Completion, principal: Principal, door: Door) -> None: ...
    def read(self, inquiry: Inquiry, door: Door) -> Outcome: ...
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
    completes: bool = False  # the caller will tell what went out


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


def read_request(document: object, authorization: Sequence[str] = ()) -> AskRequest:
    """The request in ``document``; ``authorization`` are the values of that header or metadata key."""
    request = object_of(document, "the body", FIELDS)
    statement = object_of(
        required(request, "statement", "statement"), "statement", ("sql", "parameter_types"), prefix="statement."
    )
    return AskRequest(
        token=token_of(request.get("token", ""), authorization),
        datasource=filled(required(request, "datasource", "datasource"), "datasource", MAX_NAME),
        sql=filled(required(statement, "sql", "statement.sql"), "statement.sql", MAX_BODY),
        parameter_types=list_of(statement, "parameter_types", "statement.parameter_types", MAX_PARAMETERS, oid_of),
        address=address_of(text_of(request["address"], "address", MAX_NAME)) if "address" in request else None,
        supports=frozenset(list_of(request, "supported_obligations", "supported_obligations", MAX_KINDS, _kind)),
        completes=flag_of(request.get("completes", False), "completes"),
    )


def read_batch(document: object, authorization: Sequence[str] = ()) -> tuple[AskRequest, ...]:
    """Several requests in one document. One token may stand for all of them: as `authorization`, or beside them."""
    batch = object_of(document, "the body", ("token", "requests"))
    if "token" in batch or authorization:
        authorization = [f"Bearer {token_of(batch.get('token', ''), authorization)}"]
    requests = required(batch, "requests", "requests")
    if requests == []:
        invalid("requests is empty")
    return list_of({"requests": requests}, "requests", "requests", MAX_BATCH, partial(_entry, authorization))


def _entry(authorization: Sequence[str], document: object, name: str) -> AskRequest:
    try:
        return read_request(document, authorization)
    except SekishoError as error:
        raise type(error)(error.reason, f"{name}: {error.detail}") from None


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
        counts=request.completes,
        session=door.value,
    )


def explaining(ask: Ask) -> Ask:
    """The same question for somebody who wants to know and not to run it: decided and recorded like any, and nothing
    is let through by it."""
    return replace(ask, executes=False, counts=False, session=f"{ask.session}:explain")


def refuse(desk: Refusing, door: Door, error: SekishoError, caller: str | None) -> SekishoError:
    """Records and counts a refusal. What comes back is to be answered: it is worse news if that failed."""
    try:
        desk.refused(door, error.reason, caller, error.detail)
    except SekishoError as worse:
        return worse
    except Exception:
        log.exception("refusal_not_recorded")
        return SekishoError(Reason.INTERNAL)
    return error


# --- fields of a question ---------------------------------------------------------------------------------------------


def oid_of(value: object, name: str) -> int:
    """OID of a type; 0: the server is to tell."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_OID:
        invalid(f"{name} must be a type OID, 0 to {MAX_OID}")
    return value


def _kind(value: object, name: str) -> str:
    if not isinstance(value, str) or value not in OBLIGATIONS:
        invalid(f"{name} must be one of {', '.join(OBLIGATIONS)}")
    return value
