"""Watching a folder of files, one file, or some: a cheap signature, looked at every half second; a reload when it moved
and came to rest.

At rest is a folder that two looks in a row find the same: what is still being written is not read, because half of a
file may well be a file without a mistake. Nothing that happens in a reload ends the watching.
"""

from __future__ import annotations

import asyncio
import logging
import stat
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Generic, TypeVar

from gateway.errors import ConfigError

_log = logging.getLogger(__name__)
INTERVAL: Final = 0.5  # seconds between two looks
_MAX_FILES: Final = 10_000

Loaded = TypeVar("Loaded")
Signature = tuple[tuple[str | int, ...], ...]


class Watch(Generic[Loaded]):
    """Loads something again when it changes. What cannot be loaded is refused as a whole: the running version stays."""

    def __init__(
        self,
        *,
        what: str,
        look_at: Callable[[], Signature],
        load: Callable[[], Loaded],
        swap: Callable[[Loaded], None],
        seen: Signature,
        told: Callable[[bool], None] | None = None,
    ) -> None:
        """``seen`` is the signature of what runs now, taken *before* it was loaded: a change in between is one.
        ``told`` of every reload, whether it was good."""
        self._what = what
        self._look_at = look_at
        self._load = load
        self._swap = swap
        self._seen = seen
        self._moving = seen  # what the last look found
        self._told = told or (lambda good: None)

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
            return False
        if found != self._moving:
            self._moving = found
            return False  # still moving
        try:
            loaded = await asyncio.to_thread(self._load)
            if await asyncio.to_thread(self._look_at) != found:
                return False  # it moved while it was read
            self._seen = found
            self._swap(loaded)
        except ConfigError as error:
            self._seen = found
            _log.error("reload_refused", extra={"what": self._what, "problems": list(error.problems)})
            self._told(False)
            return False
        except Exception:  # an edge: the running version stays, and so does the watch over the next change
            self._seen = found
            _log.exception("reload_failed", extra={"what": self._what})
            self._told(False)
            return False
        _log.info("reloaded", extra={"what": self._what})
        self._told(True)
        return True


class FolderWatch(Watch[Loaded]):
    """The same for a folder, or for one file."""

    def __init__(
        self,
        directory: Path,
        *,
        what: str,
        load: Callable[[Path], Loaded],
        swap: Callable[[Loaded], None],
        seen: Signature,
    ) -> None:
        look_at = partial(signature, directory)
        super().__init__(what=what, look_at=look_at, load=partial(load, directory), swap=swap, seen=seen)


def signatures(paths: Iterable[Path]) -> Signature:
    """The signature of several."""
    return tuple((str(path), *part) for path in paths for part in signature(path))


def signature(directory: Path) -> Signature:
    """What tells one state of the files below a folder, or of one file, from another: names, sizes, times, which files.

    Links are followed: a link turned to another folder of the same sizes and times is a change.
    """
    found: list[tuple[str | int, ...]] = []
    for path in islice(sorted(directory.rglob("*")) if directory.is_dir() else [directory], _MAX_FILES):
        name = path.relative_to(directory).as_posix()
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # a file that goes while we look: the next look sees the folder without it
        except OSError as error:
            found.append((name, error.errno or 0))
            continue
        if not stat.S_ISDIR(status.st_mode):
            found.append((name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev))
    return tuple(found)
