"""The route of a request: the first that fits."""

from __future__ import annotations

import pytest

from gateway.config import Route as Settings
from gateway.errors import Reason, SekishoError
from gateway.model import ColumnUseKind
from gateway.routes.request import HttpRequest
from gateway.routes.table import Reads, Route, Routes

USERS = Route.of(
    Settings(
        path="/users/{id}",
        methods=("GET", "HEAD"),
        host="crm.example",
        datasource="crm",
        relations=("public.users",),
        output=("public.users.phone",),
        predicate=("public.users.id",),
    )
)
ANY = Route.of(Settings(path="/{relation}/{id}", datasource="other", effect="none"))


def asked(target: str, method: str = "GET", host: str = "crm.example") -> HttpRequest:
    return HttpRequest(method=method, host=host, target=target)


def test_a_route_says_what_the_configuration_says() -> None:
    assert (USERS.name, USERS.segments, USERS.reads) == (
        "GET,HEAD crm.example/users/{id}",
        ("users", "{id}"),
        Reads.FIXED,
    )
    assert USERS.columns == (
        ("public.users", "phone", ColumnUseKind.OUTPUT),
        ("public.users", "id", ColumnUseKind.PREDICATE),
    )


def test_the_first_that_fits() -> None:
    routes = Routes([USERS, ANY])
    found = routes.match(asked("/users/7?x=1", host="CRM.example:443"))
    assert (found.route, found.path, found.query) == (USERS, {"id": "7"}, "x=1")
    assert routes.match(asked("/users/7", host="else.example")).route is ANY
    assert routes.kinds == {Reads.FIXED}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (asked("/users"), Reason.ROUTE_UNMATCHED),
        (asked("/users/7", method="POST"), Reason.ROUTE_UNMATCHED),
        (asked("/users/7", method="get"), Reason.ROUTE_UNMATCHED),
        (asked("/users/7", host="else.example"), Reason.ROUTE_UNMATCHED),
        (asked("/USERS/7"), Reason.PATH_NOT_CANONICAL),
        (asked("/users/%37"), Reason.PATH_NOT_CANONICAL),
    ],
)
def test_what_no_route_is_for(request_: HttpRequest, reason: Reason) -> None:
    with pytest.raises(SekishoError) as refused:
        Routes([USERS]).match(request_)
    assert refused.value.reason is reason
