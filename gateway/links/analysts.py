"""The connections of a twin that statements are analysed over: each logged in as a profile's role, and only to Parse.

A connection remembers under which search_path it asks. One that asks under the path wanted is taken first; another is
told to use it, in the same breath as the question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.config import Datasource
from gateway.errors import PolicyUnavailable, Reason, UpstreamError
from gateway.links.asker import Asker, ServerRefused
from gateway.links.locked import in_words
from gateway.links.premises import is_quiet
from gateway.links.server import Credentials, ServerAddress, open_connection
from gateway.model import Complaint
from gateway.pgwire.messages import SYNC, decode_fields, encode_parse, encode_query
from gateway.search_path import assignment, pinned
from gateway.sql.named import Names

Messages = list[tuple[int, bytes]]

# The server's own complaint about a statement, told to the person as it is. Others are troubles of the twin's.
_COMPLAINT_CLASSES: Final = frozenset({"42", "22", "0A", "3F", "3D", "54"})
LOCK_TIMEOUT: Final = "55P03"
_TIMEOUT_STATES: Final = frozenset({LOCK_TIMEOUT, "57014"})
_TOLD_FIELDS: Final = "SVCMDHPsctdn"
_TREE_ROUTINE: Final = "elog_node_display"  # `R` names the routine, in every language of the server


@dataclass(slots=True)
class _Analyst:
    """One connection."""

    asker: Asker
    path: str


class Analysts:
    """Idle connections of every profile, opened as they are needed."""

    def __init__(
        self,
        datasource: Datasource,
        *,
        address: ServerAddress,
        credentials: Credentials,
        tree_bytes: int,
        nonce: Callable[[], str],
    ) -> None:
        self._datasource = datasource
        self._settings = datasource.twin
        self._address = address
        self._credentials = credentials
        self._tree_bytes = tree_bytes
        self._nonce = nonce
        self.roles = {profile.name: profile.role for profile in datasource.profiles}
        self.own_path = pinned(datasource.search_path)
        self._idle: dict[str, list[_Analyst]] = {name: [] for name in self.roles}

    def close(self) -> None:
        """Close those that are idle; one that is asked just now is closed by whoever asks."""
        for idle in self._idle.values():
            for analyst in idle:
                analyst.asker.close()
            idle.clear()

    async def ask(self, profile: str, text: str, types: tuple[int, ...], path: str | None, seconds: float) -> Messages:
        """What the server answers to one Parse under ``path`` (None: the datasource's own). Raises UpstreamError."""
        path = self.own_path if path is None else path
        analyst = await self._take(profile, path)
        request = encode_parse(b"", text.encode(), types) + SYNC
        if analyst.path == path:
            messages = await analyst.asker.exchange(request, seconds)
        else:
            # A transaction of its own: the Parse may fail, and the path must be what it is remembered to be.
            request = encode_query(assignment(path).encode()) + request
            both = await analyst.asker.exchange(request, seconds, answers=2)
            first = next(place for place, (kind, _) in enumerate(both) if kind == ord("Z"))
            if sqlstate(both[:first]) is not None:
                analyst.asker.close()
                raise UpstreamError(Reason.TWIN_UNAVAILABLE, "the database refused the session's search_path")
            messages, analyst.path = both[first + 1 :], path
        self._idle[profile].append(analyst)
        return messages

    async def open(self, profile: str) -> None:
        """Have one idle connection more. Raises UpstreamError, LoginRefused."""
        self._idle[profile].append(await self._open(profile))

    async def _take(self, profile: str, path: str) -> _Analyst:
        idle = self._idle[profile]
        idle[:] = [analyst for analyst in idle if not analyst.asker.closed]
        if not idle:
            return await self._open(profile)
        fitting = (place for place in reversed(range(len(idle))) if idle[place].path == path)
        return idle.pop(next(fitting, -1))

    async def _open(self, profile: str) -> _Analyst:
        settings = {
            "application_name": "sekisho twin",
            "search_path": self.own_path,
            "statement_timeout": str(self._settings.statement_timeout_ms),
            "lock_timeout": str(self._settings.lock_timeout_ms),
            "role": self.roles[profile],
            "client_min_messages": "log",
            "debug_print_rewritten": "on",
            "debug_pretty_print": "off",
        }
        connection = await open_connection(self._address, self._credentials, settings, self._nonce)
        asker = Asker(connection, answer_limit=2 * self._tree_bytes)
        try:
            # A role's setting may have changed since the last look; it counts for sessions that begin after it.
            level = (await asker.rows("SHOW log_min_messages", timeout(self._datasource)))[0][0]
        except ServerRefused as error:
            asker.close()
            raise UpstreamError(Reason.TWIN_UNAVAILABLE, "the database refused a question of the twin's") from error
        if not is_quiet(self._datasource, level):
            asker.close()
            raise UpstreamError(Reason.TWIN_UNAVAILABLE, "analysed statements would reach the server's log")
        return _Analyst(asker, self.own_path)


def timeout(datasource: Datasource) -> float:
    """Seconds after which an answer of the twin's server is waited for no longer."""
    return datasource.twin.statement_timeout_ms / 1000 + 1.0


def sqlstate(messages: Messages) -> str | None:
    """Of the error among messages, if there is one."""
    return next((decode_fields(body).get("C") for kind, body in messages if kind == ord("E")), None)


def read_answer(messages: Messages, relations: Names) -> tuple[tuple[str, ...], Complaint | None]:
    """Trees, or the server's complaint. Raises PolicyUnavailable for what is a trouble of the twin's."""
    trees: list[str] = []
    parsed = False
    for kind, body in messages:
        if kind == ord("N"):
            fields = decode_fields(body)
            if fields.get("R") == _TREE_ROUTINE and "D" in fields:
                trees.append(fields["D"])
        elif kind == ord("1"):
            parsed = True
        elif kind == ord("E"):
            return (), _complaint(decode_fields(body), relations)
    return (tuple(trees) if parsed else ()), None


def _complaint(fields: Mapping[str, str], relations: Names) -> Complaint:
    state = fields.get("C", "")
    if state == LOCK_TIMEOUT and relations:
        raise PolicyUnavailable(Reason.TWIN_TIMEOUT, f"{locked_words(relations)}; the analysis gave up")
    if state in _TIMEOUT_STATES:
        raise PolicyUnavailable(Reason.TWIN_TIMEOUT, "the analysis waited too long for a lock")
    if state[:2] not in _COMPLAINT_CLASSES:
        raise PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the analysis twin could not analyse the statement")
    return Complaint(sqlstate=state, fields=tuple((code, fields[code]) for code in _TOLD_FIELDS if code in fields))


def locked_words(relations: Names) -> str:
    """Why a statement that names these is not analysed."""
    return f"waiting for a lock on {in_words(relations)}, which somebody else holds or waits for"
