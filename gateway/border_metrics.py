"""The metrics of data about people: from which countries it is seen, whose it is, and how much of it went out.

A part of `gateway.metrics`, which makes it. Countries are the configured ones, `other` and `unknown`; data is told by
its top-level category (`user.contact` of `user.contact.phone_number`). A series is made on first use, as there are too
many pairs of countries to begin with all of them; beyond ``MOST_SERIES`` there are no new ones but `other`.

One access counts once for **each** pair of an origin and a subject country and each category: a sum over series counts
pairs, not accesses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry

from gateway.counts import Tally, Traffic
from gateway.datasource_metrics import NewGauge
from gateway.model import Door, Effect, Finding, Location, LocationSource, Understanding, Verdict
from gateway.tallies import OTHER, Tallies, Together

UNKNOWN: Final = "unknown"
CONFLICT: Final = "conflict"
KNOWN: Final = "known"
BLOCKED: Final = ("entity", "country", "principal")
MOST_SERIES: Final = 4096  # of each metric
_NOTHING: Final = "none"  # no category: people are touched, and no column of theirs is labelled


class BorderMetrics:
    """What is told of data about people."""

    def __init__(self, gauge: NewGauge, registry: CollectorRegistry, countries: Iterable[str]) -> None:
        """``countries``: those that are told apart; none: every one that comes up."""

        def tallies(name: str, help: str, *labels: str) -> Tallies:
            return Tallies(f"sekisho_{name}", help, labels, registry=registry, most=MOST_SERIES)

        self._countries = frozenset(countries)
        self._accesses = tallies(
            "cross_border_accesses",
            "Accesses across a border: once for each origin, subject country and category of data.",
            "origin",
            "subject",
            "data_type",
            "effect",
        )
        self._rows = tallies(
            "rows_returned",
            "Rows of data about people, once for each origin and category.",
            "door",
            "origin",
            "data_type",
        )
        self._bytes = tallies(
            "bytes_returned",
            "Bytes that answered statements on data about people, once for each origin and category.",
            "door",
            "origin",
            "data_type",
        )
        undisclosed = tallies(
            "undisclosed_destinations", "Accesses from, or for, a country that users were not told of, denied or not."
        )
        locations = tallies(
            "location_resolutions", "Places looked up: what told us, and whether it did.", "source", "result"
        )
        blocks = gauge("blocks", Together.MOST, "Blocks of the kill-switch in force, by whom they stop.", "kind")
        self._undisclosed = undisclosed.labels()
        self._locations = {
            (source, result): locations.labels(source, result)
            for source in LocationSource
            for result in (KNOWN, UNKNOWN, CONFLICT)
        }
        for kind in BLOCKED:
            blocks.labels(kind)
        self._blocks = blocks
        self._nobodys = Traffic((), (), ())
        self._undisclosed_rules: frozenset[str] = frozenset()

    def rules_loaded(self, undisclosed: Iterable[str]) -> None:
        """Which rules, in force from now on, speak where users were not told of a country."""
        self._undisclosed_rules = frozenset(undisclosed)

    def keep_blocks(self, count: Callable[[str], int]) -> None:
        """Ask this for the blocks of each kind, whenever somebody asks for metrics."""
        for kind in BLOCKED:
            self._blocks.labels(kind).set_function(partial(count, kind))

    def located(self, location: Location) -> None:
        """Somebody's place was looked up."""
        result = CONFLICT if location.conflict else KNOWN if location.countries else UNKNOWN
        self._locations[location.source, result].inc()

    def traffic(self, door: Door, facts: Understanding, verdict: Verdict) -> Traffic:
        """What counts each access under this decision."""
        if not facts.data.about_people:
            return self._nobodys
        origins = self._named(facts.origin) if facts.location.countries else {*self._named(facts.origin), UNKNOWN}
        kinds = {_category(one) for one in facts.data.data_types} or {_NOTHING}
        accesses = [] if not verdict.cross_border else [*self._pairs(origins, facts, kinds, verdict.effect)]
        if self._speaks_of_undisclosed(verdict.findings):
            accesses.append(self._undisclosed)
        each = [(door.value, origin, kind) for origin in sorted(origins) for kind in sorted(kinds)]
        allowed = verdict.effect is Effect.ALLOW
        return Traffic(
            tuple(accesses),
            tuple(self._rows.labels(*labels) for labels in each) if allowed else (),
            tuple(self._bytes.labels(*labels) for labels in each) if allowed else (),
        )

    def _pairs(self, origins: set[str], facts: Understanding, kinds: set[str], effect: Effect) -> Iterator[Tally]:
        subjects = set(self._named(facts.data.subject_countries))
        if not facts.data.subject_known:
            subjects.add(UNKNOWN)
        for origin in sorted(origins):
            for subject in sorted(subjects):
                if origin != subject or origin in (OTHER, UNKNOWN):  # two others may be two countries
                    yield from (self._accesses.labels(origin, subject, kind, effect) for kind in sorted(kinds))

    def _named(self, countries: Sequence[str]) -> set[str]:
        return {one if not self._countries or one in self._countries else OTHER for one in countries}

    def _speaks_of_undisclosed(self, findings: Sequence[Finding]) -> bool:
        return any(finding.rule in self._undisclosed_rules for finding in findings)


def _category(data_type: str) -> str:
    """The first two steps of a Fides key: `user.contact` of `user.contact.phone_number`."""
    return ".".join(data_type.split(".", 2)[:2])
