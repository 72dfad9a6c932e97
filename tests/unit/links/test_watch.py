"""Folders are loaded again when they change: whole, at rest, and never into something that cannot be used."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.links import watch
from gateway.links.watch import FolderWatch, signature


class Folder:
    """A watch over a folder whose content is one text; ``bad`` in it makes it unusable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.running: str = self.load(path)
        self.loads = 0
        self.watch: FolderWatch[str] = FolderWatch(
            path, what="policy", load=self.load, swap=self.swap, seen=signature(path)
        )

    def load(self, path: Path) -> str:
        self.loads = getattr(self, "loads", 0) + 1
        texts = [file.read_text() for file in sorted(path.rglob("*.txt"))]
        bad = [f"file {n}: bad" for n, text in enumerate(texts) if "bad" in text]
        if bad:
            raise ConfigError(bad)
        return "+".join(texts)

    def swap(self, text: str) -> None:
        if "unswappable" in text:
            raise RuntimeError("no")
        self.running = text

    def looks(self, times: int = 2) -> list[bool]:
        async def work():
            return [await self.watch.look() for _ in range(times)]

        return asyncio.run(work())


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "a.txt").write_text("one")
    return Folder(tmp_path / "policy")


def test_nothing_changed_nothing_is_read(folder):
    loads = folder.loads
    assert folder.looks(3) == [False, False, False]
    assert folder.loads == loads


def test_a_change_is_taken_when_two_looks_find_the_same(folder, caplog):
    caplog.set_level(logging.INFO)
    (folder.path / "a.txt").write_text("two")

    assert folder.looks() == [False, True]
    assert folder.running == "two"
    assert [record.message for record in caplog.records] == ["reloaded"]
    assert folder.looks() == [False, False]


@pytest.mark.parametrize("change", ["new", "gone", "renamed", "below"])
def test_what_counts_as_a_change(folder, change):
    match change:
        case "new":
            (folder.path / "b.txt").write_text("two")
        case "gone":
            (folder.path / "a.txt").unlink()
        case "renamed":
            (folder.path / "a.txt").rename(folder.path / "z.txt")
        case "below":
            (folder.path / "pack").mkdir()
            (folder.path / "pack" / "c.txt").write_text("three")
    assert folder.looks() == [False, True]


def test_a_file_of_the_same_size_and_time_is_a_change(folder):
    """Files of an image or an archive all have the same time."""
    path = folder.path / "a.txt"
    was = path.stat()
    other = folder.path.parent / "other"
    other.write_text("two")
    os.utime(other, ns=(was.st_atime_ns, was.st_mtime_ns))
    other.rename(path)

    assert folder.looks() == [False, True]
    assert folder.running == "two"


def test_half_a_file_is_not_taken_although_it_has_no_mistake(folder):
    """A writer who pauses between two lines: half of a registry is a registry with half of the people."""
    for text in ("tw", "two,", "two,thr"):
        (folder.path / "a.txt").write_text(text)
        assert folder.looks(1) == [False]
    (folder.path / "a.txt").write_text("two,three")
    assert folder.running == "one"
    assert folder.looks() == [False, True]
    assert folder.running == "two,three"


def test_what_moves_while_it_is_read_is_not_taken(folder):
    read = folder.load

    def load(path: Path) -> str:
        text = read(path)
        if text == "two":
            (path / "a.txt").write_text("three")
        return text

    folder.watch._load = partial(load, folder.path)
    (folder.path / "a.txt").write_text("two")

    assert folder.looks(4) == [False, False, False, True]
    assert folder.running == "three"


def test_a_broken_file_keeps_what_runs_and_every_problem_is_logged_once(folder, caplog):
    (folder.path / "a.txt").write_text("bad")
    (folder.path / "b.txt").write_text("bad too")

    assert folder.looks(5) == [False] * 5
    assert folder.running == "one"
    (record,) = caplog.records
    assert (record.message, record.what) == ("reload_refused", "policy")
    assert record.problems == ["file 0: bad", "file 1: bad"]

    (folder.path / "a.txt").write_text("mended")
    (folder.path / "b.txt").unlink()
    assert folder.looks() == [False, True]
    assert folder.running == "mended"


@pytest.mark.parametrize("fault", ["load", "swap"])
def test_an_error_nobody_foresaw_keeps_what_runs_and_the_watch(folder, caplog, fault):
    if fault == "load":
        (folder.path / "a.txt").write_bytes(b"\xff")  # UnicodeDecodeError
    else:
        (folder.path / "a.txt").write_text("unswappable")

    assert folder.looks(3) == [False] * 3
    assert folder.running == "one"
    assert [record.message for record in caplog.records] == ["reload_failed"]

    (folder.path / "a.txt").write_text("good again")
    assert folder.looks() == [False, True]


def test_a_link_turned_to_another_release_is_a_change(tmp_path):
    """As volumes of Kubernetes do it: one rename turns all files at once."""
    for name, text in (("1", "one"), ("2", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(text)
        os.utime(tmp_path / name / "a.txt", ns=(0, 0))
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / ".data").symlink_to(tmp_path / "1")
    (mounted / "a.txt").symlink_to(".data/a.txt")
    folder = Folder(mounted)

    (mounted / ".next").symlink_to(tmp_path / "2")
    (mounted / ".next").rename(mounted / ".data")

    assert folder.looks() == [False, True]
    assert folder.running == "two"


def test_the_folder_itself_may_be_a_link_that_turns(tmp_path):
    for name, text in (("1", "one"), ("2", "two")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(text)
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "1")
    folder = Folder(current)

    (tmp_path / "next").symlink_to(tmp_path / "2")
    (tmp_path / "next").rename(current)

    assert folder.looks() == [False, True]
    assert folder.running == "two"


def test_a_change_between_loading_and_watching_is_not_lost(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    before = signature(tmp_path)
    folder = Folder(tmp_path)
    (tmp_path / "a.txt").write_text("two")
    folder.watch = FolderWatch(tmp_path, what="policy", load=folder.load, swap=folder.swap, seen=before)

    assert folder.looks() == [False, True]
    assert folder.running == "two"


def test_links_to_nothing_and_in_a_ring_do_not_end_the_watch(folder):
    (folder.path / "nothing").symlink_to("nowhere")
    (folder.path / "ring").symlink_to("ring")
    assert folder.looks() == [False, True]
    assert ("ring", 40) in signature(folder.path)


def test_a_folder_that_goes_and_comes_back(folder, caplog):
    away = folder.path.with_name("away")
    folder.path.rename(away)
    folder.looks(3)
    away.rename(folder.path)
    (folder.path / "a.txt").write_text("back")

    assert folder.looks() == [False, True]
    assert folder.running == "back"


def test_run_looks_for_ever(folder, monkeypatch):
    monkeypatch.setattr(watch, "INTERVAL", 0.001)

    async def work():
        task = asyncio.get_running_loop().create_task(folder.watch.run())
        (folder.path / "a.txt").write_text("two")
        while folder.running != "two":  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(asyncio.wait_for(work(), 10))


def test_a_refusal_that_stays_is_told_again_ever_more_rarely(folder, caplog, monkeypatch):
    monkeypatch.setattr(watch, "_AGAIN", 0.0)
    (folder.path / "a.txt").write_text("bad")
    folder.looks(4)
    assert folder.watch.refusal is not None
    assert folder.watch.refusal.problems == ("file 0: bad",)
    assert [record.message for record in caplog.records] == ["reload_refused"] * 3
    assert all(record.seconds == 0 for record in caplog.records)

    caplog.clear()
    monkeypatch.setattr(watch, "_AGAIN", 60.0)
    (folder.path / "a.txt").write_text("bad again")
    folder.looks(5)
    assert len(caplog.records) == 1

    (folder.path / "a.txt").write_text("good")
    folder.looks()
    assert folder.watch.refusal is None


def test_what_is_refused_only_because_it_moved_is_no_refusal(folder, caplog):
    read = folder.load

    def load(path: Path) -> str:
        text = (path / "a.txt").read_text()
        if text == "bad":
            (path / "a.txt").write_text("whole")
        return read(path) if text != "bad" else read(tmp_bad(path))

    def tmp_bad(path: Path) -> Path:
        part = path.parent / "part"
        part.mkdir()
        (part / "a.txt").write_text("bad")
        return part

    folder.watch._load = partial(load, folder.path)
    (folder.path / "a.txt").write_text("bad")
    assert folder.looks(4) == [False, False, False, True]
    assert folder.running == "whole"
    assert caplog.records == []


def test_age_is_of_what_runs_and_not_of_what_is_refused(folder):
    os.utime(folder.path / "a.txt", (1_000, 1_000))
    folder.looks()
    assert folder.watch.changed_at == 1_000
    (folder.path / "a.txt").write_text("bad")
    folder.looks()
    assert folder.watch.changed_at == 1_000


def test_of_some_files_counts_only_that_they_are_there(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    one = signature(tmp_path, only_there=("a.txt",))
    (tmp_path / "a.txt").write_text("other")
    assert signature(tmp_path, only_there=("a.txt",)) == one
    (tmp_path / "a.txt").unlink()
    assert signature(tmp_path, only_there=("a.txt",)) != one
