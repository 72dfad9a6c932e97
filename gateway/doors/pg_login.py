"""A login at the postgres door: principal → user → profile → the profile's role at the server, recorded."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from gateway.audit.record import Event
from gateway.config import Datasource
from gateway.errors import AuthenticationError, Reason
from gateway.facts.registry import Registry
from gateway.links.connection import ServerConnection
from gateway.links.own_session import OWN_SESSION_SETTINGS, keep_quiet
from gateway.links.server import ServerAddress, open_connection
from gateway.metrics import LoginMethod
from gateway.model import Caller, Door, Peer, Principal
from gateway.pgwire.startup import StartupRequest
from gateway.search_path import listed, pinned

if TYPE_CHECKING:
    from gateway.doors.postgres import PostgresDoor

_PROOFS: Final = MappingProxyType(
    {
        LoginMethod.TOKEN: "token",
        LoginMethod.OAUTHBEARER: "token",
        LoginMethod.SCRAM: "password",
        LoginMethod.CERTIFICATE: "certificate",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn:
    """Who a session belongs to and where it goes."""

    session: str
    principal: Principal
    datasource: str
    profile: str
    address: ServerAddress
    server: ServerConnection
    strict: bool
    registry: Registry  # as of which it was let in
    own_path: str  # the datasource's search_path
    search_path: str  # the session's, when it begins and after RESET
    caller: Caller | None = None  # who opened it for the principal


async def log_in(
    door: PostgresDoor,
    principal: Principal,
    method: LoginMethod,
    request: StartupRequest,
    peer: Peer,
    caller: Caller | None = None,
) -> LoggedIn:
    """Choose the profile of somebody who is proven, log in at the server, record it. Raises SekishoError."""
    desk = door.desk
    # The user a client names is never believed; it must equal what was proven, or a log would name the wrong one.
    if not hmac.compare_digest(request.user.encode(), principal.database_user.encode()):
        raise AuthenticationError(
            Reason.USER_MISMATCH, f"the {_PROOFS[method]} is not for database user {request.user!r}"
        )
    registry = desk.known_registry
    profile = desk.welcome(request.database, principal)
    address = door.addresses[request.database]
    datasource = next(one for one in desk.config.datasources if one.id == request.database)
    strictness = door.strictness(request.database)
    own_path = pinned(datasource.search_path)
    search_path = pinned(_asked_for(datasource, request.search_path))
    settings = {**dict(request.settings), "search_path": search_path}
    if strictness.strict:
        settings |= OWN_SESSION_SETTINGS
    credentials = door.credentials[(request.database, profile.name)]
    server = await open_connection(address, credentials, settings, door.nonce)
    login = LoggedIn(
        session="s-" + secrets.token_hex(8),
        principal=principal,
        datasource=request.database,
        profile=profile.name,
        address=address,
        server=server,
        strict=strictness.strict,
        registry=registry,
        own_path=own_path,
        search_path=search_path,
        caller=caller,
    )
    desk.arrived(principal, peer)
    try:
        if login.strict:
            await keep_quiet(datasource, server)
        await desk.event(
            Event.SESSION_OPEN,
            door=Door.POSTGRES,
            session=login.session,
            peer=peer,
            principal_id=principal.id,
            datasource=login.datasource,
            profile=login.profile,
            detail=strictness.why,
            attribution=dict(request.settings),
            method=method,
        )
    except BaseException:
        server.close()
        raise
    return login


def _asked_for(source: Datasource, search_path: str | None) -> tuple[str, ...]:
    """The schemas a session begins with: the datasource's, or others that its configuration lists."""
    if search_path is None:
        return source.search_path
    names = listed(search_path)
    if names is None or names not in (source.search_path, *map(listed, source.search_paths)):
        raise AuthenticationError(
            Reason.STARTUP_PARAMETER_REFUSED,
            "this search_path is not accepted at start-up: the datasource's configuration lists those that are",
        )
    return names
