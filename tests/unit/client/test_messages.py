"""Answers from the wire: what is not known is no permission."""

from __future__ import annotations

import dataclasses
from typing import Any, cast, get_args

import pytest

from gateway.client import Answer, Resource, ResourceColumn, Settings
from gateway.client.channel import Options
from gateway.client.messages import Filters, More, Question, Supported, Use, watch_message
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors.access_messages import answer_message, request_document
from gateway.doors.requests import OBLIGATIONS, read_request
from gateway.model import ColumnUseKind, Country, Mask, RowFilter, RowLimit, SubjectCountries, UnknownObligation
from tests.unit.doors.test_answers import answer


def test_a_question_is_read_by_the_door_as_it_was_meant() -> None:
    question = Question(
        datasource="messenger",
        sql="select $1",
        parameter_types=(23,),
        supports=("mask", "row_limit"),
        principal=("https://id.example", "sato"),
        address="192.0.2.7",
        completes=True,
    )
    read = read_request(request_document(question.message()))
    assert (read.sql, read.parameter_types, read.supports) == ("select $1", (23,), frozenset({"mask", "row_limit"}))
    assert (read.who.principal, read.who.address, read.completes) == (("https://id.example", "sato"), "192.0.2.7", True)


def test_what_is_declared_is_read_by_the_door_as_it_was_meant() -> None:
    columns = (
        ResourceColumn("public.users", "phone"),
        ResourceColumn("public.users", "id", "predicate"),
        ResourceColumn("public.calls", "at", "arrange"),
    )
    question = Question(datasource="search", resource=Resource(columns=columns))
    read = read_request(request_document(question.message())).resource
    assert read is not None
    assert (read.effect, read.complete, read.confidence) == ("read", True, "declared")
    assert set(read.relations) == {"public.users", "public.calls"}
    assert {(one.relation, one.column, one.use) for one in read.columns} == {
        ("public.users", "phone", "output"),
        ("public.users", "id", "predicate"),
        ("public.calls", "at", "arrange"),
    }


@pytest.mark.parametrize("use", list(ColumnUseKind))
def test_every_use_and_effect_has_its_word(use: ColumnUseKind) -> None:
    column = ResourceColumn("a.b", "c", cast(Any, use.value))
    for effect in ("read", "write"):
        resource = Resource(columns=(column,), effect=cast(Any, effect))
        document: Any = request_document(Question(datasource="x", resource=resource).message())["resource"]
        assert (document["effect"], document["columns"][0]["use"]) == (effect, use.value)


def test_what_a_typed_program_may_say_is_what_there_is() -> None:
    """The words of `More`, `Use`, `Supported` and `Options` are those of what they stand for."""
    fields = {one.name for one in dataclasses.fields(Question)} - {"datasource", "sql", "resource"}
    assert set(More.__annotations__) == fields
    assert set(Options.__annotations__) == {one.name for one in dataclasses.fields(Settings)} - {"address"}
    assert set(get_args(Use)) == set(ColumnUseKind)
    assert get_args(Supported) == OBLIGATIONS
    request = {field.name for field in wire.WatchDecisionsRequest.DESCRIPTOR.fields}
    assert set(Filters.__annotations__) == request - {"after"}


@pytest.mark.parametrize("given", [{}, {"sql": "select 1", "resource": Resource(columns=())}])
def test_a_question_is_about_one_thing(given: Any) -> None:
    with pytest.raises(ValueError, match="one of them"):
        Question(datasource="x", **given)


def test_which_decisions_are_wanted() -> None:
    message = watch_message([("gateway-1", 7)], effect="deny", rule="jp-appi-28", since=5)
    assert (message.effect, message.rule, message.since) == (wire.EFFECT_DENY, "jp-appi-28", 5)
    assert [(one.writer, one.sequence) for one in message.after] == [("gateway-1", 7)]
    assert watch_message([]) == wire.WatchDecisionsRequest()


def test_an_answer_is_what_the_gateway_said() -> None:
    denied = Answer.of(answer_message(answer("select phone")))
    assert (denied.allowed, denied.reason, denied.message) == (False, "policy_denied", "access denied: 中国")
    first = denied.findings[0]
    assert (first.rule, first.layer, first.mode) == ("jp-appi-28", "law", "enforce")
    assert first.value == {"country": "CN", "hops": [1, 2]}
    masked = Answer.of(answer_message(answer("select masked", supported_obligations=["mask"])))
    assert (masked.allowed, masked.obligations) == (
        True,
        (Mask(relation="public.users", column="phone", method="partial"),),
    )
    complaint = Answer.of(answer_message(answer("selec 1"))).complaint
    assert complaint is not None
    assert complaint.sqlstate == "42601"


def test_what_this_client_does_not_know_is_no_permission() -> None:
    told = wire.AuthorizeResponse(
        effect=wire.EFFECT_ALLOW,
        obligations=[
            wire.Obligation(row_filter=wire.RowFilter(relation="a.b", predicate="own")),
            wire.Obligation(row_limit=wire.RowLimit(rows=5)),
            wire.Obligation(
                subject_countries=wire.SubjectCountries(relation="a.b", column="country", countries=["JP"])
            ),
        ],
    )
    known = Answer.of(told)
    assert known.allowed
    assert known.obligations == (
        RowFilter(relation="a.b", predicate="own"),
        RowLimit(rows=5),
        SubjectCountries(relation="a.b", column="country", countries=(Country("JP"),)),
    )
    told.obligations.add()  # of a later version of the contract
    assert (Answer.of(told).allowed, Answer.of(told).obligations[-1]) == (False, UnknownObligation(name=""))
    assert not Answer.of(wire.AuthorizeResponse()).allowed
