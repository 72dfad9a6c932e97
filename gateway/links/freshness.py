"""How old what runs is, and what is refused in its place: for /metrics, /readyz and /v1/config.

The age is counted from when the newest file of what runs was written, so a delivery that has stopped shows, and so does
one that brings nothing usable. That something newer is refused is a figure of its own: such data may be young.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from gateway.links.watch import Refusal
from gateway.metrics import Dataset, Metrics


class Watched(Protocol):
    """What runs, and what is refused in its place."""

    @property
    def changed_at(self) -> float:
        """When what runs was written; 0 where there is nothing."""

    @property
    def refusal(self) -> Refusal | None:
        """Why something newer does not run."""


class Freshness:
    """Of every dataset that is watched. Any thread may ask."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._clock = clock
        self._watched: dict[Dataset, tuple[Watched, ...]] = {}

    def keep(self, dataset: Dataset, *watched: Watched) -> None:
        """Show the age of what these watch."""
        self._watched[dataset] = watched
        self._metrics.keep_age(dataset, partial(self.age, dataset), partial(self.refused, dataset))

    def age(self, dataset: Dataset) -> float:
        """Seconds since what runs was written; 0 where there is nothing."""
        changed_at = self.changed_at(dataset)
        return max(0.0, self._clock() - changed_at) if changed_at else 0.0

    def refused(self, dataset: Dataset) -> float:
        """Seconds for which something newer has been refused; 0 where nothing is."""
        return max((one.seconds for one in self._refusals(dataset)), default=0.0)

    def troubles(self) -> list[str]:
        """What is refused, for /readyz."""
        return [
            f"{dataset}: a newer version is refused for {one.seconds:.0f} s, what runs was written "
            f"{self.age(dataset):.0f} s ago: {one.problems[0] if one.problems else 'no reason is known'}"
            for dataset in self._watched
            for one in self._refusals(dataset)
        ]

    def document(self) -> dict[str, Any]:
        """The same for /v1/config, with every problem."""
        return {"data": {str(dataset): self._about(dataset) for dataset in self._watched}}

    def _about(self, dataset: Dataset) -> dict[str, Any]:
        changed_at = self.changed_at(dataset)
        return {
            "changed_at": datetime.fromtimestamp(changed_at, UTC).isoformat(timespec="seconds") if changed_at else None,
            "age_seconds": round(self.age(dataset)),
            "refused_seconds": round(self.refused(dataset)),
            "problems": [problem for one in self._refusals(dataset) for problem in one.problems],
        }

    def changed_at(self, dataset: Dataset) -> float:
        """When what runs was written, or, of a bundle, was confirmed last; 0 where there is nothing."""
        return max((one.changed_at for one in self._watched[dataset]), default=0.0)

    def _refusals(self, dataset: Dataset) -> list[Refusal]:
        return [one.refusal for one in self._watched[dataset] if one.refusal is not None]
