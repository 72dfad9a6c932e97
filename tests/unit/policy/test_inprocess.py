"""The in-process engine on the packs that come with Sekisho."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.policy.bundle import Bundle
from gateway.policy.inprocess import InProcessEngine
from tests.golden.policy_cases import document
from tests.packs import packs

POLICIES = Path(__file__).parents[3] / "policies"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return packs()


def rego(text: str) -> Bundle:
    return Bundle(revision="r", modules=(("sekisho/d.rego", text),), data={}, roots=("sekisho",))


def test_the_revision_is_the_bundle_s(bundle: Bundle) -> None:
    assert InProcessEngine(bundle).revision == bundle.revision


@pytest.mark.parametrize("given", [[], None, {"subject": 1}, {}, "allow", 1])
def test_what_is_not_an_input_is_denied(bundle: Bundle, given: object) -> None:
    answer = InProcessEngine(bundle).evaluate(given)  # type: ignore[arg-type]
    assert isinstance(answer, dict)
    assert answer["effect"] == "deny"


def test_every_thread_gets_the_same_answer_from_a_program_of_its_own(bundle: Bundle) -> None:
    engine = InProcessEngine(bundle)
    asked = document("wang", "image")
    here = engine.evaluate(asked)
    meet = threading.Barrier(4)

    def ask() -> object:
        meet.wait(timeout=10)
        return engine.evaluate(asked)

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask) for _ in range(4)]
        assert [answer.result() for answer in answers] == [here] * 4


def test_an_engine_may_be_dropped_while_other_threads_still_live(bundle: Bundle) -> None:
    engine = InProcessEngine(bundle)
    asked, dropped = threading.Event(), threading.Event()

    def ask() -> None:
        nonlocal engine
        engine.evaluate({})
        asked.set()
        dropped.wait(timeout=10)

    thread = threading.Thread(target=ask)
    thread.start()
    asked.wait(timeout=10)
    del engine
    gc.collect()
    dropped.set()
    thread.join()


def test_one_answer_does_not_leave_anything_to_the_next(bundle: Bundle) -> None:
    engine = InProcessEngine(bundle)
    first = engine.evaluate(document("sato", "users"))
    engine.evaluate(document("li", "users"))
    engine.evaluate({})
    assert engine.evaluate(document("sato", "users")) == first


def test_an_undefined_decision_is_no_answer() -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        InProcessEngine(rego("package sekisho\n\ndecision := 1 if input.x")).evaluate({})
    assert caught.value.reason is Reason.ENGINE_UNDEFINED


def test_rules_that_do_not_compile_are_no_answer_and_no_compiler_text_goes_out() -> None:
    with pytest.raises(PolicyUnavailable) as caught:
        InProcessEngine(rego("package sekisho\n\ndecision := nowhere(1)")).evaluate({})
    assert caught.value.reason is Reason.ENGINE_UNAVAILABLE
    assert "nowhere" not in str(caught.value)
