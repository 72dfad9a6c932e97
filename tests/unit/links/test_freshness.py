"""Data grows old, and what is refused in its place is seen: in metrics, in /readyz's troubles, in /v1/config."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from gateway.links.freshness import Freshness
from gateway.links.watch import Refusal
from gateway.metrics import Dataset, Metrics


@dataclass
class Watched:
    changed_at: float = 0.0
    refusal: Refusal | None = None


def place() -> tuple[Freshness, CollectorRegistry]:
    collector = CollectorRegistry()
    metrics = Metrics(collector, rules={}, datasources=[], incomplete_codes=[], version="0")
    return Freshness(metrics, clock=lambda: 1_000_000.0), collector


def shown(collector: CollectorRegistry, name: str, dataset: Dataset) -> float | None:
    return collector.get_sample_value(f"sekisho_data_{name}_seconds", {"dataset": dataset})


def test_every_dataset_is_there_from_the_start() -> None:
    _, collector = place()
    assert {shown(collector, name, dataset) for dataset in Dataset for name in ("age", "refused")} == {0.0}


def test_age_is_of_the_newest_file() -> None:
    fresh, collector = place()
    fresh.keep(Dataset.BLOCKS, Watched(changed_at=999_000), Watched(changed_at=999_400))
    fresh.keep(Dataset.COUNTRIES, Watched(changed_at=1_000_100))  # by another clock
    assert shown(collector, "age", Dataset.BLOCKS) == 600
    assert shown(collector, "age", Dataset.COUNTRIES) == 0
    assert fresh.troubles() == []


def test_nothing_there_has_no_age() -> None:
    fresh, collector = place()
    fresh.keep(Dataset.BLOCKS, Watched())
    assert shown(collector, "age", Dataset.BLOCKS) == 0
    assert fresh.document()["data"]["blocks"] == {
        "changed_at": None,
        "age_seconds": 0,
        "refused_seconds": 0,
        "problems": [],
    }


def test_what_is_refused_is_told_until_it_is_mended() -> None:
    fresh, collector = place()
    watched = Watched(changed_at=999_000)
    fresh.keep(Dataset.REGISTRY, watched)
    watched.refusal = Refusal("registry", ("people.yaml:2: odd", "more"))
    assert (shown(collector, "refused", Dataset.REGISTRY) or 0) > 0
    assert fresh.troubles() == [
        "registry: a newer version is refused for 0 s, what runs was written 1000 s ago: people.yaml:2: odd"
    ]
    assert fresh.document()["data"]["registry"]["problems"] == ["people.yaml:2: odd", "more"]
    watched.refusal = None
    assert shown(collector, "refused", Dataset.REGISTRY) == 0
