"""Messages of sekisho.v1 and the documents that the doors share: from the wire, and to it.

Messages are parsed here, not by the library, so that a malformed one is refused, counted and explained like any other.
A message with a field this version does not know is refused: it may have been a restriction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from google.protobuf.json_format import ParseDict
from google.protobuf.message import DecodeError, Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.unknown_fields import UnknownFieldSet

from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors.documents import MAX_BODY
from gateway.errors import Reason, SekishoError
from gateway.model import JsonValue

M = TypeVar("M", bound=Message)
_PLAIN = ("decision_id", "reason", "message", "detail", "hint", "cross_border", "valid_until", "revision", "reused")


# --- from the wire ---------------------------------------------------------------------------------------------------


def parse(kind: type[M], body: bytes) -> M:
    """The message in ``body``, without fields this version does not know. Raises SekishoError."""
    if len(body) > MAX_BODY:
        raise SekishoError(Reason.MESSAGE_TOO_LARGE, f"a request has at most {MAX_BODY} bytes")
    try:
        message = kind.FromString(body)
    except DecodeError as error:  # cut short, of another type, or a string that is not UTF-8
        name = kind.DESCRIPTOR.full_name
        raise SekishoError(Reason.REQUEST_INVALID, f"the message is not a {name}") from error
    for part in _parts(message):
        unknown = UnknownFieldSet(part)
        if len(unknown):
            number = unknown[0].field_number
            name = part.DESCRIPTOR.full_name
            raise SekishoError(Reason.REQUEST_INVALID, f"unknown field {number} of {name}")
    return message


def request_document(message: wire.AuthorizeRequest) -> dict[str, object]:
    """The same document the http door reads; a string field that is empty was not sent."""
    document: dict[str, object] = {
        "supported_obligations": [
            _word(wire.ObligationKind, number, "OBLIGATION_KIND_") for number in message.supported_obligations
        ],
        "completes": message.completes,
        **_person(message),
    }
    if message.datasource:
        document["datasource"] = message.datasource
    if message.HasField("address"):
        document["address"] = message.address
    if message.HasField("statement"):
        statement = message.statement
        document["statement"] = {"sql": statement.sql, "parameter_types": list(statement.parameter_types)}
    if message.HasField("resource"):
        document["resource"] = _resource(message.resource)
    return document


def _resource(resource: wire.Resource) -> dict[str, object]:
    return {
        "effect": _word(wire.ResourceEffect, resource.effect, "RESOURCE_EFFECT_"),
        "relations": list(resource.relations),
        "columns": [
            {"relation": one.relation, "column": one.column, "use": _word(wire.ColumnUse, one.use, "COLUMN_USE_")}
            for one in resource.columns
        ],
    }


def batch_request_document(message: wire.AuthorizeBatchRequest) -> dict[str, object]:
    """The same of several questions."""
    return {**_person(message), "requests": [request_document(one) for one in message.requests]}


def completion_document(message: wire.CompleteRequest) -> dict[str, object]:
    """The document of a completion."""
    document: dict[str, object] = {name: getattr(message, name) for name in _told(message)}
    return document


def _told(message: wire.CompleteRequest) -> Iterator[str]:
    for name in ("token", "decision_id", "sqlstate"):
        if getattr(message, name):
            yield name
    for name in ("rows", "bytes", "subjects"):
        if message.HasField(name):
            yield name


def _person(message: wire.AuthorizeRequest | wire.AuthorizeBatchRequest) -> dict[str, object]:
    found: dict[str, object] = {"token": message.token} if message.token else {}
    if message.HasField("principal"):
        found["principal"] = {"issuer": message.principal.issuer, "subject": message.principal.subject}
    return found


def _parts(message: Message) -> Iterator[Message]:
    """The message and all that are in it."""
    yield message
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for part in value if field.is_repeated else (value,):
                yield from _parts(part)


def _word(kind: Any, number: int, prefix: str) -> str:
    """`mask` of OBLIGATION_KIND_MASK. A number without a name stays a number, which is no word."""
    return kind.Name(number).removeprefix(prefix).lower() if number in kind.values() else str(number)


# --- to the wire -----------------------------------------------------------------------------------------------------


def answer_message(document: Mapping[str, Any]) -> wire.AuthorizeResponse:
    """The answer document, field by field."""
    response = wire.AuthorizeResponse(
        **{name: document[name] for name in _PLAIN},
        effect=f"EFFECT_{document['effect'].upper()}",  # an enum takes the name of a value
        obligations=[_obligation(duty) for duty in document["obligations"]],
        findings=[_finding(finding) for finding in document["findings"]],
    )
    complaint = document["complaint"]
    if complaint is not None:
        response.complaint.CopyFrom(wire.Complaint(sqlstate=complaint["sqlstate"], fields=complaint["fields"]))
    return response


def explain_message(document: Mapping[str, Any]) -> wire.ExplainResponse:
    """An answer with what it was made from."""
    response = wire.ExplainResponse(answer=answer_message(document), nearest=document["nearest"])
    if document["facts"] is not None:
        response.facts.CopyFrom(struct_of(document["facts"]))
    return response


def decision_message(told: Mapping[str, Any]) -> wire.WatchDecisionsResponse:
    """One decision of the record, as `reports.decisions` shows it."""
    effect = told["effect"]
    return wire.WatchDecisionsResponse(
        position=wire.Position(writer=told["writer"], sequence=told["seq"]),
        at_us=told["at_us"],
        decision_id=told["decision_id"] or "",
        effect=f"EFFECT_{effect.upper()}" if effect else "EFFECT_UNSPECIFIED",
        reason=told["reason"] or "",
        door=told["door"] or "",
        datasource=told["datasource"] or "",
        principal=told["principal"] or "",
        entity=told["entity"] or "",
        cross_border=bool(told["cross_border"]),
        rules=[rule["rule"] for rule in told["rules"]],
        entry=struct_of(told),
    )


def struct_of(document: Mapping[str, JsonValue]) -> Struct:
    """Plain JSON values as protobuf has them."""
    return ParseDict(dict(document), Struct())


def _obligation(duty: Mapping[str, Any]) -> wire.Obligation:
    """The member of the oneof is named as the kind is."""
    fields = {name: value for name, value in duty.items() if name != "kind"}
    return wire.Obligation(**{duty["kind"]: fields})


def _finding(finding: Mapping[str, Any]) -> wire.Finding:
    words = {"layer": f"LAYER_{finding['layer'].upper()}", "mode": f"MODE_{finding['mode'].upper()}"}
    return wire.Finding(**{**finding, **words})
