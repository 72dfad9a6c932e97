"""The world of a running gateway, and what its configuration says of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from gateway.config_load import load
from gateway.facts.registry import load_registry
from gateway.model import DatasourceId
from gateway.needs import NEVER
from gateway.world import DecisionIds, LiveWorld, bounds, server_address
from tests.houses import House


def test_decision_ids_are_unique():
    makers = [DecisionIds() for _ in range(3)]
    made = [make() for make in makers for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert all(one.startswith("d-") for one in made)


def test_a_decision_id_says_which_worker_made_it():
    makers = [DecisionIds(owner=place, owners=3) for place in range(3)]
    made = [(place, make()) for place, make in enumerate(makers) for _ in range(100)]
    assert len({one for _, one in made}) == len(made)
    assert all(maker.owner(one) == place for place, one in made for maker in makers)
    assert DecisionIds().owner(made[-1][1]) == 0
    assert makers[0].owner("d-1") is None


def test_what_is_read_off_a_configuration(tmp_path: Path) -> None:
    config = load(House(tmp_path, None).layout.config, {})
    (source,) = config.datasources
    address = server_address(source)
    assert (address.host, address.port, address.database) == (source.host, source.port, source.database)
    assert address.connect_timeout == source.connect_timeout_ms / 1000
    assert bounds(config).known_decisions == config.limits.known_decisions


def test_a_datasource_without_a_twin_has_no_epoch_and_nothing_stands(tmp_path: Path) -> None:
    house = House(tmp_path, None)
    config = load(house.layout.config, {})
    world = LiveWorld(config, load_registry(config.registry.directory), "p-1")
    nowhere = DatasourceId("nowhere")
    assert world.epoch(nowhere) is None
    assert not world.stands(nowhere, "epoch-1", None)
    assert world.epoch_seen_ns(nowhere) == 0
    assert world.country_max_age("https://nobody.example") == 0
    assert world.troubles() == []


def test_from_when_on_a_datasource_s_rules_are_too_old(tmp_path: Path) -> None:
    config = load(House(tmp_path, None).layout.config, {})
    (source,) = config.datasources
    name = DatasourceId(source.id)
    registry = load_registry(config.registry.directory)
    ever = LiveWorld(config, registry, "p-1")
    assert not ever.ages
    assert ever.stale_from(name) == NEVER
    aged = LiveWorld(replace(config, datasources=(replace(source, max_age=60),)), registry, "p-1")
    assert aged.ages
    assert aged.stale_from(name) == 0, "nobody has said yet how old they are"

    async def told() -> int:
        keeping = asyncio.ensure_future(aged.keep_age(lambda: 1000.5))  # noqa: TID251 - held by this very function
        await asyncio.sleep(0)
        keeping.cancel()
        return aged.stale_from(name)

    assert asyncio.run(told()) == 1060
    assert aged.stale_from(DatasourceId("another")) == NEVER
