"""A disk that loses power: what reaches it for certain is what was synced, and of the rest any part.

It stands in the place of the record's system calls, carries them out, and notes them in order. Afterwards the power can
be cut at any moment of that order, again and again: ``survivors`` lays into a folder what a disk may hold then.

- A file's content is certain as it was when the last sync of it *began* that had returned; of what was written since,
  each sector of 512 bytes is there or not (zeros, or what was there before), and the file is so long or less.
- A file's name is certain as it was when the last sync of the folder began that had returned; of what happened to names
  since, each is there or not.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.audit.segments import FileCalls

SECTOR: Final = 512


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, and the names in the folder at that time."""

    what: str  # write, begin, end, told
    inode: int
    names: Mapping[str, int]
    offset: int = 0
    data: bytes = b""
    key: str = ""


@dataclass(slots=True)
class _File:
    content: bytearray = field(default_factory=bytearray)
    certain: bytes = b""
    beginning: bytes = b""  # as it was when the sync began that is on


class Disk:
    """Of one folder, which may hold something from the beginning: that is certain."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Event] = []
        self.calls = FileCalls(write=self._write, pwrite=self._pwrite, fdatasync=self._sync, fsync=self._sync)
        self._lock = threading.Lock()
        self._before = {path.name: path.read_bytes() for path in folder.iterdir()}
        self._names_before = self._names()

    def told(self, key: str) -> None:
        """Somebody was told that this is durable."""
        self._note("told", 0, key=key)

    def survivors(self, moment: int, into: Path, chance: random.Random) -> set[str]:
        """What is there after so many events, in a new folder; and what had been told by then."""
        files = {inode: _File(bytearray(self._before[name]), self._before[name]) for name, inode in self._inodes()}
        names: Mapping[str, int] = self._names_before
        certain = beginning = names
        told: set[str] = set()
        for event in self.events[:moment]:
            names = event.names
            file = files.setdefault(event.inode, _File())
            match event.what:
                case "write":
                    file.content[event.offset : event.offset + len(event.data)] = event.data
                case "begin" if event.inode == self._folder_inode():
                    beginning = names
                case "end" if event.inode == self._folder_inode():
                    certain = beginning
                case "begin":
                    file.beginning = bytes(file.content)
                case "end":
                    file.certain = file.beginning
                case "told":
                    told.add(event.key)
        mood = chance.choice(("nothing", "everything", "some", "some"))  # of what was not certain is there
        into.mkdir(mode=0o700)
        for name in sorted(names.keys() | certain.keys()):
            inode = _chosen(certain.get(name), names.get(name), mood, chance)
            if inode is not None:
                (into / name).write_bytes(_content(files.get(inode, _File()), mood, chance))
        return told

    def _write(self, descriptor: int, data: bytes) -> int:
        with self._lock:
            offset = os.fstat(descriptor).st_size
            written = os.write(descriptor, data)
            self._note("write", os.fstat(descriptor).st_ino, offset=offset, data=data[:written])
        return written

    def _pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        with self._lock:
            written = os.pwrite(descriptor, data, offset)
            self._note("write", os.fstat(descriptor).st_ino, offset=offset, data=data[:written])
        return written

    def _sync(self, descriptor: int) -> None:
        inode = os.fstat(descriptor).st_ino
        self._note("begin", inode)
        self._note("end", inode)

    def _note(self, what: str, inode: int, *, offset: int = 0, data: bytes = b"", key: str = "") -> None:
        self.events.append(Event(what, inode, self._names(), offset, data, key))

    def _names(self) -> dict[str, int]:
        return {entry.name: entry.inode() for entry in os.scandir(self.folder)}

    def _inodes(self) -> list[tuple[str, int]]:
        return [(name, inode) for name, inode in self._names_before.items()]

    def _folder_inode(self) -> int:
        return self.folder.stat().st_ino


def _chosen(certain: int | None, now: int | None, mood: str, chance: random.Random) -> int | None:
    """Which file a name leads to; None: the name is not there."""
    match mood:
        case "nothing":
            return certain
        case "everything":
            return now
        case _:
            return chance.choice((certain, now))


def _content(file: _File, mood: str, chance: random.Random) -> bytes:
    new, old = bytes(file.content), file.certain
    match mood:
        case "nothing":
            return old
        case "everything":
            return new
        case _:
            size = chance.choice((len(old), len(new), chance.randint(len(old), max(len(old), len(new)))))
            old = old.ljust(size, b"\0")
            likely = chance.random()
            found = b"".join(
                (new if chance.random() < likely else old)[at : at + SECTOR] for at in range(0, size, SECTOR)
            )
            return found[:size]
