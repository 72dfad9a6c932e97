"""What requests touch, by their routes: YAML cases; and that nobody gets more by changing an allowed one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import SekishoError
from gateway.model import ColumnUseKind, Confidence, StatementFacts
from gateway.routes.reading import read
from gateway.routes.request import HttpRequest
from gateway.routes.table import Routes
from tests.golden.route_cases import RouteCase, cases

CASES = list(cases())
UNDERSTOOD = [case for case in CASES if "relations" in case.expect]


def facts_of(routes: Routes, request: HttpRequest) -> StatementFacts:
    return read(routes.match(request), request)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_request_is_about_what_the_case_says(case: RouteCase) -> None:
    if "reason" in case.expect:
        with pytest.raises(SekishoError) as refused:
            case.routes.match(case.request)
        assert refused.value.reason == case.expect["reason"]
        return
    facts = facts_of(case.routes, case.request)
    assert facts.confidence is Confidence.INFERRED
    if "incomplete" in case.expect:
        assert (facts.complete, facts.incomplete) == (False, case.expect["incomplete"]), facts
        return
    assert facts.complete, facts
    found: dict[str, Any] = {"effect": str(facts.effect), "relations": list(facts.relations)}
    for use in ColumnUseKind:
        columns = [f"{one.relation}.{one.column}" for one in facts.columns if one.use is use]
        if columns:
            found[str(use)] = columns
    assert found == {"effect": "read", **case.expect}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


def with_body(request: HttpRequest, body: bytes | None) -> HttpRequest:
    """The same with another body, and its length."""
    headers = request.headers if body is None else {**request.headers, "content-length": str(len(body))}
    return replace(request, body=body, headers=headers)


def uses(facts: StatementFacts) -> set[tuple[str, str]]:
    """What is touched; all of a relation covers each column of it."""
    return {(one.relation, one.column) for one in facts.columns}


@settings(max_examples=150)
@given(
    st.sampled_from(UNDERSTOOD),
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from([*"/%;.,&=?*()'\"\\ \x00aé:@-", "..", "%2f", "//"])), max_size=3
    ),
    st.binary(max_size=4),
    st.integers(0, 400),
)
def test_no_change_of_a_request_is_a_crash(case: RouteCase, edits: list[tuple[int, str]], junk: bytes, at: int) -> None:
    target = case.request.target
    for place, text in edits:
        target = target[: place % (len(target) + 1)] + text + target[place % (len(target) + 1) :]
    body = case.request.body
    if body is not None and junk:
        body = body[: at % (len(body) + 1)] + junk + body[at % (len(body) + 1) :]
    changed = with_body(replace(case.request, target=target), body)
    try:
        facts = facts_of(case.routes, changed)
    except SekishoError:
        return
    json.dumps([facts.detail, facts.relations, [one.column for one in facts.columns]]).encode()


@settings(max_examples=150)
@given(st.sampled_from([case for case in UNDERSTOOD if case.request.body]), st.text(min_size=1, max_size=8), JSON)
def test_what_is_added_to_a_body_is_seen_or_refused(case: RouteCase, key: str, value: Any) -> None:
    body = case.request.body or b""
    try:
        document = json.loads(body)
    except ValueError:
        return
    before = facts_of(case.routes, case.request)
    if key in document:
        return
    changed = with_body(case.request, json.dumps(document | {key: value}).encode())
    after = facts_of(case.routes, changed)
    assert not after.complete or uses(after) >= uses(before) or key in ("size", "_source"), key


@settings(max_examples=100)
@given(
    st.sampled_from([case for case in UNDERSTOOD if "?" in case.request.target]),
    st.text("abcdefghijklmnopqrstuvwxyz_.", min_size=1, max_size=8),
)
def test_what_is_added_to_a_query_is_seen_or_refused(case: RouteCase, name: str) -> None:
    before = facts_of(case.routes, case.request)
    after = facts_of(case.routes, replace(case.request, target=f"{case.request.target}&{name}=eq.1"))
    assert not after.complete or uses(after) >= uses(before)
