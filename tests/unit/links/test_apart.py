"""The process that reads: the same answers as here, the loop free meanwhile, and an end to whatever takes too long."""

from __future__ import annotations

import asyncio
import io
import os
import pickle
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.apart import Apart, _Unpickler
from gateway.model import Mask
from gateway.reading import InspectText, NarrowText, NormaliseText, ProveText, ReadTrees
from gateway.sql.codes import IncompleteCode

LONG = f"SELECT name FROM users WHERE id IN ({', '.join(map(str, range(9000)))})"
SLOW = "SELECT " + ", ".join(["name"] * 20_000) + " FROM users"


def run(use: Callable[[Apart], Awaitable[Any]], *, timeout: float = 30.0) -> Any:
    async def work() -> Any:
        apart = Apart(timeout=timeout)
        try:
            return await use(apart)
        finally:
            apart.close()

    return asyncio.run(work())


def test_answers_are_those_of_the_task_itself(analyses):
    found = analyses(LONG)
    many = analyses("SELECT s.name FROM stickers s JOIN users u ON u.id = s.id WHERE u.country = 'JP'")
    tasks = [
        InspectText(LONG, 200_000),
        InspectText("INSERT INTO users (id) VALUES (1); COPY users FROM STDIN; BEGIN; SET search_path = a", 200_000),
        InspectText(LONG, 100),
        InspectText("DROP TABLE users", 200_000),
        NormaliseText(LONG),
        ReadTrees("select", found.trees, found.catalog, 8_000_000),
        ReadTrees("select", found.trees, found.catalog, 1000),
        ReadTrees("select", many.trees, many.catalog, 8_000_000),
        ReadTrees("select", ("{QUERY",), found.catalog, 8_000_000),
    ]

    async def use(apart):
        return [await apart.perform(task, "ann") for task in tasks]

    answers = run(use)

    assert answers == [task.perform() for task in tasks]
    assert answers[3].code is IncompleteCode.KIND_REFUSED
    assert answers[5].complete
    assert answers[5].relations == ("public.users",)


def test_a_text_narrowed_and_proved(analyses):
    text = "SELECT phone FROM users WHERE id = 3"
    found = analyses(text)
    work = NarrowText(
        text=text,
        obligations=[Mask(relation="public.users", column="phone", method="partial")],
        catalog=found.catalog,
        search_path=found.search_path,
        nonce="nobody_guesses_this",
        facts=ReadTrees("select", found.trees, found.catalog, 100_000).perform(),
        trees=found.trees,
        filters={},
    )
    narrowed = work.perform()
    trees = {one: analyses(one).trees for one in narrowed.references}
    claims = [
        ProveText(of=work, changed=changed, references=trees, depends=work.facts.depends, max_tree_bytes=100_000)
        for changed in (analyses(narrowed.text).trees, found.trees)
    ]

    async def use(apart):
        return [await apart.perform(task, "ann") for task in (work, *claims)]

    first, good, bad = run(use)

    assert (first, good.shown, bad.shown) == (narrowed, True, False)
    assert bad == claims[1].perform()
    assert good.depends == claims[0].rests_on()
    assert good.depends >= work.facts.depends


def test_a_catalog_is_sent_once_and_the_oldest_is_forgotten(analyses):
    found = analyses("SELECT name FROM users")

    async def use(apart):
        catalogs = [replace(found.catalog) for _ in range(10)]
        complete = []
        for catalog in [*catalogs, *reversed(catalogs), catalogs[0]]:
            facts = await apart.perform(ReadTrees("select", found.trees, catalog, 100_000), "ann")
            complete.append(facts.complete)
        size = len(apart._request(ReadTrees("select", found.trees, catalogs[0], 100_000)))
        return complete, len(apart._sent), size

    complete, kept, size = run(use)

    assert complete == [True] * 21
    assert kept == 8
    assert size < len(found.trees[0]) + 1000


def test_the_loop_turns_while_a_text_is_read():
    async def use(apart):
        await apart.perform(NormaliseText("SELECT 1"), "ann")  # it runs
        loop = asyncio.get_running_loop()
        reading = loop.create_task(apart.perform(NormaliseText(SLOW), "ann"))
        turns = 0
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert run(use) > 100


def test_what_takes_too_long_is_ended_and_the_next_is_not():
    async def use(apart):
        await apart.perform(NormaliseText("SELECT 1"), "ann")
        apart._timeout = 0.01
        with pytest.raises(PolicyUnavailable) as caught:
            await apart.perform(NormaliseText(SLOW), "ann")
        apart._timeout = 30.0
        return caught.value, await apart.perform(NormaliseText("SELECT 1"), "ann")

    error, after = run(use)

    assert (error.reason, error.detail) == (
        Reason.LIMIT_EXCEEDED,
        "it takes longer than 0.01 s to read: make it shorter",
    )
    assert after == "SELECT $1"


def test_who_waits_too_long_is_told_so_and_everybody_has_his_turn():
    async def use(apart):
        loop = asyncio.get_running_loop()
        await apart.perform(NormaliseText("SELECT 1"), "ann")
        order: list[str] = []

        async def one(who: str, text: str) -> None:
            await apart.perform(NormaliseText(text), who)
            order.append(who)

        tasks = [loop.create_task(one("abuser", SLOW)) for _ in range(3)]
        tasks.append(loop.create_task(one("ann", "SELECT 1")))
        await asyncio.sleep(0)
        apart._timeout = 0.001
        with pytest.raises(PolicyUnavailable) as caught:
            await apart.perform(NormaliseText("SELECT 1"), "ben")
        await asyncio.wait(tasks)
        return order, caught.value.reason, caught.value.detail

    assert run(use) == (
        ["abuser", "abuser", "ann", "abuser"],  # what came before is served before, once
        Reason.LIMIT_EXCEEDED,
        "other long statements are being read; try again in a moment",
    )


def test_who_leaves_at_any_moment_spoils_nothing_for_the_next():
    async def use(apart):
        loop = asyncio.get_running_loop()
        await apart.perform(NormaliseText("SELECT 1"), "ann")
        cancelled = 0
        for number in range(12):
            doomed = loop.create_task(apart.perform(NormaliseText(f"SELECT {number}, 'doomed'"), "ann"))
            for _ in range(number % 4):
                await asyncio.sleep(0)
            await asyncio.sleep(0.0002 * number)
            doomed.cancel()
            assert await apart.perform(NormaliseText("SELECT 1"), "ben") == "SELECT $1"
            await asyncio.wait([doomed])
            cancelled += doomed.cancelled()
        return cancelled

    assert run(use) > 0


def test_a_process_that_dies_is_a_denial_and_is_started_again(caplog):
    async def use(apart):
        loop = asyncio.get_running_loop()
        await apart.perform(NormaliseText("SELECT 1"), "ann")
        first = apart._process.pid
        reading = loop.create_task(apart.perform(NormaliseText(SLOW), "ann"))
        await asyncio.sleep(0)
        os.kill(first, signal.SIGSEGV)
        with pytest.raises(PolicyUnavailable) as caught:
            await reading
        return caught.value.reason, await apart.perform(NormaliseText("SELECT 1"), "ann"), apart._process.pid != first

    assert run(use) == (Reason.STATEMENT_INCOMPLETE, "SELECT $1", True)
    assert [record.message for record in caplog.records] == ["reading_failed"]


def test_a_task_that_raises_is_a_denial_and_ends_nothing(caplog):
    async def use(apart):
        with pytest.raises(PolicyUnavailable) as caught:
            await apart.perform(NormaliseText(3), "ann")
        pid = apart._process.pid
        await apart.perform(NormaliseText("SELECT 1"), "ann")
        return caught.value.reason, apart._process.pid == pid

    assert run(use) == (Reason.STATEMENT_INCOMPLETE, True)


def test_after_close_nothing_is_read():
    async def use(apart):
        await apart.perform(NormaliseText("SELECT 1"), "ann")
        pid = apart._process.pid
        apart.close()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        with pytest.raises(PolicyUnavailable):
            await apart.perform(NormaliseText("SELECT 1"), "ann")

    run(use)


def test_an_answer_is_made_of_known_classes_only():
    with pytest.raises(pickle.UnpicklingError, match="no part of an answer"):
        _Unpickler(io.BytesIO(pickle.dumps(os.getcwd))).load()
