"""The words of a denial: which rule, which fact, what would help, and its id; nothing that leaks."""

from __future__ import annotations

import pytest

from gateway.errors import ANSWERS, Reason
from gateway.explain import explain, without_rule
from gateway.model import Effect, Finding, Layer, Mode, StatementEffect, StatementFacts, Verdict

COMPLETE = StatementFacts(kind="select", effect=StatementEffect.READ, complete=True)


def finding(rule: str, **changes: object) -> Finding:
    fields = {
        "rule": rule,
        "layer": Layer.LAW,
        "mode": Mode.ENFORCE,
        "citation": "APPI Art. 28(1)",
        "message": f"{rule} says no",
        "fact": "location.countries[0]",
        "value": "CN",
        "remedy": f"ask for {rule}.",
    }
    return Finding(**{**fields, **changes})  # type: ignore[arg-type]


def denial(*findings: Finding, reason: Reason = Reason.POLICY_DENIED) -> Verdict:
    return Verdict(effect=Effect.DENY, reason=reason, findings=findings, valid_until=0, revision="r")


def test_the_first_rule_is_the_message_and_the_others_are_in_the_detail():
    words = explain("d-1", denial(finding("first"), finding("second"), finding("third")), COMPLETE)

    assert words.message == "access denied: first says no"
    assert words.detail.splitlines() == [
        'Rule: first (law); Fact: location.countries[0] = "CN"; APPI Art. 28(1)',
        "Also: second (second says no); third (third says no)",
        "Decision: d-1",
    ]
    assert words.hint == "What would help: ask for first; and ask for second; and ask for third."


def test_each_rule_is_told_once():
    again = [finding(rule, message=f"{rule} says more") for rule in ("first", "second", "third")]
    words = explain("d-1", denial(finding("first"), finding("third"), again[0], again[1], again[2]), COMPLETE)
    assert "Also: third (third says no); second (second says more)" in words.detail.splitlines()


@pytest.mark.parametrize(
    ("layer", "word"), [(Layer.LAW, "law"), (Layer.PROMISE, "promise to users"), (Layer.HOUSE, "house rule")]
)
def test_whose_word_it_is(layer, word):
    assert explain("d-1", denial(finding("r", layer=layer)), None).detail.startswith(f"Rule: r ({word});")


def test_a_denial_never_cites_a_law_that_does_not_say_it():
    words = explain("d-1", denial(finding("r", layer=Layer.HOUSE, citation="")), COMPLETE)
    assert words.detail == 'Rule: r (house rule); Fact: location.countries[0] = "CN"\nDecision: d-1'


def test_rules_in_shadow_mode_are_not_told():
    words = explain("d-1", denial(finding("quiet", mode=Mode.SHADOW), finding("loud")), COMPLETE)
    assert "quiet" not in words.message + words.detail + words.hint


def test_a_denial_of_shadow_rules_alone_is_told_by_its_reason():
    words = explain("d-1", denial(finding("quiet", mode=Mode.SHADOW), reason=Reason.INTERNAL), COMPLETE)
    assert words == without_rule("d-1", Reason.INTERNAL, "")


def test_what_was_not_understood_is_named():
    statement = StatementFacts(
        kind="select", effect=StatementEffect.READ, complete=False, incomplete="function_refused", detail="function f"
    )
    assert "Statement: function f" in explain("d-1", denial(finding("r")), statement).detail.splitlines()


def test_a_value_is_told_as_json_and_in_its_own_letters():
    words = explain("d-1", denial(finding("r", value=["東京", None, True])), COMPLETE)
    assert 'Fact: location.countries[0] = ["東京", null, true]' in words.detail


def test_the_same_help_is_told_once_and_without_any_whom_to_ask():
    same = finding("r", remedy="a contract.")
    assert explain("d-1", denial(same, same), COMPLETE).hint == "What would help: a contract."
    none = explain("d-1", denial(finding("r", remedy="")), COMPLETE)
    assert none.hint == "Quote decision d-1 to the people who own this rule."


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.ALLOWED])
def test_where_no_rule_spoke_the_reason_does(reason):
    words = without_rule("d-7", reason, "the database did not answer in time")

    assert words.message == f"access denied: {ANSWERS[reason].summary}"
    assert words.detail.splitlines() == [
        "the database did not answer in time",
        f"Reason: {reason}",
        "Decision: d-7",
    ]
    assert without_rule("d-7", reason, "").detail == f"Reason: {reason}\nDecision: d-7"
