"""Sessions of the postgres door for another door of this gateway: who asks there gets what `psql` would get them.

A session of this kind differs from any other in nothing but its first bytes: they come over a pair of sockets within
this process, and who stands behind them was proven by the door that asks. Masks, strictness, limits, the record: all
of it is the postgres door's. One text is run, a SELECT, as one portal with a row limit. Lives on the loop.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING, Any, Final

from gateway.config import HttpListener, PostgresListener
from gateway.doors.pg_client import Client
from gateway.doors.pg_proof import KnownProof
from gateway.doors.postgres import Place
from gateway.errors import Reason, SekishoError, UpstreamError
from gateway.links.asker import AnswerTooLarge, Asker, Row, row_of
from gateway.links.connection import ServerConnection, as_protocol
from gateway.model import Caller, Peer, Principal
from gateway.pgwire.messages import SYNC, decode_fields, encode_bind, encode_execute, encode_parse, encode_target
from gateway.pgwire.startup import startup_message
from gateway.sql.gate import Refused, inspect

if TYPE_CHECKING:
    from gateway.doors.postgres import PostgresDoor

_INT16: Final = Struct("!H")
_INT32: Final = Struct("!I")
_COLUMN: Final = Struct("!IHIhih")
_NULL: Final = 0xFFFFFFFF
_WRITES: Final = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_PATIENCE: Final = 10.0  # seconds, beyond its own bounds, that a thread waits for the loop
_SPOKEN: Final = re.compile(r"[a-z_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """One SELECT to run, for whom and within which bounds."""

    principal: Principal
    peer: Peer
    caller: Caller | None = None  # who asks for the principal
    datasource: str
    sql: str
    parameters: Row  # as text
    parameter_types: tuple[int, ...]
    rows: int
    size: int  # bytes of the whole answer
    seconds: float


@dataclass(frozen=True, slots=True)
class QueryBounds:
    """What one answer may have at most."""

    rows: int
    size: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Column:
    """One output."""

    name: str
    type_oid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """What came of it, as text."""

    columns: tuple[Column, ...]
    rows: Sequence[Row]
    limited: bool  # the row limit was reached: there may be more


class StatementFailed(SekishoError):
    """The statement was denied, or the database has something to say about it; ``fields``: its ErrorResponse."""

    def __init__(self, reason: Reason, fields: Mapping[str, str]) -> None:
        super().__init__(reason, "\n".join(part for part in (fields.get("M", ""), fields.get("D", "")) if part))
        self.fields = dict(fields)


class _Within(Place):
    """A listener that nobody else can reach."""

    def __init__(self, inside: KnownProof) -> None:
        super().__init__(PostgresListener(address="(within)", authentication=("token",)))
        self.inside = inside


class InnerSessions:
    """Opens them."""

    def __init__(self, door: PostgresDoor, bounds: QueryBounds) -> None:
        self._door = door
        self._loop = asyncio.get_running_loop()
        self.bounds = bounds

    def select(self, asked: Selecting) -> Selected:
        """See ``select_async``; from any thread but the loop's."""
        work = self.select_async(asked)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * asked.seconds + _PATIENCE)

    async def select_async(self, asked: Selecting) -> Selected:
        """Run one SELECT. Raises SekishoError: what was refused at the postgres door is recorded and counted there."""
        inside = KnownProof(asked.principal, asked.peer, asked.caller)
        connection = await self._connect(inside)
        try:
            asker = Asker(connection, answer_limit=asked.size)
            await asker.exchange(_hello(asked), asked.seconds)
            messages = await asker.exchange(_request(asked), asked.seconds)
        except AnswerTooLarge:
            detail = f"the answer has more than {asked.size} bytes: ask for fewer rows or columns"
            raise SekishoError(Reason.MESSAGE_TOO_LARGE, detail) from None
        except UpstreamError as error:
            if inside.ended is not None:
                raise inside.ended from error
            late = error.reason is Reason.TWIN_TIMEOUT
            detail = f"it took more than {asked.seconds:g} s" if late else "the session ended before it had answered"
            raise SekishoError(Reason.STATEMENT_TIMEOUT if late else Reason.UPSTREAM_LOST, detail) from error
        finally:
            connection.end()
        return _selected(messages)

    def check(self, sql: str) -> None:
        """Nothing but one SELECT. What cannot be parsed is for the session to say: it has the server's words."""
        try:
            statements = inspect(sql, max_bytes=self._door.limits.statement_bytes)
        except Refused:
            return
        if len(statements) != 1 or statements[0].kind != "select" or _writes(statements[0].node):
            raise SekishoError(Reason.REQUEST_INVALID, "one SELECT is run here, and nothing else")

    async def _connect(self, inside: KnownProof) -> ServerConnection:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        connection = ServerConnection()
        try:
            await loop.connect_accepted_socket(partial(Client, self._door, _Within(inside)), far)
            await loop.create_unix_connection(lambda: as_protocol(connection), sock=near)
        except BaseException:
            near.close()  # the other end finds its peer gone
            raise
        return connection


def _hello(asked: Selecting) -> bytes:
    user = asked.principal.database_user
    return startup_message({"user": user, "database": asked.datasource, "application_name": "/v1/query"})


def _writes(node: object) -> bool:
    """Whether something in a parsed statement is made to write: WITH … AS (DELETE …)."""
    nodes: list[Any] = [node]
    while nodes:
        one = nodes.pop()
        if isinstance(one, dict):
            if not _WRITES.isdisjoint(one):
                return True
            nodes += one.values()
        elif isinstance(one, list):
            nodes += one
    return False


def _request(asked: Selecting) -> bytes:
    values = [_parameter(value) for value in asked.parameters]
    # No format is given for parameters and results: all of them are text.
    rest = b"".join((_INT16.pack(0), _INT16.pack(len(values)), *values, _INT16.pack(0)))
    return b"".join(
        (
            encode_parse(b"", asked.sql.encode(), asked.parameter_types),
            encode_bind(b"", b"", rest),
            encode_target(b"D", ord("P"), b""),
            encode_execute(b"", _INT32.pack(asked.rows)),
            SYNC,
        )
    )


def _parameter(value: str | None) -> bytes:
    if value is None:
        return _INT32.pack(_NULL)
    data = value.encode()
    return _INT32.pack(len(data)) + data


def _selected(messages: Sequence[tuple[int, bytes]]) -> Selected:
    columns: tuple[Column, ...] = ()
    rows: list[Row] = []
    limited = False
    for kind, body in messages:
        match kind:
            case 0x45:  # E
                raise _failed(decode_fields(body))
            case 0x54:  # T
                columns = tuple(_columns(body))
            case 0x44:  # D
                rows.append(row_of(body))
            case 0x73:  # s
                limited = True
    return Selected(columns=columns, rows=rows, limited=limited)


def _failed(fields: Mapping[str, str]) -> StatementFailed:
    """A denial names its reason where PostgreSQL names the routine an error comes from; those are named otherwise."""
    spoken = fields.get("R", "")
    if _SPOKEN.fullmatch(spoken) and spoken in set(Reason):
        return StatementFailed(Reason(spoken), fields)
    return StatementFailed(Reason.SERVER_COMPLAINT, fields)


def _columns(body: bytes) -> Iterator[Column]:
    (count,) = _INT16.unpack_from(body)
    at = 2
    for _ in range(count):
        end = body.index(b"\0", at)
        (_, _, type_oid, _, _, _) = _COLUMN.unpack_from(body, end + 1)
        yield Column(body[at:end].decode("utf-8", "replace"), type_oid)
        at = end + 1 + _COLUMN.size


def inner_sessions(door: PostgresDoor, listener: HttpListener) -> InnerSessions | None:
    """As configured; None where nobody may."""
    if not listener.query_rows:
        return None
    bounds = QueryBounds(listener.query_rows, listener.query_bytes, listener.query_timeout_ms / 1000)
    return InnerSessions(door, bounds)
