"""One contract, held by every engine: what an answer is, and that whatever is none is said under its own reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.judges import Judges
from gateway.links.opa import OpaEngine
from gateway.policy.bundle import Bundle
from gateway.policy.engine import Engine
from gateway.policy.inprocess import InProcessEngine
from gateway.policy.result import parse_verdict
from tests.engines import Failure, FakeEngine, opa_with
from tests.golden.policy_cases import document
from tests.packs import packs

Opened = Callable[[Bundle], AbstractAsyncContextManager[Engine]]
PACKS = packs()
NEVER = 4102444800


def rules(text: str) -> Bundle:
    """A policy of one module."""
    return Bundle(
        revision="r1", modules=(("sekisho/d.rego", f"package sekisho\n\n{text}\n"),), data={}, roots=("sekisho",)
    )


@asynccontextmanager
async def in_process(bundle: Bundle) -> AsyncIterator[Engine]:
    async with aclosing(InProcessEngine(bundle)) as engine:
        yield engine


@asynccontextmanager
async def apart(bundle: Bundle) -> AsyncIterator[Engine]:
    async with aclosing(Judges(bundle, timeout=20)) as engine:
        await engine.start()
        yield engine


@asynccontextmanager
async def opa(bundle: Bundle) -> AsyncIterator[Engine]:
    with opa_with(bundle) as served:
        engine = OpaEngine(served.url, bundle.revision, timeout=20)
        await engine.start(patience=20)
        async with aclosing(engine):
            yield engine


REAL: dict[str, Opened] = {"in process": in_process, "in processes of its own": apart, "OPA": opa}


@pytest.fixture(params=REAL)
def opened(request: pytest.FixtureRequest) -> Opened:
    return REAL[request.param]


def ask(opened: Opened, bundle: Bundle, *documents: object) -> list[object]:
    """What each document comes to: an answer, or the reason there is none."""

    async def work() -> list[object]:
        found: list[object] = []
        async with opened(bundle) as engine:
            assert engine.revision == bundle.revision
            for one in documents:
                try:
                    found.append(await engine.judge(one))  # type: ignore[arg-type]
                except PolicyUnavailable as error:
                    found.append(error.reason)
        return found

    return asyncio.run(work())


def test_an_answer_is_a_verdict_under_the_engine_s_revision(opened: Opened) -> None:
    denied, allowed = ask(opened, PACKS, document("li", "users"), document("sato", "users"))
    effects = [
        str(parse_verdict(one, valid_until=NEVER, revision=PACKS.revision).effect)  # type: ignore[arg-type]
        for one in (denied, allowed)
    ]
    assert effects == ["deny", "allow"]


def test_one_answer_leaves_nothing_to_the_next(opened: Opened) -> None:
    first, _, _, again = ask(
        opened, PACKS, document("sato", "users"), document("li", "users"), {}, document("sato", "users")
    )
    assert first == again


@pytest.mark.parametrize("given", [[], None, {"subject": 1}, {}, "allow", 1])
def test_what_is_no_input_is_denied(opened: Opened, given: object) -> None:
    (answer,) = ask(opened, PACKS, given)
    assert isinstance(answer, dict)
    assert answer["effect"] == "deny"


def test_an_undefined_decision_is_no_answer_and_the_next_question_has_one(opened: Opened) -> None:
    assert ask(opened, rules("decision := 1 if input.x"), {}, {"x": True}) == [Reason.ENGINE_UNDEFINED, 1]


def test_two_values_for_one_decision_are_no_answer(opened: Opened) -> None:
    (found,) = ask(opened, rules("decision := 1 if input.x\n\ndecision := 2 if input.x"), {"x": True})
    assert found in {Reason.ENGINE_UNDEFINED, Reason.ENGINE_FAILED}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(Failure.CRASH, Reason.ENGINE_UNAVAILABLE), (Failure.UNDEFINED, Reason.ENGINE_UNDEFINED)],
)
def test_the_one_that_fails_on_command_fails_as_the_real_ones_do(failure: Failure, reason: Reason) -> None:
    async def work() -> None:
        engine: Engine = FakeEngine(failure)
        with pytest.raises(PolicyUnavailable) as caught:
            await engine.judge({})
        assert caught.value.reason is reason

    asyncio.run(work())


def test_junk_is_found_out_where_it_is_read() -> None:
    async def work() -> None:
        answer = await FakeEngine(Failure.JUNK).judge({})
        with pytest.raises(PolicyUnavailable) as caught:
            parse_verdict(answer, valid_until=NEVER, revision="r")
        assert caught.value.reason is Reason.ENGINE_ANSWER_INVALID

    asyncio.run(work())


def test_a_slow_one_answers_when_it_is_let_go() -> None:
    async def work() -> None:
        engine = FakeEngine(Failure.SLOW)
        asking = asyncio.ensure_future(engine.judge({}))  # noqa: TID251 - held by this very function
        await engine.begun.wait()
        assert not asking.done()
        engine.go.set()
        with pytest.raises(PolicyUnavailable) as caught:
            await asking
        assert caught.value.reason is Reason.ENGINE_TIMEOUT

    asyncio.run(work())
