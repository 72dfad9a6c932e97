"""The gateway's own store: what others hold is waited for, a moment and no longer."""

from __future__ import annotations

import asyncio

from gateway.facts.subjects import Bound, Cost, Kind, Owner
from gateway.facts.tally import Full, Room, SubjectTally, Used
from gateway.links import subjects
from gateway.links.subjects import LocalSubjects
from gateway.model import Country, DataType, EntityId, Unit

KIND = Kind(DataType("user.name"), Country("JP"), Unit.PERSON)
OWNER = Owner(EntityId("line-jp"), EntityId("line-cn"))
COST = Cost(per_row={KIND: 1})
BOUND = Bound((KIND,), False, 10, 1, 0)
NOW = 1_795_000_000


def reserve(store: LocalSubjects):
    return store.reserve(OWNER, COST, [BOUND], NOW, None)


def test_what_is_free_is_given_at_once_and_what_is_used_up_is_refused_at_once():
    async def work():
        store = LocalSubjects(SubjectTally())
        room = reserve(store)
        assert room == Room("1", 10)
        store.settle(room, COST, OWNER, Used(10, 10), NOW)
        assert reserve(store) == Full(10, 10, 0)
        assert store.counts(OWNER, [KIND], NOW)[0].subjects == 10

    asyncio.run(work())


def test_what_others_hold_is_waited_for():
    async def work():
        store = LocalSubjects(SubjectTally())
        room = reserve(store)
        waiting = [reserve(store) for _ in range(3)]
        await asyncio.sleep(0)
        store.settle(room, COST, OWNER, Used(4, 4), NOW)
        first = await waiting[0]
        assert first.rows == 6
        store.settle(first, COST, OWNER, Used(6, 6), NOW)
        assert [type(await one) for one in waiting[1:]] == [Full, Full]
        await store.close()

    asyncio.run(work())


def test_nobody_waits_for_ever(monkeypatch):
    async def work():
        store = LocalSubjects(SubjectTally())
        reserve(store)
        assert await reserve(store) == Full(10, 0, 10)

    monkeypatch.setattr(subjects, "PATIENCE", 0.01)
    asyncio.run(work())


def test_keys_are_counted_while_a_statement_runs():
    async def work():
        store = LocalSubjects(SubjectTally())
        store.add(OWNER, (KIND,), frozenset({b"12345678"}), NOW)
        assert store.counts(OWNER, [KIND], NOW)[0].subjects == 1

    asyncio.run(work())
