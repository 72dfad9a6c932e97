"""Turns: nobody waits while another is served twice, places are bounded, whoever leaves leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gateway.links.fair import FairQueue, Ticket, Turns

OWNERS = ("ann", "ben", "cho")
KEYS = ("users", "stickers")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("enter"), st.sampled_from(OWNERS), st.frozensets(st.sampled_from(KEYS))),
        st.tuples(st.just("leave"), st.integers(0, 40), st.just(frozenset[str]())),
    ),
    max_size=60,
)


class Model:
    """The queue, and what it promised so far."""

    def __init__(self, places: int) -> None:
        self.queue = FairQueue(places)
        self.places = places
        self.share = max(1, places - 1)
        self.holding: list[Ticket] = []
        self.waiting: list[Ticket] = []
        self.passed_over: dict[Ticket, Counter[str]] = {}  # who was served while it could have been

    def enter(self, owner: str, keys: frozenset[str]) -> None:
        ticket = Ticket(owner, keys)
        could = self._could_all()
        self.waiting.append(ticket)
        self.passed_over[ticket] = Counter()
        if self.queue.enter(ticket):
            self._served(ticket, could)

    def leave(self, number: int) -> None:
        everybody = self.holding + self.waiting
        if not everybody:
            return
        ticket = everybody[number % len(everybody)]
        (self.holding if ticket in self.holding else self.waiting).remove(ticket)
        for other in self.queue.leave(ticket):
            self._served(other, self._could_all())

    def _served(self, ticket: Ticket, could: list[Ticket]) -> None:
        self.waiting.remove(ticket)
        self.holding.append(ticket)
        for other in could:
            if other is not ticket and other.owner != ticket.owner:
                self.passed_over[other][ticket.owner] += 1

    def _could_all(self) -> list[Ticket]:
        return [one for one in self.waiting if self._could(one)]

    def _could(self, ticket: Ticket) -> bool:
        """Whether a ticket could hold a place: nothing but other tickets' turns stands in its way."""
        owners = Counter(one.owner for one in self.holding)
        keys = Counter(key for one in self.holding for key in one.keys)
        return (
            len(self.holding) < self.places
            and owners[ticket.owner] < self.share
            and all(keys[key] < self.share for key in ticket.keys)
        )

    def check(self) -> None:
        assert len(self.holding) <= self.places
        for counts in (
            Counter(one.owner for one in self.holding),
            Counter(key for one in self.holding for key in one.keys),
        ):
            assert all(count <= self.share for count in counts.values())
        assert not self._could_all(), "a place is free, and somebody who may have it waits"
        assert self.queue.waiting == len(self.waiting)
        for ticket in self.waiting:
            served = self.passed_over[ticket]
            first = not any(one.owner == ticket.owner and one is not ticket for one in self.waiting)
            if first:
                assert all(count <= 1 for count in served.values()), served


@given(st.integers(1, 4), steps)
def test_places_go_round(places, steps):
    model = Model(places)
    for what, subject, keys in steps:
        if what == "enter":
            model.enter(subject, keys)
        else:
            model.leave(subject)
        model.check()
    event("somebody waits" if model.waiting else "nobody waits")
    for ticket in list(model.waiting) + list(model.holding):
        if ticket in model.waiting:
            model.waiting.remove(ticket)
        else:
            model.holding.remove(ticket)
        for other in model.queue.leave(ticket):
            model._served(other, [])
        model.check()
    while model.holding:
        model.leave(0)
    assert model.queue.waiting == 0
    assert [model.queue.enter(Ticket(str(n))) for n in range(places + 1)] == [True] * places + [False]


def test_one_who_asks_a_hundred_times_waits_for_everybodys_first():
    queue = FairQueue(1)
    first = Ticket("abuser")
    assert queue.enter(first)
    for _ in range(99):
        queue.enter(Ticket("abuser"))
    for name in ("ann", "ben"):
        queue.enter(Ticket(name))
    order, holding = [], first
    for _ in range(6):
        (holding,) = queue.leave(holding)
        order.append(holding.owner)
    assert order == ["abuser", "ann", "ben", "abuser", "abuser", "abuser"]


def test_nobody_and_no_key_holds_every_place():
    queue = FairQueue(3)
    locked = frozenset({"users"})
    assert [queue.enter(Ticket(name, locked)) for name in ("ann", "ben", "cho")] == [True, True, False]
    assert queue.enter(Ticket("dan", frozenset({"stickers"})))

    queue = FairQueue(3)
    assert [queue.enter(Ticket("ann")) for _ in range(3)] == [True, True, False]
    assert queue.enter(Ticket("ben"))


def test_a_queue_without_places_is_a_mistake():
    with pytest.raises(ValueError, match="places"):
        FairQueue(0)


def test_coroutines_have_their_turns_and_cancelled_ones_vanish():
    async def work():
        turns = Turns(1)
        order: list[str] = []

        async def one(name: str) -> None:
            async with turns.turn(name):
                order.append(name)
                await asyncio.sleep(0)

        loop = asyncio.get_running_loop()
        async with turns.turn("holder"):
            tasks = [loop.create_task(one(name)) for name in ("ann", "ann", "ben", "cho")]
            await asyncio.sleep(0)
            assert turns.waiting == 4
            tasks[0].cancel()
            await asyncio.wait([tasks[0]])
            assert turns.waiting == 3
            tasks[3].cancel()  # and does not run before the place is given back
        await asyncio.wait(tasks)
        assert turns.waiting == 0
        async with turns.turn("holder"):
            pass
        return order

    assert asyncio.run(work()) == ["ann", "ben"]


def test_a_turn_that_comes_with_its_cancellation_is_given_on():
    async def work():
        turns = Turns(1)
        loop = asyncio.get_running_loop()
        got: list[str] = []

        async def one(name: str) -> None:
            async with turns.turn(name):
                got.append(name)

        async with turns.turn("holder"):
            ann, ben = loop.create_task(one("ann")), loop.create_task(one("ben"))
            await asyncio.sleep(0)
        ann.cancel()  # called already, and has not run since
        await asyncio.wait([ann, ben])
        return got, ann.cancelled()

    assert asyncio.run(work()) == (["ben"], True)
