"""Whose the record's folder is: one gateway's, which is one process or several workers under a supervisor.

Locks of the kernel, so that they end with the process, however it ends. A gateway of one process holds ``lock`` alone.
The supervisor of several takes it alone, too, and then shares it with its workers: until the last of them has gone, no
other gateway begins. Each worker also holds ``<writer>.lock`` alone: one chain has one writer. So does a command that
records what somebody asked of it, and it holds nothing else: it comes and goes beside a gateway.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.audit.segments import FileCalls, make_folder
from gateway.errors import ConfigError

_LOCK: Final = "lock"
_log = logging.getLogger(__name__)


class FolderLock:
    """The folder, or a writer's place in it, until it is closed. Made by the functions below."""

    __slots__ = ("_fds",)

    def __init__(self) -> None:
        self._fds: list[int] = []

    def take(self, path: Path, how: int, *, wait: bool = False) -> None:
        """Lock a file in one way more. Raises BlockingIOError where others hold it, OSError where it cannot be had."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._fds.append(fd)
        fcntl.flock(fd, how if wait else how | fcntl.LOCK_NB)

    def share(self) -> None:
        """Let workers in beside who holds it. Raises BlockingIOError where somebody else was in between."""
        for fd in self._fds:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def close(self) -> None:
        """Give it back."""
        while self._fds:
            os.close(self._fds.pop())


def lock_alone(directory: Path, calls: FileCalls) -> FolderLock:
    """Make the folder and take it for one process. Raises ConfigError where it is taken, OSError where it cannot be
    used."""
    make_folder(directory, calls)
    if directory.stat().st_mode & 0o022:
        _log.warning("record_folder_writable_by_others", extra={"directory": str(directory)})
    with _taken(directory) as lock:
        lock.take(directory / _LOCK, fcntl.LOCK_EX)
    return lock


def lock_for_workers(directory: Path, calls: FileCalls) -> FolderLock:
    """The same for a supervisor, whose workers then come in by ``lock_as_worker``."""
    lock = lock_alone(directory, calls)
    with _taken(directory, lock):
        lock.share()
    return lock


def lock_as_worker(directory: Path, writer: str) -> FolderLock:
    """A worker's place in its supervisor's folder. Raises as ``lock_alone`` does."""
    with _taken(directory) as lock:
        lock.take(directory / _LOCK, fcntl.LOCK_SH)
        lock.take(directory / f"{writer}.lock", fcntl.LOCK_EX)
    return lock


def lock_beside(directory: Path, writer: str, calls: FileCalls) -> FolderLock:
    """A place for a chain beside those of the gateway, which may run and may not: for commands, each for a moment, one
    after the other. Raises as ``lock_alone`` does."""
    make_folder(directory, calls)
    with _taken(directory) as lock:
        lock.take(directory / f"{writer}.lock", fcntl.LOCK_EX, wait=True)
    return lock


@contextmanager
def _taken(directory: Path, lock: FolderLock | None = None) -> Iterator[FolderLock]:
    """Whatever goes wrong, nothing stays locked."""
    lock = lock or FolderLock()
    try:
        yield lock
    except BlockingIOError:
        lock.close()
        why = f"record.directory: {directory} is in use by another gateway; each one needs a folder of its own"
        raise ConfigError([why]) from None
    except BaseException:
        lock.close()
        raise
