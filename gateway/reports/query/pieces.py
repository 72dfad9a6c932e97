"""Which pieces of a record are laid out by columns already, and which are still to be; what nobody needs any more goes.

A piece that was laid out together with others since then may be one that somebody's question is reading. So whoever
asks holds a lock, shared with all who ask, and pieces are taken away only by who finds nobody asking.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.audit.columns import FOLDER, Laid, again, covered, forget, laid, more
from gateway.audit.segments import Segment, list_segments

_LOCK: Final = ".lock"
Segments = Mapping[str, list[Segment]]


@dataclass(frozen=True, slots=True)
class Work:
    """A segment, and which pieces of it are laid out already and stay so. ``behind``: something is to be laid out
    behind them."""

    segment: Segment
    kept: tuple[Laid, ...]
    behind: bool


@contextmanager
def asking(directory: Path) -> Iterator[None]:
    """While a question is asked. Before it, what nobody needs goes, if nobody else asks just now."""
    place = directory / FOLDER
    place.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pass  # later, then
        else:
            _tidy(directory)
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def all_of(segments: Segments) -> list[Work]:
    """Where nothing is to be kept: everything."""
    return [Work(one, (), behind=True) for chain in segments.values() for one in chain]


def plan(directory: Path, segments: Segments) -> list[Work]:
    """Every segment. What does not fit its segment any more, or whose segment is gone, is taken away at once."""
    pieces = _pieces(directory)
    work: list[Work] = []
    for chain in segments.values():
        for segment in chain:
            there = pieces.pop((segment.writer, segment.number), [])
            for one in there:
                if not one.fits(segment):
                    shutil.rmtree(one.path)
            work.append(_work(segment, there, ended=segment is not chain[-1]))
    for writer, number in pieces:
        forget(directory, writer, number)
    return work


def _work(segment: Segment, pieces: list[Laid], *, ended: bool) -> Work:
    known = covered(segment, pieces)
    behind = not known or more(segment, known[-1].end)
    if ended and (behind or len(known) > 1):
        return Work(segment, (), behind=True)
    if behind:
        known = again(known, segment.path.stat().st_size)
    return Work(segment, tuple(known), behind)


def _tidy(directory: Path) -> None:
    """Take away pieces that others took the place of."""
    pieces = _pieces(directory)
    for chain in list_segments(directory).values():
        for segment in chain:
            there = pieces.get((segment.writer, segment.number), [])
            if len(there) > 1:
                kept = _work(segment, there, ended=segment is not chain[-1]).kept
                for one in there:
                    if one not in kept:
                        shutil.rmtree(one.path)


def _pieces(directory: Path) -> dict[tuple[str, int], list[Laid]]:
    found: dict[tuple[str, int], list[Laid]] = defaultdict(list)
    for one in laid(directory):
        found[one.writer, one.number].append(one)
    return found
