"""One answer for several workers: what each has counted, put together. Pure: snapshots in, metric families out.

prometheus_client has a multiprocess mode of its own, and it was not taken. It is switched on by an environment
variable for the whole process, before the library is imported; each count then becomes a write to a mapped file, under
one lock for all metrics, on the hot path; labels cannot be removed in it, so ``policy_info`` would show every revision
there ever was; and it collects only its own kinds of metrics, no collector of ours. Here each worker counts as a single
process does and is asked for a snapshot when somebody scrapes: counting costs nothing more.

Counters and histograms are added, those of workers that have ended included (``lasting``): a sum never goes back. What
a worker has counted since it was last asked is lost where it is killed. Gauges are of the living, each put together as
`gateway.tallies.Together` says of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Exemplar, Sample

from gateway.tallies import Together

# Families: name, type, help, samples; a sample: name, labels, value, perhaps an example. Plain JSON, as it goes from
# process to process.
Snapshot = list[Any]

_LASTING: Final = frozenset({"counter", "histogram"})
_GAUGES: Final[Mapping[Together, Callable[[float, float], float]]] = MappingProxyType(
    {Together.SUM: lambda one, other: one + other, Together.LEAST: min, Together.MOST: max}
)


def snapshot(families: Iterable[Metric]) -> Snapshot:
    """What was collected, as plain data."""
    return [[one.name, one.type, one.documentation, [_plain(sample) for sample in one.samples]] for one in families]


def _plain(sample: Sample) -> list[Any]:
    """Name, labels and value; and its example, where it has one."""
    if sample.exemplar is None:
        return [sample.name, sample.labels, sample.value]
    return [sample.name, sample.labels, sample.value, [sample.exemplar.labels, sample.exemplar.value]]


def counted(counter: str, value: float) -> Snapshot:
    """A snapshot of one counter without labels, to be put together with others that describe it."""
    return [[counter, "counter", "", [[f"{counter}_total", {}, value]]]]


def gathered(snapshots: Iterable[Snapshot], together: Mapping[str, Together]) -> Iterator[Metric]:
    """The families of all snapshots, each once, in the order of the first that has it."""
    sums: dict[str, _Sum] = {}
    for one in snapshots:
        for name, kind, help, samples in one:
            sums.setdefault(name, _Sum(name, kind, help, together.get(name, Together.SUM))).add(samples)
    for found in sums.values():
        yield found.family()


def lasting(snapshots: Iterable[Snapshot]) -> Snapshot:
    """What stays in the sums when those who counted it are gone."""
    return snapshot(family for family in gathered(snapshots, {}) if family.type in _LASTING)


class _Sum:
    """One family, added up."""

    def __init__(self, name: str, kind: str, help: str, together: Together) -> None:
        self._about = name, help, kind
        self._join = _GAUGES[Together.SUM if kind in _LASTING else together]
        self._values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._examples: dict[tuple[str, tuple[tuple[str, str], ...]], Exemplar] = {}  # one of the workers'

    def add(self, samples: list[list[Any]]) -> None:
        for name, labels, value, *example in samples:
            key = name, tuple(labels.items())
            if example:
                self._examples[key] = Exemplar(*example[0])
            before = self._values.get(key)
            self._values[key] = value if before is None else self._join(before, value)

    def family(self) -> Metric:
        family = Metric(*self._about)
        for (name, labels), value in self._values.items():
            family.add_sample(name, dict(labels), value, exemplar=self._examples.get((name, labels)))
        return family
