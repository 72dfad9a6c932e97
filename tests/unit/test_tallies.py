"""Tallies look to a scrape as the metrics library's own counters and histograms do."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from gateway.tallies import Tallies, Timings

BOUNDS = (0.0001, 0.5, 1.0)
SEEN = (0.00005, 0.0001, 0.3, 1.0, 7.25)


def test_a_scrape_is_that_of_the_librarys_own(monkeypatch):
    monkeypatch.setattr("prometheus_client.metrics._use_created", False)
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tallies("sekisho_things", "Things.", ("door", "kind"), registry=ours).labels("postgres", "a")
    counter = Counter("sekisho_things", "Things.", ("door", "kind"), registry=theirs).labels("postgres", "a")
    times = Timings("sekisho_wait", "Waits.", ("door",), registry=ours, bounds=BOUNDS).labels("postgres")
    histogram = Histogram("sekisho_wait", "Waits.", ("door",), registry=theirs, buckets=BOUNDS).labels("postgres")
    assert generate_latest(ours) == generate_latest(theirs)
    for number, seconds in enumerate(SEEN):
        tally.inc(number)
        counter.inc(number)
        times.observe(seconds)
        histogram.observe(seconds)
    tally.inc()
    counter.inc()
    times.observe(0.25, 4)
    for _ in range(4):
        histogram.observe(0.25)
    assert generate_latest(ours) == generate_latest(theirs)


def test_one_series_for_the_same_labels():
    tallies = Tallies("sekisho_things", "Things.", ("door",), registry=CollectorRegistry())
    assert tallies.labels("grpc") is tallies.labels("grpc")
    assert tallies.labels("grpc") is not tallies.labels("http")


def test_an_example_stands_beside_its_bucket_and_only_for_those_who_understand_it():
    registry = CollectorRegistry()
    times = Timings("sekisho_wait", "Waits.", ("door",), registry=registry, bounds=BOUNDS).labels("grpc")
    times.observe(0.3, example="d-1")
    times.observe(0.4, example="d-2")
    times.observe(7.25, example="d-3")
    times.observe(0.00005)
    (family,) = text_string_to_metric_families(openmetrics(registry).decode())
    told = {one.labels["le"]: one.exemplar for one in family.samples if one.name.endswith("_bucket")}
    assert {bound: one and (one.labels, one.value) for bound, one in told.items()} == {
        "0.0001": None,
        "0.5": ({"decision_id": "d-2"}, 0.4),
        "1.0": None,
        "+Inf": ({"decision_id": "d-3"}, 7.25),
    }
    assert b"decision_id" not in generate_latest(registry)


def test_beyond_its_bound_what_is_new_is_other():
    tallies = Tallies("sekisho_things", "Things.", ("from", "to"), registry=CollectorRegistry(), most=2)
    first, second = tallies.labels("a", "b"), tallies.labels("c", "d")
    assert tallies.labels("e", "f") is tallies.labels("other", "other") is tallies.labels("g", "h")
    assert (tallies.labels("a", "b"), tallies.labels("c", "d")) == (first, second)
