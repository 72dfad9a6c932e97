"""Tallies look to a scrape as the metrics library's own counters and histograms do."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

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
