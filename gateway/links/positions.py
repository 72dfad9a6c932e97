"""``<sink>.position.json`` in the record's folder: how far a sink has the record, and what keeps it from the rest.

Written whole and synced before it takes the old one's place. It may be a moment behind (entries are sent again then),
never ahead: what it says a sink has, that sink has acknowledged. So pruning may rely on it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from gateway.audit.follow import Position
from gateway.audit.segments import FileCalls, sync_folder
from gateway.sink_metrics import Trouble

_SUFFIX: Final = ".position.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Why the next entries are not there yet."""

    reason: Trouble
    detail: str
    since: float  # seconds since 1970
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkState:
    """What is kept of one sink."""

    sink: str
    kind: str
    writers: Mapping[str, Position] = field(default_factory=dict)  # behind the last entry of each that it has
    entries: int = 0  # acknowledged in all, those sent again included
    at: float = 0.0  # of the last acknowledgement, seconds since 1970
    refused: int = 0  # in batches of which it took only a part: not all of these are there
    whole: Mapping[str, int] | None = None  # with the first such batch: the last entry of each writer before it
    failing: Failing | None = None

    def acknowledged(self, reached: Mapping[str, Position], entries: int, now: float) -> SinkState:
        """The same, further on."""
        writers = {**self.writers, **reached}
        return replace(self, writers=writers, entries=self.entries + entries, at=now, failing=None)

    def took_a_part(self, entries: int) -> SinkState:
        """The same, where a batch of so many was passed over: what it lacks is only in the record from now on."""
        whole = {writer: one.seq for writer, one in self.writers.items()} if self.whole is None else self.whole
        return replace(self, refused=self.refused + entries, whole=whole)

    def has(self, writer: str) -> int:
        """The last entry of a writer up to which it has every one; -1: none."""
        reached = self.writers[writer].seq if writer in self.writers else -1
        return reached if self.whole is None else min(reached, self.whole.get(writer, -1))

    def failed(self, reason: Trouble, detail: str, now: float) -> SinkState:
        """The same, where it is."""
        before = self.failing
        since, attempts = (now, 0) if before is None else (before.since, before.attempts)
        return replace(self, failing=Failing(reason=reason, detail=detail, since=since, attempts=attempts + 1))


def position_path(directory: Path, sink: str) -> Path:
    """Where the position of this sink lies."""
    return directory / f"{sink}{_SUFFIX}"


def read_state(directory: Path, sink: str) -> SinkState | None:
    """What is kept of a sink; None where there is nothing, or nothing that can be read: it then begins anew. Raises
    OSError."""
    try:
        plain = json.loads(position_path(directory, sink).read_bytes())
        failing = plain["failing"]
        return SinkState(
            sink=sink,
            kind=plain["kind"],
            writers={writer: Position(**position) for writer, position in plain["writers"].items()},
            entries=plain["entries"],
            at=plain["at"],
            refused=plain["refused"],
            whole=plain["whole"],
            failing=None if failing is None else Failing(**failing | {"reason": Trouble(failing["reason"])}),
        )
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def write_state(directory: Path, state: SinkState, calls: FileCalls | None = None) -> None:
    """Put it in the old one's place. Raises OSError."""
    calls = calls or FileCalls()
    plain: dict[str, Any] = asdict(state)
    path = position_path(directory, state.sink)
    unfinished = path.with_name(path.name + ".unfinished")
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        content = json.dumps(plain, indent=1).encode() + b"\n"
        if calls.write(fd, content) != len(content):
            raise OSError(0, "the file system took only a part of a position")
        calls.fdatasync(fd)
    finally:
        os.close(fd)
    unfinished.rename(path)
    sync_folder(directory, calls)


def shipped_everywhere(directory: Path, sinks: list[str]) -> dict[str, int]:
    """For each writer the last entry up to which every one of these sinks has all; a writer that one has nothing of is
    not in it. What a sink took only a part of is not shipped: it stays in the record. Raises OSError."""
    states = [state for sink in sinks if (state := read_state(directory, sink)) is not None]
    if not states or len(states) < len(sinks):
        return {}
    reached = {writer: min(state.has(writer) for state in states) for writer in sorted(states[0].writers)}
    return {writer: seq for writer, seq in reached.items() if seq >= 0}
