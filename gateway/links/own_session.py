"""What a strict datasource's client sessions are started with, and what their roles must be like.

The trees of a strict session come to us as LOG notices. If its role's ``log_min_messages`` let them through to the
server's log, literals included, no session is begun, and `serve` refuses to start, unless configuration accepts it by
name (``twin.accept_logged_trees``), as for the twin.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from gateway.config import Datasource
from gateway.errors import ConfigError, Reason, UpstreamError
from gateway.links.asker import Asker, ServerRefused
from gateway.links.connection import ServerConnection
from gateway.links.premises import is_quiet
from gateway.links.server import Credentials, ServerAddress, open_connection

_log = logging.getLogger(__name__)

# In the start-up packet: that beats defaults of role and database, and RESET ALL returns to it.
OWN_SESSION_SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "client_min_messages": "log",
        "debug_print_rewritten": "on",
        "debug_print_parse": "off",
        "debug_print_plan": "off",
        "debug_pretty_print": "off",
    }
)
_ANSWER_BYTES: Final = 65_536
_SECONDS: Final = 10.0


async def keep_quiet(source: Datasource, connection: ServerConnection) -> None:
    """Look at a session's own setting before it is used. Raises UpstreamError."""
    asker = Asker(connection, answer_limit=_ANSWER_BYTES)
    try:
        level = (await asker.rows("SHOW log_min_messages", _SECONDS))[0][0]
    except ServerRefused as error:
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "the database refused a question of the gateway's") from error
    if not is_quiet(source, level):
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, "analysed statements would reach the server's log")


async def inspect_roles(
    source: Datasource,
    *,
    why: str,
    address: ServerAddress,
    credentials: Mapping[tuple[str, str], Credentials],
    nonce: Callable[[], str],
) -> None:
    """Log in as each profile's role. Raises ConfigError; a server that is down is only noted, since every session looks
    for itself. ``why`` it is strict."""
    problems: list[str] = []
    for profile in source.profiles:
        try:
            connection = await open_connection(address, credentials[source.id, profile.name], {}, nonce)
        except UpstreamError as error:
            _log.warning("strict_role_not_seen", extra={"datasource": source.id, "why": error.detail})
            continue
        try:
            await keep_quiet(source, connection)
        except UpstreamError as error:
            problems.append(
                f"datasource {source.id} is strict ({why}), and {error.detail} (or nobody can say) in sessions of "
                f"profile {profile.name}. As a superuser: ALTER ROLE {profile.role} SET log_min_messages = panic "
                f"(`sekisho provision` prints it); or set {_otherwise(source)}"
            )
        finally:
            connection.close()
    if problems:
        raise ConfigError(problems)


def _otherwise(source: Datasource) -> str:
    """What else may be done about trees in the log: by name, and visible ever after."""
    accepted = "twin.accept_logged_trees: true"
    return accepted if source.strict else f"{accepted}, or strict: false to go without strict sessions"
