"""Blocks are in force at once, and lifted at rest; what cannot be read changes nothing."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from gateway.facts.registry import Registry, load_registry
from gateway.links import blocks_watch
from gateway.links.blocks_watch import REST, BlocksFile, BlocksWatch
from tests.unit.facts.world import write_registry

STOP = "blocks:\n  - {id: stop, entity: helper}\n"
BOTH = STOP + "  - {id: more, country: CN}\n"


class World:
    def __init__(self, folder: Path, *, edited: bool = True) -> None:
        self.folder = folder
        self.registry = load_registry(write_registry(folder))
        self.swaps = 0
        self.swapped = asyncio.Event()
        file = BlocksFile.listed(folder / "blocks.yaml", edited=edited)
        self.watch = BlocksWatch(file, running=lambda: self.registry, swap=self.swap)

    def swap(self, registry: Registry) -> None:
        self.registry = registry
        self.swaps += 1
        self.swapped.set()

    def write(self, text: str) -> None:
        part = self.folder / "blocks.part"
        part.write_text(text)
        part.replace(self.folder / "blocks.yaml")

    def looks(self, times: int = 1) -> list[bool]:
        async def work() -> list[bool]:
            return [await self.watch.look() for _ in range(times)]

        return asyncio.run(work())

    def blocked(self) -> list[str]:
        return [block.id for block in self.registry.entities.blocks]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_block_is_in_force_at_the_first_look(world: World) -> None:
    assert world.looks() == [False]
    world.write(STOP)
    assert world.looks() == [True]
    assert world.blocked() == ["stop"]
    assert world.looks(3) == [False] * 3


def test_block_is_lifted_at_rest(world: World) -> None:
    world.write(BOTH)
    assert world.looks() == [True]
    world.write(STOP)
    assert world.looks(REST) == [False] * REST
    assert world.blocked() == ["more", "stop"]
    assert world.looks() == [True]
    assert world.blocked() == ["stop"]


def test_file_cut_while_it_is_written_lifts_nothing(world: World) -> None:
    world.write(BOTH)
    world.looks()
    world.write(STOP)  # as far as it has come
    world.looks(REST - 1)
    world.write(BOTH + "  - {id: third, country: KR}\n")
    assert world.looks() == [True]
    assert world.blocked() == ["more", "stop", "third"]


def test_file_that_is_gone_or_odd_changes_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.write(STOP)
    world.looks()
    world.write("blocks: [")
    assert world.looks(3) == [False] * 3
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["reload_refused"]
    (world.folder / "blocks.yaml").unlink()
    assert world.looks(2 * REST) == [False] * 2 * REST
    assert world.blocked() == ["stop"]


def test_swap_that_fails_does_not_end_the_watch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes | None:
        raise RuntimeError("no")

    with monkeypatch.context() as patched:
        patched.setattr(blocks_watch, "read_file", fail)
        world.write(STOP)
        assert world.looks() == [False]
    world.write(BOTH)
    assert world.looks() == [True]


def test_what_runs_already_is_not_swapped(world: World) -> None:
    world.write(STOP)
    world.registry = load_registry(world.folder)
    assert world.looks(2) == [False, False]
    assert world.swaps == 0


@pytest.mark.parametrize("edited", [False, True])
def test_file_that_says_that_it_is_whole_lifts_at_once(tmp_path: Path, edited: bool) -> None:
    world = World(tmp_path, edited=edited)
    world.write(BOTH)
    assert world.looks() == [True]
    world.write(STOP + "...\n")
    assert world.looks() == [True]
    assert world.blocked() == ["stop"]


def test_file_that_may_be_cut_never_lifts_where_the_folder_is_not_edited(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At rest neither: whoever wrote it may have died in the middle."""
    world = World(tmp_path, edited=False)
    world.write(BOTH)
    assert world.looks() == [True]
    world.write(STOP)
    assert world.looks(3 * REST) == [False] * 3 * REST
    assert world.blocked() == ["more", "stop"]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["reload_refused"]
    assert world.watch.refusal is not None
    world.write(BOTH + "  - {id: third, country: KR}\n")  # to stop somebody needs nothing
    assert world.looks() == [True]
    assert world.watch.refusal is None


def test_what_the_command_keeps_is_in_force_and_lifted_at_once(world: World) -> None:
    path = world.folder / "state" / "admin-blocks.yaml"
    path.parent.mkdir()
    world.watch = BlocksWatch(BlocksFile.admin(path), running=lambda: world.registry, swap=world.swap)
    kept = 'next: 2\nblocks: [{id: admin-1, entity: helper, by: "os:ann", at: "2026-11-22T09:00:00Z"}]\n...\n'
    path.write_text(kept)
    assert world.looks() == [True]
    assert world.blocked() == ["admin-1"]
    path.write_text(kept.removesuffix("...\n"))
    assert world.looks() == [False]
    assert world.watch.refusal is not None
    assert world.watch.refusal.problems == ("admin-blocks.yaml:1: the file is cut: it does not end in '...'",)
    path.write_text("next: 2\nblocks: []\n...\n")
    assert world.looks() == [True]
    assert world.blocked() == []


def test_block_is_in_force_within_a_tenth_of_a_second(world: World) -> None:
    async def work() -> float:
        task = asyncio.get_running_loop().create_task(world.watch.run())
        try:
            best = 1.0
            for number in range(5):  # the best of five: the machine may have other things to do
                world.swapped.clear()
                world.write(f"{STOP}  - {{id: n{number}, country: CN}}\n")
                began = time.perf_counter()
                await asyncio.wait_for(world.swapped.wait(), 10)
                best = min(best, time.perf_counter() - began)
            return best
        finally:
            task.cancel()

    assert asyncio.run(work()) < 0.1
