"""kill -9 and power cuts: what was acknowledged is there, the chain verifies, the writer goes on."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.damage import BadKind
from gateway.audit.follow import Follower
from gateway.audit.verify import iter_entries, verify
from gateway.audit.writer import RecordWriter
from gateway.model import Durability
from tests.property.disk import Disk
from tests.unit.audit.chains import never, repeat

KILLS = 6  # of the writer alone; `make crash` kills whole gateways
CUTS = 8  # of one life, each at another moment of the same run

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


Groups = list[tuple[int, Durability]]
GROUPS = st.lists(st.tuples(st.integers(1, 20), st.sampled_from(list(Durability))), min_size=1, max_size=6)


def _work(record: RecordWriter, disk: Disk, groups: Groups, life: int) -> None:
    """Let entries in, each group at once; who asked for it is told when an entry is durable."""
    number = life * 1_000_000
    for size, durability in groups:
        waiting = threading.Semaphore(0)
        for _ in range(size):
            number += 1

            def callback(error: BaseException | None, key: str = f"d{number}") -> None:
                assert error is None
                disk.told(key)
                waiting.release()  # noqa: B023 - waited for below

            if record.append(repeat(number), durability, callback):
                waiting.release()
        for _ in range(size):
            assert waiting.acquire(timeout=20)


@settings(max_examples=20, deadline=None)
@given(st.lists(GROUPS, min_size=1, max_size=3), st.integers(0, 2**32))
def test_a_power_cut_at_any_moment_keeps_what_was_told(lives: list[Groups], seed: int) -> None:
    """Over several lives, each of which begins with what the cut before has left: whoever was told that an entry is
    synced finds it, the chain verifies as it lies there, and the next writer goes on and marks what is torn."""
    owed: set[str] = set()
    chance = random.Random(seed)  # not Hypothesis's own: how much is drawn hangs on the writer's thread
    memory = Path("/dev/shm")  # where this disk's own syncs cost nothing
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        directory = Path(folder) / "0"
        directory.mkdir()
        for life, groups in enumerate(lives):
            disk = Disk(directory)
            record = RecordWriter.open(directory, segment_bytes=4096, writer="gw", calls=disk.calls)
            _work(record, disk, groups, life)
            record.close()
            for cut in range(CUTS):
                left = Path(folder) / f"{life}.{cut}"
                moment = chance.randint(0, len(disk.events))
                told = owed | disk.survivors(moment, left, chance)
                _is_whole(left, told, life)
            directory, owed = left, told


def _is_whole(left: Path, told: set[str], life: int) -> None:
    report = verify(left)
    nothing_yet = not told and report.first_bad is not None and report.first_bad.kind is BadKind.EMPTY
    assert report.ok or nothing_yet, report
    record = RecordWriter.open(left, segment_bytes=4096, writer="gw")
    record.append(repeat(life * 1_000_000 + 999_999), Durability.WRITTEN, never)
    record.close()
    report = verify(left)
    assert report.ok, report
    assert all(torn.marked for torn in report.torn_tails)
    assert told - {entry.get("decision_id") for entry in iter_entries(left)} == set()
    followed = {line.entry.get("decision_id") for line in Follower(left).read(lines=10**6, size=10**9)}
    assert told - followed == set()
