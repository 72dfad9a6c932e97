"""How many rows of a controller's data about people went to each employer in the last 24 hours.

Rows are counted in quarter hours, and a quarter counts whole as long as any of it lies in the window: the figure may be
a little too high, never too low. The window moves with ``at``; nothing here reads a clock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final, Self

from gateway.errors import ConfigError
from gateway.model import EntityId, JsonValue, VolumeFacts

WINDOW: Final = "P1D"
_WINDOW_SECONDS: Final = 86_400
_BUCKET_SECONDS: Final = 900

_Key = tuple[EntityId, EntityId | None]


class VolumeCounter:
    """Counts of one gateway; any thread may use it. An employer that is not known is counted under None."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[_Key, dict[int, int]] = {}

    def rows(self, controller: EntityId, entity: EntityId | None, at: int) -> VolumeFacts:
        """Rows so far in the window that ends at ``at``."""
        first = (at - _WINDOW_SECONDS) // _BUCKET_SECONDS
        with self._lock:
            buckets = self._counts.get((controller, entity), {})
            return VolumeFacts(window=WINDOW, rows=sum(rows for bucket, rows in buckets.items() if bucket >= first))

    def add(self, controller: EntityId, entity: EntityId | None, rows: int, at: int) -> None:
        """Count rows that went out at ``at``, and forget what every later window leaves behind."""
        if rows < 0:
            raise ValueError("rows cannot be negative")
        first = (at - _WINDOW_SECONDS) // _BUCKET_SECONDS
        with self._lock:
            buckets = self._counts.setdefault((controller, entity), {})
            for bucket in [bucket for bucket in buckets if bucket < first]:
                del buckets[bucket]
            bucket = at // _BUCKET_SECONDS
            buckets[bucket] = buckets.get(bucket, 0) + rows

    def snapshot(self) -> dict[str, JsonValue]:
        """All counts as plain data, to be kept over a restart."""
        with self._lock:
            return {
                "window": WINDOW,
                "bucket_seconds": _BUCKET_SECONDS,
                "counts": [
                    {"controller": key[0], "entity": key[1], "bucket": bucket, "rows": rows}
                    for key, buckets in sorted(self._counts.items(), key=lambda item: (item[0][0], item[0][1] or ""))
                    for bucket, rows in sorted(buckets.items())
                ],
            }

    @classmethod
    def restore(cls, document: JsonValue) -> Self:
        """The counter a snapshot was taken of. Raises ConfigError where the document is not one."""
        counter = cls()
        fields = document if isinstance(document, Mapping) else {}
        counts = fields.get("counts")
        if (
            fields.get("window") != WINDOW
            or fields.get("bucket_seconds") != _BUCKET_SECONDS
            or not isinstance(counts, list)
        ):
            raise ConfigError(["volume: not a snapshot of this version"])
        for count in counts:
            counter._restore_one(count)
        return counter

    def _restore_one(self, count: JsonValue) -> None:
        if not isinstance(count, Mapping):
            raise ConfigError(["volume: a count that is not a mapping"])
        controller, entity = count.get("controller"), count.get("entity")
        bucket, rows = count.get("bucket"), count.get("rows")
        if (
            not isinstance(controller, str)
            or not (entity is None or isinstance(entity, str))
            or type(bucket) is not int
            or type(rows) is not int
            or rows < 0
        ):
            raise ConfigError(["volume: a count with a field missing or of the wrong kind"])
        key = (EntityId(controller), None if entity is None else EntityId(entity))
        buckets = self._counts.setdefault(key, {})
        buckets[bucket] = buckets.get(bucket, 0) + rows
