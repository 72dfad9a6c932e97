"""Disasters under load: kill -9, a disk that fills up and is emptied again, a clock that jumps ahead and back.

Six people ask, in every way, while it happens; a tap before the server says what was sent to it, and afterwards the
record is asked whether it knows of all of that (`tests.crash`)."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.audit.damage import CLOCK_BACK, GAP, BadKind
from gateway.audit.verify import iter_entries, verify
from gateway.demo.characters import SATO
from gateway.demo.database import Database
from tests.crash.clients import FIRST_MARK, Crowd
from tests.crash.lives import tail
from tests.crash.play import Player
from tests.crash.stage import Stage
from tests.integration.postgres_wire import until

pytestmark = pytest.mark.integration

PAUSE_S = 0.02
ROOM = 4 * 1024 * 1024


def _told(crowd: Crowd) -> Counter[str]:
    return Counter(sqlstate for one in list(crowd.asked.values()) for sqlstate, _ in list(one.told))


def _more(crowd: Crowd, sqlstate: str, count: int = 10) -> None:
    """Wait until so many more have been told that."""
    before = _told(crowd)[sqlstate]
    until(lambda: _told(crowd)[sqlstate] >= before + count, seconds=40)


def test_a_gateway_that_is_killed_now_and_then(tmp_path: Path, messenger: Database) -> None:
    """As `make crash` does it hundreds of times."""
    player = Player(tmp_path, messenger, seed=2)  # as a statement is sent, and it leaves half a line
    try:
        story = player.play(1)
    finally:
        player.close()
    assert story.total.wrong == []
    assert story.report is not None
    assert [torn.marked for torn in story.report.torn_tails] == [True]
    assert story.total.executed > 0


def test_a_gateway_that_is_killed_while_statements_wait_for_a_log_server(tmp_path: Path, messenger: Database) -> None:
    with contextlib.closing(Player(tmp_path, messenger, seed=2, remote=True)) as player:
        story = player.play(1)
    assert story.total.wrong == []
    assert story.total.afar > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with little room."""
    folder = tmp_path / "small"
    folder.mkdir(mode=0o700)
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM},mode=700", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        why = "no file system can be mounted here: a full disk is tested by refused writes only"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{why} (required, as CI=true)")
        pytest.skip(why)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@contextlib.contextmanager
def _on_a_small_disk(small_disk: Path, root: Path, messenger: Database, on_full: str) -> Iterator[tuple[Stage, Crowd]]:
    """A gateway at work there; when it has ended in good order, its record owes nobody anything."""
    stage = Stage(root, messenger, {"directory": str(small_disk), "segment_bytes": 256 * 1024, "on_full": on_full})
    crowd = Crowd(stage.connect, random.Random(1), FIRST_MARK, PAUSE_S)
    seen = stage.tap.begin(None)
    life = stage.serve()
    try:
        crowd.start()
        _more(crowd, "00000")
        yield stage, crowd
        assert life.stop() == 0, tail(stage.log)
    finally:
        life.stop()
        verdict = stage.judge(seen, crowd, 0)
        stage.close()
    assert verdict.wrong == []
    report = verify(stage.record)
    assert report.ok, report
    assert any(entry["kind"] == GAP for entry in iter_entries(stage.record))


def test_a_disk_that_fills_up_under_load_and_is_emptied_again(
    small_disk: Path, tmp_path: Path, messenger: Database
) -> None:
    """Nothing more is done, under the reason why; nothing is done unrecorded; and it goes on when there is room."""
    with _on_a_small_disk(small_disk, tmp_path, messenger, "deny") as (stage, crowd), stage.connect(SATO) as connection:
        _fill(small_disk / "filler")
        _more(crowd, "58030", 30)
        with pytest.raises(psycopg.errors.IoError, match="record_unavailable"):
            connection.execute("SELECT count(*) FROM stickers")
        sent = stage.tap.seen.executed.total()
        _more(crowd, "58030")
        assert stage.tap.seen.executed.total() == sent, "nothing goes on while nothing can be recorded"
        (small_disk / "filler").unlink()
        _more(crowd, "00000")
        assert connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)


def test_statements_wait_for_room_where_that_is_the_setting(
    small_disk: Path, tmp_path: Path, messenger: Database
) -> None:
    with _on_a_small_disk(small_disk, tmp_path, messenger, "block") as (stage, crowd):
        _fill(small_disk / "filler")
        until(lambda: "record_full" in stage.log.read_text(), seconds=20)
        (small_disk / "filler").unlink()
        _more(crowd, "00000")
        _more(crowd, "42501", 2)
        assert "58030" not in _told(crowd), "who waited is served"


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 512, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:  # no room for so much
                continue


def test_a_clock_that_jumps_ahead_and_back_under_load(
    tmp_path: Path, messenger: Database, jump: Callable[[float], None]
) -> None:
    """Who asks is served on, the chain holds, and the record says that its clock went back."""
    stage = Stage(tmp_path, messenger, {"segment_bytes": 64 * 1024})
    crowd = Crowd(stage.connect, random.Random(2), FIRST_MARK, PAUSE_S)
    seen = stage.tap.begin(None)
    stage.house.start()
    try:
        crowd.start()
        for seconds in (0, 900, 0, -900, 0, -900):
            jump(seconds)
            _more(crowd, "00000")
            _more(crowd, "42501", 2)
    finally:
        stage.house.stop()
        verdict = stage.judge(seen, crowd, 0)
        stage.close()
    assert verdict.wrong == []
    marks = [entry["seq"] for entry in iter_entries(stage.record) if entry["kind"] == CLOCK_BACK]
    assert len(marks) >= 3
    report = verify(stage.record)
    assert all(bad.kind is BadKind.CLOCK_BACK and bad.seq in marks for bad in report.bad), report
