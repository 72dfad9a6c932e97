"""The grpc door: sekisho.v1.AccessService, health and reflection, on the gateway's own asyncio loop.

A decision is a value, so a denial is an answer with status OK; an error status means that no question was put. Messages
are parsed here, not by the library, so that a malformed one is refused, counted and explained like any other.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.config import CallerTls, GrpcListener
from gateway.config_draft import split_address
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors.answers import answer_document
from gateway.doors.callers import Edges, Origin
from gateway.doors.documents import MAX_BODY, canonical_address
from gateway.doors.requests import DeskApi, prepare, read_request, refuse
from gateway.errors import AuthenticationError, ConfigError, Reason, SekishoError
from gateway.facts.certificates import PeerCertificate
from gateway.links.certificates import Kept, ask_for_certificates, peer_certificate_pem, server_context
from gateway.links.tasks import TaskGroup
from gateway.model import Door

log = logging.getLogger(__name__)

SERVICE: Final = wire.DESCRIPTOR.services_by_name["AccessService"].full_name
REASON_KEY: Final = "sekisho-reason"

_HARD_LIMIT: Final = 4 * 1024 * 1024  # above it the library itself hangs up; up to it we can say why
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _HARD_LIMIT),
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024),
)
_CONCURRENT: Final = 1000
_PULSE_SECONDS: Final = 1.0

Files = tuple[bytes, bytes, bytes | None]  # private key, certificate chain and callers' authorities, PEM
Context = grpc.aio.ServicerContext[Any, Any]


class AccessService:
    """The calls of the contract, by hand over bytes."""

    def __init__(self, desk: DeskApi, edges: Edges, *, certificates: bool = False) -> None:
        """``certificates``: whether connections were asked for one."""
        self._desk = desk
        self._edges = edges
        self._certificates = certificates

    def handlers(self) -> grpc.GenericRpcHandler[Any, Any]:
        """What to register. No deserializer: the library answers what it cannot parse with INTERNAL."""
        method = grpc.unary_unary_rpc_method_handler(
            self.authorize, response_serializer=wire.AuthorizeResponse.SerializeToString
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"Authorize": method})

    async def authorize(self, body: bytes, context: Context) -> wire.AuthorizeResponse:
        """One statement, decided."""
        address = peer_address(context.peer())
        try:
            try:
                asked = read_request(document_of(parse(body)), _authorization(context))
                origin = Origin(address, _shown(context) if self._certificates else None)
                ask = prepare(self._desk, Door.GRPC, asked, origin=origin, edges=self._edges)
            except SekishoError as error:
                raise refuse(self._desk, Door.GRPC, error, address) from error
            document = answer_document(ask, await self._desk.ask_async(ask))
            response = message_of(document)
        except SekishoError as error:
            await _abort(context, error)
        except Exception:
            log.exception("request_failed")
            await _abort(context, refuse(self._desk, Door.GRPC, SekishoError(Reason.INTERNAL), address))
        context.set_trailing_metadata(((REASON_KEY, response.reason),))
        return response


class HealthService(health.aio.HealthServicer):  # type: ignore[name-defined,misc]  # the stubs lack `aio`
    """grpc.health.v1, answered from the desk: SERVING where the gateway is ready."""

    def __init__(self, desk: DeskApi) -> None:
        super().__init__()
        self._desk = desk

    async def refresh(self) -> None:
        """Takes the desk's word for all services, and tells those who watch."""
        ready, _ = self._desk.ready()
        status = health_pb2.HealthCheckResponse.SERVING if ready else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", SERVICE):
            await self.set(service, status)

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        """As of now, not as of the last pulse."""
        await self.refresh()
        answer: health_pb2.HealthCheckResponse = await super().Check(request, context)
        return answer

    async def pulse(self) -> None:
        """Refreshes until cancelled. A desk that cannot say is not ready."""
        while True:
            try:
                await self.refresh()
            except Exception:
                log.exception("readiness_unknown")
                for service in ("", SERVICE):
                    await self.set(service, health_pb2.HealthCheckResponse.NOT_SERVING)
            await asyncio.sleep(_PULSE_SECONDS)


class GrpcDoor:
    """The door on its address, from `start` to `stop`."""

    def __init__(self, desk: DeskApi, listener: GrpcListener, *, shared: bool = False) -> None:
        """``shared``: with the other workers of this gateway. Else a second one on the port is a mistake."""
        self._desk = desk
        self._listener = listener
        self._edges = Edges.parse(listener.edges)
        self._host, self._port = split_address(listener.address)
        if listener.tls is None and not _is_loopback(self._host):
            raise ConfigError([f"listeners.grpc: `{listener.address}` is not loopback, so it needs `tls`"])
        self.certificates = kept_files(listener.tls) if listener.tls is not None else None
        self._asks_for_certificates = listener.tls is not None and listener.tls.client_ca is not None
        self._server: grpc.aio.Server | None = None
        self._shared = shared
        self._health = HealthService(desk)
        self._tasks = TaskGroup()

    @property
    def address(self) -> str:
        """host:port as bound; known once started."""
        return f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"

    async def start(self) -> None:
        """Binds, listens and serves. OSError where the address cannot be had."""
        options = (*_OPTIONS, ("grpc.so_reuseport", int(self._shared)))
        server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_CONCURRENT)
        service = AccessService(self._desk, self._edges, certificates=self._asks_for_certificates)
        server.add_generic_rpc_handlers((service.handlers(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        try:
            if self.certificates is None:
                self._port = server.add_insecure_port(self.address)
            else:
                credentials = _credentials(self.certificates, required=self._asks_for_certificates)
                self._port = server.add_secure_port(self.address, credentials)
        except RuntimeError as error:
            await server.stop(None)
            raise OSError(f"cannot listen on {self.address}") from error
        await self._health.refresh()
        await server.start()
        self._server = server
        self._tasks.spawn(self._health.pulse(), "grpc-health")

    async def stop(self, grace: float = 5.0) -> None:
        """Says NOT_SERVING, accepts nothing more, lets open calls end for ``grace`` seconds, closes."""
        if self._server is None:
            return
        await self._tasks.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
        self._server = None


def kept_files(tls: CallerTls) -> Kept[Files]:
    """Key, certificate and callers' authorities as gRPC takes them, kept up to date. Raises ConfigError."""

    def read() -> Files:
        # The library would take a pair that does not fit, or authorities that are none, and then refuse everybody.
        ask_for_certificates(server_context(tls), tls.client_ca, required=True)
        try:
            authorities = tls.client_ca.read_bytes() if tls.client_ca is not None else None
            return tls.key.read_bytes(), tls.certificate.read_bytes(), authorities
        except OSError as error:
            raise ConfigError([f"listeners.grpc: {error}"]) from error

    paths = [tls.certificate, tls.key, *([tls.client_ca] if tls.client_ca is not None else [])]
    return Kept("TLS of listeners.grpc", paths, read)


def _credentials(kept: Kept[Files], *, required: bool) -> grpc.ServerCredentials:
    """``required``: who shows no certificate of the authorities is not let in. The library knows no `optional`."""
    shown = kept.current

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        """Asked at each handshake; None: as before."""
        nonlocal shown
        if kept.current is shown:
            return None
        shown = kept.current
        return _configuration(shown)

    first = _configuration(shown)
    # The stubs do not know that None is an answer.
    return grpc.dynamic_ssl_server_credentials(first, renewed, require_client_authentication=required)  # type: ignore[arg-type]


def _configuration(shown: Files) -> grpc.ServerCertificateConfiguration:
    key, certificate, authorities = shown
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=authorities)


# --- from the wire ---------------------------------------------------------------------------------------------------


def parse(body: bytes) -> wire.AuthorizeRequest:
    """The message in ``body``, without fields this version does not know."""
    if len(body) > MAX_BODY:
        raise SekishoError(Reason.MESSAGE_TOO_LARGE, f"a request has at most {MAX_BODY} bytes")
    try:
        message = wire.AuthorizeRequest.FromString(body)
    except DecodeError as error:  # cut short, of another type, or a string that is not UTF-8
        raise SekishoError(Reason.REQUEST_INVALID, "the message is not a sekisho.v1.AuthorizeRequest") from error
    for part in (message, *(getattr(message, name) for name in ("statement", "principal") if message.HasField(name))):
        _known_fields(part)
    return message


def document_of(message: wire.AuthorizeRequest) -> dict[str, object]:
    """The same document the http door reads; a string field that is empty was not sent."""
    document: dict[str, object] = {
        "supported_obligations": [_kind_name(number) for number in message.supported_obligations],
    }
    if message.token:
        document["token"] = message.token
    if message.datasource:
        document["datasource"] = message.datasource
    if message.HasField("principal"):
        document["principal"] = {"issuer": message.principal.issuer, "subject": message.principal.subject}
    if message.HasField("address"):
        document["address"] = message.address
    if message.HasField("statement"):
        statement = message.statement
        document["statement"] = {"sql": statement.sql, "parameter_types": list(statement.parameter_types)}
    return document


def peer_address(peer: str) -> str | None:
    """The IP address in gRPC's name of a peer (`ipv4:1.2.3.4:5`, `ipv6:%5B::1%5D:5`); None for a Unix socket.

    What cannot be read is no address either: such a caller is no edge, and stands in no country.
    """
    scheme, _, rest = peer.partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return None
    host, _, _ = unquote(rest).rpartition(":")
    try:
        return canonical_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _shown(context: Context) -> PeerCertificate:
    """The certificate of the connection, which the library verified. Raises AuthenticationError."""
    try:
        return peer_certificate_pem(b"".join(context.auth_context().get("x509_pem_cert", ())))
    except ValueError as error:
        raise AuthenticationError(Reason.CERTIFICATE_REFUSED, "the certificate cannot be read") from error


def _known_fields(message: Message) -> None:
    unknown = UnknownFieldSet(message)
    if len(unknown):
        number = unknown[0].field_number
        raise SekishoError(Reason.REQUEST_INVALID, f"unknown field {number} of {message.DESCRIPTOR.full_name}")


def _kind_name(number: int) -> str:
    """`mask` of OBLIGATION_KIND_MASK. A number without a name stays a number, which is no kind."""
    if number not in wire.ObligationKind.values():
        return str(number)
    return wire.ObligationKind.Name(number).removeprefix("OBLIGATION_KIND_").lower()


def _authorization(context: Context) -> list[str]:
    metadata: Sequence[tuple[str, str | bytes]] = context.invocation_metadata() or ()  # type: ignore[assignment]
    return [value for key, value in metadata if key == "authorization" and isinstance(value, str)]


# --- to the wire -----------------------------------------------------------------------------------------------------


def message_of(document: Mapping[str, Any]) -> wire.AuthorizeResponse:
    """The answer document, field by field."""
    plain = (
        "decision_id", "reason", "message", "detail", "hint", "cross_border", "valid_until", "revision", "reused"
    )  # fmt: skip
    response = wire.AuthorizeResponse(
        **{name: document[name] for name in plain},
        effect=f"EFFECT_{document['effect'].upper()}",  # an enum takes the name of a value
        obligations=[_obligation(duty) for duty in document["obligations"]],
        findings=[_finding(finding) for finding in document["findings"]],
    )
    complaint = document["complaint"]
    if complaint is not None:
        response.complaint.CopyFrom(wire.Complaint(sqlstate=complaint["sqlstate"], fields=complaint["fields"]))
    return response


def _obligation(duty: Mapping[str, Any]) -> wire.Obligation:
    """The member of the oneof is named as the kind is."""
    fields = {name: value for name, value in duty.items() if name != "kind"}
    return wire.Obligation(**{duty["kind"]: fields})


def _finding(finding: Mapping[str, Any]) -> wire.Finding:
    words = {"layer": f"LAYER_{finding['layer'].upper()}", "mode": f"MODE_{finding['mode'].upper()}"}
    return wire.Finding(**{**finding, **words})


async def _abort(context: Context, error: SekishoError) -> Any:
    """Ends the call with the status of the reason; what it awaits never returns."""
    answer = error.answer
    text = f"{answer.summary}: {error.detail}" if error.detail else answer.summary
    await context.abort(grpc.StatusCode[answer.grpc], text, ((REASON_KEY, error.reason.value),))


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. A name is not looked up: it may mean anything tomorrow."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
