"""Answers to needs: at once where they can be, promised where they are waited for, counted when they are true."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from gateway.audit.segments import FileCalls
from gateway.audit.writer import RecordWriter
from gateway.config import Limits
from gateway.errors import PolicyUnavailable, Reason, RecordUnavailable
from gateway.facts.tally import SubjectTally
from gateway.links.resolve import Resolver
from gateway.links.subjects import LocalSubjects
from gateway.metrics import Metrics
from gateway.model import DatasourceId, Durability, PrincipalId
from gateway.needs import Analysis, NeedDecision, NeedDurable, NeedReading, NeedTree, NeedTurn
from gateway.policy.inprocess import InProcessEngine
from gateway.reading import InspectText, NormaliseText
from tests.engines import Failure, FakeEngine
from tests.packs import packs
from tests.unit.audit.chains import change_disk

ENTRY = {"kind": "event", "schema_version": 1, "at_us": 1}


@pytest.fixture(scope="module")
def engine() -> InProcessEngine:
    return InProcessEngine(packs())


class Desk:
    """A resolver with a real record and engine."""

    def __init__(
        self, folder, engine, calls: FileCalls | None = None, limits: Limits | None = None, *, patient: bool = False
    ) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry, rules={}, datasources=[], incomplete_codes=[], version="0")
        self.recorder = RecordWriter.open(folder, segment_bytes=1 << 20, writer="gateway", calls=calls)
        self.resolver = Resolver(
            engine=engine,
            twins={},
            recorder=self.recorder,
            metrics=self.metrics,
            limits=limits or Limits(),
            subjects=LocalSubjects(SubjectTally()),
            patient=patient,
        )

    def count(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"sekisho_{name}_total", labels) or 0.0


def run(folder, engine, use, calls: FileCalls | None = None, **limits: int):
    async def work():
        desk = Desk(folder, engine, calls, Limits(**limits))
        try:
            return await use(desk)
        finally:
            await desk.resolver.close()
            if desk.recorder.healthy:
                desk.recorder.close()

    return asyncio.run(work())


def test_a_written_entry_needs_no_waiting(tmp_path, engine):
    async def use(desk):
        answer = desk.resolver.resolve(NeedDurable(ENTRY, Durability.WRITTEN))
        return answer, desk.count("record_entries", durability="written"), desk.recorder.tail[0] >= 0

    assert run(tmp_path, engine, use) == (None, 1.0, True)


def test_a_synced_entry_is_promised_and_counted_when_it_is_on_disk(tmp_path, engine):
    async def use(desk):
        promise = desk.resolver.resolve(NeedDurable(ENTRY, Durability.SYNCED))
        assert isinstance(promise, asyncio.Future)
        before = desk.count("record_entries", durability="synced")
        await promise
        return before, desk.count("record_entries", durability="synced")

    assert run(tmp_path, engine, use) == (0.0, 1.0)


def test_an_entry_that_cannot_be_written_raises_and_counts_as_none(tmp_path, engine):
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    async def use(desk):
        change_disk(desk.recorder, replace(desk.recorder._calls, write=full))
        with pytest.raises(RecordUnavailable) as caught:
            desk.resolver.resolve(NeedDurable(ENTRY, Durability.WRITTEN))
        return caught.value.reason, desk.count("record_entries", durability="written")

    assert run(tmp_path, engine, use) == (Reason.RECORD_UNAVAILABLE, 0.0)


def test_an_entry_that_cannot_be_synced_breaks_its_promise_and_counts_as_none(tmp_path, engine):
    def broken(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    async def use(desk):
        desk.resolver.resolve(NeedDurable(ENTRY, Durability.WRITTEN))
        change_disk(desk.recorder, replace(desk.recorder._calls, fdatasync=broken))
        promise = desk.resolver.resolve(NeedDurable(ENTRY, Durability.SYNCED))
        with pytest.raises(RecordUnavailable):
            await promise
        return desk.count("record_entries", durability="synced")

    assert run(tmp_path, engine, use) == 0.0


def test_whoever_waited_may_have_gone(tmp_path, engine, caplog):
    async def use(desk):
        promise = desk.resolver.resolve(NeedDurable(ENTRY, Durability.SYNCED))
        promise.cancel()
        await desk.resolver.resolve(NeedDurable(ENTRY, Durability.SYNCED))
        return desk.count("record_entries", durability="synced")

    assert run(tmp_path, engine, use) == 2.0
    assert not caplog.records


def test_a_decision_is_the_engine_s(tmp_path, engine):
    async def use(desk):
        return await desk.resolver.resolve(NeedDecision({}))

    assert run(tmp_path, engine, use)["effect"] == "deny"


def test_the_engine_is_told_for_whom_it_is_asked(tmp_path):
    engine = FakeEngine()

    async def use(desk):
        await desk.resolver.resolve(NeedDecision({"a": 1}, PrincipalId("i#s")))

    run(tmp_path, engine, use)
    assert engine.asked == [({"a": 1}, "i#s")]


def test_an_engine_without_an_answer_is_counted_by_why(tmp_path):
    async def use(desk):
        with pytest.raises(PolicyUnavailable) as caught:
            await desk.resolver.resolve(NeedDecision({}))
        reason = caught.value.reason
        return (
            reason,
            desk.count("engine_failures", reason=reason),
            desk.count("engine_failures", reason="engine_timeout"),
        )

    assert run(tmp_path, FakeEngine(Failure.CRASH), use) == (Reason.ENGINE_UNAVAILABLE, 1.0, 0.0)


def test_an_engine_is_up_while_it_answers_and_down_when_it_cannot_be_asked(tmp_path):
    engine = FakeEngine()

    async def use(desk):
        up = []
        for engine.failure in (None, Failure.CRASH, Failure.UNDEFINED, None):
            with contextlib.suppress(PolicyUnavailable):
                await desk.resolver.resolve(NeedDecision({}))
            up.append(desk.registry.get_sample_value("sekisho_engine_up"))
        return up

    assert run(tmp_path, engine, use) == [1, 0, 0, 1]


def test_an_unknown_datasource_is_an_answer_and_no_failed_task(tmp_path, engine, caplog):
    async def use(desk):
        promise = desk.resolver.resolve(
            NeedTree(DatasourceId("nowhere"), "engineer", "SELECT 1", (), PrincipalId("i#s"))
        )
        assert isinstance(promise, asyncio.Future)
        with pytest.raises(PolicyUnavailable) as caught:
            await promise
        return caught.value.reason

    assert run(tmp_path, engine, use) is Reason.DATASOURCE_UNKNOWN
    assert not caplog.records


def test_close_ends_what_is_under_way(tmp_path, engine):
    class Slow:
        async def analyse(self, *asked: object, **options: object) -> None:
            await asyncio.Event().wait()

    async def use(desk):
        desk.resolver._twins = {DatasourceId("slow"): Slow()}
        promise = desk.resolver.resolve(NeedTree(DatasourceId("slow"), "engineer", "SELECT 1", (), PrincipalId("i#s")))
        await asyncio.sleep(0)
        await desk.resolver.close()
        return promise.cancelled()

    assert run(tmp_path, engine, use)


class Quick:
    """A twin that answers, and counts at once."""

    def __init__(self, *trees: str) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.inside = self.most = 0
        self.trees = trees

    async def analyse(self, *asked: object, **options: object) -> Analysis:
        self.asked.append((*asked, options["principal"], options["relations"]))
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0)
        self.inside -= 1
        return Analysis(self.trees, None, None)  # type: ignore[arg-type]  # nobody reads it here


def tree(who: str = "ann", *, patient: bool = True) -> NeedTree:
    names = frozenset({("users", False)})
    return NeedTree(DatasourceId("quick"), "engineer", "SELECT 1", (23,), PrincipalId(who), names, patient)


def test_an_analysis_is_asked_for_with_whom_it_is_for(tmp_path, engine):
    async def use(desk):
        twin = Quick()
        desk.resolver._twins = {DatasourceId("quick"): twin}
        return (await desk.resolver.resolve(tree())).trees, twin.asked

    assert run(tmp_path, engine, use) == (
        (),
        [("engineer", "SELECT 1", (23,), PrincipalId("ann"), frozenset({("users", False)}))],
    )


def test_over_the_rate_is_slower_and_everybody_has_his_own(tmp_path, engine):
    async def use(desk):
        desk.resolver._twins = {DatasourceId("quick"): Quick()}
        clock = asyncio.get_running_loop().time
        began = clock()
        await asyncio.gather(*(desk.resolver.resolve(tree()) for _ in range(8)))
        took = clock() - began
        began = clock()
        await desk.resolver.resolve(tree("ben"))
        return took, clock() - began, desk.count("unknown_delayed")

    took, other, delayed = run(tmp_path, engine, use, unknown_per_second=20, unknown_burst=4)

    assert took >= 0.2
    assert other < 0.1
    assert delayed == 4


def test_far_over_the_rate_is_denied_with_the_limit_and_when_to_try_again(tmp_path, engine):
    async def use(desk):
        desk.resolver._twins = {DatasourceId("quick"): Quick()}
        promises = [desk.resolver.resolve(tree(patient=False)) for _ in range(3)]
        return [
            (one.reason, one.detail) if isinstance(one, PolicyUnavailable) else one.trees
            for one in await asyncio.gather(*promises, return_exceptions=True)
        ]

    words = "you may run 1 statements a second that the gateway does not know yet, and 2 at a time; try again in 1 s"
    assert run(tmp_path, engine, use, unknown_per_second=1, unknown_burst=2) == [
        (),
        (),
        (Reason.LIMIT_EXCEEDED, words),
    ]


def test_so_many_at_once_and_a_place_is_free_again_afterwards(tmp_path, engine):
    async def use(desk):
        twin = Quick()
        desk.resolver._twins = {DatasourceId("quick"): twin}
        promises = [desk.resolver.resolve(tree(patient=False)) for _ in range(5)]
        found = await asyncio.gather(*promises, return_exceptions=True)
        return [type(one) for one in found], twin.most, (await desk.resolver.resolve(tree())).trees

    assert run(tmp_path, engine, use, unknown_waiting=2) == (
        [Analysis, Analysis, PolicyUnavailable, PolicyUnavailable, PolicyUnavailable],
        2,
        (),
    )


def test_reading_is_done_elsewhere_and_a_text_counts_as_unknown(tmp_path, engine):
    async def use(desk):
        first, second = InspectText("SELECT 1", 100), InspectText("SELECT 2", 100)
        asked = desk.resolver.resolve(NeedReading(first, PrincipalId("ann"), patient=False))
        with pytest.raises(PolicyUnavailable) as caught:  # at once: a second later there would be room again
            await desk.resolver.resolve(NeedReading(second, PrincipalId("ann"), patient=False))
        read = await asked
        text = await desk.resolver.resolve(NeedReading(NormaliseText("SELECT 1"), PrincipalId("ann"), patient=False))
        return [one.kind for one in read.result()], text, caught.value.reason

    assert run(tmp_path, engine, use, unknown_per_second=1, unknown_burst=1) == (
        ["select"],
        "SELECT $1",
        Reason.LIMIT_EXCEEDED,
    )


def test_a_large_tree_counts_as_several_statements(tmp_path, engine):
    async def use(desk):
        desk.resolver._twins = {DatasourceId("quick"): Quick("x" * 100_000)}
        await desk.resolver.resolve(tree(patient=False))
        with pytest.raises(PolicyUnavailable) as caught:
            await desk.resolver.resolve(tree(patient=False))
        return caught.value.reason

    assert run(tmp_path, engine, use, unknown_per_second=1, unknown_burst=4) is Reason.LIMIT_EXCEEDED


# -- turns: texts that nobody knows are counted before they are read ------------------------------------------------


def turn(who: str = "ann", *, patient: bool = True) -> NeedTurn:
    return NeedTurn(PrincipalId(who), patient)


def test_a_turn_costs_one_statement_and_its_tree_no_second(tmp_path, engine):
    async def use(desk):
        desk.resolver._twins = {DatasourceId("quick"): Quick()}
        at_once = []
        for _ in range(2):
            at_once.append(desk.resolver.resolve(turn(patient=False)))
            await desk.resolver.resolve(replace(tree(patient=False), paid=True))
        with pytest.raises(PolicyUnavailable) as caught:
            await desk.resolver.resolve(turn(patient=False))
        return at_once, caught.value.reason, desk.resolver._allowance._inside

    at_once, reason, inside = run(tmp_path, engine, use, unknown_per_second=1, unknown_burst=2)
    assert at_once == [None, None], "no task, no turn of the loop"
    assert reason is Reason.LIMIT_EXCEEDED
    assert not inside


def test_over_the_rate_a_turn_comes_later(tmp_path, engine):
    async def use(desk):
        clock = asyncio.get_running_loop().time
        began = clock()
        turns = [desk.resolver.resolve(turn()) for _ in range(8)]
        await asyncio.gather(*(one for one in turns if one is not None))
        return clock() - began, desk.count("unknown_delayed"), desk.resolver._allowance._inside

    took, delayed, inside = run(tmp_path, engine, use, unknown_per_second=20, unknown_burst=4)
    assert took >= 0.2
    assert delayed == 4
    assert not inside


def test_who_kept_others_waiting_waits_for_the_next_turn(tmp_path, engine):
    async def use(desk):
        assert desk.resolver.resolve(turn()) is None
        desk.resolver.charge_time(PrincipalId("ann"), 0.02)
        assert desk.resolver.resolve(turn("ben")) is None
        return isinstance(desk.resolver.resolve(turn()), asyncio.Future)

    assert run(tmp_path, engine, use, unknown_per_second=20, unknown_burst=4)


def test_a_strict_session_is_asked_at_once_and_pays_for_large_trees(tmp_path, engine):
    asked: list[float] = []

    async def use(desk):
        loop = asyncio.get_running_loop()

        def own(need: NeedTree) -> asyncio.Future[Analysis]:
            asked.append(loop.time())
            answer = loop.create_future()
            loop.call_soon(answer.set_result, Analysis(("x" * 131_072 * 8,), None, None))  # type: ignore[arg-type]
            return answer

        began = loop.time()
        for _ in range(3):
            await desk.resolver.own(tree(), own)
        return loop.time() - began, desk.count("unknown_delayed")

    took, delayed = run(tmp_path, engine, use, unknown_per_second=40, unknown_burst=8)
    assert len(asked) == 3
    assert asked[2] - asked[0] >= 0.2  # two large trees cost sixteen turns, and eight come at once
    assert took >= 0.2
    assert delayed == 2


def test_a_strict_session_that_owes_too_much_is_not_asked(tmp_path, engine):
    async def use(desk):
        desk.resolver.charge_time(PrincipalId("ann"), 10.0)
        with pytest.raises(PolicyUnavailable) as caught:
            await desk.resolver.own(tree(), lambda need: pytest.fail("it was asked"))
        return caught.value.reason

    assert run(tmp_path, engine, use, unknown_per_second=40, unknown_burst=8) is Reason.LIMIT_EXCEEDED


class Room:
    """A disk that is full, or not."""

    def __init__(self) -> None:
        self.full = True
        self.calls = FileCalls(write=self.write)

    def write(self, fd: int, data: bytes) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)


@pytest.mark.parametrize("durability", [Durability.WRITTEN, Durability.SYNCED])
def test_a_patient_statement_waits_for_room(tmp_path, engine, durability):
    room = Room()

    async def work():
        room.full = False
        desk = Desk(tmp_path, engine, room.calls, patient=True)
        room.full = True
        promise = desk.resolver.resolve(NeedDurable(ENTRY, durability))
        assert isinstance(promise, asyncio.Future)
        assert not desk.recorder.healthy
        gone = desk.resolver.resolve(NeedDurable(ENTRY, durability))
        gone.cancel()
        await asyncio.sleep(0)
        room.full = False
        await promise
        assert desk.count("record_entries", durability=durability) == 1
        assert desk.recorder.tail[0] == 2  # the segment's head, the gap, and the one that waited on
        await desk.resolver.close()
        desk.recorder.close()

    asyncio.run(work())


def test_patience_ends_with_the_time_of_a_statement(tmp_path, engine):
    room = Room()

    async def work():
        room.full = False
        desk = Desk(tmp_path, engine, room.calls, Limits(statement_timeout_ms=30), patient=True)
        room.full = True
        with pytest.raises(RecordUnavailable):
            await desk.resolver.resolve(NeedDurable(ENTRY, Durability.WRITTEN))
        room.full = False
        await desk.resolver.close()
        desk.recorder.close()
        assert desk.recorder.tail[0] == 1  # what nobody waits for any more is not written

    asyncio.run(work())
