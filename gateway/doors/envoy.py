"""Envoy's external authorization: `envoy.service.auth.v3.Authorization/Check`, on the gRPC listener.

Who asks is an Envoy that configuration names; for whom, the token in the request it asks about, or the claims that its
own filter verified; about what, the routes say. There is no way for this door to carry out an obligation.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Protocol

import grpc
from envoy.service.auth.v3 import external_auth_pb2

from gateway.config import Certificates, EnvoyDoor
from gateway.doors.answers import answer_document
from gateway.doors.callers import Callers, Edges, Origin, Words
from gateway.doors.documents import bearer_of
from gateway.doors.envoy_answer import answer, refusal
from gateway.doors.envoy_request import Check, parse, person_address
from gateway.doors.requests import refuse
from gateway.errors import AuthenticationError, Reason, SekishoError
from gateway.facts.certificates import certificate_principal
from gateway.links.certificates import peer_certificate_pem
from gateway.model import Caller, Door, Peer, Principal
from gateway.needs import Ask, Outcome
from gateway.routes.reading import check_parser, read
from gateway.routes.table import Routes
from gateway.trace_context import Context as TraceContext

log = logging.getLogger(__name__)

SERVICE: Final = external_auth_pb2.DESCRIPTOR.services_by_name["Authorization"].full_name
_LONG: Final = 4096  # bytes of a body: a longer one is read beside the loop, where it holds up nobody
_SHARE: Final = 0.75  # of the time that Envoy waits: its giving up may be taken for a yes, so it hears of ours before

Context = grpc.aio.ServicerContext[Any, Any]


class EnvoyDesk(Protocol):
    """What this door needs of the desk."""

    @property
    def callers(self) -> Callers: ...
    def verify_token(self, token: str) -> Principal: ...
    def believe_claims(self, claims: Mapping[str, Any]) -> Principal: ...
    def choose_profile(self, datasource: str, principal: Principal) -> str: ...
    def context_of(self, parents: Sequence[str], states: Sequence[str]) -> TraceContext | None: ...
    async def ask_async(self, ask: Ask) -> Outcome: ...
    def refused(self, door: Door, reason: Reason, peer_address: str | None, detail: str) -> None: ...


class Authorization:
    """The one call of the contract, by hand over bytes."""

    def __init__(
        self, desk: EnvoyDesk, settings: EnvoyDoor, routes: Routes, certificates: Certificates | None = None
    ) -> None:
        """``certificates``: whom those of Envoy's clients name. Raises ConfigError where a route needs what is not
        installed."""
        check_parser(routes)
        self._desk = desk
        self._settings = settings
        self._routes = routes
        self._certificates = certificates if settings.client_certificates else None
        self._envoys = Edges.parse(settings.networks)

    def handlers(self, origin: Callable[[Context], Origin]) -> grpc.GenericRpcHandler[Any, Any]:
        """What to register. ``origin``: where a call comes from."""

        async def check(body: bytes, context: Context) -> external_auth_pb2.CheckResponse:
            return await self.check(body, lambda: origin(context), context.time_remaining())

        method = grpc.unary_unary_rpc_method_handler(
            check, response_serializer=external_auth_pb2.CheckResponse.SerializeToString
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"Check": method})

    async def check(
        self, body: bytes, origin: Callable[[], Origin], seconds: float | None
    ) -> external_auth_pb2.CheckResponse:
        """One HTTP request, decided. Whatever goes wrong is a denial of ours, in time. ``seconds``: as Envoy waits."""
        envoy: Origin | None = None
        try:
            envoy = origin()
            async with asyncio.timeout(self._patience(seconds)):
                return await self._decide(body, envoy)
        except TimeoutError:
            error = SekishoError(Reason.DEADLINE_EXCEEDED)
        except SekishoError as found:
            error = found
        except Exception:
            log.exception("check_failed")
            error = SekishoError(Reason.INTERNAL)
        return refusal(refuse(self._desk, Door.ENVOY, error, envoy.address if envoy is not None else None))

    def _patience(self, left: float | None) -> float:
        """Seconds that an answer may take, as Envoy waits, or less."""
        most = self._settings.timeout_ms / 1000
        return most if left is None else max(0.0, min(most, left * _SHARE))

    async def _decide(self, body: bytes, envoy: Origin) -> external_auth_pb2.CheckResponse:
        caller = self._caller(envoy)
        check = parse(body, self._settings.jwt_payload)
        principal = self._principal(check, caller)
        address = person_address(check, self._settings.trusted_hops)
        matched = self._routes.match(check.http)
        if caller is not None:  # it says where the person is, and may say who
            named = (principal.issuer, principal.subject) if principal.asserted_by is not None else None
            words = Words(principal=named, address=address)
            caller = self._desk.callers.asking(caller, words, matched.route.datasource, edge=False)
        if len(check.http.body or b"") > _LONG:
            facts = await asyncio.to_thread(read, matched, check.http)
        else:
            facts = read(matched, check.http)
        route = matched.route
        ask = Ask(
            door=Door.ENVOY,
            datasource=route.datasource,
            profile=self._desk.choose_profile(route.datasource, principal),
            principal=principal,
            peer=Peer(address=address, via_edge=True),
            caller=caller,
            sql=route.name,
            given=facts,
            session=Door.ENVOY.value,
            trace=self._desk.context_of(*(_values(check, name) for name in ("traceparent", "tracestate"))),
        )
        outcome = await self._desk.ask_async(ask)
        return answer(answer_document(ask, outcome), check.http.headers)

    def _caller(self, envoy: Origin) -> Caller | None:
        """Which Envoy asks: by its certificate, or else by its network alone. Raises AuthenticationError."""
        if envoy.certificate is not None:
            return self._desk.callers.certified(envoy.certificate)
        if not self._envoys.have(envoy.address):
            raise AuthenticationError(Reason.EDGE_UNTRUSTED, "whoever asks is no Envoy that is configured")
        return None

    def _principal(self, check: Check, envoy: Caller | None) -> Principal:
        """Who came with the request. What Envoy alone has verified is its word, which counts only of one that proved
        who it is: anybody in its network could say it. Raises AuthenticationError."""
        if envoy is not None and check.claims is not None:
            return _on_the_word_of(envoy, self._desk.believe_claims(check.claims))
        token = bearer_of([] if check.authorization is None else [check.authorization])
        if not token and envoy is not None and check.certificate is not None and self._certificates is not None:
            return _on_the_word_of(envoy, _certified(check.certificate, self._certificates))
        if not token:
            raise AuthenticationError(Reason.TOKEN_MISSING, "send `authorization: Bearer <token>`")
        return self._desk.verify_token(token)


def _certified(pem: bytes, settings: Certificates) -> Principal:
    """Whom a certificate names that Envoy verified. Raises AuthenticationError."""
    try:
        shown = peer_certificate_pem(pem)
    except ValueError as error:
        raise AuthenticationError(Reason.CERTIFICATE_REFUSED, "the certificate cannot be read") from error
    now = int(time.time())
    if shown.not_after <= now:  # its connection may have lived longer
        raise AuthenticationError(Reason.CERTIFICATE_REFUSED, "the certificate has expired")
    return certificate_principal(shown.names, settings, at=now, expires_at=shown.not_after)


def _on_the_word_of(envoy: Caller, principal: Principal) -> Principal:
    """As good as Envoy's own identity, and no longer."""
    return replace(principal, asserted_by=envoy.id, expires_at=min(principal.expires_at, envoy.expires_at))


def _values(check: Check, name: str) -> list[str]:
    """Of a header of the request that is asked about: Envoy's own span, where it makes one."""
    value = check.http.headers.get(name)
    return [] if value is None else [value]
