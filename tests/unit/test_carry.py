"""The driver of the command line: needs are met one by one, and what goes wrong with one is the work's to hear."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from gateway.carry import carry
from gateway.errors import PolicyUnavailable, Reason
from gateway.model import Durability
from gateway.needs import Need, NeedDecision, NeedDurable, Outcome


def work() -> Generator[Need, Any, Outcome]:
    said = yield NeedDecision({"asked": True})
    try:
        yield NeedDurable({"said": said}, Durability.SYNCED)
    except PolicyUnavailable as error:
        return Outcome(reason=error.reason, detail=said)
    return Outcome(reason=Reason.ALLOWED)


def test_each_need_is_met_and_trouble_is_told() -> None:
    met: list[Need] = []

    async def meet(need: Need) -> object:
        met.append(need)
        if isinstance(need, NeedDurable):
            raise PolicyUnavailable(Reason.ENGINE_TIMEOUT)
        return "yes"

    outcome = asyncio.run(carry(work(), meet))
    assert (outcome.reason, outcome.detail) == (Reason.ENGINE_TIMEOUT, "yes")
    assert [type(one) for one in met] == [NeedDecision, NeedDurable]
