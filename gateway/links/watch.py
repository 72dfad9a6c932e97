"""Watching a folder of files: a cheap signature, looked at every second; a reload when it moved and came to rest."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from gateway.errors import ConfigError

_log = logging.getLogger(__name__)
INTERVAL: Final = 1.0  # seconds between two looks
_MAX_FILES: Final = 10_000

Loaded = TypeVar("Loaded")
Signature = tuple[tuple[str, int, int], ...]


class FolderWatch(Generic[Loaded]):
    """Loads a folder again when it changes. What cannot be loaded is refused as a whole: the running version stays."""

    def __init__(
        self, directory: Path, *, what: str, load: Callable[[Path], Loaded], swap: Callable[[Loaded], None]
    ) -> None:
        self._directory = directory
        self._what = what
        self._load = load
        self._swap = swap
        self._seen = signature(directory)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> bool:
        """One look; True where something new was swapped in."""
        found = await asyncio.to_thread(signature, self._directory)
        if found == self._seen:
            return False
        try:
            loaded = await asyncio.to_thread(self._load, self._directory)
        except ConfigError as error:
            self._seen = found
            _log.error("reload_refused", extra={"what": self._what, "problems": list(error.problems)})
            return False
        if await asyncio.to_thread(signature, self._directory) != found:
            return False  # still being written: what was read may be half of it
        self._seen = found
        self._swap(loaded)
        _log.info("reloaded", extra={"what": self._what})
        return True


def signature(directory: Path) -> Signature:
    """Names, sizes and times of change of the files below a folder."""
    found: list[tuple[str, int, int]] = []
    for path in sorted(directory.rglob("*"))[:_MAX_FILES]:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # a file that goes while we look: the next look sees the folder without it
        if path.is_file():
            found.append((str(path.relative_to(directory)), status.st_size, status.st_mtime_ns))
    return tuple(found)
