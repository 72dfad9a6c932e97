"""Rules that take too long, or end their process: their own question is denied, and nobody else's."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.judges import Judges
from gateway.policy.bundle import Bundle

# Few instructions of which each takes long, and one that takes for ever: no count of instructions would end them.
RULES = """package sekisho

decision := input.n if not input.how

decision := count([x | some i in numbers.range(1, 1000); x := sum(numbers.range(i, 300000))]) if input.how == "loop"

decision := count(numbers.range(0, 4000000000)) if input.how == "builtin"

decision := sum(numbers.range(0, 30000)) if input.how == "slow"
"""
LOOP: Any = {"how": "loop"}
SLOW: Any = {"how": "slow"}
BUILTIN = {"how": "builtin"}


def bundle(text: str = RULES) -> Bundle:
    return Bundle(revision="r1", modules=(("sekisho/d.rego", text),), data={}, roots=("sekisho",))


def run(use: Callable[[Judges], Awaitable[Any]], *, timeout: float = 20.0, policy: Bundle | None = None) -> Any:
    async def work() -> Any:
        judges = Judges(policy or bundle(), timeout=timeout)
        try:
            return await use(judges)
        finally:
            await judges.aclose()

    return asyncio.run(work())


async def reason(judges: Judges, document: Any, asker: str = "") -> Reason:
    with pytest.raises(PolicyUnavailable) as caught:
        await judges.judge(document, asker)
    return caught.value.reason


@pytest.mark.parametrize("hostile", [LOOP, BUILTIN], ids=["loop", "builtin"])
def test_what_takes_too_long_is_denied_and_its_process_is_gone(hostile: Any) -> None:
    async def use(judges: Judges) -> tuple[Reason, float, Any]:
        await judges.start()
        (before,) = judges._judges
        began = time.monotonic()
        found = await reason(judges, hostile)
        took = time.monotonic() - began
        await before.gone()
        return found, took, await judges.judge({"n": 7})

    found, took, after = run(use, timeout=1)
    # the builtin may as well have run into the bound on memory, which ends the process before its time
    assert found in {Reason.ENGINE_TIMEOUT, Reason.ENGINE_FAILED}
    assert took < 60
    assert after == 7


def test_a_hostile_question_holds_up_nobody_else_s() -> None:
    async def use(judges: Judges) -> tuple[list[Any], bool]:
        await judges.start()
        hostile = asyncio.gather(*(reason(judges, LOOP, "mallory") for _ in range(6)))
        found = [await judges.judge({"n": n}, "ann") for n in range(50)]
        waiting = not hostile.done()
        hostile.cancel()
        return found, waiting

    found, waiting = run(use, timeout=5)
    assert found == list(range(50))
    assert waiting


def test_who_comes_with_many_others_waits_longer_than_any_may_take() -> None:
    """As after a change of rules, when nobody's decision stands any more. So many that all take four times as
    long as one may, each of which takes a hundredth of it: however slow the machine is just now."""
    longest = 1.0

    async def use(judges: Judges) -> bool:
        await judges.start()
        began = time.perf_counter()
        answer = await judges.judge(SLOW)
        once = time.perf_counter() - began
        many = range(min(2000, math.ceil(4 * longest / once)))
        return set(await asyncio.gather(*(judges.judge(SLOW, f"person-{n}") for n in many))) == {answer}

    assert run(use, timeout=longest)


def test_there_is_one_process_while_one_is_enough() -> None:
    async def use(judges: Judges) -> int:
        await judges.start()
        for n in range(5):
            await judges.judge({"n": n})
        return len(judges._judges)

    assert run(use) == 1


def test_whoever_waited_may_have_gone_and_the_next_gets_the_answer_to_his_own_question() -> None:
    async def use(judges: Judges) -> Any:
        await judges.start()
        asking = asyncio.ensure_future(judges.judge(LOOP, "ann"))  # noqa: TID251 - held by this very function
        await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        return await judges.judge({"n": 3}, "ben")

    assert run(use) == 3


def test_a_process_that_is_killed_is_replaced() -> None:
    async def use(judges: Judges) -> Any:
        await judges.start()
        (judge,) = judges._judges
        judge._process.kill()  # type: ignore[union-attr]
        first = await asyncio.gather(judges.judge({"n": 3}), return_exceptions=True)  # it may not have been seen to go
        return first, await judges.judge({"n": 3})

    (first,), second = run(use)
    assert second == 3
    assert first == 3 or first.reason is Reason.ENGINE_FAILED


def test_rules_that_do_not_compile_are_no_engine() -> None:
    async def use(judges: Judges) -> Reason:
        with pytest.raises(PolicyUnavailable) as caught:
            await judges.start()
        return caught.value.reason

    assert run(use, policy=bundle("package sekisho\n\ndecision := nowhere(1)\n")) is Reason.ENGINE_UNAVAILABLE


def test_a_document_that_is_not_json_is_no_question() -> None:
    async def use(judges: Judges) -> Reason:
        return await reason(judges, {"n": float("nan")})

    assert run(use) is Reason.ENGINE_FAILED


def test_when_it_is_closed_nothing_is_begun_any_more_and_what_was_is_answered() -> None:
    async def use(judges: Judges) -> tuple[Any, Reason, list[bool]]:
        await judges.start()
        asking = asyncio.ensure_future(judges.judge({"n": 1}))  # noqa: TID251 - held by this very function
        await asyncio.sleep(0)
        processes = [judge._process for judge in judges._judges]
        await judges.aclose()
        ended = [process.returncode is not None for process in processes if process is not None]
        return await asking, await reason(judges, {"n": 1}), ended

    assert run(use) == (1, Reason.ENGINE_UNAVAILABLE, [True])


def test_what_takes_for_ever_does_not_keep_it_open() -> None:
    async def use(judges: Judges) -> Reason:
        await judges.start()
        asking = asyncio.ensure_future(reason(judges, LOOP))  # noqa: TID251 - held by this very function
        await asyncio.sleep(0)
        await judges.aclose()
        return await asking

    assert run(use, timeout=0.3) is Reason.ENGINE_TIMEOUT
