"""One visit of a person's command to a database: log in, ask, leave. What the server refuses is told in its words."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from gateway.errors import ConfigError
from gateway.links.asker import Asker, ServerRefused
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.pgwire.login import LoginRefused

_ANSWER: Final = 256 * 1024 * 1024  # bytes of the longest answer: all columns of a large database


@asynccontextmanager
async def visit(
    where: str,
    address: ServerAddress,
    credentials: Credentials,
    settings: Mapping[str, str],
    nonce: Callable[[], str],
    *,
    answer_limit: int = _ANSWER,
) -> AsyncIterator[Asker]:
    """Ask as long as it lasts. Raises ConfigError for what the server refuses, UpstreamError where it is not there."""
    try:
        connection = await open_connection(address, credentials, dict(settings), nonce)
    except LoginRefused as refused:
        words = f"{refused.sqlstate}: {refused.server_message}"
        raise ConfigError([f"{where}: the database refuses the login ({words})"]) from None
    try:
        yield Asker(connection, answer_limit=answer_limit)
    except ServerRefused as refused:
        raise ConfigError([f"{where}: the database refuses a question about its catalogs ({refused})"]) from None
    finally:
        connection.end()
