"""The counts over a restart: whole or not at all, and no count that somebody cut."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from gateway.audit.verify import verify
from gateway.audit.writer import RecordWriter
from gateway.errors import ConfigError
from gateway.links import volume_file
from gateway.links.volume_file import NAME, CountsFile
from gateway.model import EntityId

LINE, SHANGHAI = EntityId("line-jp"), EntityId("line-cn")
AT = 1_795_000_000


def save(file: CountsFile) -> bool:
    return asyncio.run(file.save())


def rows(file: CountsFile) -> int:
    return file.counter.rows(LINE, SHANGHAI, AT).rows


def test_counts_come_back(tmp_path):
    file = volume_file.volume_file(tmp_path)
    assert rows(file) == 0
    file.counter.add(LINE, SHANGHAI, 5, AT)
    assert save(file)

    again = volume_file.volume_file(tmp_path)

    assert rows(again) == 5
    again.counter.add(LINE, SHANGHAI, 2, AT)
    assert save(again)
    assert rows(volume_file.volume_file(tmp_path)) == 7


def test_nothing_is_written_while_nothing_changes(tmp_path):
    file = volume_file.volume_file(tmp_path)
    file.counter.add(LINE, SHANGHAI, 5, AT)
    assert (save(file), save(file)) == (True, False)
    assert not save(volume_file.volume_file(tmp_path)), "what was read is what would be written"


def test_it_is_for_its_owner_only_and_replaced_whole(tmp_path):
    file = volume_file.volume_file(tmp_path)
    (tmp_path / f"{NAME}.unfinished").write_text("of a crash")
    save(file)
    path = tmp_path / NAME
    assert path.stat().st_mode & 0o777 == 0o600
    inode = path.stat().st_ino
    file.counter.add(LINE, SHANGHAI, 1, AT)
    save(file)
    assert path.stat().st_ino != inode
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME]


def test_a_link_in_the_way_is_not_written_through(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    folder = tmp_path / "record"
    folder.mkdir()
    (folder / NAME).symlink_to(victim)
    (folder / f"{NAME}.unfinished").symlink_to(victim)

    with pytest.raises(ConfigError):
        volume_file.volume_file(folder)  # and what it points at is not read as counts
    (folder / NAME).unlink()
    save(volume_file.volume_file(folder))

    assert victim.read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", ":1: not JSON"),
        (b'{"window": "P1D",\n', ":2: not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "volume: not a snapshot of this version"),
        (b'{"window": "P7D", "bucket_seconds": 900, "counts": []}', "volume: not a snapshot of this version"),
        (
            b'{"window": "P1D", "bucket_seconds": 900, "counts": [{"controller": "a", "entity": null, "bucket": 1}]}',
            "volume: a count with a field missing",
        ),
        (
            b'{"window": "P1D", "bucket_seconds": 900,'
            b' "counts": [{"controller": "a", "entity": null, "bucket": 1, "rows": -5}]}',
            "volume: a count with a field missing or of the wrong kind",
        ),
    ],
)
def test_a_broken_file_stops_the_start_and_is_named(tmp_path, content, problem):
    path = tmp_path / NAME
    path.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        volume_file.volume_file(tmp_path)

    (found,) = caught.value.problems
    assert found.startswith(str(path))
    assert problem in found
    assert path.read_bytes() == content


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / NAME).mkdir()
    with pytest.raises(ConfigError) as caught:
        volume_file.volume_file(tmp_path)
    assert caught.value.problems == (f"{tmp_path / NAME}: cannot be read: Is a directory",)


def test_a_file_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_file, "_MAX_BYTES", 10)
    (tmp_path / NAME).write_text(" " * 11)
    with pytest.raises(ConfigError, match="larger than 10 bytes"):
        volume_file.volume_file(tmp_path)


def test_a_failure_to_write_is_told_once_and_tried_again(tmp_path, caplog):
    folder = tmp_path / "record"
    folder.mkdir()
    file = volume_file.volume_file(folder)
    file.counter.add(LINE, SHANGHAI, 5, AT)
    folder.rename(tmp_path / "away")

    assert not any(save(file) for _ in range(3))
    assert [record.message for record in caplog.records] == ["volume_not_saved"]

    (tmp_path / "away").rename(folder)
    assert save(file)
    assert rows(volume_file.volume_file(folder)) == 5


def test_a_write_that_breaks_off_leaves_the_old_counts(tmp_path, monkeypatch):
    file = volume_file.volume_file(tmp_path)
    file.counter.add(LINE, SHANGHAI, 5, AT)
    save(file)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file.counter.add(LINE, SHANGHAI, 5, AT)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        assert not save(file)
    assert rows(volume_file.volume_file(tmp_path)) == 5


def test_run_saves_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_file, "INTERVAL", 0.001)

    async def work():
        file = volume_file.volume_file(tmp_path)
        task = asyncio.get_running_loop().create_task(file.run())
        for total in (1, 2):
            file.counter.add(LINE, SHANGHAI, 1, AT)
            while not _saved(tmp_path, total):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(work(), 10))


def _saved(folder: Path, total: int) -> bool:
    path = folder / NAME
    return path.exists() and sum(one["rows"] for one in json.loads(path.read_text())["counts"]) == total


def test_verify_leaves_it_alone(tmp_path):
    writer = RecordWriter.open(tmp_path, segment_bytes=1 << 20, writer="gateway")
    try:
        file = volume_file.volume_file(tmp_path)
        file.counter.add(LINE, SHANGHAI, 5, AT)
        save(file)
    finally:
        writer.close()
    (tmp_path / f"{NAME}.unfinished").write_text("of a crash")
    with_it = verify(tmp_path)
    (tmp_path / NAME).unlink()
    (tmp_path / f"{NAME}.unfinished").unlink()
    assert with_it == verify(tmp_path)
