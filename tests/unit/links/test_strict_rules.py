"""What rules and registry ask of sessions, told in the log and in gauges whenever either changes."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.config import Datasource
from gateway.config_load import load
from gateway.facts.registry import load_registry
from gateway.links.strict_rules import StrictRules
from gateway.metrics import Metrics
from gateway.policy.bundle import load_bundle
from gateway.policy.metadata import RuleRow, rule_table
from tests.houses import House
from tests.packs import add_naming_rule, copy_policies
from tests.worlds import REGISTRY


@pytest.fixture
def source(tmp_path: Path) -> Datasource:
    (tmp_path / "house").mkdir()
    return load(House(tmp_path / "house", None).layout.config, {}).datasources[0]


def rules(tmp_path: Path, *relations: str) -> list[RuleRow]:
    policies = copy_policies(tmp_path / f"policies-{len(relations)}")
    if relations:
        add_naming_rule(policies, relations=relations)
    bundle = load_bundle(policies)
    return rule_table(bundle.modules, bundle.data)


def test_it_says_which_became_strict(source: Datasource, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    registry, counted = load_registry(REGISTRY), CollectorRegistry()
    metrics = Metrics(counted, rules={}, datasources=["messenger"], incomplete_codes=[], version="0")
    state = StrictRules([source], metrics)
    assert state.now("messenger").strict, "nobody has looked yet"

    without, naming = rules(tmp_path), rules(tmp_path, "public.moderation_queue")
    assert state.look(without, registry) == []
    assert not state.now("messenger").strict
    assert counted.get_sample_value("sekisho_strict_sessions", {"datasource": "messenger"}) == 0

    assert state.look(naming, registry) == [source]
    assert state.look(naming, registry) == [], "it is already"
    assert state.now("messenger").rules == ("house-reports (public.moderation_queue)",)
    assert counted.get_sample_value("sekisho_strict_sessions", {"datasource": "messenger"}) == 1
    assert [record.message for record in caplog.records] == ["strict_by_rule"]


def test_what_configuration_sets_aside_is_said_every_time(
    source: Datasource, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    registry, counted = load_registry(REGISTRY), CollectorRegistry()
    metrics = Metrics(counted, rules={}, datasources=["messenger"], incomplete_codes=[], version="0")
    state = StrictRules([replace(source, strict=False)], metrics)
    naming = rules(tmp_path, "public.moderation_queue", "public.moderation_kue")

    for _ in range(2):
        assert state.look(naming, registry) == []
    assert counted.get_sample_value("sekisho_strict_set_aside", {"datasource": "messenger"}) == 1
    assert [(record.levelname, record.message) for record in caplog.records] == 2 * [
        ("WARNING", "rule_names_unknown_relation"),
        ("WARNING", "strict_set_aside"),
    ]
