"""Counts over a restart: a file of each kind beside the record, replaced whole when they changed.

Without it a gateway that is started anew would have forgotten what went out today, and a limit would begin at zero.
What a crash can lose is what went out since the last look, a few seconds ago. A file that cannot be read as it was
written stops the start: counts that somebody cut are not taken for counts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

from gateway.errors import ConfigError
from gateway.facts.tally import SubjectTally
from gateway.facts.volume import VolumeCounter
from gateway.model import JsonValue

_log = logging.getLogger(__name__)
NAME: Final = "volume.json"
SUBJECTS: Final = "subjects.json"
INTERVAL: Final = 3.0  # seconds between two looks whether there is something to write
_MAX_BYTES: Final = 64 * 1024 * 1024


class Kept(Protocol):
    """What can be written down."""

    def snapshot(self) -> dict[str, JsonValue]:
        """All of it as plain data."""
        ...


Counter = TypeVar("Counter", bound=Kept)


class CountsFile(Generic[Counter]):
    """Restores counts and keeps their file up to date. The folder is one gateway's: the record's lock says so."""

    def __init__(self, path: Path, empty: Callable[[], Counter], restore: Callable[[JsonValue], Counter]) -> None:
        """Read the file, if there is one. Raises ConfigError with its place where it cannot be used."""
        self._path = path
        self._empty = empty
        self._read = restore
        self._written = ""
        self._failing = False
        self.counter = self._restore()

    def _restore(self) -> Counter:
        try:
            with self._path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return self._empty()
        except OSError as error:
            raise ConfigError([f"{self._path}: cannot be read: {error.strerror or error}"]) from None
        if len(data) > _MAX_BYTES:
            raise ConfigError([f"{self._path}: larger than {_MAX_BYTES} bytes"])
        try:
            text = data.decode("utf-8")
            document = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError([f"{self._path}:{error.lineno}: not JSON: {error.msg}"]) from None
        except (ValueError, RecursionError) as error:
            raise ConfigError([f"{self._path}: not JSON: {error}"]) from None
        try:
            counter = self._read(document)
        except ConfigError as error:
            raise ConfigError([f"{self._path}: {problem}" for problem in error.problems]) from None
        self._written = text
        return counter

    async def run(self) -> None:
        """Save every few seconds, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            await self.save()

    async def save(self) -> bool:
        """Write the counts if they changed; True where the file was replaced. A failure is logged once, not raised:
        the record, not this file, is what an answer waits for."""
        text = json.dumps(self.counter.snapshot(), separators=(",", ":"))
        if text == self._written:
            return False
        try:
            await asyncio.to_thread(self._replace, text.encode())
        except OSError as error:
            if not self._failing:
                _log.error("volume_not_saved", extra={"file": self._path.name, "detail": error.strerror or str(error)})
            self._failing = True
            return False
        self._written, self._failing = text, False
        return True

    def _replace(self, content: bytes) -> None:
        unfinished = self._path.with_name(f"{self._path.name}.unfinished")
        unfinished.unlink(missing_ok=True)  # of a crash in the middle
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._path)


def volume_file(directory: Path) -> CountsFile[VolumeCounter]:
    """Rows by employer. Raises ConfigError."""
    return CountsFile(directory / NAME, VolumeCounter, VolumeCounter.restore)


def subjects_file(directory: Path) -> CountsFile[SubjectTally]:
    """Distinct people and devices by employer, type of data and country. Raises ConfigError."""
    return CountsFile(directory / SUBJECTS, SubjectTally, SubjectTally.restore)
