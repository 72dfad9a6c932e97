"""kill -9 and power cuts: what was acknowledged is there, the chain verifies, the writer goes on."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.segments import FileCalls
from gateway.audit.verify import iter_entries, verify
from gateway.audit.writer import RecordWriter
from gateway.errors import RecordUnavailable
from gateway.model import Durability
from tests.unit.audit.chains import repeat

KILLS = 20

WRITE = """
import os, sys, threading
from pathlib import Path
from gateway.audit.writer import RecordWriter
from gateway.model import Durability
from tests.unit.audit.chains import repeat

run, directory = int(sys.argv[1]), Path(sys.argv[2])
record = RecordWriter.open(directory, segment_bytes=1 << 15, writer="gw")
room = threading.Semaphore(64)

def acknowledge(number):
    os.write(1, b"%d\\n" % number)  # one write: the pipe holds whole numbers only

def told(number):
    def callback(error):
        if error is None:
            acknowledge(number)
        room.release()
    return callback

number = run * 1_000_000
while True:
    number += 1
    room.acquire()
    if number % 3 == 0:
        assert not record.append(repeat(number), Durability.SYNCED, told(number))
    else:
        assert record.append(repeat(number), Durability.WRITTEN, told(number))
        acknowledge(number)
        room.release()
"""


def _run_and_kill(directory: Path, run: int, acknowledgements: int) -> set[int]:
    """Let a writer work until it has acknowledged so many entries, kill it; returns all it acknowledged."""
    child = subprocess.Popen([sys.executable, "-c", WRITE, str(run), str(directory)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    with child.stdout as pipe:
        lines = [pipe.readline() for _ in range(acknowledgements)]
        child.send_signal(signal.SIGKILL)
        lines.extend(pipe.readlines())
    assert child.wait() == -signal.SIGKILL
    assert all(line.endswith(b"\n") for line in lines)
    return {int(line) for line in lines}


def test_kill_at_random_moments(tmp_path: Path) -> None:
    moments = random.Random(7)
    acknowledged: set[int] = set()
    for run in range(KILLS):
        acknowledged |= _run_and_kill(tmp_path, run, moments.choice([1, 2, 3, 10, 100, 500]))
        report = verify(tmp_path)
        assert report.ok, report
    found = {int(str(entry["decision_id"])[1:]) for entry in iter_entries(tmp_path) if entry["kind"] == "repeat"}
    assert acknowledged - found == set()
    assert len(acknowledged) > KILLS
    assert report.segments > 1


class PowerCut:
    """A disk of which only what was synced outlives a cut: a file's bytes by its sync, its name by the folder's."""

    def __init__(self, survivors: Path) -> None:
        self.survivors = survivors
        survivors.mkdir()
        self.content: dict[int, bytes] = {}  # by inode
        self.names: dict[str, int] = {}
        self.calls = FileCalls(fdatasync=self.sync, fsync=self.sync)
        self.lock = threading.Lock()
        self.off = False

    def sync(self, fd: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{fd}"))
        with self.lock:
            if self.off:
                raise OSError(5, "the power is off")
            if path.is_dir():
                self.names = {entry.name: entry.stat().st_ino for entry in path.iterdir()}
            else:
                self.content[os.fstat(fd).st_ino] = path.read_bytes()

    def cut(self) -> None:
        """From now on nothing becomes durable; what was lies in ``survivors``."""
        with self.lock:
            self.off = True
            for name, inode in self.names.items():
                if inode in self.content:
                    (self.survivors / name).write_bytes(self.content[inode])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from(list(Durability))), min_size=1, max_size=8))
def test_power_cut_keeps_every_synced_entry(groups: list[tuple[int, Durability]]) -> None:
    with TemporaryDirectory() as folder:
        directory, survivors = Path(folder) / "record", Path(folder) / "survivors"
        disk = PowerCut(survivors)
        record = RecordWriter.open(directory, segment_bytes=4096, writer="gw", calls=disk.calls)
        acknowledged: set[str] = set()
        number = 0
        for size, durability in groups:
            told = threading.Semaphore(0)
            for _ in range(size):
                number += 1

                def callback(
                    error: BaseException | None, number: int = number, told: threading.Semaphore = told
                ) -> None:
                    if error is None:
                        acknowledged.add(f"d{number}")
                    told.release()

                if record.append(repeat(number), durability, callback):
                    told.release()
            for _ in range(size):
                assert told.acquire(timeout=10)
        disk.cut()
        expected = set(acknowledged)
        again = RecordWriter.open(survivors, segment_bytes=4096, writer="gw")
        again.append(repeat(0), Durability.WRITTEN, lambda error: None)
        again.close()
        report = verify(survivors)
        assert report.ok, report
        assert expected <= {entry.get("decision_id") for entry in iter_entries(survivors)}
        with suppress(RecordUnavailable):  # its disk is gone: it says so, or has nothing left to sync
            record.close()
