"""One question and one answer for every door that speaks in documents, so that the grpc and http doors cannot differ.

    wire -> document -> AskRequest -> Ask -> (the desk) -> Outcome -> document -> wire

A door only turns its wire format into a document (plain JSON values) and back; what a document may hold is here, once;
what an answer says in `answers`, who may ask for whom in `callers`. Pure: no sockets, nothing of Flask or gRPC.

Refused by default: an unknown key, a key given twice, a value of another type, a person named twice. A field that is
not understood may have been meant as a restriction.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Protocol

from prometheus_client.registry import Collector

from gateway.doors.callers import Callers, Edges, Named, Origin, Words, who_asks
from gateway.doors.completions import Completion
from gateway.doors.documents import (
    MAX_BODY,
    MAX_NAME,
    address_of,
    bearer_of,
    filled,
    flag_of,
    invalid,
    list_of,
    object_of,
    required,
    text_of,
    token_of,
)
from gateway.doors.resources import read_resource, words_of
from gateway.errors import Reason, SekishoError
from gateway.facts.identity import is_name
from gateway.inquiry import Inquiry, Looking, Reading
from gateway.model import DatasourceId, Door, Principal, PrincipalId, StatementFacts
from gateway.needs import Ask, Outcome
from gateway.trace_context import Context

log = logging.getLogger(__name__)

OBLIGATIONS: Final = ("mask", "row_filter", "row_limit", "subject_countries")
"""Kinds a caller may say it fulfils."""

MAX_BATCH: Final = 100
"""Most requests in one batch."""

FIELDS: Final = (
    *("token", "principal", "address", "datasource", "statement", "resource"),
    *("supported_obligations", "completes"),
)
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
    @property
    def callers(self) -> Callers: ...
    def verify_token(self, token: str) -> Principal: ...
    def groups_of(self, principal: PrincipalId) -> Sequence[str]: ...
    def choose_profile(self, datasource: str, principal: Principal) -> str: ...
    def context_of(self, parents: Sequence[str], states: Sequence[str]) -> Context | None: ...
    def ask(self, ask: Ask) -> Outcome: ...
    async def ask_async(self, ask: Ask, seconds: float | None = None) -> Outcome: ...
    def ask_all(self, asks: Sequence[Ask]) -> list[Outcome]: ...
    async def ask_all_async(self, asks: Sequence[Ask], seconds: float | None = None) -> list[Outcome]: ...
    def complete(self, completion: Completion, askers: frozenset[str], door: Door) -> None: ...
    async def complete_async(self, completion: Completion, askers: frozenset[str], door: Door) -> None: ...
    def read(self, inquiry: Inquiry, door: Door) -> Outcome: ...
    async def read_async(self, inquiry: Inquiry, door: Door) -> Outcome: ...
    def ready(self) -> tuple[bool, list[str]]: ...
    def alive(self) -> bool: ...
    def resolved_config(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRequest:
    """One request as read from the wire: well-formed, and not believed yet. There is no purpose: a token signs it."""

    who: Words
    datasource: str
    sql: str = ""
    resource: StatementFacts | None = None  # declared, in place of SQL
    parameter_types: tuple[int, ...] = ()
    supports: frozenset[str] = frozenset()
    completes: bool = False  # the caller will tell what went out


# --- from the wire ---------------------------------------------------------------------------------------------------


def read_request(document: object, authorization: Sequence[str] = ()) -> AskRequest:
    """The request in ``document``; ``authorization`` are the values of that header or metadata key."""
    request = object_of(document, "the body", FIELDS)
    if "resource" in request and "statement" in request:
        invalid("give `statement` or `resource`, not both")
    resource = read_resource(request["resource"]) if "resource" in request else None
    if resource is None:
        statement = object_of(
            required(request, "statement", "statement"), "statement", ("sql", "parameter_types"), prefix="statement."
        )
        sql = filled(required(statement, "sql", "statement.sql"), "statement.sql", MAX_BODY)
        types = list_of(statement, "parameter_types", "statement.parameter_types", MAX_PARAMETERS, oid_of)
    else:
        sql, types = words_of(resource), ()
    return AskRequest(
        who=read_words(request, bearer_of(authorization)),
        datasource=filled(required(request, "datasource", "datasource"), "datasource", MAX_NAME),
        sql=sql,
        resource=resource,
        parameter_types=types,
        supports=frozenset(list_of(request, "supported_obligations", "supported_obligations", MAX_KINDS, _kind)),
        completes=flag_of(request.get("completes", False), "completes"),
    )


def read_words(document: Mapping[str, object], bearer: str = "") -> Words:
    """What a document says of who asks, beside `authorization`; its keys are known to be known."""
    return Words(
        token=token_of(document.get("token", "")),
        bearer=bearer,
        principal=_named(document["principal"]) if "principal" in document else None,
        address=address_of(text_of(document["address"], "address", MAX_NAME)) if "address" in document else None,
    )


def read_batch(document: object, authorization: Sequence[str] = ()) -> tuple[AskRequest, ...]:
    """Several requests in one document. The person of all of them may be named beside them; `authorization` is of all
    of them."""
    batch = object_of(document, "the body", ("token", "principal", "requests"))
    person: dict[str, object] = {key: batch[key] for key in ("token", "principal") if key in batch}
    requests = required(batch, "requests", "requests")
    if requests == []:
        invalid("requests is empty")
    return list_of({"requests": requests}, "requests", "requests", MAX_BATCH, partial(_entry, authorization, person))


def _entry(authorization: Sequence[str], person: dict[str, object], document: object, name: str) -> AskRequest:
    try:
        if person and isinstance(document, dict):
            if not document.keys().isdisjoint({"token", "principal"}):
                invalid("the person is given twice: here and beside the requests")
            document = {**document, **person}
        return read_request(document, authorization)
    except SekishoError as error:
        raise type(error)(error.reason, f"{name}: {error.detail}") from None


def prepare(
    desk: DeskApi, door: Door, request: AskRequest, *, origin: Origin, edges: Edges, trace: Context | None = None
) -> Ask:
    """The question to put. Raises SekishoError where somebody asks who may not. ``trace``: that the caller is in.

    Requests here stand alone; the record files them under the door's name where a session's identity would be.
    """
    asker = who_asks(desk, request.who, request.datasource, origin=origin, edges=edges)
    return Ask(
        door=door,
        datasource=DatasourceId(request.datasource),
        profile=desk.choose_profile(request.datasource, asker.principal),
        principal=asker.principal,
        peer=asker.peer,
        caller=asker.caller,
        sql=request.sql,
        given=request.resource,
        parameter_types=request.parameter_types,
        supports=request.supports,
        counts=request.completes,
        session=door.value,
        trace=trace,
    )


def explaining(ask: Ask) -> Ask:
    """The same question for somebody who wants to know and not to run it: decided and recorded like any, and nothing
    is let through by it."""
    return replace(ask, executes=False, counts=False, session=f"{ask.session}:explain")


def explanation_of(ask: Ask) -> Inquiry:
    """The question that comes before: may whoever asks be told every fact that is known of this person? It is asked
    about as any reading is."""
    return Inquiry(
        door=ask.door,
        principal=ask.principal,
        peer=ask.peer,
        caller=ask.caller,
        reading=Reading(what=Looking.EXPLAIN, principal=ask.principal.id),
        session=ask.session,
    )


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


def _named(value: object) -> Named:
    named = object_of(value, "principal", ("issuer", "subject"), prefix="principal.")
    issuer, subject = (
        filled(required(named, key, f"principal.{key}"), f"principal.{key}", MAX_NAME) for key in ("issuer", "subject")
    )
    if not is_name(issuer) or not is_name(subject):
        invalid("principal must be printable text")
    return issuer, subject
