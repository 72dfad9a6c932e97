"""What is told of each database."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from gateway.metrics import Metrics
from gateway.model import CERTAINTIES, Confidence, Unlabelled


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), rules={}, datasources=["messenger"], incomplete_codes=[], version="0")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"sekisho_{name}", {"datasource": "messenger", **labels})


def test_everything_is_there_from_the_start(metrics: Metrics) -> None:
    for name in ("twin_up", "strict_sessions", "strict_set_aside", "catalog_labels_void", "catalog_unlabelled"):
        assert value(metrics, name) == 0
    assert value(metrics, "twin_wait_seconds_count") == 0
    assert value(metrics, "catalog_when_unlabelled", word="none") == 0
    assert value(metrics, "catalog_trust", word="declared") == 0


def test_twins_go_up_and_down(metrics: Metrics) -> None:
    metrics.datasources.twin("messenger", up=True)
    assert value(metrics, "twin_up") == 1
    metrics.datasources.twin("messenger", up=False)
    assert value(metrics, "twin_up") == 0


def test_labels_and_what_becomes_of_the_unlabelled(metrics: Metrics) -> None:
    metrics.datasources.labels("messenger", void=2, unlabelled=40)
    assert (value(metrics, "catalog_labels_void"), value(metrics, "catalog_unlabelled")) == (2, 40)
    for word in (Unlabelled.NONE, Unlabelled.ASK):
        metrics.datasources.when_unlabelled("messenger", word)
        shown = {one: value(metrics, "catalog_when_unlabelled", word=one) for one in Unlabelled}
        assert shown == {one: float(one is word) for one in Unlabelled}


def test_how_certain_a_statement_must_be(metrics: Metrics) -> None:
    for word in (Confidence.DECLARED, Confidence.ATTESTED):
        metrics.datasources.trust("messenger", word)
        shown = {one: value(metrics, "catalog_trust", word=one) for one in CERTAINTIES}
        assert shown == {one: float(one is word) for one in CERTAINTIES}


def test_how_sessions_begin(metrics: Metrics) -> None:
    metrics.datasources.strict("messenger", strict=False, set_aside=True)
    assert (value(metrics, "strict_sessions"), value(metrics, "strict_set_aside")) == (0, 1)
