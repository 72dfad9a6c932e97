"""The webhook on its addresses: TLS, with a certificate that may be renewed at any time, metrics, an end in order."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cryptography import x509
from prometheus_client import CollectorRegistry

from gateway.config import TlsServer
from gateway.doors.claims import binding
from gateway.doors.http.door import HttpDoor
from gateway.doors.injection.review import RESULTS
from gateway.doors.injection.webhook import Keeper, WebhookRoom, metrics_app, webhook_app
from gateway.errors import ConfigError
from gateway.injection_metrics import InjectionMetrics
from gateway.injector.settings import InjectorSettings
from gateway.links.tasks import TaskGroup

_log = logging.getLogger(__name__)
_THREADS = 4
_GRACE = 8.0  # seconds: an API server waits no longer than the webhook's timeout, of five


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server listens."""

    address: str
    tls: TlsServer | None = None


class Webhook:
    """From `start` to `stop`."""

    def __init__(self, settings: InjectorSettings, at: Place, metrics_at: Place | None = None) -> None:
        """Raises ConfigError where the certificate cannot be used."""
        if at.tls is None:
            raise ConfigError(["a webhook is asked over TLS only: a certificate and its key are needed"])
        self._certificate = at.tls.certificate
        self.metrics = InjectionMetrics(CollectorRegistry(), results=RESULTS, version=version("sekisho"))
        self._keeper = Keeper(self.metrics)
        room = WebhookRoom(desk=self._keeper, settings=settings)
        self.door = HttpDoor(self._keeper, at, webhook_app(room), threads=_THREADS)
        self.beside = HttpDoor(self._keeper, metrics_at, metrics_app(room)) if metrics_at is not None else None
        self._tasks = TaskGroup()
        self._closing = AsyncExitStack()

    async def start(self) -> None:
        """Listen. Raises ConfigError."""
        self.metrics.certificate(end_of(self._certificate))
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self._tasks.cancel)
            for door in (self.beside, self.door):
                if door is not None:
                    with binding(f"address {door.address}"):
                        await door.start()
                    closing.push_async_callback(door.stop, _GRACE)
            if self.door.certificates is not None:
                self._tasks.spawn(self.door.certificates.watch(self._renewed).run(), "watch certificates")
            self._closing = closing.pop_all()

    async def stop(self) -> None:
        """Be ready for nobody, answer whoever is there, end."""
        self._keeper.stopping.set()
        await self._closing.aclose()

    def _renewed(self, good: bool) -> None:
        self.metrics.reloaded(good)
        if good:
            self.metrics.certificate(end_of(self._certificate))


def end_of(certificate: Path) -> float:
    """When it ends, in Unix time. Raises ConfigError."""
    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()
    except (OSError, ValueError) as error:
        raise ConfigError([f"{certificate}: cannot be read as a certificate"]) from error


async def serve_webhook(settings: InjectorSettings, at: Place, metrics_at: Place | None) -> None:
    """Run until SIGTERM or SIGINT. Raises ConfigError where it cannot start."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    webhook = Webhook(settings, at, metrics_at)
    await webhook.start()
    metrics = webhook.beside.address if webhook.beside is not None else None
    _log.info("started", extra={"version": version("sekisho"), "address": webhook.door.address, "metrics": metrics})
    await stop.wait()
    _log.info("stopping")
    await webhook.stop()
