"""Where a writer's chain ends, when it is opened again: the checkpoint, the newest segment, and what a crash left
there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.audit.chain import GENESIS
from gateway.audit.checkpoint import CheckpointUnreadable, read_checkpoint
from gateway.audit.damage import Bad, TornTail
from gateway.audit.record import SCHEMA_VERSION
from gateway.audit.segments import list_segments
from gateway.audit.verify import compare
from gateway.audit.walk import walk
from gateway.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The end of a chain. ``segment`` -1: nothing written yet. ``generation``: of the checkpoint; -1 where there is
    none."""

    generation: int = -1
    segment: int = -1
    seq: int = -1
    hash: str = GENESIS
    size: int = 0
    latest_us: int = 0  # the latest time in the newest segment
    path: Path | None = None  # the newest segment
    continues: bool = False  # entries may be appended to it
    torn: TornTail | None = None  # not marked yet


def find_end(directory: Path, writer: str) -> End:
    """The end of the writer's chain. Raises ConfigError where the chain's end is damaged, OSError where it cannot be
    read.

    Only the newest segment is read; the ones before it are for ``verify``.
    """
    try:
        checkpoint = read_checkpoint(directory, writer)
    except CheckpointUnreadable as error:
        raise _damaged(directory, str(error)) from None
    segments = list_segments(directory).get(writer, [])
    if checkpoint is None:
        if segments:
            raise _damaged(directory, f"{writer}.head.json is not there; without it a cut at the end cannot be seen")
        return End()
    newest = segments[-1:]
    if not newest:
        missing = compare(checkpoint, [], None)
        if missing is not None:
            raise _damaged(directory, missing)
        return End(generation=checkpoint.generation)
    attested = None if checkpoint.seq < 0 else (checkpoint.seq, checkpoint.hash)
    # the clock is for verify to judge: a gateway must be able to start after its clock was set right
    state = walk(newest, clock_tolerance_us=2**62, attested=attested, trust_first=True)
    bad = state.bad or compare(checkpoint, newest, state)
    if bad is not None:
        raise _damaged(directory, bad)
    torn = state.torn[-1] if state.torn else None
    return End(
        generation=checkpoint.generation,
        segment=newest[0].number,
        seq=state.seq - 1,
        hash=state.prev,
        size=state.size,
        latest_us=state.latest_us,
        path=newest[0].path,
        continues=torn is None and state.version == SCHEMA_VERSION,
        torn=torn,
    )


def _damaged(directory: Path, what: Bad | str) -> ConfigError:
    if isinstance(what, Bad):
        what = f"{what.segment} line {what.line}: {what.kind}: {what.explanation}"
    return ConfigError(
        [
            f"record: the record in {directory} is damaged and is not continued: {what}. "
            "See `sekisho audit verify`; to begin a new record, move the folder away and keep it"
        ]
    )
