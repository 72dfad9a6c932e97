"""The desk: profiles, refusals, durability, readiness; with a real record and real metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from gateway.audit import record
from gateway.audit.verify import iter_entries, verify
from gateway.audit.writer import RecordWriter
from gateway.config import Limits
from gateway.demo.characters import SATO
from gateway.doors.desk import Desk
from gateway.errors import AuthenticationError, Reason, RecordUnavailable
from gateway.metrics import LoginMethod, Metrics
from gateway.model import Door, Durability, Peer
from tests.houses import House


class Place:
    """What of a desk the tests here need; the rest is `house`'s business."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.recorder = RecordWriter.open(directory, segment_bytes=1 << 20, writer="gateway")
        self.metrics = Metrics(CollectorRegistry(), rules={}, datasources=[], incomplete_codes=[], version="0")
        self.troubles: list[str] = []

    def desk(self, loop: asyncio.AbstractEventLoop) -> Desk:
        from types import SimpleNamespace

        nothing = cast(Any, None)
        config = SimpleNamespace(
            datasources=(),
            services=(),
            callers=(),
            issuers=(),
            service_users=None,
            certificates=None,
            limits=Limits(refusals_per_address=20),
        )
        return Desk(
            config=cast(Any, config),
            resolved={"a": 1},
            authority=nothing,
            world=nothing,
            verifier=nothing,
            resolver=nothing,
            recorder=self.recorder,
            metrics=self.metrics,
            loop=loop,
            troubles=lambda: self.troubles,
        )

    def run(self, work: Callable[[Desk], Any]) -> Any:
        async def call() -> Any:
            found = work(self.desk(asyncio.get_running_loop()))
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run(call())

    def entries(self) -> list[Any]:
        return [one for one in iter_entries(self.directory) if one["kind"] == "event"]

    def logins(self, result: Reason) -> float | None:
        return self.metrics.registry.get_sample_value("sekisho_logins_total", {"method": "token", "result": result})

    def denials(self, reason: Reason) -> float | None:
        labels = {"door": "postgres", "layer": "none", "rule": "none", "reason": reason}
        return self.metrics.registry.get_sample_value("sekisho_denials_total", labels)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path / "record")
    yield found
    found.recorder.close()


def test_a_refused_login_is_recorded_with_what_the_client_said_of_itself(place: Place):
    peer = Peer(address="203.0.113.7", via_edge=True, site=None)
    place.run(
        lambda desk: desk.login_refused(peer, Reason.TOKEN_EXPIRED, "too old", {"user": "sato"}, LoginMethod.TOKEN)
    )
    (entry,) = place.entries()
    assert (entry["event"], entry["reason"], entry["detail"]) == ("login_refused", "token_expired", "too old")
    assert entry["peer"] == {"address": "203.0.113.7", "site": None, "via_edge": True}
    assert entry["attribution"] == {"user": "sato"}
    assert (entry["method"], entry["suppressed"]) == ("token", None)
    assert place.logins(Reason.TOKEN_EXPIRED) == 1


@pytest.mark.parametrize(
    "reason",
    [
        Reason.TOKEN_MISSING,
        Reason.DATASOURCE_UNKNOWN,
        Reason.PROTOCOL_VERSION_REFUSED,
        Reason.LIMIT_EXCEEDED,
        Reason.UPSTREAM_UNAVAILABLE,
        Reason.SHUTTING_DOWN,
        Reason.INTERNAL,
        Reason.RECORD_UNAVAILABLE,
    ],
)
def test_every_refused_login_counts_as_a_login_and_its_series_is_there_before(place: Place, reason: Reason):
    assert place.logins(reason) == 0
    place.run(lambda desk: desk.login_refused(Peer(address=None), reason, "", {}, LoginMethod.TOKEN))
    assert place.logins(reason) == 1


def test_a_flood_of_refused_logins_is_counted_and_its_count_recorded(place: Place):
    def flood(desk: Desk) -> None:
        for address in ["203.0.113.7"] * 50 + ["203.0.113.8"]:
            desk.login_refused(Peer(address=address), Reason.TOKEN_EXPIRED, "", {}, LoginMethod.TOKEN)
        desk.stop()

    place.run(flood)
    entries = place.entries()
    assert [entry["reason"] for entry in entries] == ["token_expired"] * 21 + ["limit_exceeded"]
    assert entries[20]["peer"]["address"] == "203.0.113.8", "a flood holds up nobody else's entry"
    assert (entries[-1]["suppressed"], entries[-1]["peer"]["address"]) == (30, "203.0.113.7")
    assert place.logins(Reason.TOKEN_EXPIRED) == 51, "every one is counted"
    assert place.metrics.registry.get_sample_value("sekisho_refusals_suppressed_total") == 30


def test_a_request_refused_at_another_door(place: Place):
    place.run(lambda desk: desk.refused(Door.HTTP, Reason.TOKEN_EXPIRED, "10.0.0.1", ""))
    place.run(lambda desk: desk.refused(Door.HTTP, Reason.REQUEST_INVALID, None, "no sql"))
    assert [entry["reason"] for entry in place.entries()] == ["token_expired", "request_invalid"]
    assert place.logins(Reason.TOKEN_EXPIRED) == 1
    assert place.denials(Reason.REQUEST_INVALID) == 0, "another door's"


def test_an_event_is_on_disk_when_it_returns(place: Place):
    place.run(lambda desk: desk.event(record.Event.SESSION_OPEN, session="s-1", door=Door.POSTGRES))
    assert [entry["session"] for entry in place.entries()] == ["s-1"]
    assert verify(place.directory).ok


def test_what_cannot_be_recorded_raises_and_what_nobody_waits_for_is_logged(
    place: Place, caplog: pytest.LogCaptureFixture
):
    place.recorder.close()
    entry = record.session_entry(record.Event.SESSION_CLOSE, at_ns=time.time_ns())
    with pytest.raises(RecordUnavailable):
        place.run(lambda desk: desk.durable(entry, Durability.SYNCED))
    place.run(lambda desk: desk.note(entry))
    assert [one.message for one in caplog.records] == ["entry_not_written"]


def test_readiness_is_false_only_for_what_another_replica_heals(place: Place):
    assert place.run(lambda desk: desk.ready()) == (True, [])
    place.troubles.append("datasource messenger: gone")
    assert place.run(lambda desk: desk.ready()) == (True, ["datasource messenger: gone"])

    def draining(desk: Desk) -> tuple[bool, list[str]]:
        desk.draining = True
        return desk.ready()

    assert place.run(draining) == (False, ["draining", "datasource messenger: gone"])
    place.recorder.close()
    assert place.run(lambda desk: desk.ready())[0] is False


def test_a_desk_whose_loop_turns_is_alive(place: Place):
    def work(desk: Desk) -> bool:
        desk.start()
        try:
            return desk.alive()
        finally:
            desk.stop()

    assert place.run(work)
    assert place.run(lambda desk: desk.resolved_config()) == {"a": 1}


def test_a_datasource_nobody_configured(house: House):
    assert house.application is not None
    desk = house.application.desk
    with pytest.raises(AuthenticationError) as caught:
        desk.choose_profile("elsewhere", desk.verify_token(house.token(SATO)))
    assert caught.value.reason is Reason.DATASOURCE_UNKNOWN
