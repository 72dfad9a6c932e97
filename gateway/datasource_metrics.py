"""The metrics of each database behind the gateway: its analysis twin, how its sessions begin, what its catalog knows.

A part of `gateway.metrics`, which makes it. A datasource that was not configured counts as ``other``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, Histogram

from gateway.tallies import BUCKETS, OTHER, Together
from gateway.words import CERTAINTIES, Confidence, Unlabelled


class NewGauge(Protocol):
    """Makes a gauge of the gateway's."""

    def __call__(self, name: str, together: Together, help: str, *labels: str) -> Gauge:
        """``sekisho_`` and its name; how several workers' are put together; what it says."""
        ...


class DatasourceMetrics:
    """What is told of each datasource."""

    def __init__(self, gauge: NewGauge, registry: CollectorRegistry, datasources: Iterable[str]) -> None:
        names = tuple(sorted(datasources))
        self._known = frozenset(names)
        twin_up = gauge("twin_up", Together.LEAST, "Whether the analysis twin answers (1) or not (0).", "datasource")
        strict = gauge(
            "strict_sessions",
            Together.LEAST,
            "Whether a datasource's sessions are strict (1) or not (0).",
            "datasource",
        )
        set_aside = gauge(
            "strict_set_aside",
            Together.MOST,
            "Whether configuration keeps sessions from being strict (1) where a rule names a relation of theirs.",
            "datasource",
        )
        twin_wait = Histogram(
            "sekisho_twin_wait_seconds",
            "Time until an analysis had its turn at the twin.",
            ("datasource",),
            registry=registry,
            buckets=BUCKETS,
        )
        void = gauge(
            "catalog_labels_void",
            Together.MOST,
            "Labels of the catalog for tables and columns that the database does not have.",
            "datasource",
        )
        unlabelled = gauge(
            "catalog_unlabelled",
            Together.MOST,
            "Tables and columns of the database that the catalog does not list.",
            "datasource",
        )
        when_unlabelled = gauge(
            "catalog_when_unlabelled",
            Together.MOST,
            "What the catalog says of what it does not list (1): deny, ask, or none, which is about nobody.",
            "datasource",
            "word",
        )
        trust = gauge(
            "catalog_trust",
            Together.MOST,
            "With which certainty the catalog takes what a statement does to data about people (1): attested by the "
            "database, inferred from a route, or declared by a caller.",
            "datasource",
            "word",
        )
        self._twin_up = {name: twin_up.labels(name) for name in (*names, OTHER)}
        self._strict = {name: strict.labels(name) for name in names}
        self._set_aside = {name: set_aside.labels(name) for name in names}
        self._twin_wait = {name: twin_wait.labels(name) for name in (*names, OTHER)}
        self._void = {name: void.labels(name) for name in names}
        self._unlabelled = {name: unlabelled.labels(name) for name in names}
        self._words = {(name, word): when_unlabelled.labels(name, word) for name in names for word in Unlabelled}
        self._trust = {(name, word): trust.labels(name, word) for name in names for word in CERTAINTIES}

    def twin(self, datasource: str, *, up: bool) -> None:
        """The state of a datasource's analysis twin."""
        self._twin_up[datasource if datasource in self._known else OTHER].set(1 if up else 0)

    def twin_waited(self, datasource: str, seconds: float) -> None:
        """An analysis had its turn."""
        self._twin_wait[datasource if datasource in self._known else OTHER].observe(seconds)

    # Datasources are configured; another is a mistake of ours.

    def strict(self, datasource: str, *, strict: bool, set_aside: bool) -> None:
        """How a datasource's sessions are begun."""
        self._strict[datasource].set(1 if strict else 0)
        self._set_aside[datasource].set(1 if set_aside else 0)

    def labels(self, datasource: str, *, void: int, unlabelled: int) -> None:
        """How the catalog's labels and the database differ."""
        self._void[datasource].set(void)
        self._unlabelled[datasource].set(unlabelled)

    def when_unlabelled(self, datasource: str, word: Unlabelled) -> None:
        """What the catalog says of what it does not list."""
        for one in Unlabelled:
            self._words[datasource, one].set(1 if one is word else 0)

    def trust(self, datasource: str, word: Confidence) -> None:
        """How well the catalog wants it known what a statement does."""
        for one in CERTAINTIES:
            self._trust[datasource, one].set(1 if one is word else 0)
