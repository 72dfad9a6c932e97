"""The grpc door on its address: sekisho.v1.AccessService (`access`), health and reflection, on the gateway's own loop.

What is here is of the connection: TLS with callers' certificates, pings, limits on messages and streams, start and end.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.config import CallerTls, GrpcListener
from gateway.config_draft import split_address
from gateway.doors.access import SERVICE, AccessService
from gateway.doors.access_watch import Watching
from gateway.doors.callers import Edges
from gateway.doors.grpc_calls import Context, From, origin_of
from gateway.doors.requests import DeskApi
from gateway.errors import ConfigError
from gateway.links.certificates import Kept, ask_for_certificates, server_context
from gateway.links.tasks import TaskGroup

log = logging.getLogger(__name__)

_HARD_LIMIT: Final = 4 * 1024 * 1024  # above it the library itself hangs up; up to it we can say why
_MINUTE_MS: Final = 60_000
_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _HARD_LIMIT),
    ("grpc.max_metadata_size", 64 * 1024),
    ("grpc.absolute_max_metadata_size", 64 * 1024),
    ("grpc.max_concurrent_streams", 256),  # of one connection
    ("grpc.server_handshake_timeout_ms", 10_000),
    # Who is gone without a word is noticed; who pings more often than that, or does nothing, is sent away.
    ("grpc.keepalive_time_ms", _MINUTE_MS),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.max_connection_idle_ms", 15 * _MINUTE_MS),
    # Nobody's certificate is believed for longer without being shown again.
    ("grpc.max_connection_age_ms", 60 * _MINUTE_MS),
    ("grpc.max_connection_age_grace_ms", 5 * _MINUTE_MS),
)
_CONCURRENT: Final = 1000
_PULSE_SECONDS: Final = 1.0

Files = tuple[bytes, bytes, bytes | None]  # private key, certificate chain and callers' authorities, PEM


class Beside(Protocol):
    """A service on the same address."""

    def handlers(self, origin: From) -> grpc.GenericRpcHandler[Any, Any]:
        """What to register. ``origin``: where a call comes from."""
        ...


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

    def __init__(
        self,
        desk: DeskApi,
        listener: GrpcListener,
        *,
        shared: bool = False,
        beside: Beside | None = None,
        record: Path | None = None,
    ) -> None:
        """``shared``: with the other workers of this gateway. Else a second one on the port is a mistake. ``beside``:
        another service on the same address. ``record``: its folder, for those who watch it."""
        self._desk = desk
        self._beside = beside
        self._watching = Watching(desk, record)
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
        origin = partial(origin_of, certificates=self._asks_for_certificates)
        service = AccessService(self._desk, self._edges, origin=origin, watching=self._watching, tasks=self._tasks)
        server.add_generic_rpc_handlers((service.handlers(),))
        if self._beside is not None:
            server.add_generic_rpc_handlers((self._beside.handlers(origin),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._listener.reflection:
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
        self._pulse = self._tasks.spawn(self._health.pulse(), "grpc-health")

    async def stop(self, grace: float = 5.0) -> None:
        """Says NOT_SERVING, accepts nothing more, lets open calls end for ``grace`` seconds, closes."""
        if self._server is None:
            return
        self._pulse.cancel()
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)
        await self._tasks.cancel()
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


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``. A name is not looked up: it may mean anything tomorrow."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
