"""Answers: what is told of a decision, and what never is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from gateway.doors.answers import answer_document, explain_document, json_text, refused_document
from gateway.doors.callers import Edges
from gateway.doors.documents import MAX_BODY
from gateway.errors import ANSWERS, Reason, SekishoError
from gateway.model import Complaint, Country, Effect, RowFilter, RowLimit, SubjectCountries, UnknownObligation
from gateway.needs import Outcome
from tests.unit.doors.test_requests import MASK, ScriptedDesk, decision, json_values, question, reason_of, scripted


def answer(sql: str, **changes: Any) -> dict[str, Any]:
    ask = question(ScriptedDesk(), None, Edges(()), statement={"sql": sql}, **changes)
    document: dict[str, Any] = answer_document(ask, scripted(ask))
    assert json.loads(json.dumps(document)) == document
    return document


def test_an_allowance() -> None:
    document = answer("select 1")
    assert document == {
        "decision_id": "d-1",
        "effect": "allow",
        "reason": "allowed",
        "message": ANSWERS[Reason.ALLOWED].summary,
        "detail": "",
        "hint": "",
        "obligations": [],
        "findings": [document["findings"][0]],
        "cross_border": False,
        "valid_until": 1_700_000_060,
        "revision": "r+p",
        "reused": True,
        "complaint": None,
    }


def test_a_denial_names_rules_and_facts() -> None:
    document = answer("select phone")
    assert (document["effect"], document["reason"], document["cross_border"]) == ("deny", "policy_denied", True)
    assert (document["message"], document["detail"], document["hint"]) == (
        "access denied: 中国",
        "Rule: jp-appi-28",
        "ask",
    )
    assert document["findings"][0] == {
        "rule": "jp-appi-28",
        "layer": "law",
        "mode": "enforce",
        "citation": "APPI Art. 28(1)",
        "message": "the employer is under the law of CN",
        "fact": "employer.country",
        "value": '{"country":"CN","hops":[1,2]}',
        "remedy": "ask the data protection office",
    }
    assert document["findings"][1]["mode"] == "shadow"


def test_an_obligation_is_told_where_the_caller_can_fulfil_it() -> None:
    assert answer("select masked")["reason"] == "obligation_unsupported"
    document = answer("select masked", supported_obligations=["mask"])
    assert document["effect"] == "allow"
    assert document["obligations"] == [
        {"kind": "mask", "relation": "public.users", "column": "phone", "method": "partial"}
    ]


def test_the_servers_own_words_are_passed_on() -> None:
    document = answer("selec 1")
    assert (document["effect"], document["reason"], document["decision_id"]) == ("deny", "server_complaint", "")
    assert (document["valid_until"], document["revision"], document["reused"]) == (0, "", False)
    assert document["complaint"]["sqlstate"] == "42601"
    assert document["complaint"]["fields"]["P"] == "1"


def test_every_kind_of_obligation_has_a_form() -> None:
    korea = SubjectCountries(relation="r", column="c", countries=(Country("KR"),))
    duties = (MASK, RowFilter(relation="r", predicate="p"), RowLimit(rows=5), UnknownObligation(name="notify"), korea)
    ask = question(ScriptedDesk(), None, Edges(()))
    reason = Reason.OBLIGATION_UNSUPPORTED
    document: Any = answer_document(
        ask, Outcome(reason=reason, decision=decision(Effect.DENY, reason, obligations=duties))
    )
    assert document["obligations"][1:] == [
        {"kind": "row_filter", "relation": "r", "predicate": "p"},
        {"kind": "row_limit", "rows": 5},
        {"kind": "unknown", "name": "notify"},
        {"kind": "subject_countries", "relation": "r", "column": "c", "countries": ["KR"]},
    ]


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(reason=Reason.ALLOWED),
        Outcome(reason=Reason.ALLOWED, decision=decision(Effect.DENY, Reason.POLICY_DENIED)),
        Outcome(
            reason=Reason.ALLOWED,
            decision=decision(Effect.ALLOW, Reason.ALLOWED),
            complaint=Complaint(sqlstate="42601", fields=()),
        ),
        Outcome(reason=Reason.ALLOWED, decision=decision(Effect.ALLOW, Reason.ALLOWED, obligations=(MASK,))),
        Outcome(
            reason=Reason.ALLOWED,
            decision=decision(Effect.ALLOW, Reason.ALLOWED, obligations=(UnknownObligation(name="x"),)),
        ),
    ],
)
def test_an_answer_that_contradicts_itself_is_never_told_as_allowed(outcome: Outcome) -> None:
    ask = question(ScriptedDesk(), None, Edges(()))
    assert reason_of(answer_document, ask, outcome) is Reason.INTERNAL


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.ALLOWED])
def test_no_other_reason_is_ever_an_allowance(reason: Reason) -> None:
    ask = question(ScriptedDesk(), None, Edges(()))
    outcome = Outcome(reason=reason, decision=decision(Effect.ALLOW, Reason.ALLOWED))
    assert answer_document(ask, outcome)["effect"] == "deny"


@given(json_values.filter(lambda value: "nan" not in repr(value).lower() and "inf" not in repr(value).lower()))
def test_facts_are_told_as_json(value: Any) -> None:
    assert json.loads(json_text(value)) == value


def test_the_body_limit_is_one_mebibyte() -> None:
    assert MAX_BODY == 2**20


def test_a_refusal_has_the_form_of_an_answer() -> None:
    refused = refused_document(SekishoError(Reason.DATASOURCE_UNKNOWN, "no such one"))
    assert refused.keys() == answer("select 1").keys()
    assert (refused["effect"], refused["reason"], refused["detail"]) == ("deny", "datasource_unknown", "no such one")
    assert (refused["decision_id"], refused["valid_until"]) == ("", 0)


def test_an_explanation_without_facts_says_so() -> None:
    ask = question(ScriptedDesk(), None, Edges(()), statement={"sql": "twin down"})
    told = explain_document(ask, scripted(ask))
    assert (told["reason"], told["facts"], told["nearest"]) == ("twin_unavailable", None, "")
