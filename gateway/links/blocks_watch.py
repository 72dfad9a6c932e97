"""Watching the kill-switch alone: whoever is stopped there is stopped within a tenth of a second.

To stop somebody is taken at once, even from a file still being written: what it holds so far it will hold. To let
somebody go again is taken from a file that is known to be whole: blocks.yaml that ends in ``...``, or in a folder
edited by hand one that has come to rest; what `sekisho block` keeps is whole whenever it can be read. A file that is
gone lifts nothing: that is for the watch over the whole folder to read, at rest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError
from gateway.facts.admin_blocks import read_file
from gateway.facts.blocks import lifted
from gateway.facts.folder import ends
from gateway.facts.registry import Registry
from gateway.links.watch import Refusal, Signature, newest, signature

_log = logging.getLogger(__name__)
INTERVAL: Final = 0.05  # seconds between two looks
REST: Final = 10  # looks that find the same before a block is lifted

Read = Callable[[Registry, bytes], Registry]  # a registry, and the file -> the registry with its blocks
Swap = Callable[[Registry], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlocksFile:
    """One file of blocks."""

    path: Path
    read: Read
    ends: bool = False  # says by itself that it is whole
    rests: bool = False  # is taken for whole when it has come to rest

    @classmethod
    def listed(cls, path: Path, *, edited: bool) -> BlocksFile:
        """blocks.yaml, in a folder that may be edited by hand."""
        return cls(path=path, read=lambda registry, data: registry.with_blocks(listed=data), ends=True, rests=edited)

    @classmethod
    def admin(cls, path: Path) -> BlocksFile:
        """What `sekisho block` keeps: what is cut cannot be read."""
        return cls(path=path, read=lambda registry, data: registry.with_blocks(admin=data))


class BlocksWatch:
    """Gives the running registry the blocks of one file."""

    def __init__(
        self,
        file: BlocksFile,
        *,
        running: Callable[[], Registry],
        swap: Swap,
        swapping: asyncio.Lock | None = None,
    ) -> None:
        """``swapping`` keeps a whole registry that was read before a change from being put in force after it."""
        self._file = file
        self._running = running
        self._swap = swap
        self._swapping = swapping or asyncio.Lock()
        self._seen: Signature = ()
        self._moving: Signature = ()
        self._rested = 0
        self.refusal: Refusal | None = None

    @property
    def changed_at(self) -> float:
        """When the file was written; 0 where there is none."""
        return newest(self._seen)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.look()

    async def look(self) -> bool:
        """One look; True where other blocks are in force now."""
        found = await asyncio.to_thread(signature, self._file.path)
        if found == self._seen or not found:
            if self.refusal is not None:
                self.refusal.again()
            return False
        self._rested = self._rested + 1 if found == self._moving else 0
        self._moving = found
        async with self._swapping:
            return await self._take(found)

    async def _take(self, found: Signature) -> bool:
        running = self._running()
        try:
            data = await asyncio.to_thread(read_file, self._file.path)
            if data is None:
                return False  # gone in this moment
            latter = await asyncio.to_thread(self._file.read, running, data)
            if self._running() is not running:
                return False  # other rules' tests, or another database of addresses: the next look begins from it
            if any(lifted(running.entities.blocks, latter.entities.blocks)) and not self._is_whole(data):
                return False
        except ConfigError as error:
            return self._refused(found, Refusal("blocks", error.problems))
        except Exception as error:  # an edge: the running version stays, and so does the watch over the next change
            return self._refused(found, Refusal("blocks", (str(error),), broken=True))
        self._seen, self.refusal = found, None
        if latter.revision == running.revision:
            return False  # what runs was loaded with these blocks
        self._swap(latter)
        _log.info("reloaded", extra={"what": "blocks"})
        return True

    def _is_whole(self, data: bytes) -> bool:
        """Whether a block that the file has no longer is lifted. Raises ConfigError where it never will be."""
        if not self._file.ends or ends(data) or (self._file.rests and self._rested >= REST):
            return True
        if not self._file.rests and self._rested >= REST:
            raise ConfigError(
                [f"{self._file.path.name}: it lifts a block, and its last line is not '...': it may have been cut"]
            )
        return False

    def _refused(self, found: Signature, refusal: Refusal) -> bool:
        self._seen, self.refusal = found, refusal
        return False
