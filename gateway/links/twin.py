"""The analysis twin of one datasource: connections that only ever Parse, and one that watches the catalogs.

The twin logs in as a role of its own and takes a profile's role by start-up parameter, so a statement is analysed as
the person's session would analyse it, and no client session carries a debug setting. The trees come as LOG notices; if
that role's ``log_min_messages`` let them through to the server's log, literals included, the twin refuses to work
unless configuration accepts it by name.

Its loss denies; nothing else does: it is opened again on the next need and every epoch interval.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

from gateway.config import Datasource
from gateway.errors import ConfigError, PolicyUnavailable, Reason, UpstreamError
from gateway.links.asker import Asker, ServerRefused
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.model import Complaint
from gateway.needs import Analysis
from gateway.pgwire.messages import SYNC, decode_fields, encode_parse
from gateway.sql.catalog import EPOCH_QUERY, SNAPSHOT_QUERIES, Catalog

_log = logging.getLogger(__name__)

# The server's own complaint about a statement, told to the person as it is. Others are troubles of the twin's.
_COMPLAINT_CLASSES: Final = frozenset({"42", "22", "0A", "3F", "3D", "54"})
_TIMEOUT_STATES: Final = frozenset({"55P03", "57014"})
_TOLD_FIELDS: Final = "SVCMDHPsctdn"
_QUIET_LEVELS: Final = frozenset({"fatal", "panic"})
_SNAPSHOT_BYTES: Final = 256 * 1024 * 1024
_POWERFUL_ROLES: Final = (
    "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ({roles}) "
    "AND (rolsuper OR rolbypassrls OR rolreplication OR rolcreaterole)"
)


class Twin:
    """Analysis and catalog of one datasource. Lives on the loop."""

    def __init__(
        self,
        datasource: Datasource,
        *,
        address: ServerAddress,
        credentials: Credentials,
        tree_bytes: int,
        nonce: Callable[[], str],
        changed: Callable[[], None],
    ) -> None:
        self._datasource = datasource
        self._settings = datasource.twin
        self._address = address
        self._credentials = credentials
        self._tree_bytes = tree_bytes
        self._nonce = nonce
        self._changed = changed  # the catalogs are not what they were
        self._roles = {profile.name: profile.role for profile in datasource.profiles}
        self._idle: dict[str, list[Asker]] = {name: [] for name in self._roles}
        self._slots = {name: asyncio.Semaphore(self._settings.connections) for name in self._roles}
        self._scout: Asker | None = None
        self._closed = False
        self.epoch: str | None = None
        self.catalog: Catalog | None = None
        self.trouble = "not started"

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """First look. Raises ConfigError for what must be mended; a server that is down is only noted."""
        await self._look()

    async def watch(self) -> None:
        """Look at the catalogs every interval, for ever."""
        while not self._closed:
            await asyncio.sleep(self._settings.epoch_interval_ms / 1000)
            try:
                await self._look()
            except ConfigError as error:
                self._down("; ".join(error.problems))

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        for idle in self._idle.values():
            for asker in idle:
                asker.close()
            idle.clear()
        if self._scout is not None:
            self._scout.close()

    async def _look(self) -> None:
        try:
            if self._scout is None or self._scout.closed:
                self._scout = await self._open(None)
                await self._inspect(self._scout)
            found = (await self._scout.rows(EPOCH_QUERY, self._timeout()))[0][0]
            if found != self.epoch:
                await self._load(self._scout)
        except UpstreamError as error:
            self._down(error.detail)
        except ServerRefused as error:
            if self._scout is not None:
                self._scout.close()
            self._down(str(error))

    def _down(self, why: str) -> None:
        if self.epoch is not None or why != self.trouble:
            _log.warning("twin_down", extra={"datasource": self._datasource.id, "why": why})
        was, self.epoch, self.trouble = self.epoch, None, why
        if was is not None:
            self._changed()

    async def _load(self, scout: Asker) -> None:
        timeout = self._timeout() + 30.0
        await scout.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", timeout)
        epoch = (await scout.rows(EPOCH_QUERY, timeout))[0][0]
        rows = {name: await scout.rows(sql, timeout) for name, sql in SNAPSHOT_QUERIES.items()}
        version = (await scout.rows("SHOW server_version_num", timeout))[0][0] or "0"
        await scout.rows("COMMIT", timeout)
        self.catalog = Catalog.from_rows(int(version) // 10_000, rows)
        self.epoch, self.trouble = epoch, ""
        _log.info("catalog_loaded", extra={"datasource": self._datasource.id, "epoch": epoch})
        self._changed()

    async def _inspect(self, scout: Asker) -> None:
        """What must hold before this server may be served. Raises ConfigError."""
        where, problems = f"datasource {self._datasource.id}", []
        level = (await scout.rows("SHOW log_min_messages", self._timeout()))[0][0]
        if level not in _QUIET_LEVELS and not self._settings.accept_logged_trees:
            problems.append(
                f"{where}: the twin's role {self._settings.role} has log_min_messages = {level}, so every analysed "
                f"statement, literals included, would reach the server's log. As a superuser: ALTER ROLE "
                f"{self._settings.role} SET log_min_messages = fatal; or set twin.accept_logged_trees: true"
            )
        encoding = (await scout.rows("SHOW server_encoding", self._timeout()))[0][0]
        if encoding != "UTF8":
            problems.append(f"{where}: the database's encoding is {encoding}; only UTF8 is supported")
        names = ", ".join("'" + role.replace("'", "''") + "'" for role in {*self._roles.values(), self._settings.role})
        powerful = await scout.rows(_POWERFUL_ROLES.format(roles=names), self._timeout())
        problems += [
            f"{where}: role {name} is a superuser, or may bypass or replicate: refused" for (name,) in powerful
        ]
        if problems:
            scout.close()
            raise ConfigError(problems)

    # -- analysis -------------------------------------------------------------------------------------------------

    async def analyse(self, profile: str, text: str, types: tuple[int, ...]) -> Analysis:
        """What the server makes of one statement. Raises PolicyUnavailable: then it is denied."""
        timeout = self._timeout()
        try:
            async with asyncio.timeout(timeout), self._slots[profile]:
                asker = await self._take(profile)
                request = encode_parse(b"", text.encode(), types) + SYNC
                messages = await asker.exchange(request, timeout)
                self._idle[profile].append(asker)
        except TimeoutError:
            raise PolicyUnavailable(Reason.TWIN_TIMEOUT, "every analysis connection was busy") from None
        except UpstreamError as error:
            reason = error.reason if error.reason is Reason.TWIN_TIMEOUT else Reason.TWIN_UNAVAILABLE
            raise PolicyUnavailable(reason, "the analysis twin could not be asked") from error
        if self.catalog is None or self.epoch is None:
            raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the database's catalogs are not known")
        return _read(messages, self.catalog)

    async def _take(self, profile: str) -> Asker:
        idle = self._idle[profile]
        while idle:
            asker = idle.pop()
            if not asker.closed:
                return asker
        return await self._open(profile)

    async def _open(self, profile: str | None) -> Asker:
        settings = {
            "application_name": "sekisho twin",
            "search_path": search_path(self._datasource),
            "statement_timeout": str(self._settings.statement_timeout_ms),
            "lock_timeout": str(self._settings.lock_timeout_ms),
        }
        if profile is not None:
            settings |= {
                "role": self._roles[profile],
                "client_min_messages": "log",
                "debug_print_rewritten": "on",
                "debug_pretty_print": "off",
            }
        else:
            settings["statement_timeout"] = "30000"  # the catalogs of a large database take their time
        connection = await open_connection(self._address, self._credentials, settings, self._nonce)
        return Asker(connection, answer_limit=_SNAPSHOT_BYTES if profile is None else 2 * self._tree_bytes)

    def _timeout(self) -> float:
        return self._settings.statement_timeout_ms / 1000 + 1.0


def search_path(datasource: Datasource) -> str:
    """The pinned search_path: the configured schemas, pg_temp named last so that it can never come first."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in datasource.search_path]
    return ", ".join([*quoted, "pg_temp"])


def _read(messages: list[tuple[int, bytes]], catalog: Catalog) -> Analysis:
    trees: list[str] = []
    parsed = False
    for kind, body in messages:
        if kind == ord("N"):
            fields = decode_fields(body)
            # `R` names the routine, in every language of the server; only this one prints trees.
            if fields.get("R") == "elog_node_display" and "D" in fields:
                trees.append(fields["D"])
        elif kind == ord("1"):
            parsed = True
        elif kind == ord("E"):
            return Analysis((), _complaint(decode_fields(body)), catalog)
    return Analysis(tuple(trees) if parsed else (), None, catalog)


def _complaint(fields: Mapping[str, str]) -> Complaint:
    state = fields.get("C", "")
    if state in _TIMEOUT_STATES:
        raise PolicyUnavailable(Reason.TWIN_TIMEOUT, "the analysis waited too long for a lock")
    if state[:2] not in _COMPLAINT_CLASSES:
        raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the analysis twin could not analyse the statement")
    return Complaint(sqlstate=state, fields=tuple((code, fields[code]) for code in _TOLD_FIELDS if code in fields))
