"""The postgres door: listeners, and who is connected. One connection is `gateway.doors.pg_client.Client`."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from functools import partial
from math import ceil

from gateway.config import PostgresListener
from gateway.config_draft import split_address
from gateway.doors.cancel import CancelDesk, CancelKeys
from gateway.doors.desk import Desk
from gateway.doors.guesses import Guesses
from gateway.doors.pg_client import Client
from gateway.doors.pg_limits import Watch
from gateway.doors.pg_login import LoggedIn
from gateway.doors.pg_proof import KnownProof, Offer
from gateway.doors.pg_session import Relay
from gateway.doors.pg_tls import ListenerTls, kept_tls
from gateway.doors.room import Room
from gateway.doors.seats import Seats
from gateway.errors import AuthenticationError, Reason
from gateway.links.farewell import Farewell
from gateway.links.server import Credentials, ServerAddress
from gateway.links.service_users import ServiceUsers
from gateway.links.tasks import TaskGroup
from gateway.metrics import CertificateUse, LoginMethod
from gateway.strictness import Strictness

_log = logging.getLogger(__name__)
_LAST_FAREWELLS = 3.0  # seconds that servers are given at shutdown to stop what they run for nobody
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class PostgresDoor:
    """All listeners of the postgres door."""

    def __init__(
        self,
        desk: Desk,
        *,
        addresses: Mapping[str, ServerAddress],
        credentials: Mapping[tuple[str, str], Credentials],
        strictness: Callable[[str], Strictness],
        cancels: CancelKeys | None = None,
        shared: bool = False,
    ) -> None:
        """``credentials`` by (datasource, profile); ``strictness`` of a datasource's sessions, as of now. ``shared``:
        the addresses, with the other workers of this gateway; ``cancels`` then knows them."""
        self.desk = desk
        self.addresses = addresses
        self.credentials = credentials
        self.strictness = strictness
        self.limits = desk.config.limits
        self.tasks = TaskGroup()
        self.cancels = cancels or CancelKeys()
        self.cancel_desk = CancelDesk(
            self.cancels,
            per_address=self.limits.cancels_per_address,
            overall=self.limits.cancels,
            metrics=desk.metrics,
        )
        self.guesses = Guesses(
            first=self.limits.guess_delay_ms / 1000,
            most=self.limits.guess_delay_max_ms / 1000,
            patience=self.limits.login_timeout_ms / 2000,
        )
        self._shared = shared
        self.nonce = nonce
        self._service_users: ServiceUsers | None = None
        self.seats: Seats[Client] = Seats(
            sessions=self.limits.sessions, per_principal=self.limits.sessions_per_principal
        )
        self.watch = Watch(desk, self.limits)
        self.room: Room[Relay] = Room(self.limits.waiting_bytes)
        self._farewells = TaskGroup()
        self._servers: list[asyncio.Server] = []
        self._gone = asyncio.Event()

    async def start(self) -> None:
        """Listen. Raises OSError where an address cannot be had."""
        loop = asyncio.get_running_loop()
        self.watch.start()
        for listener in self.desk.config.listeners.postgres:
            place = Place(listener)
            if place.certificates is not None:
                watch = place.certificates.watch(self._certificates_reloaded)
                self.tasks.spawn(watch.run(), f"watch TLS of {listener.address}")
            client = partial(Client, self, place)
            host, port = split_address(listener.address)
            server = await loop.create_server(client, host, port, backlog=512, reuse_port=self._shared)
            self._servers.append(server)
            _log.info("listening", extra={"door": "postgres", "address": listener.address, "site": listener.site})

    def _certificates_reloaded(self, good: bool) -> None:
        self.desk.metrics.certificates_reloaded(CertificateUse.POSTGRES, good)

    def admit(self, client: Client) -> bool:
        """Take a connection in, unless there are too many."""
        return not self.desk.draining and self.seats.admit(client)

    def seat(self, client: Client) -> bool:
        """Let a connection log in, unless there are too many sessions."""
        return not self.desk.draining and self.seats.take(client)

    def password_wait(self, method: LoginMethod, address: str | None, user: str) -> float:
        """Seconds before a login is asked for its password. Raises AuthenticationError where that is too long."""
        if method is not LoginMethod.SCRAM:
            return 0.0
        wait = self.guesses.wait(address, user, time.monotonic())
        if wait != 0.0:
            self.desk.metrics.login_delayed()
        if wait is None:
            left = self.guesses.seconds_left(address, user, time.monotonic())
            raise AuthenticationError(
                Reason.TOO_MANY_PASSWORDS, f"too many wrong passwords of this user; try again in {ceil(left)} s"
            )
        return wait

    def offer(self, place: Place) -> Offer:
        """What a listener takes from its clients."""
        config = self.desk.config
        return Offer(
            ways=place.ways,
            verify_token=self.desk.verify_token,
            service_users=self._service_users,
            certificates=config.certificates,
            oauth_issuer=place.oauth_issuer or config.issuers[0].issuer,
            oauth_scope=place.oauth_scope,
            lifetime=self.limits.login_lifetime,
        )

    def new_service_users(self, users: ServiceUsers) -> None:
        """Their file changed: who is no longer in it is logged in no longer."""
        self._service_users = users
        now = int(time.time())
        for client in self.seats.there:
            who = client.principal
            if who is not None and who.issuer == users.issuer and not users.good(who.database_user, who.subject, now):
                client.terminate(
                    Reason.PASSWORD_WRONG, "terminating connection: the service user is no longer registered"
                )

    def be_strict(self) -> None:
        """Rules came into force that ask for strict sessions: those that are not end at their next statement."""
        for client in self.seats.there:
            client.be_strict()

    def forget(self, client: Client) -> None:
        """A connection ended; its seat is free, unless something of it still runs at the server (``see_off``)."""
        self.watch.leave(client)
        self.seats.leave(client)
        if not self.seats.there:
            self._gone.set()

    def see_off(self, client: Client, login: LoggedIn, *, patience: float = 0.0) -> None:
        """A session ended while the server still runs something for it: see that it stops. Before ``forget``."""
        self.seats.linger(client)
        self._farewells.spawn(self._see_off(client, Farewell(login.server, login.address), patience), "farewell")

    async def _see_off(self, client: Client, farewell: Farewell, patience: float) -> None:
        try:
            await farewell.until_gone(patience=patience)
        finally:
            self.seats.free(client)

    def drain(self) -> None:
        """Take nobody in any more, and end every session where no transaction is open, or when it ends."""
        self.desk.draining = True
        for client in self.seats.there:
            client.drain()

    async def stop(self) -> None:
        """Listen no more; let open transactions end within the drain time; then close everything."""
        for server in self._servers:
            server.close()
        self.drain()
        if not await self._empty_within(self.limits.drain_timeout_ms / 1000):
            _log.warning("drain_timeout", extra={"sessions": len(self.seats.there)})
            for client in self.seats.there:
                client.terminate(Reason.SHUTTING_DOWN, "terminating connection: the gateway is shutting down")
            await self._empty_within(_LAST_FAREWELLS)
        self.watch.stop()
        await self._farewells.settle(_LAST_FAREWELLS)
        await self.tasks.cancel()

    async def _empty_within(self, seconds: float) -> bool:
        """Whether everybody left in time."""
        self._gone.clear()
        if self.seats.there:
            try:
                async with asyncio.timeout(seconds):
                    await self._gone.wait()
            except TimeoutError:
                return False
        return True


class Place:
    """One listener, with its configuration read."""

    inside: KnownProof | None = None  # whoever comes here was proven by another door of this gateway (`doors.inside`)

    def __init__(self, listener: PostgresListener) -> None:
        self.site = listener.site
        self.plaintext = listener.plaintext
        self.ways = listener.authentication
        self.oauth_issuer = listener.oauth_issuer
        self.oauth_scope = listener.oauth_scope
        # A certificate is demanded where nothing else would be taken.
        only = set(self.ways) == {"certificate"}
        self.certificates = kept_tls(listener, certificate_required=only)
        self._edges: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in listener.edges)

    @property
    def tls(self) -> ListenerTls | None:
        """What the next connection is given."""
        return self.certificates.current if self.certificates is not None else None

    def is_edge(self, address: str | None) -> bool:
        """Whether a peer of this address must send, and is believed, a PROXY header."""
        return address is not None and any(ipaddress.ip_address(address) in network for network in self._edges)


def nonce() -> str:
    """A word nobody can guess, that the server's grammar refuses as a statement."""
    return "sekisho_" + secrets.token_hex(8)
