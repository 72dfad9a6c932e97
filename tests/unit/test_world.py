"""The world of a running gateway, and what its configuration says of it."""

from __future__ import annotations

from pathlib import Path

from gateway.config_load import load
from gateway.facts.registry import load_registry
from gateway.model import DatasourceId
from gateway.world import DecisionIds, LiveWorld, bounds, server_address
from tests.houses import House


def test_decision_ids_are_unique():
    makers = [DecisionIds() for _ in range(3)]
    made = [make() for make in makers for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert all(one.startswith("d-") for one in made)


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
