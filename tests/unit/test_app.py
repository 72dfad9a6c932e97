"""The composition root: what it starts it ends, what it cannot start it says, and files that change count at once."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import socket
import time
import urllib.request
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvloop

from gateway.app import Application
from gateway.audit.verify import verify
from gateway.config_load import load
from gateway.demo.characters import LI, SATO
from gateway.doors.postgres import PostgresDoor
from gateway.errors import ConfigError
from gateway.links import watch
from gateway.links.sources import packaged_policies
from gateway.links.volume_file import NAME
from gateway.model import EntityId
from tests.houses import House

PHONES = "SELECT phone FROM users WHERE id = 4"


def until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def alone(tmp_path: Path) -> House:
    """A house without a database: its twin is down, and all else works."""
    return House(tmp_path, None)


def application(house: House) -> Application:
    return Application(load(house.layout.config, {}))


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def refused(house: House) -> list[str]:
    async def work() -> list[str]:
        with pytest.raises(ConfigError) as caught:
            await application(house).start()
        left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, "a start that failed leaves nothing running"
        return list(caught.value.problems)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


# -- start and stop -------------------------------------------------------------------------------------------------


def test_it_starts_and_stops_twice_on_one_folder(alone):
    async def work() -> None:
        one = application(alone)
        for _ in range(2):
            await one.start()
            assert one.desk.ready()[0]
            await one.stop()
        other = application(alone)
        await other.start()
        await other.stop()
        await other.stop()  # nothing left: nothing to do

    run(work)

    assert [entry["event"] for entry in alone.entries("event")] == ["gateway_start", "gateway_stop"] * 3
    assert verify(alone.layout.record).ok


def test_it_is_ready_when_all_doors_are_open_and_not_before(alone, monkeypatch):
    """/readyz answers as soon as its own door is open: whoever knocks at another one then must not find it closed."""
    one, start, seen = application(alone), PostgresDoor.start, []

    async def watched(door: PostgresDoor) -> None:
        seen.append(one.desk.ready())
        await start(door)

    monkeypatch.setattr(PostgresDoor, "start", watched)

    async def work() -> None:
        await one.start()
        assert one.desk.ready()[0]
        await one.stop()

    run(work)
    ((ready, why),) = seen
    assert not ready
    assert why[0] == "not all doors are open yet"


def test_a_whole_record_with_start_and_stop_around_everything(new_house):
    house = new_house()
    with house.connect(SATO) as connection:
        assert connection.execute(PHONES).fetchall()
    house.stop()

    events = [entry for entry in house.entries() if entry["kind"] in ("event", "decision")]
    assert (events[0]["event"], events[-1]["event"]) == ("gateway_start", "gateway_stop")
    assert "decision" in {entry["kind"] for entry in events}
    report = verify(house.layout.record)
    assert report.ok
    assert not report.torn_tails


def test_two_gateways_on_one_record_are_one_too_many(alone, tmp_path):
    async def work() -> None:
        one = application(alone)
        await one.start()
        with pytest.raises(ConfigError) as caught:
            await application(alone).start()
        assert one.desk.recorder.healthy
        await one.stop()
        (problem,) = caught.value.problems
        assert problem == (
            f"record.directory: {alone.layout.record} is in use by another gateway; each one needs a folder of its own"
        )

    run(work)


def test_what_cannot_be_used_is_listed_whole(alone):
    people = alone.layout.registry / "people.yaml"
    people.write_text(people.read_text().replace("entity: line-cn", "entity: nobody"))
    alone.layout.jwks.write_text("{}")

    found = refused(alone)

    assert any("nobody" in one for one in found)
    assert any("JSON Web Key Set" in one for one in found)
    assert list(alone.layout.record.iterdir()) == [], "nothing was begun"


@pytest.mark.parametrize("door", ["postgres", "grpc", "http"])
def test_a_port_in_use_is_a_problem_with_its_address(alone, door):
    port = {"postgres": alone.ports.edge, "grpc": alone.ports.grpc, "http": alone.ports.http}[door]
    with socket.create_server(("127.0.0.1", port)):
        (problem,) = refused(alone)

    assert problem.startswith(f"listeners.{door}")
    assert str(port) in problem
    assert [entry["event"] for entry in alone.entries("event")] == ["gateway_start", "gateway_stop"]
    assert verify(alone.layout.record).ok

    run(lambda: _start_and_stop(alone))  # the port is free again, and so is everything else


async def _start_and_stop(house: House) -> None:
    one = application(house)
    await one.start()
    await one.stop()


def test_the_hash_key_is_its_owners_only(alone):
    run(lambda: _start_and_stop(alone))
    assert (alone.layout.record / "hash.key").stat().st_mode & 0o777 == 0o600


# -- volume ---------------------------------------------------------------------------------------------------------


def test_what_went_out_is_known_after_a_restart(new_house):
    house = new_house()
    with house.connect(SATO) as connection:
        assert len(connection.execute("SELECT phone FROM users LIMIT 7").fetchall()) == 7
    house.stop()

    counts = json.loads((house.layout.record / NAME).read_text())["counts"]
    assert sum(one["rows"] for one in counts) == 7

    house.start()
    assert house.application is not None
    volume = house.application.desk.authority._volume
    (key,) = {(one["controller"], one["entity"]) for one in counts}
    assert volume.rows(EntityId(key[0]), EntityId(key[1]), int(time.time())).rows == 7
    assert verify(house.layout.record).ok


def test_counts_that_cannot_be_read_stop_the_start(alone):
    path = alone.layout.record / NAME
    path.write_text('{"window": "P1D"\n')
    (problem,) = refused(alone)
    assert problem.startswith(f"{path}:2: not JSON")


# -- files that change ----------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.02)


def revision(house: House) -> str:
    assert house.application is not None
    registry = house.application.desk.metrics.registry
    while True:
        family = next(one for one in registry.collect() if one.name == "sekisho_policy_info")
        now = [sample.labels["revision"] for sample in family.samples if sample.value == 1]
        if now:  # none while one is taken down for the next
            (only,) = now
            return only


def test_a_changed_rule_counts_from_the_next_decision_on(new_house, tmp_path, quick, caplog):
    policies = tmp_path / "policies"
    shutil.copytree(packaged_policies(), policies)
    house = new_house({"policy": {"directory": str(policies)}})
    rule = policies / "law" / "jp_appi" / "provision.rego"
    words = "is a third party in a foreign country that users"
    before = revision(house)

    def denial(connection: psycopg.Connection) -> str:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(PHONES)
        return str(caught.value)

    with house.connect(LI) as connection:
        assert words in denial(connection)
        rule.write_text(rule.read_text().replace(words, "is somebody elsewhere whom users"))
        until(lambda: revision(house) != before)
        assert "is somebody elsewhere whom users" in denial(connection), "the session is the same, the rule is not"
        decisions = house.entries("decision")
        assert decisions[-1]["revision"] == revision(house) != before

        running = revision(house)
        rule.write_text(rule.read_text() + "\nbroken {\n")
        until(lambda: any(record.message == "reload_refused" for record in caplog.records))
        assert revision(house) == running
        assert "is somebody elsewhere whom users" in denial(connection)


def test_a_changed_registry_counts_from_the_next_decision_on(new_house, quick):
    """The engineer's employer changes: what was denied is allowed, over the same session."""
    house = new_house()
    people = house.layout.registry / "people.yaml"
    before = revision(house)
    with house.connect(LI, site="tokyo-hq") as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(PHONES)
        text = (
            people.read_text().replace("entity: line-cn", "entity: line-jp").replace("residence: CN", "residence: JP")
        )
        people.write_text(text)
        until(lambda: revision(house) != before)
        assert connection.execute(PHONES).fetchall()


def test_a_registry_that_lost_a_place_of_the_configuration_is_refused(new_house, quick, caplog):
    caplog.set_level(logging.ERROR)
    house = new_house()
    before = revision(house)
    networks = house.layout.registry / "networks.yaml"
    networks.write_text(networks.read_text().replace("id: seoul-office", "id: busan-office"))

    until(lambda: any(record.message == "reload_refused" for record in caplog.records))

    (record,) = [record for record in caplog.records if record.message == "reload_refused"]
    assert record.what == "registry"
    assert any("site seoul-office is not in the registry" in problem for problem in record.problems)
    assert revision(house) == before

    ready = told(house, "/readyz")
    assert ready["ready"] is True, "another replica would have the same folder"
    assert any(text.startswith("registry: a newer version is refused for ") for text in ready["problems"])
    data = told(house, "/v1/config")["data"]["registry"]
    assert any("site seoul-office is not in the registry" in problem for problem in data["problems"])
    assert data["changed_at"] is not None
    metrics = house.application.desk.metrics.registry
    assert metrics.get_sample_value("sekisho_data_refused_seconds", {"dataset": "registry"}) > 0
    assert metrics.get_sample_value("sekisho_data_refused_seconds", {"dataset": "policy"}) == 0
    assert metrics.get_sample_value("sekisho_data_age_seconds", {"dataset": "policy"}) > 0
    assert metrics.get_sample_value("sekisho_registry_edited") == 1


def told(house, path):
    with urllib.request.urlopen(f"{house.http}{path}", timeout=10) as answer:
        return json.load(answer)
