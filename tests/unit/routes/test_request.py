"""One spelling of a target, or none."""

from __future__ import annotations

import pytest

from gateway.errors import Reason, SekishoError
from gateway.routes.codes import RouteCode
from gateway.routes.request import MAX_PARAMETERS, MAX_TARGET, HttpRequest, Target, Unread, parameters_of, target_of


def request(target: str) -> HttpRequest:
    return HttpRequest(method="GET", host="h", target=target)


def test_a_target_in_its_parts() -> None:
    assert target_of(request("/")) == Target((), "")
    assert target_of(request("/?x=1")) == Target((), "x=1")
    assert target_of(request("/a/b-c.d?x=/../%2f")) == Target(("a", "b-c.d"), "x=/../%2f")


@pytest.mark.parametrize(
    "target", ["", "a", "//", "/a//b", "/a/", "/./a", "/a/..", "/a%20b", "/a;b", "/A\\b", "/é", "/a b"]
)
def test_any_other_spelling_is_refused(target: str) -> None:
    with pytest.raises(SekishoError) as refused:
        target_of(request(target))
    assert refused.value.reason is Reason.PATH_NOT_CANONICAL


def test_a_target_has_a_longest() -> None:
    with pytest.raises(SekishoError) as refused:
        target_of(request("/" + "a" * MAX_TARGET))
    assert refused.value.reason is Reason.MESSAGE_TOO_LARGE


def test_parameters_are_decoded_once() -> None:
    assert parameters_of("") == {}
    assert parameters_of("a=1&b=x+y%2B%25&c=") == {"a": "1", "b": "x y+%", "c": ""}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("a=1&a=2", RouteCode.PARAMETER_TWICE),
        ("a", RouteCode.PARAMETER_MALFORMED),
        ("a=1&&b=2", RouteCode.PARAMETER_MALFORMED),
        ("=1", RouteCode.PARAMETER_MALFORMED),
        ("%61=1", RouteCode.PARAMETER_MALFORMED),
        ("a[]=1", RouteCode.PARAMETER_MALFORMED),
        ("a=%zz", RouteCode.PARAMETER_MALFORMED),
        ("a=%", RouteCode.PARAMETER_MALFORMED),
        ("a=1;b=2", RouteCode.PARAMETER_MALFORMED),
        ("a=%ff", RouteCode.PARAMETER_MALFORMED),
        ("a=%00", RouteCode.PARAMETER_MALFORMED),
        ("a=1#b", RouteCode.PARAMETER_MALFORMED),
        ("&".join(f"a{number}=1" for number in range(MAX_PARAMETERS + 1)), RouteCode.PARAMETER_MALFORMED),
    ],
)
def test_a_query_with_two_readings_is_refused(query: str, code: RouteCode) -> None:
    with pytest.raises(Unread) as refused:
        parameters_of(query)
    assert refused.value.code is code
