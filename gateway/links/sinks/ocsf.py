"""Files of OCSF events, one a line, synced: for whoever collects files. Nothing is ever taken away here.

A file is ``<sink>.<when>.ndjson`` and is begun when the one before is full. What a crash left behind the last whole
line of the newest is cut off before more is written: those entries come again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from gateway.audit.follow import Line
from gateway.audit.segments import FileCalls, make_folder, sync_folder, write_all
from gateway.config_sinks import OcsfSink
from gateway.links.sinks.ocsf_events import ocsf_event
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble

_BLOCK: Final = 65_536


class OcsfFiles:
    """A ``Sink``."""

    def __init__(self, settings: OcsfSink, name: str, record: str, calls: FileCalls | None = None) -> None:
        self._settings, self._name, self._record = settings, name, record
        self._calls = calls or FileCalls()
        self._version = version("sekisho")
        self._fd = -1
        self._size = 0

    def send(self, lines: Sequence[Line]) -> None:
        """See ``Sink``."""
        events = [ocsf_event(line, self._record, self._version) for line in lines]
        content = b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)
        try:
            if self._fd >= 0 and self._size >= self._settings.file_bytes:
                self.close()
            if self._fd < 0:
                self._open()
            write_all(self._fd, content, self._calls)
            self._calls.fdatasync(self._fd)
            self._size += len(content)
        except OSError as error:
            self.close()
            raise SinkError(Trouble.UNREACHABLE, f"{self._settings.directory}: {error.strerror or error}") from None

    def close(self) -> None:
        """See ``Sink``."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _open(self) -> None:
        """The newest file, where it is whole and not full; else another."""
        folder = self._settings.directory
        make_folder(folder, self._calls)
        files = sorted(folder.glob(f"{self._name}.*.ndjson"))
        path = files[-1] if files else self._next()
        self._size = _whole(path) if files else 0
        if self._size >= self._settings.file_bytes:
            path, self._size = self._next(), 0
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.ftruncate(self._fd, self._size)
        sync_folder(folder, self._calls)

    def _next(self) -> Path:
        return self._settings.directory / f"{self._name}.{time.time_ns()}.ndjson"


def _whole(path: Path) -> int:
    """Bytes up to the end of the last whole line."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = file.seek(max(0, end - _BLOCK))
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0
