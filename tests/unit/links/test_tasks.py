"""Tasks have names, are held, tell their failures, and end together."""

from __future__ import annotations

import asyncio
import gc
import logging

import pytest

from gateway.errors import PolicyUnavailable, Reason, SekishoError
from gateway.links.tasks import TaskGroup


async def _raise(error: BaseException):
    raise error


def test_a_task_has_its_name_and_its_result():
    async def work():
        group = TaskGroup()

        async def name():
            task = asyncio.current_task()
            assert task is not None
            return task.get_name()

        return await group.spawn(name(), "analyse")

    assert asyncio.run(work()) == "analyse"


def test_a_task_nobody_holds_is_not_collected():
    async def work():
        group, ended = TaskGroup(), asyncio.Event()

        async def wait():
            await asyncio.sleep(0.01)
            ended.set()

        group.spawn(wait(), "held")
        await asyncio.sleep(0)
        gc.collect()
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(work())


def test_a_failure_is_logged_with_the_name(caplog):
    async def work():
        group = TaskGroup()
        task = group.spawn(_raise(ValueError("broken")), "twin messenger")
        await asyncio.wait([task])

    asyncio.run(work())

    (record,) = [record for record in caplog.records if record.message == "task_failed"]
    assert record.levelno == logging.ERROR
    assert record.task == "twin messenger"
    assert record.exc_info[0] is ValueError


def test_an_error_that_is_an_answer_is_no_failure(caplog):
    async def work():
        group = TaskGroup()
        error = PolicyUnavailable(Reason.TWIN_TIMEOUT, "late")
        with pytest.raises(PolicyUnavailable):
            await group.spawn(_raise(error), "analyse", told=SekishoError)
        other = group.spawn(_raise(KeyError("x")), "analyse", told=SekishoError)
        await asyncio.wait([other])

    asyncio.run(work())

    assert [record.exc_info[0] for record in caplog.records if record.message == "task_failed"] == [KeyError]


def test_cancel_ends_all_and_waits_for_what_they_do_last(caplog):
    async def work():
        group, last = TaskGroup(), []

        async def wait(number: int):
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                last.append(number)

        for number in range(3):
            group.spawn(wait(number), f"task {number}")
        await asyncio.sleep(0)
        await group.cancel()
        assert sorted(last) == [0, 1, 2]
        await group.cancel()  # nothing left: nothing to do
        return await group.spawn(asyncio.sleep(0, "again"), "after")

    assert asyncio.run(work()) == "again"
    assert not caplog.records


def test_a_task_that_fails_while_it_is_cancelled_is_told(caplog):
    async def work():
        group = TaskGroup()

        async def clumsy():
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("at the end")

        group.spawn(clumsy(), "clumsy")
        await asyncio.sleep(0)
        await group.cancel()

    asyncio.run(work())

    assert [record.task for record in caplog.records] == ["clumsy"]


def test_tasks_are_given_time_to_end_by_themselves():
    async def work():
        group, ended = TaskGroup(), []

        async def wait(seconds):
            await asyncio.sleep(seconds)
            ended.append(seconds)

        group.spawn(wait(0), "short")
        group.spawn(wait(3600), "long")
        await group.settle(0.05)
        await group.settle(3600)  # nothing left: nothing to wait for
        return ended

    assert asyncio.run(work()) == [0]
