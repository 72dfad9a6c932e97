"""The check, without a socket: who may ask, for whom, and that every trouble is a denial in time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest
from envoy.service.auth.v3 import external_auth_pb2

from gateway.config import Caller as CallerSettings
from gateway.config import Certificates, EnvoyDoor
from gateway.config import Route as RouteSettings
from gateway.doors.callers import Callers, Origin
from gateway.doors.envoy import Authorization
from gateway.errors import AuthenticationError, ConfigError, Reason
from gateway.facts.certificates import PeerCertificate
from gateway.model import Door, Effect, Mask, Peer, Principal
from gateway.needs import Ask, Outcome
from gateway.routes import reading
from gateway.routes.table import Routes
from gateway.trace_context import Context, context_of
from tests.servers import TestCa
from tests.unit.doors.test_envoy_request import check_request
from tests.unit.doors.test_requests import IN_TRACE, TRACEPARENT, decision

PERSON = Principal(issuer="https://id.example", subject="tanaka", database_user="tanaka", expires_at=2_000_000_000)
ROUTES = Routes.of(
    [
        RouteSettings(path="/phones", datasource="crm", relations=("s.users",), output=("s.users.phone",)),
        RouteSettings(path="/search", methods=("POST",), datasource="crm", effect="none", body_fields=("q",)),
    ]
)
CERTIFICATES = Certificates(issuer="urn:certified", user="spiffe://x/ns/(.+)", groups=("ops",))
NETWORK = EnvoyDoor(networks=("10.0.0.0/8",))
ENVOY = Origin("10.0.0.7")
BEARER = {"authorization": "Bearer good"}


class ScriptedDesk:
    """Answers as it is told, and keeps what it was asked."""

    def __init__(self, effect: Effect = Effect.ALLOW, **verdict: Any) -> None:
        reason = Reason.ALLOWED if effect is Effect.ALLOW else Reason.POLICY_DENIED
        self.outcome = Outcome(reason=reason, decision=decision(effect, reason, **verdict))
        self.asked: list[Ask] = []
        self.refusals: list[tuple[Door, Reason, str | None]] = []
        self.callers = Callers(
            [
                CallerSettings(
                    name="mesh", certificate="uri:spiffe://x/envoy", datasources=("crm",), may_assert=("address",)
                ),
                CallerSettings(
                    name="gateway",
                    certificate="uri:spiffe://x/gateway",
                    datasources=("crm",),
                    may_assert=("address", "principal"),
                ),
            ],
            {"https://id.example"},
            lambda: 1_795_000_000.0,
        )

    def verify_token(self, token: str) -> Principal:
        if token != "good":
            raise AuthenticationError(Reason.TOKEN_EXPIRED, "it expired an hour ago")
        return PERSON

    def believe_claims(self, claims: Mapping[str, Any]) -> Principal:
        return PERSON

    def context_of(self, parents: Sequence[str], states: Sequence[str]) -> Context | None:
        return context_of(parents, states)

    def choose_profile(self, datasource: str, principal: Principal) -> str:
        return "reader"

    async def ask_async(self, ask: Ask) -> Outcome:
        self.asked.append(ask)
        return self.outcome

    def refused(self, door: Door, reason: Reason, peer_address: str | None, detail: str) -> None:
        self.refusals.append((door, reason, peer_address))


def check(
    desk: ScriptedDesk,
    settings: EnvoyDoor = NETWORK,
    origin: Origin = ENVOY,
    seconds: float | None = None,
    **given: Any,
) -> external_auth_pb2.CheckResponse:
    """One check; by a person with a good token, unless said."""
    message = check_request(**{"path": "/phones", "source": "192.0.2.5", "headers": BEARER, **given})
    door = Authorization(desk, settings, ROUTES, CERTIFICATES)
    return asyncio.run(door.check(message.SerializeToString(), lambda: origin, seconds))


def reason_of(response: external_auth_pb2.CheckResponse) -> str:
    assert response.WhichOneof("http_response") == "denied_response"
    return str(json.loads(response.denied_response.body)["reason"])


def test_the_trace_is_that_of_the_request_that_is_asked_about() -> None:
    desk = ScriptedDesk()
    for headers in ({"traceparent": TRACEPARENT, "tracestate": "congo=1"}, {"traceparent": f"{TRACEPARENT},x"}, {}):
        assert check(desk, headers={**BEARER, **headers}).HasField("ok_response")
    assert [one.trace for one in desk.asked] == [IN_TRACE, None, None]


def test_the_question_is_what_the_route_says() -> None:
    desk = ScriptedDesk()
    assert check(desk).HasField("ok_response")
    (ask,) = desk.asked
    assert (ask.door, ask.datasource, ask.profile, ask.principal, ask.sql) == (
        Door.ENVOY,
        "crm",
        "reader",
        PERSON,
        "GET /phones",
    )
    assert ask.peer == Peer(address="192.0.2.5", via_edge=True)
    assert ask.given is not None
    assert [one.column for one in ask.given.columns] == ["phone"]
    assert (ask.supports, ask.sends, ask.counts, ask.caller) == (frozenset(), False, False, None)


def test_an_answer_that_wants_a_mask_is_never_a_yes() -> None:
    desk = ScriptedDesk(obligations=(Mask(relation="s.users", column="phone", method="null"),))
    assert (
        reason_of(check(desk)) == Reason.INTERNAL
    )  # `authorize` makes it `obligation_unsupported`; else it is a mistake
    assert check(ScriptedDesk(Effect.DENY)).denied_response.status.code == 403


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"headers": {}}, Reason.TOKEN_MISSING),
        ({"headers": {"authorization": "Bearer bad"}}, Reason.TOKEN_EXPIRED),
        ({"headers": {"authorization": "Bearer good,Bearer good"}}, Reason.TOKEN_MALFORMED),
        ({"path": "/elsewhere"}, Reason.ROUTE_UNMATCHED),
        ({"path": "/phones/"}, Reason.PATH_NOT_CANONICAL),
        ({"origin": Origin("192.0.2.9")}, Reason.EDGE_UNTRUSTED),
        ({"origin": Origin(None)}, Reason.EDGE_UNTRUSTED),
        ({"source": "nobody"}, Reason.REQUEST_INVALID),
    ],
)
def test_what_cannot_be_asked_is_refused_and_counted(given: dict[str, Any], reason: Reason) -> None:
    desk = ScriptedDesk()
    assert reason_of(check(desk, **given)) == reason
    assert (desk.asked, [one[:2] for one in desk.refusals]) == ([], [(Door.ENVOY, reason)])


def certified(name: str) -> Origin:
    return Origin("192.0.2.9", PeerCertificate(names=(("URI", name),), not_after=1_900_000_000))


SAYING = certified("spiffe://x/gateway")
BELIEVING = EnvoyDoor(networks=("10.0.0.0/8",), jwt_payload="jwt", client_certificates=True)


def test_claims_of_envoys_own_filter_count_from_one_that_may_say_who_came() -> None:
    desk = ScriptedDesk()
    claimed: dict[str, Any] = {"headers": {}, "claims": {"sub": "tanaka"}}
    assert check(desk, BELIEVING, SAYING, **claimed).HasField("ok_response")
    (ask,) = desk.asked
    assert (ask.principal.id, ask.principal.asserted_by) == (PERSON.id, "gateway")
    assert ask.principal.expires_at == 1_900_000_000, "no longer than the Envoy's own certificate"
    assert ask.caller is not None
    assert ask.caller.asserts == ("address", "principal")
    assert check(desk, BELIEVING, SAYING).HasField("ok_response"), "a token where the filter left nothing"
    assert (desk.asked[-1].principal, desk.asked[-1].principal.asserted_by) == (PERSON, None)
    assert reason_of(check(desk, NETWORK, SAYING, **claimed)) == Reason.TOKEN_MISSING, "nobody said they count"
    assert reason_of(check(desk, BELIEVING, ENVOY, **claimed)) == Reason.TOKEN_MISSING, "anybody in that network"


def pem(test_ca: TestCa, *names: str, days: tuple[float, float] = (-1, 1)) -> str:
    return quote(test_ca.issue(*names, days=days).certificate.read_text())


def test_a_clients_certificate_counts_where_there_is_no_token(test_ca: TestCa) -> None:
    desk = ScriptedDesk()
    shown: dict[str, Any] = {"headers": {}, "certificate": pem(test_ca, "spiffe://x/ns/batch")}
    assert check(desk, BELIEVING, SAYING, **shown).HasField("ok_response")
    principal = desk.asked[-1].principal
    assert (principal.issuer, principal.subject, principal.groups) == ("urn:certified", "spiffe://x/ns/batch", ("ops",))
    assert (principal.asserted_by, principal.database_user) == ("gateway", "batch")
    assert check(desk, BELIEVING, SAYING, **{**shown, "headers": BEARER}).HasField("ok_response")
    assert desk.asked[-1].principal == PERSON, "a token is proof"
    bad = {**shown, "headers": {"authorization": "Bearer bad"}}
    assert reason_of(check(desk, BELIEVING, SAYING, **bad)) == Reason.TOKEN_EXPIRED, "never taken for no token"
    assert reason_of(check(desk, BELIEVING, ENVOY, **shown)) == Reason.TOKEN_MISSING
    assert reason_of(check(desk, NETWORK, SAYING, **shown)) == Reason.TOKEN_MISSING
    assert reason_of(check(desk, BELIEVING, certified("spiffe://x/envoy"), **shown)) == Reason.CALLER_NOT_ALLOWED


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (("spiffe://x/ns/a", "spiffe://x/ns/b"), (-1, 1)),
        (("batch.example",), (-1, 1)),
        (("spiffe://x/ns/a",), (-2, -1)),
    ],
)
def test_certificates_that_name_nobody(test_ca: TestCa, names: tuple[str, ...], days: tuple[float, float]) -> None:
    shown = pem(test_ca, *names, days=days)
    assert reason_of(check(ScriptedDesk(), BELIEVING, SAYING, headers={}, certificate=shown)) == (
        Reason.CERTIFICATE_REFUSED
    )
    assert reason_of(check(ScriptedDesk(), BELIEVING, SAYING, headers={}, certificate="what")) == (
        Reason.CERTIFICATE_REFUSED
    )


def test_an_envoy_with_a_certificate_is_a_caller() -> None:
    desk = ScriptedDesk()
    assert check(desk, origin=certified("spiffe://x/envoy")).HasField("ok_response")
    caller = desk.asked[0].caller
    assert caller is not None
    assert (caller.id, caller.asserts) == ("mesh", ("address",))
    assert reason_of(check(desk, origin=certified("spiffe://x/other"))) == Reason.CALLER_UNKNOWN
    claimed = check(desk, BELIEVING, certified("spiffe://x/envoy"), headers={}, claims={"sub": "x"})
    assert reason_of(claimed) == Reason.CALLER_NOT_ALLOWED, "it may not assert principals"


def test_every_trouble_is_a_denial_in_time() -> None:
    class Broken(ScriptedDesk):
        async def ask_async(self, ask: Ask) -> Outcome:
            raise RuntimeError("no such luck")

    class Silent(ScriptedDesk):
        async def ask_async(self, ask: Ask) -> Outcome:
            never: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            return await never

    assert reason_of(check(Broken())) == Reason.INTERNAL
    assert reason_of(check(Silent(), seconds=0.05)) == Reason.DEADLINE_EXCEEDED
    assert reason_of(check(Silent(), EnvoyDoor(networks=("10.0.0.0/8",), timeout_ms=10))) == Reason.DEADLINE_EXCEEDED


def test_a_certificate_that_cannot_be_read_is_a_denial() -> None:
    def unreadable() -> Origin:
        raise AuthenticationError(Reason.CERTIFICATE_REFUSED, "it cannot be read")

    desk = ScriptedDesk()
    response = asyncio.run(Authorization(desk, NETWORK, ROUTES).check(b"", unreadable, None))
    assert reason_of(response) == Reason.CERTIFICATE_REFUSED
    assert desk.refusals == [(Door.ENVOY, Reason.CERTIFICATE_REFUSED, None)]


def test_a_long_body_is_read_beside_the_loop() -> None:
    desk = ScriptedDesk()
    body = json.dumps({"q": "x" * 10_000}).encode()
    headers = {**BEARER, "content-type": "application/json", "content-length": str(len(body))}
    assert check(desk, path="/search", method="POST", headers=headers, body=body).HasField("ok_response")


def test_a_parser_that_is_missing_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    trino = Routes.of([RouteSettings(path="/", datasource="lake", reads="trino", schema="a.b")])
    with pytest.raises(ConfigError):
        Authorization(cast(Any, SimpleNamespace()), NETWORK, trino)
