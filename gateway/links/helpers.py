"""Processes that check segments of the record beside the one that was asked to: `audit verify` on all cores."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from gateway.audit.joined import Helpers, Stretch, Work, check_alone

_SHORT: Final = 16 * 1024 * 1024  # bytes of a record that is checked sooner than processes have started


def helpers_for(directory: Path, jobs: int | None) -> int:
    """How many processes are worth their start for this record: so many as are asked for, or processors may be used."""
    segments = list(directory.glob("*.jsonl")) if directory.is_dir() else []
    if jobs is not None or sum(path.stat().st_size for path in segments) < _SHORT:
        return min(jobs or 1, len(segments))
    allowed = getattr(os, "sched_getaffinity", None)
    return min(len(segments), len(allowed(0)) if allowed is not None else os.cpu_count() or 1)


@contextmanager
def helping(jobs: int) -> Iterator[Helpers | None]:
    """So many processes, for as long as the block runs; None: one is enough, and that is this one."""
    if jobs < 2:
        yield None
        return
    # Started anew, not forked: nothing that this process has open, or holds locked, is theirs.
    pool = ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=partial(signal.signal, signal.SIGINT, signal.SIG_IGN)
    )
    try:
        yield _Pool(pool)
    finally:
        pool.shutdown(cancel_futures=True)


class _Pool:
    """See ``Helpers``. Where a process was killed, the segments are left to who asked."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def begin(self, work: Work) -> Callable[[], Stretch | None]:
        try:
            asked = self._pool.submit(check_alone, work)
        except BrokenExecutor:
            return lambda: None

        def wait() -> Stretch | None:
            try:
                return asked.result()
            except BrokenExecutor:
                return None

        return wait
