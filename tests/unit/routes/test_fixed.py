import pytest

from gateway.config import Route as Settings
from gateway.model import StatementEffect
from gateway.routes import fixed
from gateway.routes.codes import RouteCode
from gateway.routes.request import HttpRequest, Unread
from gateway.routes.table import Matched, Route

ROUTE = Route.of(
    Settings(
        path="/users",
        methods=("POST",),
        datasource="crm",
        effect="write",
        relations=("public.users",),
        written=("public.users.name",),
        body_fields=("name",),
        parameters=("dry",),
    )
)


def asked(body: bytes) -> HttpRequest:
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return HttpRequest(method="POST", host="h", target="/users", headers=headers, body=body)


def test_it_says_what_the_configuration_says() -> None:
    facts = fixed.read(Matched(ROUTE, {}, "dry=1"), asked(b'{"name": "A"}'))
    assert (facts.effect, facts.relations, facts.kind) == (StatementEffect.WRITE, ("public.users",), "route")


@pytest.mark.parametrize(
    ("query", "body", "code"),
    [("wet=1", b"{}", RouteCode.PARAMETER_UNKNOWN), ("", b'{"admin": true}', RouteCode.BODY_KEY_UNKNOWN)],
)
def test_what_it_does_not_know_is_refused(query: str, body: bytes, code: RouteCode) -> None:
    with pytest.raises(Unread) as refused:
        fixed.read(Matched(ROUTE, {}, query), asked(body))
    assert refused.value.code is code
