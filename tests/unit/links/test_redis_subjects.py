"""Counts in a real Redis: the same as this gateway's own, told once, and a Redis that is slow or gone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.config import SharedVolume
from gateway.errors import PolicyUnavailable, Reason
from gateway.facts.subjects import Bound, Cost, Kind, Owner, Watch
from gateway.facts.tally import Full, Room, SubjectTally, Used
from gateway.links import redis_subjects
from gateway.links.redis_subjects import RedisSubjects
from gateway.links.subjects import LocalSubjects, Subjects
from gateway.model import Country, DataType, EntityId, Unit
from tests.redis_server import PASSWORD, RedisServer, redis
from tests.unit.facts.test_tally import at, hashes

__all__ = ["redis"]
pytestmark = pytest.mark.needs("redis-server")

NAME = Kind(DataType("user.name"), Country("JP"), Unit.PERSON)
PHONE = Kind(DataType("user.contact"), Country("KR"), Unit.DEVICE)
WATCH = Watch(0, "main:users", (NAME,))
COST = Cost(per_row={NAME: 1, PHONE: 2}, keyed={NAME: 1}, watches=(WATCH,))
PLAIN = Cost(per_row={NAME: 1})
WHOLE = Cost(once={NAME: 40})
NOW = at(2026, 11)


def settings(server: RedisServer, **changes: Any) -> SharedVolume:
    return SharedVolume(
        **{"address": f"127.0.0.1:{server.port}", "tls": False, "password_file": server.password_file, **changes}
    )


class Names:
    """Ids, each once."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        return f"{id(self)}-{self.made}"


def run(server: RedisServer, work: Callable[..., Awaitable[None]], *, stores: int = 1, **changes: Any) -> list[bool]:
    told: list[bool] = []

    async def all_of_it() -> None:
        every = [RedisSubjects(settings(server, **changes), Names(), told.append) for _ in range(stores)]
        try:
            await work(*every)
        finally:
            for store in every:
                await store.close()

    asyncio.run(all_of_it())
    return told


async def answer(found: Any) -> Any:
    return await found if isinstance(found, asyncio.Future) else found


def owner(name: str) -> Owner:
    return Owner(EntityId("line-jp"), EntityId(name))


def bound(most: int, cost: Cost = PLAIN, *, year: bool = False) -> Bound:
    return Bound((NAME,), year, most, cost.per_row.get(NAME, 0), cost.once.get(NAME, 0))


async def told_all(store: Subjects) -> None:
    if isinstance(store, RedisSubjects):
        await store._quiet.wait()


async def play(store: Subjects, who: Owner) -> list[Any]:
    """What any store answers to the same."""
    found: list[Any] = []

    async def show(cost: Cost, used: Used, moment: int, *bounds: Bound) -> None:
        room = await answer(store.reserve(who, cost, bounds, moment, None))
        found.append(room.rows if isinstance(room, Room) else room)
        if isinstance(room, Room):
            store.settle(room, cost, who, used, moment)
        await told_all(store)
        found.append([one for one in await answer(store.counts(who, [NAME], moment))])

    await show(PLAIN, Used(9, 9), at(2025, 10, 31), bound(20))
    await show(COST, Used(5, 1, (((NAME,), hashes(1, 2, 3, 4)),)), at(2025, 11))
    await show(PLAIN, Used(3, 3), at(2026, 1, 1), bound(20))
    await show(COST, Used(4, 0, (((NAME,), hashes(3, 4, 5, 6)),)), NOW, bound(100, COST))
    await show(WHOLE, Used(1, 1), NOW, bound(100, WHOLE), bound(99, WHOLE, year=True))
    await show(PLAIN, Used(1, 1), NOW, bound(1000), bound(900, year=True))
    await show(WHOLE, Used(1, 1), NOW, bound(60, WHOLE))
    await show(PLAIN, Used(0, 0), NOW, bound(51))
    found.append(await answer(store.reserve(who, PLAIN, [bound(1000)], NOW, 500)))
    return [one.rows if isinstance(one, Room) else one for one in found]


def test_it_answers_as_the_gateways_own_store_does(redis: RedisServer) -> None:
    answers: list[Any] = []

    async def work(store: RedisSubjects) -> None:
        answers.append(await play(store, owner("same")))

    run(redis, work)
    answers.append(asyncio.run(play(LocalSubjects(SubjectTally()), owner("same"))))
    assert answers[0] == answers[1]


def test_two_that_share_it_never_pass_a_limit_together(redis: RedisServer) -> None:
    async def work(*stores: RedisSubjects) -> None:
        async def one(number: int) -> int:
            store, shown = stores[number % 2], 0
            for _ in range(5):
                room = await answer(store.reserve(owner("race"), PLAIN, [bound(100)], NOW, None))
                if isinstance(room, Room):
                    rows = min(7, room.rows or 0)
                    store.settle(room, PLAIN, owner("race"), Used(rows, rows), NOW)
                    shown += rows
            return shown

        assert sum(await asyncio.gather(*(one(number) for number in range(10)))) == 100

    run(redis, work, stores=2)


def test_what_is_told_twice_counts_once(redis: RedisServer) -> None:
    async def work(store: RedisSubjects) -> None:
        who = owner("twice")
        room = await answer(store.reserve(who, PLAIN, [bound(100)], NOW, None))
        for _ in range(2):
            store.settle(room, PLAIN, who, Used(3, 3), NOW)
        await told_all(store)
        assert [one.subjects for one in await store.counts(who, [NAME], NOW)] == [3]

    run(redis, work)


def test_a_reservation_whose_worker_is_gone_is_free_after_a_while(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_subjects, "_LASTS", 200)
    monkeypatch.setattr(redis_subjects, "PATIENCE", 30.0)

    async def work(killed: RedisSubjects, other: RedisSubjects) -> None:
        room = await answer(killed.reserve(owner("killed"), PLAIN, [bound(50)], NOW, None))
        assert room.rows == 50
        await killed._tasks.cancel()
        again = await answer(other.reserve(owner("killed"), PLAIN, [bound(50)], NOW, None))
        assert again.rows == 50, "it was waited for"

    run(redis, work, stores=2)


def test_a_reservation_lasts_while_its_statement_runs(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_subjects, "_LASTS", 1000)
    monkeypatch.setattr(redis_subjects, "_RENEWED", 0.1)
    monkeypatch.setattr(redis_subjects, "PATIENCE", 1.5)

    async def work(store: RedisSubjects, other: RedisSubjects) -> None:
        await answer(store.reserve(owner("long"), PLAIN, [bound(50)], NOW, None))
        assert await answer(other.reserve(owner("long"), PLAIN, [bound(50)], NOW, None)) == Full(50, 0, 50)

    run(redis, work, stores=2)


async def refused(found: Any) -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        await answer(found)
    assert caught.value.reason is Reason.VOLUME_UNAVAILABLE


def test_a_redis_that_stands_still_is_told_later(redis: RedisServer) -> None:
    async def work(store: RedisSubjects) -> None:
        who = owner("slow")
        room = await answer(store.reserve(who, PLAIN, [bound(50)], NOW, None))
        with redis.stalled():
            await refused(store.counts(who, [NAME], NOW))
            await refused(store.reserve(who, PLAIN, [bound(50)], NOW, None))
            store.settle(room, PLAIN, who, Used(4, 4), NOW)
            store.add(who, (NAME,), hashes(1, 2, 3), NOW)
        await told_all(store)
        assert [one.subjects for one in await store.counts(who, [NAME], NOW)] == [7]
        assert (await answer(store.reserve(who, PLAIN, [bound(50)], NOW, None))).rows == 43, "nothing else is held"

    told = run(redis, work, timeout_ms=300)
    assert told.count(False) >= 2
    assert told[-1]


def test_a_redis_that_is_gone_or_asks_for_another_password(tmp_path: Path, redis: RedisServer) -> None:
    async def work(store: RedisSubjects) -> None:
        await refused(store.counts(owner("gone"), [NAME], NOW))

    nowhere = RedisServer(tmp_path)
    assert run(nowhere, work, timeout_ms=200) == [False]
    wrong = tmp_path / "wrong"
    wrong.write_text(f"not {PASSWORD}\n")
    assert run(redis, work, password_file=wrong) == [False]


def test_nothing_that_is_kept_there_names_anybody(redis: RedisServer) -> None:
    async def work(store: RedisSubjects) -> None:
        who = owner("very secret employer")
        room = await answer(store.reserve(who, COST, [bound(100, COST)], NOW, None))
        store.settle(room, COST, who, Used(2, 0, (((NAME,), hashes(1, 2)),)), NOW)
        await told_all(store)
        names = str(await store._redis.keys())
        assert "secret" not in names
        assert "user.name" in names

    run(redis, work)


def test_over_tls_it_is_known_by_its_certificate(tmp_path: Path, test_ca: Any) -> None:
    async def work(store: RedisSubjects) -> None:
        assert await store.counts(owner("tls"), [NAME], NOW)

    async def stranger(store: RedisSubjects) -> None:
        await refused(store.counts(owner("tls"), [NAME], NOW))

    server = RedisServer(tmp_path, test_ca.issue("127.0.0.1")).start()
    try:
        assert run(server, work, tls=True, ca=test_ca.path) == [True]
        assert run(server, stranger, tls=True) == [False], "an authority nobody here knows"
        assert run(server, stranger, tls=False, timeout_ms=300) == [False]
    finally:
        server.stop()
