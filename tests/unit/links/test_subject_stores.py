"""Which store counts people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.config_load import load
from gateway.errors import PolicyUnavailable, Reason
from gateway.facts.subjects import Cost, Owner
from gateway.facts.tally import Room, Used
from gateway.links.redis_subjects import RedisSubjects
from gateway.links.subject_stores import begin_subjects
from gateway.links.subjects import LocalSubjects, NoSubjects, Subjects
from gateway.links.volume_file import SUBJECTS
from gateway.model import EntityId
from tests.houses import House

OWNER = Owner(EntityId("line-jp"), EntityId("line-cn"))


def begun(house: House, use: Callable[[Subjects], object], *, alone: bool = True) -> object:
    async def work() -> object:
        config = load(house.layout.config, {})
        store = begin_subjects(config, alone=alone, new_id=lambda: "1", told=lambda up: None)
        try:
            return use(store)
        finally:
            await store.close()

    return asyncio.run(work())


def test_alone_it_counts_beside_the_record(tmp_path):
    house = House(tmp_path, None)

    def use(store: Subjects) -> type:
        store.settle(Room("1", None), Cost(), OWNER, Used(), 0)
        return type(store)

    assert begun(house, use) is LocalSubjects
    assert (house.layout.record / SUBJECTS).exists()


def test_several_workers_do_not_count_each_for_itself(tmp_path):
    def use(store: Subjects) -> type:
        for ask in (lambda: store.counts(OWNER, (), 0), lambda: store.reserve(OWNER, Cost(), (), 0, None)):
            with pytest.raises(PolicyUnavailable) as caught:
                ask()
            assert caught.value.reason is Reason.VOLUME_UNAVAILABLE
        store.add(OWNER, (), frozenset(), 0)
        store.settle(Room("1", None), Cost(), OWNER, Used(), 0)
        return type(store)

    assert begun(House(tmp_path, None), use, alone=False) is NoSubjects


@pytest.mark.parametrize("alone", [True, False])
def test_with_a_redis_all_count_there(tmp_path, alone):
    house = House(tmp_path, None, {"volume": {"redis": {"address": "127.0.0.1:1", "tls": False}}})
    assert begun(house, type, alone=alone) is RedisSubjects
