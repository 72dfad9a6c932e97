"""Answers from the wire: what is not known is no permission."""

from __future__ import annotations

from gateway.client import Answer
from gateway.client.messages import Question
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors.access_messages import answer_message, request_document
from gateway.doors.requests import read_request
from gateway.model import Country, Mask, RowFilter, RowLimit, SubjectCountries, UnknownObligation
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
