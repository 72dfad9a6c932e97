"""What a schema allows is read, and what it forbids is not: the two are one table."""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from gateway.doors import completions, requests
from gateway.doors.completions import read_completion
from gateway.doors.http.schemas import COMPONENTS
from gateway.doors.requests import read_batch, read_request
from gateway.errors import Reason, SekishoError
from tests.unit.doors.test_requests import body, json_values

RESOLVING = {"components": {"schemas": COMPONENTS}}


def allows(name: str, document: Any) -> bool:
    schema = {**RESOLVING, "$ref": f"#/components/schemas/{name}"}
    return bool(Draft202012Validator(schema, format_checker=FormatChecker(("ipv4", "ipv6"))).is_valid(document))


def reads(read: Callable[[object], object], document: Any) -> bool:
    """Whether it is well-formed; that there is a token, and a good one, is another matter."""
    try:
        read(document)
    except SekishoError as error:
        return error.reason is not Reason.REQUEST_INVALID
    return True


words = st.text(string.ascii_letters, max_size=5)
statement = st.fixed_dictionaries(
    {"sql": words | json_values}, optional={"parameter_types": st.lists(st.integers(-1, 2**32)) | json_values}
)
question = st.fixed_dictionaries(
    # Without a token, or with an empty one, it is told that first.
    {"token": st.just("good") | st.integers(), "datasource": words | json_values, "statement": statement | json_values},
    optional={
        "address": st.ip_addresses().map(str) | words | json_values,
        "supported_obligations": st.lists(st.sampled_from([*requests.OBLIGATIONS, "x"]), max_size=20) | json_values,
        "completes": st.booleans() | json_values,
        "more": st.just(1),
    },
)
completion = st.fixed_dictionaries(
    {"token": st.just("good"), "decision_id": words | json_values, "rows": st.integers() | json_values},
    optional={
        "bytes": st.integers() | json_values,
        "subjects": st.integers() | json_values,
        "sqlstate": words | json_values,
        "more": st.just(1),
    },
)


def is_plain(value: Any) -> bool:
    """JSON Schema takes 1.0 for a whole number, and half a surrogate pair for text; nobody means either."""
    if isinstance(value, dict):
        return all(is_plain(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return all(map(is_plain, value))
    return not isinstance(value, float) and not (isinstance(value, str) and not value.isprintable())


@given(question.filter(is_plain))
def test_a_question_is_read_exactly_where_its_schema_allows_it(document: Any) -> None:
    assert reads(read_request, document) == allows("Question", document)


@given(completion.filter(is_plain))
def test_a_completion_is_read_exactly_where_its_schema_allows_it(document: Any) -> None:
    assert reads(read_completion, document) == allows("Completion", document)


@pytest.mark.parametrize(
    "document",
    [
        {"requests": []},
        {"requests": [body()]},
        {"requests": [body()] * requests.MAX_BATCH},
        {"requests": [body()] * (requests.MAX_BATCH + 1)},
        {"requests": [body(colour=1)]},
        {"requests": "x"},
        {"token": "t", "requests": [body(token=...)]},
        {"requests": [body()], "more": 1},
        {},
    ],
)
def test_a_batch_is_read_exactly_where_its_schema_allows_it(document: Any) -> None:
    assert reads(read_batch, document) == allows("Questions", document)


@pytest.mark.parametrize(("name", "fields"), [("Question", requests.FIELDS), ("Completion", completions.FIELDS)])
def test_a_schema_has_the_fields_that_are_read(name: str, fields: Sequence[str]) -> None:
    assert set(COMPONENTS[name]["properties"]) == set(fields)
