"""Watching blocks.yaml alone: whoever is stopped there is stopped within a tenth of a second.

To stop somebody is taken at once, even from a file still being written: what it holds so far it will hold. To let
somebody go again is taken when the file has come to rest, since half of a file is a file with fewer blocks. A file that
is gone lifts nothing: that is for the watch over the whole folder to read, at rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError
from gateway.facts.blocks import FILE, lifted
from gateway.facts.registry import Registry, read_alone
from gateway.links.watch import Signature, signature

_log = logging.getLogger(__name__)
INTERVAL: Final = 0.05  # seconds between two looks
REST: Final = 10  # looks that find the same before a block is lifted


class BlocksWatch:
    """Gives the running registry other blocks."""

    def __init__(self, directory: Path, *, running: Callable[[], Registry], swap: Callable[[Registry], None]) -> None:
        self._path = directory / FILE
        self._running = running
        self._swap = swap
        self._seen: Signature = ()
        self._moving: Signature = ()
        self._rested = 0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> bool:
        """One look; True where other blocks are in force now."""
        found = await asyncio.to_thread(signature, self._path)
        if found == self._seen or not found:
            return False
        self._rested = self._rested + 1 if found == self._moving else 0
        self._moving = found
        running = self._running()
        try:
            latter = await asyncio.to_thread(lambda: running.with_blocks(read_alone(self._path)))
        except ConfigError as error:
            self._seen = found  # of the next change, a look at it will tell
            _log.error("reload_refused", extra={"what": "blocks", "problems": list(error.problems)})
            return False
        except Exception:  # an edge: the running version stays, and so does the watch over the next change
            self._seen = found
            _log.exception("reload_failed", extra={"what": "blocks"})
            return False
        if self._running() is not running:
            return False  # the whole registry was loaded in between: the next look begins from it
        if self._rested < REST and any(lifted(running.entities.blocks, latter.entities.blocks)):
            return False
        self._seen = found
        if latter.revision == running.revision:
            return False  # what runs was loaded with these blocks
        self._swap(latter)
        _log.info("reloaded", extra={"what": "blocks"})
        return True
