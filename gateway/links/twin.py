"""The analysis twin of one datasource: connections that only ever Parse, and one that watches the catalogs.

The twin logs in as a role of its own and takes a profile's role by start-up parameter, so a statement is analysed as
the person's session would analyse it, and no client session carries a debug setting. The trees come as LOG notices; if
that role's ``log_min_messages`` let them through to the server's log, literals included, the twin refuses to work
unless configuration accepts it by name.

What the twin rests on (quiet log, encoding, roles without power) is looked at every epoch interval, as the catalogs
are. While it does not hold, or nobody can say, no statement is sent and everything is denied; the next look that finds
all of it good ends that without help.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from gateway.config import Datasource
from gateway.errors import ConfigError, PolicyUnavailable, Reason, UpstreamError
from gateway.links.asker import AnswerTooLarge, Asker, ServerRefused
from gateway.links.fair import Turns
from gateway.links.locked import Locked, in_words
from gateway.links.scout import Alarm, listen, looked_up_in, read_catalogs, read_epoch, stamped
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.model import Complaint, Vouched
from gateway.needs import Analysis
from gateway.pgwire.login import LoginRefused
from gateway.pgwire.messages import SYNC, decode_fields, encode_parse
from gateway.reuse import History
from gateway.sql.catalog import Catalog
from gateway.sql.changes import EVERYTHING, Changes, State, changes
from gateway.sql.named import Names

_log = logging.getLogger(__name__)

# The server's own complaint about a statement, told to the person as it is. Others are troubles of the twin's.
_COMPLAINT_CLASSES: Final = frozenset({"42", "22", "0A", "3F", "3D", "54"})
_LOCK_TIMEOUT: Final = "55P03"
_TIMEOUT_STATES: Final = frozenset({_LOCK_TIMEOUT, "57014"})
_PAUSES: Final = 2.0  # times lock_timeout_ms: how long nobody is sent where somebody waited in vain
_TOLD_FIELDS: Final = "SVCMDHPsctdn"
_QUIET_LEVELS: Final = frozenset({"panic"})
_ROLE_STATES: Final = frozenset({"22023", "42501", "42704"})  # the role is not there, or may not be taken
_SNAPSHOT_BYTES: Final = 256 * 1024 * 1024
_SCOUT_PATH: Final = "pg_catalog, pg_temp"  # the catalogs are read with nobody's operators but the server's own
_PREMISES: Final = "SELECT current_setting('log_min_messages'), current_setting('server_encoding')"
# A role that may do what no client may, or that may become one that may: also with SET ROLE, also by an option it could
# give itself. `pg_read_all_data` reads past every GRANT, `pg_read_all_stats` what others ask just now.
_POWERFUL_ROLES: Final = """
SELECT DISTINCT role.rolname::text, might.rolname::text
FROM pg_catalog.pg_roles role JOIN pg_catalog.pg_roles might
  ON might.oid = role.oid OR pg_catalog.pg_has_role(role.oid, might.oid, 'MEMBER')
WHERE role.rolname IN ({roles}) AND (role.rolsuper IS FALSE OR might.oid = role.oid)
  AND (might.rolsuper OR might.rolbypassrls OR might.rolreplication OR might.rolcreaterole
    OR might.rolname ~ '^pg_(read|write)_' OR might.rolname IN (
      'pg_execute_server_program', 'pg_create_subscription', 'pg_maintain', 'pg_signal_backend'))
"""


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
        waited: Callable[[float], None] = lambda seconds: None,
        vouched: Callable[[], Vouched] = Vouched,
    ) -> None:
        self._datasource = datasource
        self._settings = datasource.twin
        self._address = address
        self._credentials = credentials
        self._tree_bytes = tree_bytes
        self._nonce = nonce
        self._changed = changed  # the catalogs are not what they were
        self._waited = waited  # so many seconds, until an analysis had its turn
        self._vouched = vouched  # what the registry says now of code and definitions nobody sees into
        self._roles = {profile.name: profile.role for profile in datasource.profiles}
        self._idle: dict[str, list[Asker]] = {name: [] for name in self._roles}
        self._turns = {name: Turns(self._settings.connections) for name in self._roles}
        self._locked = Locked(_PAUSES * self._settings.lock_timeout_ms / 1000)
        self._scout: Asker | None = None
        self._closed = False
        self._alarm = Alarm()
        self._state: State | None = None
        self.epoch: str | None = None
        self.catalog: Catalog | None = None
        self.changes: Changes = EVERYTHING  # what the last change of the epoch changed
        self.history = History()
        self.seen_ns = 0  # when the catalogs were last looked at and known
        self.trouble = "not started"
        self.server_words = ""  # the server's own about that trouble; they name roles and hosts: for operators only

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """First look. Raises ConfigError for what must be mended; a server that is down is only noted."""
        await self._look()

    async def watch(self) -> None:
        """Look at the catalogs every interval, or when a change is told, for ever."""
        took = 0.0
        while not self._closed:
            await self._alarm.sleep(self._settings.epoch_interval_ms / 1000, looked_for=took)
            began = time.monotonic()
            try:
                await self._look()
            except ConfigError as error:
                self._down("; ".join(error.problems))
            took = time.monotonic() - began

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        self._close_all()

    def _close_all(self) -> None:
        for idle in self._idle.values():
            for asker in idle:
                asker.close()
            idle.clear()
        if self._scout is not None:
            self._scout.close()

    async def _look(self) -> None:
        """See what the twin rests on, and the catalogs. Raises ConfigError for what must be mended."""
        try:
            if self._scout is None or self._scout.closed:
                self._scout = await self._open_scout()
            else:
                await self._inspect(self._scout)
            seen_ns = time.time_ns()
            if stamped(await read_epoch(self._scout, self._timeout()), self._vouched()) != self.epoch:
                seen_ns = time.time_ns()
                await self._load(self._scout)
            self.seen_ns = seen_ns
            return
        except ConfigError:
            self._close_all()
            raise
        except LoginRefused as error:
            why, words = error.detail, f"{error.sqlstate}: {error.server_message}"
        except UpstreamError as error:
            why, words = error.detail, ""
        except ServerRefused as error:
            why, words = "the database refused a question about its catalogs", str(error)
        except Exception:  # an edge: whatever it is, nobody knows the catalogs, and the watch must go on
            _log.exception("twin_failed", extra={"datasource": self._datasource.id})
            why, words = "an error of the gateway's own; the log has it", ""
        self._close_all()
        self._down(why, words)

    async def _open_scout(self) -> Asker:
        scout = await self._open(None)
        try:
            await self._inspect(scout)
            await self._become_everybody()
            await listen(scout, self._alarm, self._timeout())  # before the look: nothing between the two is missed
        except BaseException:
            scout.close()
            raise
        if self._settings.accept_logged_trees:
            _log.warning("analysed_statements_may_reach_the_servers_log", extra={"datasource": self._datasource.id})
        return scout

    def _down(self, why: str, words: str = "") -> None:
        """Nobody knows the catalogs."""
        if self.epoch is not None or why != self.trouble:
            _log.warning("twin_down", extra={"datasource": self._datasource.id, "why": why, "server_words": words})
        was, self.epoch, self.trouble, self.server_words = self.epoch, None, why, words
        self._state = None  # what answers next may be another server
        self.history.clear()
        if was is not None:
            self._changed()

    async def _load(self, scout: Asker) -> None:
        found = await read_catalogs(scout, self._timeout() + 30.0, self._vouched())
        for line in found.catalog.void:
            _log.warning("vouched_for_in_vain", extra={"datasource": self._datasource.id, "line": line})
        self.changes = EVERYTHING
        if self._state is not None and self.epoch is not None:
            self.changes = changes(self._state, found.state, path=looked_up_in(self._datasource))
            self.history.moved(self.epoch, self.changes)
        self.catalog, self._state = found.catalog, found.state
        self.epoch, self.trouble, self.server_words = found.epoch, "", ""
        relations = "all" if self.changes.everything else len(self.changes.relations)
        _log.info(
            "catalog_loaded",
            extra={"datasource": self._datasource.id, "epoch": self.epoch, "changed_relations": relations},
        )
        self._changed()

    async def _inspect(self, scout: Asker) -> None:
        """What must hold before, and while, this server is served. Raises ConfigError."""
        where = f"datasource {self._datasource.id}"
        problems = []
        level, encoding = (await scout.rows(_PREMISES, self._timeout()))[0]
        if not self._quiet(level):
            problems.append(
                f"{where}: the twin's role {self._settings.role} has log_min_messages = {level}, so every analysed "
                f"statement, literals included, would reach the server's log. As a superuser: ALTER ROLE "
                f"{self._settings.role} SET log_min_messages = panic; or set twin.accept_logged_trees: true"
            )
        if encoding != "UTF8":
            problems.append(f"{where}: the database's encoding is {encoding}; only UTF8 is supported")
        roles = sorted({*self._roles.values(), self._settings.role})
        names = ", ".join("'" + role.replace("'", "''") + "'" for role in roles)
        found = await scout.rows(_POWERFUL_ROLES.format(roles=names), self._timeout())
        theirs = {might for role, might in found if role != self._settings.role}
        for role, might in found:
            if role == self._settings.role and might != role and might in theirs:
                continue  # it may become whatever a profile's role may, and that has been said
            how = "" if might == role else f", as it may become {might}"
            problems.append(
                f"{where}: role {role} is a superuser, or may bypass row security, replicate, make roles, read or "
                f"write past its own grants, reach the server's files or other sessions{how}: refused"
            )
        if problems:
            raise ConfigError(problems)

    async def _become_everybody(self) -> None:
        """Take every profile's role once, before the first statement needs it. Raises ConfigError."""
        problems: list[str] = []
        for profile, role in self._roles.items():
            try:
                self._idle[profile].append(await self._take(profile))
            except LoginRefused as error:
                if error.sqlstate not in _ROLE_STATES:
                    raise
                problems.append(
                    f"datasource {self._datasource.id}: the twin cannot take the role {role} of profile {profile} "
                    f"({error.server_message}). As a superuser: GRANT {role} TO {self._settings.role}"
                )
        if problems:
            raise ConfigError(problems)

    def _quiet(self, level: str | None) -> bool:
        return level in _QUIET_LEVELS or self._settings.accept_logged_trees

    # -- analysis -------------------------------------------------------------------------------------------------

    async def analyse(
        self,
        profile: str,
        text: str,
        types: tuple[int, ...],
        *,
        principal: str = "",
        relations: Names = frozenset(),
    ) -> Analysis:
        """What the server makes of one statement. Raises PolicyUnavailable: then it is denied.

        ``principal``: for whom; everybody has his turn. ``relations``: what the text names, and may be held up by.
        """
        self._known_catalog()  # before anything is sent: what the twin rests on may not hold just now
        self._refuse_locked(relations)
        late = "every analysis connection was busy"
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with (
                asyncio.timeout(self._timeout()),
                self._turns[profile].turn(principal, frozenset(name for name, _ in relations)),
            ):
                late = "the database did not answer in time"
                self._waited(clock() - began)
                self._refuse_locked(relations)  # somebody ahead may have found out
                messages = await self._ask(profile, encode_parse(b"", text.encode(), types) + SYNC, relations)
        except TimeoutError:
            raise PolicyUnavailable(Reason.TWIN_TIMEOUT, late) from None
        except AnswerTooLarge:
            why = f"the analysed tree is longer than {self._tree_bytes} bytes"
            raise PolicyUnavailable(Reason.STATEMENT_INCOMPLETE, why) from None
        except UpstreamError as error:
            reason = error.reason if error.reason is Reason.TWIN_TIMEOUT else Reason.TWIN_UNAVAILABLE
            raise PolicyUnavailable(reason, "the analysis twin could not be asked") from error
        return _read(messages, self._known_catalog(), self._datasource.search_path, relations)

    async def _ask(self, profile: str, request: bytes, relations: Names) -> list[tuple[int, bytes]]:
        """Send it, and learn from the answer which relations are locked."""
        self._locked.begin(relations)
        try:
            asker = await self._take(profile)
            messages = await asker.exchange(request, self._timeout())
            self._idle[profile].append(asker)
        finally:
            self._locked.ended(relations)
        state = next((decode_fields(body).get("C") for kind, body in messages if kind == ord("E")), None)
        if state is None:
            self._locked.passed(relations)
        elif state == _LOCK_TIMEOUT:
            self._locked.waited(relations, asyncio.get_running_loop().time())
        return messages

    def _refuse_locked(self, relations: Names) -> None:
        found = self._locked.blocked(relations, asyncio.get_running_loop().time())
        if found is not None:
            raise PolicyUnavailable(Reason.TWIN_TIMEOUT, f"{_locked_words(found)}; try again in a moment")

    def read(self, trees: tuple[str, ...], complaint: Complaint | None) -> Analysis:
        """What a strict session's own server said, with the catalogs as they are known. Raises PolicyUnavailable."""
        return Analysis(trees, complaint, self._known_catalog(), self._datasource.search_path)

    def _known_catalog(self) -> Catalog:
        if self.catalog is None or self.epoch is None or self._closed:
            raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the database's catalogs are not known")
        return self.catalog

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
        if profile is None:
            # the catalogs of a large database take their time
            settings |= {"statement_timeout": "30000", "search_path": _SCOUT_PATH}
            connection = await open_connection(self._address, self._credentials, settings, self._nonce)
            return Asker(connection, answer_limit=_SNAPSHOT_BYTES)
        settings |= {
            "role": self._roles[profile],
            "client_min_messages": "log",
            "debug_print_rewritten": "on",
            "debug_pretty_print": "off",
        }
        connection = await open_connection(self._address, self._credentials, settings, self._nonce)
        asker = Asker(connection, answer_limit=2 * self._tree_bytes)
        try:
            # A role's setting may have changed since the last look; it counts for sessions that begin after it.
            level = (await asker.rows("SHOW log_min_messages", self._timeout()))[0][0]
        except ServerRefused as error:
            asker.close()
            raise UpstreamError(Reason.TWIN_UNAVAILABLE, "the database refused a question of the twin's") from error
        if not self._quiet(level):
            asker.close()
            raise UpstreamError(Reason.TWIN_UNAVAILABLE, "analysed statements would reach the server's log")
        return asker

    def _timeout(self) -> float:
        return self._settings.statement_timeout_ms / 1000 + 1.0


def search_path(datasource: Datasource) -> str:
    """The pinned search_path: the configured schemas, pg_temp named last so that it can never come first."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in datasource.search_path]
    return ", ".join([*quoted, "pg_temp"])


def _read(
    messages: list[tuple[int, bytes]], catalog: Catalog, search_path: tuple[str, ...], relations: Names
) -> Analysis:
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
            return Analysis((), _complaint(decode_fields(body), relations), catalog, search_path)
    return Analysis(tuple(trees) if parsed else (), None, catalog, search_path)


def _complaint(fields: Mapping[str, str], relations: Names) -> Complaint:
    state = fields.get("C", "")
    if state == _LOCK_TIMEOUT and relations:
        raise PolicyUnavailable(Reason.TWIN_TIMEOUT, f"{_locked_words(relations)}; the analysis gave up")
    if state in _TIMEOUT_STATES:
        raise PolicyUnavailable(Reason.TWIN_TIMEOUT, "the analysis waited too long for a lock")
    if state[:2] not in _COMPLAINT_CLASSES:
        raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the analysis twin could not analyse the statement")
    return Complaint(sqlstate=state, fields=tuple((code, fields[code]) for code in _TOLD_FIELDS if code in fields))


def _locked_words(relations: Names) -> str:
    return f"waiting for a lock on {in_words(relations)}, which somebody else holds or waits for"
