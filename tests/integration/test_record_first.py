"""The record is written before a byte moves: seen from the kernel's side, in the system calls of a real gateway."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from gateway.audit.hashing import StatementHash
from gateway.config_load import load
from gateway.demo.characters import LI, SATO, Character
from gateway.links.sources import hash_key
from tests.houses import Apart, House
from tests.integration.traces import Call, Trace, traced
from tests.servers import require_tool

pytestmark = pytest.mark.integration

WRITTEN = "SELECT count(*) FROM stickers WHERE id < {mark}"
PEOPLE = "SELECT name FROM users WHERE id = {mark}"
CHANGE = "UPDATE users SET country = country WHERE id = {mark}"
FLAG = "UPDATE feature_flags SET enabled = enabled WHERE key = '{mark}'"
FIRST = 7 * 10**18  # a number that stands in one text and no other
TIMES = 3  # the first one is recorded in full, and the others are further executions of it
SYNCED = (PEOPLE, CHANGE, FLAG)


@dataclass(frozen=True, slots=True)
class One:
    """A text, asked for several times by one person, either simply or prepared with a parameter."""

    form: str
    mark: int
    prepared: bool

    @property
    def text(self) -> str:
        return self.form.format(mark=self.mark) + (" AND 0 < $1" if self.prepared else "")

    def parameter(self, time: int) -> int:
        return self.mark + 1000 * (time + 1)

    def ask(self, connection: psycopg.Connection) -> None:
        text = self.text.replace("$1", "%t")  # as text: the trace is to show it
        for time in range(TIMES):
            parameters = (self.parameter(time),) if self.prepared else None
            connection.execute(text, parameters, prepare=self.prepared)  # type: ignore[arg-type]

    def sent(self, trace: Trace) -> list[Call]:
        """Each time that it went to the server, which is reached by a Unix socket, and clients are not."""
        if not self.prepared:
            return trace.to("UNIX-STREAM", str(self.mark))
        return [trace.to("UNIX-STREAM", str(self.parameter(time)))[0] for time in range(TIMES)]


def _texts(first: int, forms: tuple[str, ...] = (WRITTEN, *SYNCED)) -> list[One]:
    return [
        One(form, first + 10 * place + prepared, bool(prepared))
        for place, form in enumerate(forms)
        for prepared in (0, 1)
    ]


def _ask(house: House, texts: list[One]) -> None:
    with house.connect(SATO) as connection:
        for one in texts:
            one.ask(connection)


def _be_denied(house: House, who: Character, texts: list[One]) -> None:
    with house.connect(who) as connection:
        for one in texts:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                one.ask(connection)


def test_an_entry_is_on_disk_or_in_the_kernel_before_its_statement_goes_on(apart: Apart, tmp_path: Path) -> None:
    strace = require_tool("strace")
    house, start = apart
    process = start()
    _ask(house, _texts(FIRST))  # from here on the twin need not be asked: what goes to the server is to be executed
    _be_denied(house, LI, _texts(FIRST + 10**4, (PEOPLE,)))
    asked = [_texts(FIRST + 10**6 * person) for person in range(1, 4)]
    denied = _texts(FIRST + 10**7, (PEOPLE,))
    with traced(strace, process.pid, tmp_path / "trace") as trace:
        clients = [threading.Thread(target=_ask, args=(house, texts)) for texts in asked]
        for client in clients:
            client.start()
        _be_denied(house, LI, denied)
        for client in clients:
            client.join()
    recorded = _recorded(house, [*denied, *(one for texts in asked for one in texts)])
    ways = set()
    for one in (one for texts in asked for one in texts):
        entries, sent = recorded[one.text], one.sent(trace)
        assert len(entries) == len(sent) == TIMES, one
        for (decision_id, kind), upstream in zip(entries, sent, strict=True):
            entry = trace.to(".jsonl", rf"\"decision_id\":\"{decision_id}\"")[0]
            assert entry.returned < upstream.began, "in the kernel before a byte goes on"
            if one.form in SYNCED:
                assert any(_between(entry, upstream, trace)), "on disk before a byte goes on"
            ways.add((one.form in SYNCED, one.prepared, kind))
    assert len(ways) == 8, "each class, simple and prepared, first and further executions"
    for one in denied:
        assert recorded[one.text]
        assert not trace.to("UNIX-STREAM", str(one.mark))


def _recorded(house: House, asked: list[One]) -> dict[str, list[tuple[str, str]]]:
    """Decisions about each text, in their order: id, and kind of entry."""
    hashed = StatementHash(hash_key(load(house.layout.config, {}))).of
    texts = {hashed(one.text): one.text for one in asked}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    full: dict[str, str] = {}
    for entry in house.entries():
        kind = entry["kind"]
        if kind == "decision":
            full[entry["decision_id"]] = entry["statement"]["hash"]
        if kind in ("decision", "repeat"):
            of = entry.get("statement_hash") or full[entry.get("of", entry["decision_id"])]
            if of in texts:
                found[texts[of]].append((entry["decision_id"], kind))
    return found


def _between(entry: Call, upstream: Call, trace: Trace) -> Iterator[bool]:
    """Syncs of the entry's segment that began after it was written and had returned before the statement went on."""
    for call in trace.to(".jsonl"):
        if call.name == "fdatasync" and call.file == entry.file and call.text.endswith("= 0"):
            yield entry.returned < call.began and call.returned < upstream.began
