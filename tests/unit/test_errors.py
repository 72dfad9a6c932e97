"""Reasons and how each door says them."""

from __future__ import annotations

import re

import grpc
import pytest

from gateway import errors
from gateway.errors import ANSWERS, Reason


def test_every_reason_has_exactly_one_answer():
    assert set(ANSWERS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_an_answer_can_be_said_at_every_door(reason):
    answer = ANSWERS[reason]
    assert re.fullmatch(r"[0-9A-Z]{5}", answer.sqlstate)
    assert 200 <= answer.http < 600
    assert hasattr(grpc.StatusCode, answer.grpc)
    assert answer.summary
    assert answer.summary[0].islower()
    assert not answer.summary.endswith(".")
    assert re.fullmatch(r"[a-z][a-z_]*", reason)


@pytest.mark.parametrize("reason", [r for r in Reason if r is not Reason.ALLOWED])
def test_only_allowed_sounds_like_success(reason):
    answer = ANSWERS[reason]
    assert answer.sqlstate[:2] not in ("00", "01", "02")
    assert answer.http >= 400
    assert answer.grpc != "OK"


@pytest.mark.parametrize("reason", [Reason.POLICY_DENIED, Reason.STATEMENT_INCOMPLETE, Reason.OBLIGATION_UNSUPPORTED])
def test_a_denied_statement_is_42501_so_that_pools_keep_the_connection(reason):
    assert ANSWERS[reason].sqlstate == "42501"


@pytest.mark.parametrize("reason", [r for r in Reason if r.startswith("token_")])
def test_a_bad_token_is_28000(reason):
    assert (ANSWERS[reason].sqlstate, ANSWERS[reason].http, ANSWERS[reason].grpc) == ("28000", 401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "kind",
    [
        errors.ClientProtocolError,
        errors.AuthenticationError,
        errors.PolicyUnavailable,
        errors.RecordUnavailable,
        errors.UpstreamError,
    ],
)
def test_an_error_carries_its_reason_and_its_answer(kind):
    error = kind(Reason.TWIN_TIMEOUT, "after 2 s")
    assert isinstance(error, errors.SekishoError)
    assert error.answer is ANSWERS[Reason.TWIN_TIMEOUT]
    assert str(error) == "twin_timeout: after 2 s"
    assert str(kind(Reason.TWIN_TIMEOUT)) == "twin_timeout"


def test_a_config_error_lists_every_problem():
    error = errors.ConfigError(["a: 1", "b: 2"])
    assert error.problems == ("a: 1", "b: 2")
    assert str(error) == "a: 1\nb: 2"
