"""Messages of the contract as documents, and back: the same that the http door speaks; any bytes at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors.access_messages import (
    answer_message,
    batch_request_document,
    completion_document,
    decision_message,
    explain_message,
    parse,
    request_document,
)
from gateway.doors.answers import answer_document
from gateway.doors.completions import read_completion
from gateway.doors.documents import MAX_BODY
from gateway.doors.requests import read_batch, read_request
from gateway.errors import Reason, SekishoError
from gateway.model import Layer, Mode
from gateway.reports.decisions import shown
from tests.unit.doors.test_requests import body, scripted


@pytest.mark.parametrize(
    ("sql", "supports"), [("select 1", []), ("select phone", []), ("select masked", ["mask"]), ("selec 1", [])]
)
def test_both_doors_read_and_say_the_same(sql: str, supports: list[str]) -> None:
    """The message holds what the document of the http door holds, key for key."""
    document: Any = body(statement={"sql": sql, "parameter_types": [23]}, supported_obligations=supports)
    kinds = [f"OBLIGATION_KIND_{kind.upper()}" for kind in supports]
    message = wire.AuthorizeRequest(
        token="good",
        datasource="messenger",
        statement=wire.Statement(sql=sql, parameter_types=[23]),
        supported_obligations=kinds,
    )
    request = read_request(document)
    assert read_request(request_document(parse(wire.AuthorizeRequest, message.SerializeToString()))) == request

    asked: Any = type("Question", (), {"sql": sql, "supports": request.supports})()
    told: Any = answer_document(asked, scripted(asked))
    response = answer_message(told)
    assert set(told) == {field.name for field in wire.AuthorizeResponse.DESCRIPTOR.fields}
    for name in ("decision_id", "reason", "message", "detail", "hint", "cross_border", "valid_until", "revision"):
        assert getattr(response, name) == told[name]
    assert wire.Effect.Name(response.effect) == f"EFFECT_{told['effect'].upper()}"
    for finding, words in zip(response.findings, told["findings"], strict=True):
        assert set(words) == {field.name for field in wire.Finding.DESCRIPTOR.fields}
        assert (finding.rule, finding.fact, finding.value) == (words["rule"], words["fact"], words["value"])
    for duty, words in zip(response.obligations, told["obligations"], strict=True):
        assert duty.WhichOneof("kind") == words["kind"]
    assert response.HasField("complaint") == (told["complaint"] is not None)


def test_every_layer_and_mode_has_its_number() -> None:
    assert {f"LAYER_{layer.name}" for layer in Layer} == set(wire.Layer.keys()) - {"LAYER_UNSPECIFIED"}
    assert {f"MODE_{mode.name}" for mode in Mode} == set(wire.Mode.keys()) - {"MODE_UNSPECIFIED"}


def test_every_enum_starts_unspecified() -> None:
    for enum in wire.DESCRIPTOR.enum_types_by_name.values():
        assert enum.values_by_number[0].name.endswith("_UNSPECIFIED")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_and_nothing_else(data: bytes) -> None:
    refused: list[int] = []
    try:
        read_request(request_document(parse(wire.AuthorizeRequest, data)))
    except SekishoError as error:
        refused.append(error.answer.http)
    assert set(refused) <= {400, 401}


def test_the_limit_is_that_of_the_http_door() -> None:
    with pytest.raises(SekishoError) as caught:
        parse(wire.AuthorizeRequest, b"\0" * (MAX_BODY + 1))
    assert caught.value.reason is Reason.MESSAGE_TOO_LARGE


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (wire.AuthorizeBatchRequest, wire.AuthorizeStreamRequest(correlation=2**63)),
        (wire.AuthorizeRequest, wire.Finding(fact="x" * 3, remedy="y")),
        (wire.AuthorizeBatchRequest, wire.Obligation()),
    ],
)
def test_another_message_is_not_taken_for_one(kind: Any, message: Any) -> None:
    data = message.SerializeToString()
    if data:
        with pytest.raises(SekishoError):
            parse(kind, data)


@pytest.mark.parametrize(
    "data",
    [
        wire.AuthorizeBatchRequest(requests=[wire.AuthorizeRequest.FromString(b"\x98\x06\x01")]),
        wire.ExplainRequest(request=wire.AuthorizeRequest(statement=wire.Statement.FromString(b"\x98\x06\x01"))),
        wire.WatchDecisionsRequest(after=[wire.Position.FromString(b"\x98\x06\x01")]),
        wire.AuthorizeRequest(principal=wire.Principal.FromString(b"\x98\x06\x01")),
    ],
)
def test_an_unknown_field_is_found_wherever_it_is(data: Any) -> None:
    with pytest.raises(SekishoError, match="unknown field 99"):
        parse(type(data), data.SerializeToString())


def test_a_batch_and_a_completion_are_read_as_over_http() -> None:
    batch = wire.AuthorizeBatchRequest(
        principal=wire.Principal(issuer="https://id.example", subject="sato"),
        requests=[
            wire.AuthorizeRequest(datasource="messenger", statement=wire.Statement(sql="select 1"), completes=True)
        ],
    )
    [request] = read_batch(batch_request_document(parse(wire.AuthorizeBatchRequest, batch.SerializeToString())))
    assert (request.who.principal, request.completes) == (("https://id.example", "sato"), True)
    told = wire.CompleteRequest(token="good", decision_id="d-1", rows=0, sqlstate="57014")
    found = read_completion(completion_document(told))
    assert (found.rows, found.sent_bytes, found.sqlstate, found.who.token) == (0, None, "57014", "good")


def test_facts_and_decisions_of_the_record_arrive() -> None:
    asked: Any = type("Question", (), {"sql": "select phone", "supports": frozenset()})()
    told: Any = {
        **answer_document(asked, scripted(asked)),
        "nearest": "id",
        "facts": {"origin": ["CN"], "person": None},
    }
    message = explain_message(told)
    assert (message.nearest, message.facts["person"]) == ("id", None)
    assert not explain_message({**told, "facts": None}).HasField("facts")
    read = decision_message(shown("gateway", 7, {"kind": "decision", "at_us": 5, "effect": "allow"}))
    assert (read.position.writer, read.position.sequence, read.at_us, read.effect) == (
        "gateway",
        7,
        5,
        wire.EFFECT_ALLOW,
    )
    assert (read.door, read.datasource, read.principal, list(read.rules)) == ("", "", "", [])


def test_a_resource_is_the_same_document_as_over_http() -> None:
    message = wire.AuthorizeRequest(
        token="good",
        datasource="messenger",
        resource=wire.Resource(
            effect=wire.RESOURCE_EFFECT_READ,
            relations=["public.users"],
            columns=[wire.ResourceColumn(relation="public.users", column="phone", use=wire.COLUMN_USE_OUTPUT)],
        ),
    )
    document = request_document(parse(wire.AuthorizeRequest, message.SerializeToString()))
    assert document["resource"] == {
        "effect": "read",
        "relations": ["public.users"],
        "columns": [{"relation": "public.users", "column": "phone", "use": "output"}],
    }
    assert read_request(document).resource is not None
    odd = wire.AuthorizeRequest(resource=wire.Resource(columns=[wire.ResourceColumn.FromString(b"\x18\x09")]))
    assert request_document(odd)["resource"] == {
        "effect": "unspecified",
        "relations": [],
        "columns": [{"relation": "", "column": "", "use": "9"}],
    }
    unknown = wire.AuthorizeRequest(resource=wire.Resource(columns=[wire.ResourceColumn.FromString(b"\x50\x01")]))
    with pytest.raises(SekishoError):
        parse(wire.AuthorizeRequest, unknown.SerializeToString())
