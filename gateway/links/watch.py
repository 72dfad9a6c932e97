"""Watching a folder of files, one file, or some: a cheap signature, looked at every half second; a reload when it moved
and came to rest.

At rest is a folder that two looks in a row find the same: what is still being written is not read, because half of a
file may well be a file without a mistake. Nothing that happens in a reload ends the watching. While something newer is
refused, that is said again and again, ever more rarely.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

from gateway.errors import ConfigError

_log = logging.getLogger(__name__)
INTERVAL: Final = 0.5  # seconds between two looks
_MAX_FILES: Final = 10_000
_AGAIN: Final = 60.0  # seconds after which a refusal that stays is told again; twice as long each time
_AGAIN_MOST: Final = 3600.0

Loaded = TypeVar("Loaded")
Signature = tuple[tuple[str | int, ...], ...]


class Refusal:
    """Something newer than what runs was refused. It is logged at once, and again while it stays so."""

    def __init__(self, what: str, problems: tuple[str, ...], *, broken: bool = False) -> None:
        """``broken``: by a mistake of ours, which is logged with its place."""
        self.problems = problems
        self._what = what
        self._since = self._due = time.monotonic()
        self._pause = _AGAIN
        self._message = "reload_failed" if broken else "reload_refused"
        self._tell(broken)

    @property
    def seconds(self) -> float:
        """For how long."""
        return time.monotonic() - self._since

    def again(self) -> None:
        """Say it again, when it is time."""
        if time.monotonic() >= self._due:
            self._tell(False)

    def _tell(self, trace: bool) -> None:
        details = {"what": self._what, "problems": list(self.problems), "seconds": round(self.seconds)}
        _log.error(self._message, extra=details, exc_info=trace)
        self._due += self._pause
        self._pause = min(2 * self._pause, _AGAIN_MOST)


class Watch(Generic[Loaded]):
    """Loads something again when it changes. What cannot be loaded is refused as a whole: the running version stays."""

    def __init__(
        self,
        *,
        what: str,
        look_at: Callable[[], Signature],
        load: Callable[[], Loaded],
        swap: Callable[[Loaded], Awaitable[None] | None],
        seen: Signature,
        told: Callable[[bool], None] | None = None,
        settled: Callable[[], Signature] | None = None,
        swapping: asyncio.Lock | None = None,
    ) -> None:
        """``seen`` is the signature of what runs now, taken *before* it was loaded: a change in between is one.
        ``told`` of every reload, whether it was good. ``settled`` is the signature of all that is loaded, where that is
        more than what a change of is a reason to load; it stays the same from the loading until ``swap``, which
        ``swapping`` keeps others out of."""
        self._what = what
        self._look_at = look_at
        self._load = load
        self._swap = swap
        self._seen = seen
        self._moving = seen  # what the last look found
        self._in_force = seen
        self._told = told or (lambda good: None)
        self._settled = settled or look_at
        self._swapping = swapping or asyncio.Lock()
        self.refusal: Refusal | None = None  # of what is there now, in place of what runs

    @property
    def changed_at(self) -> float:
        """When the newest file of what runs was written."""
        return newest(self._in_force)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> bool:
        """One look; True where something new was swapped in."""
        found = await asyncio.to_thread(self._look_at)
        if found == self._seen:
            self._moving = found
            if self.refusal is not None:
                self.refusal.again()
            return False
        if found != self._moving:
            self._moving = found
            return False  # still moving
        before = await asyncio.to_thread(self._settled)
        try:
            loaded = await asyncio.to_thread(self._load)
            async with self._swapping:
                if await asyncio.to_thread(self._settled) != before:
                    return False  # it moved while it was read
                self._seen = found
                if (swapped := self._swap(loaded)) is not None:
                    await swapped
        except ConfigError as error:
            if await asyncio.to_thread(self._settled) != before:
                return False
            return self._refused(found, Refusal(self._what, error.problems))
        except Exception as error:  # an edge: the running version stays, and so does the watch over the next change
            return self._refused(found, Refusal(self._what, (str(error),), broken=True))
        self._in_force, self.refusal = found, None
        _log.info("reloaded", extra={"what": self._what})
        self._told(True)
        return True

    def _refused(self, found: Signature, refusal: Refusal) -> bool:
        self._seen, self.refusal = found, refusal
        self._told(False)
        return False


class FolderWatch(Watch[Loaded]):
    """The same for a folder, or for one file."""

    def __init__(
        self,
        directory: Path,
        *,
        what: str,
        load: Callable[[Path], Loaded],
        swap: Callable[[Loaded], Awaitable[None] | None],
        seen: Signature,
    ) -> None:
        look_at = partial(signature, directory)
        super().__init__(what=what, look_at=look_at, load=partial(load, directory), swap=swap, seen=seen)


def signatures(paths: Iterable[Path]) -> Signature:
    """The signature of several."""
    return tuple((str(path), *part) for path in paths for part in signature(path))


def newest(seen: Signature) -> float:
    """When the newest of the files was written, in seconds; 0 where there are none."""
    return max((entry[2] / 1e9 for entry in seen if len(entry) > 3 and isinstance(entry[2], int)), default=0.0)


def signature(directory: Path, only_there: Collection[str] = ()) -> Signature:
    """What tells one state of the files below a folder, or of one file, from another: names, sizes, times, which files.

    Links are followed: a link turned to another folder of the same sizes and times is a change. Of files named in
    ``only_there`` counts only that they are there.
    """
    found: list[tuple[str | int, ...]] = []
    for name, path in islice(_files(os.fspath(directory)), _MAX_FILES):
        try:
            status = os.stat(path)
        except FileNotFoundError:
            continue  # a file that goes while we look: the next look sees the folder without it
        except OSError as error:
            found.append((name, error.errno or 0))
            continue
        if name in only_there:
            found.append((name,))
        elif not stat.S_ISDIR(status.st_mode):
            found.append((name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev))
    return tuple(sorted(found))


def _files(top: str) -> Iterator[tuple[str, str]]:
    """Names below a folder, and where they are; or of the one file. Not by pathlib: this runs twice a second beside the
    loop that serves everybody, and that takes ten times as long."""
    if not os.path.isdir(top):
        yield os.path.basename(top), top
        return
    folders = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(os.path.join(top, folder)) as entries:
                for entry in entries:
                    name = f"{folder}{entry.name}"
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(f"{name}/")
                    else:
                        yield name, entry.path
        except OSError:
            continue  # gone meanwhile, or closed to us: whoever loads it will say so
