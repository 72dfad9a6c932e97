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
from gateway.links.analysts import LOCK_TIMEOUT, Analysts, Messages, locked_words, read_answer, sqlstate, timeout
from gateway.links.asker import AnswerTooLarge, Asker, ServerRefused
from gateway.links.fair import Turns
from gateway.links.locked import Locked
from gateway.links.premises import inspect
from gateway.links.scout import Alarm, Epochs, listen, looked_up_in, read_catalogs, stamped
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.links.sizes import INTERVAL, read_sizes
from gateway.model import Complaint, Vouched
from gateway.needs import Analysis
from gateway.pgwire.login import LoginRefused
from gateway.reuse import History
from gateway.search_path import listed, schemas
from gateway.sql.catalog import Catalog
from gateway.sql.changes import EVERYTHING, Changes, State, changes
from gateway.sql.named import Names

_log = logging.getLogger(__name__)

_PAUSES: Final = 2.0  # times lock_timeout_ms: how long nobody is sent where somebody waited in vain
_ROLE_STATES: Final = frozenset({"22023", "42501", "42704"})  # the role is not there, or may not be taken
_SNAPSHOT_BYTES: Final = 256 * 1024 * 1024
_SCOUT_PATH: Final = "pg_catalog, pg_temp"  # the catalogs are read with nobody's operators but the server's own


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
        self._timeout = timeout(datasource)
        self._analysts = Analysts(
            datasource, address=address, credentials=credentials, tree_bytes=tree_bytes, nonce=nonce
        )
        self._turns = {name: Turns(self._settings.connections) for name in self._analysts.roles}
        self._locked = Locked(_PAUSES * self._settings.lock_timeout_ms / 1000)
        self._scout: Asker | None = None
        self._epochs: Epochs | None = None  # of that connection
        self._closed = False
        self._alarm = Alarm()
        self._state: State | None = None
        self.epoch: str | None = None
        self.catalog: Catalog | None = None
        self.changes: Changes = EVERYTHING  # what the last change of the epoch changed
        self.history = History()
        self.sizes: Mapping[str, int] = {}  # rows of relations, as far as the server knows
        self._sized = -INTERVAL  # when that was, by the loop's clock
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
        self._analysts.close()
        if self._scout is not None:
            self._scout.close()

    async def _look(self) -> None:
        """See what the twin rests on, and the catalogs. Raises ConfigError for what must be mended."""
        try:
            if self._scout is None or self._epochs is None or self._scout.closed:
                self._scout = await self._open_scout()
                self._epochs = Epochs(self._scout)  # what answers now may be another server
            else:
                await inspect(self._datasource, self._scout, self._analysts.roles.values(), self._timeout)
            seen_ns = time.time_ns()
            if stamped(await self._epochs.read(self._timeout), self._vouched()) != self.epoch:
                seen_ns = time.time_ns()
                await self._load(self._scout)
                self._sized = -INTERVAL
            await self._measure(self._scout)
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

    async def _measure(self, scout: Asker) -> None:
        """Sizes of relations, now and then, and whenever the catalogs are not what they were."""
        now = asyncio.get_running_loop().time()
        if self.catalog is not None and now - self._sized >= INTERVAL:
            self.sizes = await read_sizes(scout, self.catalog, self._timeout)
            self._sized = now

    async def _open_scout(self) -> Asker:
        # the catalogs of a large database take their time
        settings = {
            "application_name": "sekisho twin",
            "search_path": _SCOUT_PATH,
            "statement_timeout": "30000",
            "lock_timeout": str(self._settings.lock_timeout_ms),
        }
        connection = await open_connection(self._address, self._credentials, settings, self._nonce)
        scout = Asker(connection, answer_limit=_SNAPSHOT_BYTES)
        try:
            await inspect(self._datasource, scout, self._analysts.roles.values(), self._timeout)
            await self._become_everybody()
            await listen(scout, self._alarm, self._timeout)  # before the look: nothing between the two is missed
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
        found = await read_catalogs(scout, self._timeout + 30.0, self._vouched())
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

    async def _become_everybody(self) -> None:
        """Take every profile's role once, before the first statement needs it. Raises ConfigError."""
        problems: list[str] = []
        for profile, role in self._analysts.roles.items():
            try:
                await self._analysts.open(profile)
            except LoginRefused as error:
                if error.sqlstate not in _ROLE_STATES:
                    raise
                problems.append(
                    f"datasource {self._datasource.id}: the twin cannot take the role {role} of profile {profile} "
                    f"({error.server_message}). As a superuser: GRANT {role} TO {self._settings.role}"
                )
        if problems:
            raise ConfigError(problems)

    # -- analysis -------------------------------------------------------------------------------------------------

    async def analyse(
        self,
        profile: str,
        text: str,
        types: tuple[int, ...],
        *,
        principal: str = "",
        relations: Names = frozenset(),
        search_path: str | None = None,
    ) -> Analysis:
        """What the server makes of one statement. Raises PolicyUnavailable: then it is denied.

        ``principal``: for whom; everybody has his turn. ``relations``: what the text names, and may be held up by.
        ``search_path``: as `gateway.search_path` writes it; None: the datasource's own.
        """
        self._known_catalog()  # before anything is sent: what the twin rests on may not hold just now
        self._refuse_locked(relations)
        late = "every analysis connection was busy"
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._turns[profile].turn(principal, frozenset(name for name, _ in relations)),
            ):
                late = "the database did not answer in time"
                self._waited(clock() - began)
                self._refuse_locked(relations)  # somebody ahead may have found out
                messages = await self._ask(profile, text, types, search_path, relations)
        except TimeoutError:
            raise PolicyUnavailable(Reason.TWIN_TIMEOUT, late) from None
        except AnswerTooLarge:
            why = f"the analysed tree is longer than {self._tree_bytes} bytes"
            raise PolicyUnavailable(Reason.STATEMENT_INCOMPLETE, why) from None
        except UpstreamError as error:
            reason = error.reason if error.reason is Reason.TWIN_TIMEOUT else Reason.TWIN_UNAVAILABLE
            raise PolicyUnavailable(reason, "the analysis twin could not be asked") from error
        trees, complaint = read_answer(messages, relations)
        return self.read(trees, complaint, search_path)

    async def _ask(
        self, profile: str, text: str, types: tuple[int, ...], path: str | None, relations: Names
    ) -> Messages:
        """Send it, and learn from the answer which relations are locked."""
        self._locked.begin(relations)
        try:
            messages = await self._analysts.ask(profile, text, types, path, self._timeout)
        finally:
            self._locked.ended(relations)
        state = sqlstate(messages)
        if state is None:
            self._locked.passed(relations)
        elif state == LOCK_TIMEOUT:
            self._locked.waited(relations, asyncio.get_running_loop().time())
        return messages

    def _refuse_locked(self, relations: Names) -> None:
        found = self._locked.blocked(relations, asyncio.get_running_loop().time())
        if found is not None:
            raise PolicyUnavailable(Reason.TWIN_TIMEOUT, f"{locked_words(found)}; try again in a moment")

    def read(self, trees: tuple[str, ...], complaint: Complaint | None, search_path: str | None = None) -> Analysis:
        """What a server said under a path, with the catalogs as they are known. Raises PolicyUnavailable."""
        path = self._datasource.search_path if search_path is None else schemas(listed(search_path) or ())
        return Analysis(trees, complaint, self._known_catalog(), path)

    def _known_catalog(self) -> Catalog:
        if self.catalog is None or self.epoch is None or self._closed:
            raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the database's catalogs are not known")
        return self.catalog
