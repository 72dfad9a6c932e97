"""Durability `remote` with three workers: what each of them lets through is in the sink first, by its own chain."""

from __future__ import annotations

import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.audit.verify import verify
from gateway.demo.database import Database
from gateway.demo.serving import await_ready
from tests.crews import Crew, Session
from tests.integration.postgres_wire import until
from tests.receivers import Receiver

pytestmark = pytest.mark.integration

WORKERS = (1, 2, 3)
WAIT_MS = 6_000  # that a statement waits for the sink; who is denied in this test for that waits as long
CHANGE = "UPDATE users SET country = country WHERE id = {id}"


class Gate(threading.Event):
    """Lets the sink's answers go one by one."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set() or self._turns.acquire(timeout=timeout)

    def one(self) -> None:
        self._turns.release()


class Remote:
    """The crew, a session at each of its workers, and the sink they wait for."""

    def __init__(self, root: Path, database: Database, kept: list[Session]) -> None:
        self.receiver = Receiver()
        self.admin = database.connect()
        log = {"name": "log", "http": {"url": self.receiver.url("/logs")}, "timeout_ms": 60_000}
        record = {"name": "tokyo", "sinks": [log], "remote": {"sink": "log", "timeout_ms": WAIT_MS}}
        self.crew = Crew(root, database, {"record": record}, workers=len(WORKERS))
        self._kept = kept

    def begin(self) -> None:
        self.crew.start()
        await_ready(self.crew, f"{self.crew.house.http}/readyz")
        self.sessions = {number: self.crew.session(number, self._kept) for number in WORKERS}
        for number in WORKERS:
            self.change(number)

    def change(self, number: int) -> None:
        """Each worker changes a row of its own."""
        self.sessions[number].execute(CHANGE.format(id=number))  # type: ignore[arg-type]

    def version(self, number: int) -> Any:
        return self.admin.execute("SELECT xmin FROM users WHERE id = %s", (number,)).fetchone()

    def refused(self, number: int) -> str:
        """What is said of a statement that must not reach the database."""
        before = self.version(number)
        with pytest.raises(psycopg.errors.IoError, match="record_unavailable") as refused:  # 58030
            self.change(number)
        assert self.version(number) == before
        return str(refused.value)

    def written(self, number: int) -> int:
        """Executions that this worker's chain has."""
        chain = f"gateway-{number}"
        files = self.crew.house.layout.record.glob(f"{chain}.*.jsonl")
        return sum(path.read_bytes().count(b'"kind":"repeat"') for path in files)

    def seqs(self) -> dict[str, set[int]]:
        """Of each chain what the sink has."""
        found: dict[str, set[int]] = defaultdict(set)
        for event in self.receiver.events():
            place = event["custom"]["sekisho"]
            found[place["writer"]].add(place["seq"])
        return found


@pytest.fixture
def remote(messenger: Database) -> Iterator[Remote]:
    kept: list[Session] = []
    with tempfile.TemporaryDirectory(prefix="sekisho-remote-") as directory:
        made = Remote(Path(directory), messenger, kept)
        try:
            made.begin()
            yield made
        finally:
            made.receiver.slow.set()
            for session in kept:
                session.close()
            made.crew.stop()
            made.receiver.close()
            made.admin.close()


def test_each_workers_statements_wait_for_its_own_entries(remote: Remote) -> None:
    with ThreadPoolExecutor(len(WORKERS)) as people:
        _one_after_the_other(remote, people)
    _too_slow(remote)
    _killed_and_back(remote)
    remote.crew.stop()
    has = remote.seqs()
    assert {f"gateway-{number}" for number in WORKERS} <= has.keys()
    for number in WORKERS:
        found = has[f"gateway-{number}"]
        assert found == set(range(max(found) + 1))  # some twice, and none missing
    report = verify(remote.crew.house.layout.record)
    assert report.ok
    assert report.entries == sum(map(len, has.values()))


def _one_after_the_other(remote: Remote, people: ThreadPoolExecutor) -> None:
    """The sink holds back what it says: of the first worker's entry, then of the second's."""
    until(lambda: remote.crew.metric("record_spool_bytes", sink="log") == 0, seconds=30)
    remote.receiver.slow = gate = Gate()
    before = {number: remote.version(number) for number in WORKERS}
    asked, first = remote.receiver.asked, people.submit(remote.change, 1)
    until(lambda: remote.receiver.asked == asked + 1)
    written = remote.written(2)
    second = people.submit(remote.change, 2)
    until(lambda: remote.written(2) > written)  # in its chain, and not in what the sink is thinking about
    assert _none_done(first, second)
    gate.one()
    first.result(30)
    until(lambda: remote.receiver.asked == asked + 2)
    assert _none_done(second)
    assert remote.version(2) == before[2], "the sink has the other's"
    gate.one()
    second.result(30)
    gate.set()
    assert remote.version(1) != before[1]
    assert remote.version(2) != before[2]
    assert remote.version(3) == before[3]


def _none_done(*waiting: Future[None]) -> bool:
    return not any(one.done() for one in waiting)


def _too_slow(remote: Remote) -> None:
    gate = remote.receiver.slow = Gate()
    with ThreadPoolExecutor(len(WORKERS)) as people:
        told = list(people.map(remote.refused, WORKERS))
    assert all("did not acknowledge the entry in time" in one for one in told)
    gate.set()
    _works_again(remote)


def _killed_and_back(remote: Remote) -> None:
    taken, port = list(remote.receiver.posts), remote.receiver.port
    remote.receiver.close()
    for number in WORKERS:
        remote.refused(number)
    until(lambda: all("takes no entries" in remote.refused(number) for number in WORKERS))
    remote.receiver = Receiver(port=port)
    remote.receiver.posts = taken
    _works_again(remote)


def _works_again(remote: Remote) -> None:
    """At every worker, by itself."""
    for number in WORKERS:

        def works(number: int = number) -> bool:
            before = remote.version(number)
            try:
                remote.change(number)
            except psycopg.errors.IoError:
                return False
            return bool(remote.version(number) != before)

        until(works, seconds=60)
