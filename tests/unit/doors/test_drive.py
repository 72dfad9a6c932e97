"""The drivers: the same generator, on the loop and without one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from gateway.doors.drive import Driver
from gateway.errors import PolicyUnavailable, Reason, SekishoError
from gateway.metrics import Metrics, Stage
from gateway.model import DatasourceId, Door, Durability, PrincipalId
from gateway.needs import NeedDecision, NeedDurable, NeedTree, NeedTurn, Outcome, Work
from gateway.tracing import Subject, Trace
from tests.driving import run_sync
from tests.unit.test_tracing import trace

TREE = NeedTree(DatasourceId("d"), "p", "SELECT 1", (), PrincipalId("i#s"))


def work() -> Work:
    tree = yield TREE
    try:
        yield NeedDecision({"tree": tree})
    except PolicyUnavailable as error:
        return Outcome(reason=error.reason)
    yield NeedDurable({}, Durability.WRITTEN)
    return Outcome(reason=Reason.ALLOWED, message=str(tree))


def broken() -> Work:
    yield TREE
    raise RuntimeError("nobody foresaw this")


class Answers:
    """What a resolver does, by the test's hand."""

    def __init__(self, answer: Callable[[object], Any]) -> None:
        self.resolve = answer
        self.own_asked: list[NeedTree] = []
        self.charged: list[tuple[str, float]] = []

    def own(self, need: NeedTree, ask: Callable[[NeedTree], Any]) -> Any:
        self.own_asked.append(need)
        return ask(need)

    def charge_time(self, principal: str, seconds: float) -> None:
        self.charged.append((principal, seconds))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), rules={}, datasources=[], incomplete_codes=[], version="0")


def unexpected(outcome: Outcome) -> None:
    pytest.fail(f"nothing was to be waited for: {outcome}")


def drive(
    metrics: Metrics, generator: Work, answer: Callable[[object], Any], done: Callable[[Outcome], None] | None = None
) -> Outcome | None:
    driver = Driver(Answers(answer), metrics)  # type: ignore[arg-type]  # all that is used of a resolver
    return driver.drive(generator, Door.HTTP, done or unexpected)


def test_without_waiting_the_outcome_is_there_at_once(metrics: Metrics) -> None:
    now = drive(metrics, work(), lambda need: "tree" if need is TREE else None)
    assert now is not None
    assert (now.reason, now.message) == (Reason.ALLOWED, "tree")
    count = "sekisho_decision_duration_seconds_count"
    for stage in ("understand", "decide", "record"):
        assert metrics.registry.get_sample_value(count, {"door": "http", "stage": stage}) == 1


def busy(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.mark.parametrize("refused", [False, True])
def test_what_a_text_takes_that_nobody_knew_is_charged_to_its_principal(metrics: Metrics, refused: bool) -> None:
    """From its turn on, also where it fails; not what comes before, as that is what every statement takes."""

    def unknown() -> Work:
        busy(0.004)
        yield NeedTurn(PrincipalId("i#s"))
        busy(0.004)
        if refused:
            raise RuntimeError("nobody foresaw this")
        yield NeedDecision({})
        return Outcome(reason=Reason.ALLOWED)

    answers = Answers(lambda need: None)
    Driver(answers, metrics).drive(unknown(), Door.POSTGRES, unexpected)  # type: ignore[arg-type]
    assert {who for who, _ in answers.charged} == {"i#s"}
    assert 0.004 <= sum(seconds for _, seconds in answers.charged) < 0.008


def test_what_is_known_is_not_even_measured(metrics: Metrics) -> None:
    def known() -> Work:
        yield NeedDurable({}, Durability.WRITTEN)
        return Outcome(reason=Reason.ALLOWED)

    answers = Answers(lambda need: None)
    Driver(answers, metrics).drive(known(), Door.POSTGRES, unexpected)  # type: ignore[arg-type]
    assert answers.charged == []


def test_a_strict_sessions_own_server_is_asked_by_way_of_the_allowance(metrics: Metrics) -> None:
    asked: list[NeedTree] = []

    def own(need: NeedTree) -> Any:
        asked.append(need)
        return "own tree"

    answers = Answers(lambda need: None)
    now = Driver(answers, metrics).drive(work(), Door.POSTGRES, unexpected, own)  # type: ignore[arg-type]
    assert now is not None
    assert now.message == "own tree"
    assert answers.own_asked == asked == [TREE]


def test_waiting_calls_back_later(metrics: Metrics) -> None:
    async def scene() -> Outcome:
        promise: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        later: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        assert drive(metrics, work(), lambda need: promise if need is TREE else None, later.set_result) is None
        promise.set_result("late tree")
        return await later

    assert asyncio.run(scene()).message == "late tree"


@pytest.mark.parametrize("ending", ["error", "cancelled"])
def test_a_promise_that_fails_is_told_to_the_order(metrics: Metrics, ending: str) -> None:
    def patient() -> Work:
        try:
            yield TREE
        except SekishoError as error:
            return Outcome(reason=error.reason)
        return Outcome(reason=Reason.ALLOWED)

    async def scene() -> Outcome:
        promise: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        later: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        assert drive(metrics, patient(), lambda need: promise, later.set_result) is None
        if ending == "cancelled":
            promise.cancel()
        else:
            promise.set_exception(PolicyUnavailable(Reason.TWIN_TIMEOUT))
        return await later

    expected = Reason.SHUTTING_DOWN if ending == "cancelled" else Reason.TWIN_TIMEOUT
    assert asyncio.run(scene()).reason is expected


def test_an_error_of_the_resolver_is_told_to_the_order(metrics: Metrics) -> None:
    def answer(need: object) -> str:
        if isinstance(need, NeedDecision):
            raise PolicyUnavailable(Reason.ENGINE_UNAVAILABLE)
        return "tree"

    now = drive(metrics, work(), answer)
    assert now is not None
    assert now.reason is Reason.ENGINE_UNAVAILABLE


@pytest.mark.parametrize("where", ["order", "resolver"])
def test_what_nobody_foresaw_is_an_internal_denial_without_its_inside(
    metrics: Metrics, where: str, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(need: object) -> str:
        if where == "resolver":
            raise ZeroDivisionError
        return "tree"

    now = drive(metrics, broken(), answer)
    assert now is not None
    assert (now.reason, now.sqlstate, now.allowed) == (Reason.INTERNAL, "58000", False)
    assert "foresaw" not in now.message + now.detail + now.hint
    assert [entry.message for entry in caplog.records] == ["authorize_failed"]
    denied = {"door": "http", "layer": "none", "rule": "none", "reason": "internal"}
    assert metrics.registry.get_sample_value("sekisho_denials_total", denied) == 1


def test_the_synchronous_driver_runs_the_same_body() -> None:
    assert run_sync(work(), lambda need: "tree").message == "tree"

    def failing(need: object) -> str:
        if isinstance(need, NeedDecision):
            raise PolicyUnavailable(Reason.ENGINE_UNAVAILABLE)
        return "tree"

    assert run_sync(work(), failing).reason is Reason.ENGINE_UNAVAILABLE


# --- what comes too late ---------------------------------------------------------------------------------------------


def patient() -> Work:
    """As `authorize` is built: whatever goes wrong is recorded as a denial."""
    try:
        yield TREE
        yield NeedDurable({"allowed": True}, Durability.SYNCED)
    except SekishoError as error:
        yield NeedDurable({"denied": error.reason}, Durability.SYNCED)
        return Outcome(reason=error.reason)
    return Outcome(reason=Reason.ALLOWED)


def test_what_is_not_decided_in_time_is_denied_and_recorded_so(metrics: Metrics) -> None:
    async def main() -> list[object]:
        tree: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        recorded: list[object] = []

        def answer(need: object) -> Any:
            if need is TREE:
                return tree
            assert isinstance(need, NeedDurable)
            recorded.append(need.entry)
            return None

        driver = Driver(Answers(answer), metrics)  # type: ignore[arg-type]
        assert driver.drive(patient(), Door.GRPC, told.set_result, seconds=0.01) is None
        assert (await asyncio.wait_for(told, 10)).reason is Reason.DEADLINE_EXCEEDED
        tree.set_result("too late")  # nothing comes of it
        await asyncio.sleep(0)
        return recorded

    assert asyncio.run(main()) == [{"denied": Reason.DEADLINE_EXCEEDED}]


def test_what_was_too_late_when_it_came_is_not_even_looked_at(metrics: Metrics) -> None:
    asked: list[object] = []
    driver = Driver(Answers(asked.append), metrics)  # type: ignore[arg-type]
    outcome = driver.drive(patient(), Door.GRPC, unexpected, seconds=-1.0)
    assert outcome is not None
    assert outcome.reason is Reason.DEADLINE_EXCEEDED
    assert [type(need) for need in asked] == [NeedDurable]


def test_what_is_decided_in_time_is_not_disturbed(metrics: Metrics) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        tree: asyncio.Future[str] = loop.create_future()
        told: asyncio.Future[Outcome] = loop.create_future()
        driver = Driver(Answers(lambda need: tree if need is TREE else None), metrics)  # type: ignore[arg-type]
        assert driver.drive(patient(), Door.GRPC, told.set_result, seconds=60) is None
        tree.set_result("tree")
        assert (await asyncio.wait_for(told, 10)).reason is Reason.ALLOWED

    asyncio.run(main())


def test_a_trace_is_told_of_every_stage_and_stands_in_the_entry(metrics: Metrics) -> None:
    ended: list[Trace] = []
    entries: list[Any] = []

    def answer(need: object) -> Any:
        if isinstance(need, NeedDurable):
            entries.append(need.entry)
        return "tree" if need is TREE else None

    one = trace(ended, subject=Subject.QUESTION)
    Driver(Answers(answer), metrics).drive(work(), Door.HTTP, unexpected, trace=one)  # type: ignore[arg-type]
    assert entries == [{"trace_id": one.trace_id}]
    assert [part.stage for part in one.parts] == [Stage.UNDERSTAND, Stage.DECIDE, Stage.RECORD]
    assert ended == [one]
    drive(metrics, work(), answer)
    assert entries[1:] == [{}]


def test_a_trace_of_what_nobody_foresaw_ends_too(metrics: Metrics, caplog: pytest.LogCaptureFixture) -> None:
    ended: list[Trace] = []
    one = trace(ended, awaits=True)
    Driver(Answers(lambda need: "tree"), metrics).drive(broken(), Door.HTTP, unexpected, trace=one)  # type: ignore[arg-type]
    assert (ended, one.reason) == ([one], Reason.INTERNAL)
    (logged,) = [found for found in caplog.records if found.message == "authorize_failed"]
    assert logged.__dict__["trace_id"] == one.trace_id
