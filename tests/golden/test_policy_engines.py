"""Every golden case of the packs by each engine: the same answer, byte for byte once keys are in order."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.links.opa import OpaEngine
from gateway.policy.cases import Case
from gateway.policy.inprocess import InProcessEngine
from tests.engines import opa_with
from tests.golden.policy_cases import cases, document
from tests.packs import packs

PACKS = packs()
EMBEDDED = InProcessEngine(PACKS)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def opa(runner: asyncio.Runner) -> Iterator[OpaEngine]:
    with opa_with(PACKS) as served:
        engine = OpaEngine(served.url, PACKS.revision, timeout=30)
        runner.run(engine.start(patience=20))
        yield engine
        runner.run(engine.aclose())


def normal(answer: Any) -> str:
    return json.dumps(answer, sort_keys=True, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_opa_answers_as_the_embedded_engine_does(runner: asyncio.Runner, opa: OpaEngine, case: Case) -> None:
    assert normal(runner.run(opa.judge(case.document))) == normal(EMBEDDED.evaluate(case.document))


@pytest.mark.parametrize(("columns", "embedded"), [(20, True), (200, True), (2000, False)])
@pytest.mark.parametrize("who", ["sato", "sato_on_trip", "li", "kim"])
def test_a_wide_statement_is_judged_alike_or_denied(
    runner: asyncio.Runner, opa: OpaEngine, who: str, columns: int, embedded: bool
) -> None:
    wide = document(who, "users")
    for part in (wide["data"], wide["statement"]):
        part["columns"] = [{**part["columns"][0], "column": f"c{number:03}"} for number in range(columns)]
    theirs: Any = runner.run(opa.judge(wide))
    assert theirs["effect"] == ("allow" if who.startswith("sato") else "deny")
    if embedded:
        assert normal(EMBEDDED.evaluate(wide)) == normal(theirs)
        return
    with pytest.raises(PolicyUnavailable) as caught:
        EMBEDDED.evaluate(wide)
    assert caught.value.reason is Reason.ENGINE_FAILED
