"""Completions of decisions that another worker made: who is asked, what goes that way, and what no answer means."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from gateway.doors.callers import Words
from gateway.doors.completions import UNKNOWN, Completion
from gateway.doors.elsewhere import Elsewhere, complete_for_another
from gateway.errors import Reason, RecordUnavailable, SekishoError
from gateway.model import Door, JsonValue
from gateway.world import DecisionIds

ASKERS = frozenset({"caller search", "https://id.example#tanaka"})


class Workers:
    """Three of them, of which this is the second; the others' decisions are completed by hand."""

    number = 2

    def __init__(self, trouble: Exception | None = None, *, gone: bool = False) -> None:
        self.ids = [DecisionIds(owner=place, owners=3) for place in range(3)]
        self.asked: list[tuple[int, Any]] = []
        self.completed: list[tuple[Completion, frozenset[str], Door]] = []
        self._trouble = trouble
        self._gone = gone

    async def ask(self, worker: int, question: JsonValue) -> Any:
        self.asked.append((worker, question))
        if self._gone:
            return None
        return json.loads(json.dumps(await complete_for_another(self._complete, json.loads(json.dumps(question)))))

    async def _complete(self, told: Completion, askers: frozenset[str], door: Door) -> None:
        if self._trouble is not None:
            raise self._trouble
        self.completed.append((told, askers, door))

    def tell(self, decision_id: str) -> bool:
        whole = Completion(
            who=Words(token="secret"), decision_id=decision_id, rows=3, sent_bytes=10, subjects=2, sqlstate="57014"
        )
        return asyncio.run(Elsewhere(self, self.ids[1].owner).complete(whole, ASKERS, Door.GRPC))


def test_whoever_decided_is_told_all_but_the_token() -> None:
    workers = Workers()
    first, third = workers.ids[0](), workers.ids[2]()
    assert workers.tell(first)
    assert workers.tell(third)
    assert [worker for worker, _ in workers.asked] == [1, 3]
    assert "secret" not in json.dumps(workers.asked)
    expected = Completion(who=Words(), decision_id=first, rows=3, sent_bytes=10, subjects=2, sqlstate="57014")
    assert workers.completed[0] == (expected, ASKERS, Door.GRPC)


def test_what_was_decided_here_or_nowhere_is_not_asked_about() -> None:
    workers = Workers()
    for one in (workers.ids[1](), "d-1", "d-0123456789-", "d-0123456789-g", "nothing", "d-0123456789-1\n"):
        assert not workers.tell(one)
    assert workers.asked == []


@pytest.mark.parametrize(
    ("trouble", "reason", "detail"),
    [
        (SekishoError(Reason.DECISION_UNKNOWN, UNKNOWN), Reason.DECISION_UNKNOWN, UNKNOWN),
        (RecordUnavailable(Reason.RECORD_UNAVAILABLE, "full"), Reason.RECORD_UNAVAILABLE, "full"),
        (TimeoutError(), Reason.WORKER_UNAVAILABLE, "not known"),
    ],
)
def test_its_refusal_is_ours(trouble: Exception, reason: Reason, detail: str) -> None:
    workers = Workers(trouble)
    with pytest.raises(SekishoError, match=detail) as caught:
        workers.tell(workers.ids[2]())
    assert caught.value.reason is reason


def test_what_a_worker_had_open_ends_with_it() -> None:
    workers = Workers(gone=True)
    with pytest.raises(SekishoError, match="no open decision of yours") as caught:
        workers.tell(workers.ids[0]())
    assert caught.value.reason is Reason.DECISION_UNKNOWN
