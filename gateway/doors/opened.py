"""The doors beside the postgres door, opened as they are configured and closed in the opposite order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from gateway.doors.claims import binding
from gateway.doors.desk import Desk
from gateway.doors.http.admin import AdminRoom, WrongTokens
from gateway.doors.http.app import admin_app
from gateway.doors.http.door import HttpDoor, http_door
from gateway.doors.http.room import Behind
from gateway.doors.inside import inner_sessions
from gateway.doors.postgres import PostgresDoor
from gateway.links.certificates import Kept
from gateway.links.sources import admin_blocks_file
from gateway.metrics import CertificateUse
from gateway.routes.reading import check_parser
from gateway.routes.table import Routes

Watch = Callable[[CertificateUse, Kept[Any] | None], None]


async def open_document_doors(
    desk: Desk,
    postgres: PostgresDoor,
    closing: AsyncExitStack,
    *,
    shared: bool,
    watch: Watch,
    drain: Callable[[], object],
) -> None:
    """Open them; ``closing`` is told how they are closed. ``shared``: addresses, with the other workers of this
    gateway; ``watch``: keeps certificates up to date; ``drain``: takes nobody in any more, in any worker. Raises
    ConfigError."""
    listeners = desk.config.listeners
    if listeners.http is not None:
        routes = Routes.of(desk.config.routes) if desk.config.routes else None
        if routes is not None:
            check_parser(routes)
        behind = Behind(
            queries=inner_sessions(postgres, listeners.http),
            record=desk.config.record.directory,
            routes=routes,
            trino=listeners.http.trino,
            bodiless=listeners.http.forward_auth_bodiless,
        )
        http = http_door(desk, listeners.http, shared=shared, behind=behind)
        with binding(f"listeners.http {listeners.http.address}"):
            await http.start()
        closing.push_async_callback(http.stop)
        watch(CertificateUse.HTTP, http.certificates)
    if listeners.admin is not None:
        admin = AdminRoom(
            desk=desk,
            openapi={},
            tokens=listeners.admin.tokens,
            blocks=admin_blocks_file(desk.config),
            wrong=WrongTokens(),
            drain=on_loop(drain),
        )
        port = HttpDoor(desk, listeners.admin, admin_app(admin), shared=shared)
        with binding(f"listeners.admin {listeners.admin.address}"):
            await port.start()
        closing.push_async_callback(port.stop)
        watch(CertificateUse.ADMIN, port.certificates)
    if listeners.grpc is not None:
        from gateway.doors.grpc import GrpcDoor  # not before: its library takes 13 MB

        envoy = None
        if listeners.grpc.envoy is not None:
            from gateway.doors.envoy import Authorization  # nor this: Envoy's contract takes memory, too

            envoy = Authorization(desk, listeners.grpc.envoy, Routes.of(desk.config.routes), desk.config.certificates)
        record = desk.config.record.directory
        grpc = GrpcDoor(desk, listeners.grpc, shared=shared, beside=envoy, record=record)
        with binding(f"listeners.grpc {listeners.grpc.address}"):
            await grpc.start()
        closing.push_async_callback(grpc.stop)
        watch(CertificateUse.GRPC, grpc.certificates)


def on_loop(work: Callable[[], object]) -> Callable[[], None]:
    """The same for any thread; nobody waits for it."""
    loop = asyncio.get_running_loop()

    def call() -> None:
        loop.call_soon_threadsafe(work)

    return call
