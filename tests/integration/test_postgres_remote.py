"""Durability `remote` through the postgres door: a sink has the entry before the database has the statement."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from gateway.audit.verify import verify
from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from tests.houses import House
from tests.integration.postgres_wire import until
from tests.receivers import Receiver

pytestmark = pytest.mark.integration

CHANGE = "UPDATE users SET country = country WHERE id = 1"
VERSION = "SELECT xmin FROM users WHERE id = 1"


class Remote:
    """A house whose statements wait for a log server."""

    def __init__(self, new_house: Callable[..., House], database: Database) -> None:
        self.receiver = Receiver()
        self.database = database
        log = {"name": "log", "http": {"url": self.receiver.url("/logs")}, "timeout_ms": 300}
        self.house = new_house(
            settings={
                "record": {"name": "tokyo", "sinks": [log], "remote": {"sink": "log", "timeout_ms": 1500}},
            }
        )

    def version(self) -> Any:
        with self.database.connect() as admin:
            return admin.execute(VERSION).fetchone()

    def refused(self, connection: psycopg.Connection[Any], sql: str = CHANGE) -> psycopg.Error:
        """What a statement is told that must not reach the database."""
        before = self.version()
        with pytest.raises(psycopg.Error) as refused:
            connection.execute(sql)  # type: ignore[arg-type]
        assert self.version() == before
        return refused.value

    def works_again(self, connection: psycopg.Connection[Any]) -> None:
        """By itself."""

        def works() -> bool:
            before = self.version()
            try:
                connection.execute(CHANGE)  # type: ignore[arg-type]
            except psycopg.errors.IoError:  # 58030
                return False
            return self.version() != before

        until(works, seconds=30)

    def decisions(self) -> list[str]:
        """Ids of what it has in full or as a repeat."""
        events = self.receiver.events()
        return [event["decision_id"] for event in events if event["path"].split("/")[-1] in ("decision", "repeat")]

    def seqs(self) -> list[int]:
        return [event["custom"]["sekisho"]["seq"] for event in self.receiver.events()]


@pytest.fixture
def remote(new_house: Callable[..., House], messenger: Database) -> Iterator[Remote]:
    made = Remote(new_house, messenger)
    yield made
    made.receiver.close()


def test_a_sink_that_is_there_slow_refusing_killed_and_back(remote: Remote) -> None:
    house = remote.house
    with house.connect(SATO) as connection, house.connect(LI) as stranger:
        connection.execute(CHANGE)  # type: ignore[arg-type]
        allowed = [entry for entry in house.entries("decision") if entry["effect"] == "allow"]
        assert allowed[-1]["decision_id"] in remote.decisions()
        for _ in range(5):  # the short way, too
            connection.execute(CHANGE)  # type: ignore[arg-type]
        repeats = [entry["decision_id"] for entry in house.entries("repeat")]
        assert set(repeats) <= set(remote.decisions())
        assert house.metric("sekisho_record_remote_waits_total", result="acknowledged") >= 6

        remote.receiver.slow.clear()
        slow = remote.refused(connection)
        assert slow.sqlstate == "58030"
        assert "record_unavailable" in str(slow)
        # What the record says of the one that was allowed, and did not go on.
        ends = {entry["decision_id"]: entry for entry in house.entries("completion")}
        assert any(entry["sqlstate"] == "58030" and entry["rows"] == 0 for entry in ends.values())
        remote.receiver.slow.set()
        remote.works_again(connection)

        remote.receiver.answers = [(503, {}, b"")]
        assert remote.refused(connection).sqlstate == "58030"
        until(lambda: house.metric("sekisho_record_sink_failures_total", sink="log", reason="throttled") >= 1)
        until(lambda: _quickly(remote, connection))  # known to take nothing: nobody waits
        denied = remote.refused(stranger, "SELECT phone FROM users")
        assert denied.sqlstate == "42501"  # a denial is one for its own reason
        assert house.metric("sekisho_record_spool_bytes", sink="log") > 0
        remote.receiver.answers = [(200, {}, b"")]
        remote.works_again(connection)

        taken, port = list(remote.receiver.posts), remote.receiver.port
        remote.receiver.close()
        assert remote.refused(connection).sqlstate == "58030"
        remote.receiver = Receiver(port=port)
        remote.receiver.posts = taken
        remote.works_again(connection)
    house.stop()
    seqs = remote.seqs()
    assert set(seqs) == set(range(max(seqs) + 1))  # duplicates, and no gap
    assert max(seqs) == house.entries()[-1]["seq"]
    assert verify(house.layout.record).ok


def _quickly(remote: Remote, connection: psycopg.Connection[Any]) -> bool:
    began = time.monotonic()
    remote.refused(connection)
    return time.monotonic() - began < 0.2
