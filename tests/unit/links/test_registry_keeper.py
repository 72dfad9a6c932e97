"""The running registry: each part is read by itself, and none brings back what another has replaced."""

from __future__ import annotations

import asyncio
import logging
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet
from prometheus_client import CollectorRegistry

from gateway.config import Config
from gateway.config_load import load
from gateway.errors import ConfigError
from gateway.facts.admin_blocks import FILE
from gateway.facts.control import OwnershipTest
from gateway.facts.folder import seal
from gateway.facts.registry import FILES, Registry, load_registry
from gateway.links import registry_keeper
from gateway.links.freshness import Freshness
from gateway.links.registry_keeper import RegistryKeeper
from gateway.links.sources import load_sources, registry_of, registry_signature
from gateway.links.tasks import TaskGroup
from gateway.metrics import Dataset, Metrics
from gateway.model import Country
from gateway.policy.metadata import rule_table
from tests.houses import House

KEPT = 'next: 2\nblocks: [{id: admin-1, country: CN, by: "os:ann", at: "2026-11-22T09:00:00Z"}]\n...\n'


def database(path: Path, country: str) -> None:
    writer = MMDBWriter(database_type="Test-Country")
    writer.insert_network(IPSet(["8.8.8.0/24"]), {"country": {"iso_code": country}})
    part = path.with_name("part")
    writer.to_db_file(str(part))
    part.replace(path)


class World:
    def __init__(self, config: Config) -> None:
        sources = load_sources(config)
        self.config = config
        self.registry: Registry = sources.registry
        self.folder = config.registry.directory
        self.admin = config.record.directory / FILE
        rules = rule_table(sources.bundle.modules, sources.bundle.data)
        self.keeper = RegistryKeeper(
            config, sources, running=lambda: self.registry, rules=lambda: rules, swap=self.swap
        )
        self.swaps: list[Registry] = []
        self.own = [block.id for block in self.registry.blocks.own]  # of the demo's entities

    def swap(self, registry: Registry) -> None:
        self.registry = registry
        self.swaps.append(registry)

    def looks(self, times: int = 2) -> None:
        async def work() -> None:
            for _ in range(times):
                for watch in (self.keeper._folder, *self.keeper._blocks, self.keeper._countries):
                    if watch is not None:
                        await watch.look()

        asyncio.run(work())

    def blocked(self) -> list[str]:
        return [block.id for block in self.registry.entities.blocks if block.id not in self.own]

    def touch(self) -> None:
        people = self.folder / "people.yaml"
        people.write_text(people.read_text() + "# changed\n")


@pytest.fixture
def world(tmp_path: Path) -> World:
    house = House(tmp_path, None)
    database(tmp_path / "countries.mmdb", "US")
    config = load(house.layout.config, {})
    return World(replace(config, registry=replace(config.registry, countries=tmp_path / "countries.mmdb")))


def test_blocks_are_taken_and_nothing_else_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Registry:
        raise AssertionError("the whole registry was read")

    monkeypatch.setattr(registry_keeper, "registry_of", fail)
    before = world.registry.revision
    world.admin.write_text(KEPT)
    (world.folder / "blocks.yaml").write_text("blocks: [{id: stop, country: KR}]\n...\n")
    world.keeper._folder._seen = registry_signature(world.config)  # that there is such a file is new
    world.looks()
    assert world.blocked() == ["admin-1", "stop"]
    assert world.registry.revision != before
    (world.folder / "blocks.yaml").write_text("blocks: []\n...\n")
    world.looks(3)
    assert world.blocked() == ["admin-1"]


def test_whom_a_block_stops_and_lets_go_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    world.admin.write_text(KEPT)
    world.looks()
    world.admin.write_text("next: 2\nblocks: []\n...\n")
    world.looks()
    assert [(one.message, one.block, one.country) for one in caplog.records] == [  # type: ignore[attr-defined]
        ("blocked", "admin-1", "CN"),
        ("unblocked", "admin-1", "CN"),
    ]


def test_country_database_is_read_alone_and_a_bad_one_refused(world: World, caplog: pytest.LogCaptureFixture) -> None:
    path = world.config.registry.countries
    assert path is not None
    first, people = world.registry, world.registry.people
    database(path, "KR")
    world.looks()
    assert world.registry.revision != first.revision
    assert world.registry.people is people, "nothing else was read again"
    second = world.registry
    assert second.countries is not None
    path.write_bytes(path.read_bytes()[:-100])
    world.looks()
    assert world.registry is second
    (record,) = [record for record in caplog.records if record.message == "reload_refused"]
    assert record.what == "countries"  # type: ignore[attr-defined]
    assert "not a MaxMind database" in record.problems[0]  # type: ignore[attr-defined]
    world.touch()
    world.looks()
    assert world.registry.countries is second.countries, "the whole is loaded with the one that runs"


def test_block_that_comes_while_the_whole_is_read_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry read before it does not take it back; it is read once more."""
    read = registry_of
    times: list[int] = []

    def slow(config: Config, former: Registry) -> Registry:
        found = read(config, former)
        times.append(1)
        if len(times) == 1:
            world.admin.write_text(KEPT)
        return found

    monkeypatch.setattr(registry_keeper, "registry_of", slow)
    world.touch()
    world.looks(3)
    assert world.blocked() == ["admin-1"]
    assert len(times) == 2
    assert all("admin-1" in [one.id for one in found.entities.blocks] for found in world.swaps)


def test_what_changed_meanwhile_is_kept_when_the_whole_comes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    read = registry_of
    tests = (OwnershipTest(id="new", countries=frozenset({Country("CN")}), share=50),)

    def slow(config: Config, former: Registry) -> Registry:
        found = read(config, former)
        world.registry = world.registry.tested(tests)
        return found

    monkeypatch.setattr(registry_keeper, "registry_of", slow)
    world.touch()
    world.looks()
    assert len(world.swaps) == 1
    assert world.registry.controls.tests == tests


def test_a_place_of_the_configuration_must_stay(world: World) -> None:
    networks = world.folder / "networks.yaml"
    networks.write_text(networks.read_text().replace("id: seoul-office", "id: busan-office"))
    world.looks()
    assert world.swaps == []
    refusal = world.keeper._folder.refusal
    assert refusal is not None
    assert any("site seoul-office is not in the registry" in problem for problem in refusal.problems)


def test_everything_it_watches_shows_its_age(world: World) -> None:
    metrics = Metrics(CollectorRegistry(), rules={}, datasources=[], incomplete_codes=[], version="0")
    fresh, tasks = Freshness(metrics), TaskGroup()

    async def work() -> None:
        world.keeper.start(tasks, fresh)
        await tasks.cancel()

    asyncio.run(work())
    assert set(fresh.document()["data"]) == {Dataset.REGISTRY, Dataset.BLOCKS, Dataset.COUNTRIES}


def test_a_registry_that_tells_no_country_any_more_is_not_taken(tmp_path: Path) -> None:
    """Rules need one: the running registry stays, as where any other file is wrong."""
    house = House(tmp_path, None)
    config = load(house.layout.config, {})
    listeners = tuple(replace(one, site=None) for one in config.listeners.postgres)
    world = World(replace(config, listeners=replace(config.listeners, postgres=listeners)))
    before = world.registry
    networks = world.folder / "networks.yaml"
    networks.write_text(networks.read_text().replace("direct: true, ", ""))
    world.looks(3)
    assert world.registry is before
    assert world.swaps == []


def test_sealed_folder_is_taken_when_all_of_it_has_come(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Copied file by file, each at rest for a while: none of the states in between is a registry."""
    config = replace(world.config, registry=replace(world.config.registry, delivery="manifest"))
    with pytest.raises(ConfigError, match="nothing else says that the folder is whole"):
        load_sources(config)
    seal(world.folder, FILES, load_registry(world.folder).contents.hashes)
    world = World(config)
    coming = world.folder.parent / "coming"
    shutil.copytree(world.folder, coming)
    for name in ("people.yaml", "entities.yaml"):
        (coming / name).write_text((coming / name).read_text() + "# of the next revision\n")
    seal(coming, FILES, load_registry(coming).contents.hashes)

    for name, cut in (("people.yaml", 40), ("people.yaml", None), ("entities.yaml", None)):
        (world.folder / name).write_bytes((coming / name).read_bytes()[:cut])
        world.looks()
        assert world.swaps == []
        assert world.keeper._folder.refusal is not None
    (world.folder / ".manifest").write_bytes((coming / ".manifest").read_bytes())
    world.looks()
    assert len(world.swaps) == 1
    assert world.keeper._folder.refusal is None
    assert world.registry.revision == load_sources(config).registry.revision
    assert {record.message for record in caplog.records if record.levelno >= logging.WARNING} == {"reload_refused"}
