"""``GroupCommit``: what of a writer's chain is on disk, and the file that says so. Of the writer's sync thread alone.

Who waits is told between ``advance`` and ``keep``: by then their entries are on disk and the checkpoint is in the
kernel, where the end of the process cannot lose it. That the checkpoint is on disk, too, is nobody's to wait for.
"""

from __future__ import annotations

from typing import Final

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.files import Descriptors, write_checkpoint
from gateway.audit.segments import FileCalls

CHECKPOINT_GROUPS: Final = 64  # under constant load the checkpoint itself is synced every so many groups


class GroupCommit:
    """Begins with the checkpoint that was found, or made, when the writer's files were opened."""

    __slots__ = ("_calls", "_fds", "_groups", "_kept", "state")

    def __init__(self, checkpoint: Checkpoint, fds: Descriptors, calls: FileCalls) -> None:
        self.state = checkpoint  # what was on disk when the last group was synced; other threads read it
        self._fds, self._calls = fds, calls
        self._kept, self._groups = True, 0

    def advance(self, fd: int, reached: tuple[int, int, str], *, ends: bool, closed: bool) -> None:
        """Sync the segment ``fd`` up to ``reached`` (its number, seq and hash of its last entry) and write the
        checkpoint. ``ends``: the writer does, ``closed`` in good order. Raises OSError."""
        segment, seq, digest = reached
        moved = seq != self.state.seq
        if moved:
            self._calls.fdatasync(fd)
        if moved or ends:
            generation = self.state.generation + 1
            self.state = Checkpoint(
                writer=self.state.writer, generation=generation, segment=segment, seq=seq, hash=digest, closed=closed
            )
            write_checkpoint(self._fds.checkpoint, self.state, self._calls)
            self._kept = False
            self._groups += 1

    def keep(self, *, settle: bool) -> None:
        """Sync the checkpoint, where that is due or there is time to ``settle``. Raises OSError."""
        if not self._kept and (settle or self._groups % CHECKPOINT_GROUPS == 0):
            self._calls.fdatasync(self._fds.checkpoint)
            self._kept = True
