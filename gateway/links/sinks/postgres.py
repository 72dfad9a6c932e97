"""A table of a PostgreSQL, by COPY: a batch is one transaction of four statements, sent in one go.

Over the gateway's own client, which knows TLS, SCRAM and channel binding; the loop it lives on is this sink's own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from gateway.audit.follow import Line
from gateway.config_sinks import PostgresSink
from gateway.errors import ConfigError, Reason, UpstreamError
from gateway.links.asker import Asker, ServerRefused
from gateway.links.secret import secret
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.links.sinks.postgres_ddl import (
    COLUMNS,
    insert_sql,
    month_sql,
    month_table,
    schema_sql,
    table_sql,
    temporary_sql,
)
from gateway.links.sinks.sink import SinkError, exact, moment, principal, readable
from gateway.links.trust import trust_of
from gateway.pgwire.frames import encode
from gateway.pgwire.login import LoginRefused
from gateway.pgwire.messages import decode_fields, encode_query
from gateway.sink_metrics import Trouble

_ANSWER: Final = 1024 * 1024
_CHUNK: Final = 60_000  # bytes of one CopyData, about
_ERROR: Final = ord("E")
# Acknowledged means on its disk, whatever the role's default is.
_SETTINGS: Final = {"application_name": "sekisho record", "synchronous_commit": "on", "timezone": "UTC"}
_ESCAPES: Final = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\ufffd"))  # in this order


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """What trust in a server is made of."""

    id: str
    tls: str
    ca: Path | None
    certificate: Path | None
    key: Path | None
    channel_binding: str


class PostgresTable:
    """A ``Sink``."""

    def __init__(self, settings: PostgresSink, name: str, record: str, seconds: float) -> None:
        self._settings, self._name, self._record, self._seconds = settings, name, record, seconds
        self._runner: asyncio.Runner | None = None
        self._asker: Asker | None = None
        self._months: set[date] = set()  # whose partitions are known to be there

    def send(self, lines: Sequence[Line]) -> None:
        """See ``Sink``."""
        self._runner = self._runner or asyncio.Runner()
        try:
            self._runner.run(self._send(lines))
        except ServerRefused as refused:
            # The connection may be in any state: begin anew.
            raise self._failed(Trouble.REFUSED, f"the database says {refused}") from None
        except LoginRefused as refused:
            said = f"the database refuses the login: {refused.sqlstate}: {refused.server_message}"
            raise self._failed(Trouble.UNAUTHORISED, said) from None
        except UpstreamError as error:
            late = error.reason is Reason.TWIN_TIMEOUT
            raise self._failed(Trouble.TIMEOUT if late else Trouble.UNREACHABLE, error.detail) from None
        except ConfigError as error:
            raise self._failed(Trouble.UNAUTHORISED, str(error)) from None

    def close(self) -> None:
        """See ``Sink``."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.run(self._end())
            runner.close()

    async def _end(self) -> None:
        """The loop has a moment to close what it holds."""
        if self._asker is not None:
            self._asker.close()
            self._asker = None
            await asyncio.sleep(0)

    def _failed(self, trouble: Trouble, detail: str) -> SinkError:
        self.close()
        self._months.clear()
        return SinkError(trouble, detail)

    async def _send(self, lines: Sequence[Line]) -> None:
        asker = self._asker
        if asker is None or asker.closed:
            asker = self._asker = await self._connect()
            await asker.rows(temporary_sql(), self._seconds)
        entries = [readable(line) for line in lines]
        if self._settings.create:
            await self._make(asker, {moment(entry).date().replace(day=1) for entry in entries})
        copy = f"COPY pg_temp.sekisho_incoming ({', '.join(COLUMNS)}) FROM STDIN"
        request = b"".join(
            (
                encode_query(b"BEGIN"),
                encode_query(copy.encode()),
                *self._data(lines, entries),
                encode(b"c"),
                encode_query(insert_sql(self._settings.table).encode()),
                encode_query(b"COMMIT"),
            )
        )
        for kind, body in await asker.exchange(request, self._seconds, answers=4):
            if kind == _ERROR:
                raise ServerRefused(decode_fields(body))

    def _data(self, lines: Sequence[Line], entries: Sequence[Mapping[str, Any]]) -> list[bytes]:
        messages, chunk, size = [], [], 0
        for line, entry in zip(lines, entries, strict=True):
            row = self._row(line, entry)
            chunk.append(row)
            size += len(row)
            if size >= _CHUNK:
                messages.append(encode(b"d", b"".join(chunk)))
                chunk, size = [], 0
        return [*messages, encode(b"d", b"".join(chunk))]

    def _row(self, line: Line, entry: Mapping[str, Any]) -> bytes:
        fields: list[Any] = [self._record, line.writer, line.seq, line.hash, moment(entry).isoformat()]
        fields += [entry.get(name) for name in ("kind", "decision_id", "session")]
        fields += [
            principal(entry),
            *(entry.get(name) for name in ("datasource", "effect", "reason")),
            exact(line, entry),
        ]
        text = "\t".join("\\N" if field is None else _escaped(str(field)) for field in fields)
        return text.encode("utf-8", "replace") + b"\n"

    async def _make(self, asker: Asker, months: set[date]) -> None:
        """Make what is not there: the table, and the months of these entries."""
        table = self._settings.table
        missing = months - self._months
        if not missing:
            return
        if not await self._there(asker, table):
            schema = table.partition(".")[0]
            # Two plain words, as configuration holds to. Making what is there would need a right to make it.
            known = f"SELECT 1 FROM pg_namespace WHERE nspname = '{schema}'"  # noqa: S608
            if not await asker.rows(known, self._seconds):
                await asker.rows(schema_sql(table), self._seconds)
            for statement in table_sql(table):
                await asker.rows(statement, self._seconds)
        for month in sorted(missing):
            if not await self._there(asker, month_table(table, month)):
                await asker.rows(month_sql(table, month), self._seconds)
        self._months |= missing

    async def _there(self, asker: Asker, table: str) -> bool:
        return await asker.rows(f"SELECT to_regclass('{table}')", self._seconds) != [(None,)]

    async def _connect(self) -> Asker:
        settings = self._settings
        reached = _Reached(
            id=self._name,
            tls=settings.tls,
            ca=settings.ca,
            certificate=settings.certificate,
            key=settings.key,
            channel_binding=settings.channel_binding,
        )
        address = ServerAddress(
            host=settings.host,
            port=settings.port,
            database=settings.database,
            trust=trust_of(reached),
            connect_timeout=self._seconds,
        )
        password = None if settings.password_file is None else secret(settings.password_file)
        credentials = Credentials(user=settings.user, password=password)
        connection = await open_connection(address, credentials, dict(_SETTINGS), secrets.token_hex)
        return Asker(connection, answer_limit=_ANSWER)


def _escaped(text: str) -> str:
    """As COPY's text format has it. (``str.translate`` takes ten times as long.)"""
    for plain, escaped in _ESCAPES:
        text = text.replace(plain, escaped)
    return text
