"""The client for threads, at a real door, by the words of its own documentation."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.client import Client, Question, Refused
from tests.unit.doors.test_access_watch import watched
from tests.unit.doors.test_grpc import run, served


def in_a_thread(work: Callable[[Client, Any], None], **settings: Any) -> None:
    async def main() -> None:
        async with served() as it:

            def called() -> None:
                with Client(it.door.address, plaintext=True, **{"token": "good", **settings}) as client:
                    work(client, it)

            await asyncio.to_thread(called)

    run(main)


def test_every_call_is_answered() -> None:
    def work(client: Client, it: Any) -> None:
        assert client.authorize("messenger", "select 1").allowed
        questions = [Question(datasource="messenger", sql=sql) for sql in ("select 1", "select phone")]
        assert [one.reason for one in client.ask_all(questions)] == ["allowed", "policy_denied"]
        assert {number: one.allowed for number, one in client.stream(iter(questions))} == {0: True, 1: False}
        assert not client.explain(questions[1]).answer.allowed
        client.complete("d-1", 3)
        assert it.desk.completed[0][0].rows == 3
        with pytest.raises(Refused, match="decision_unknown") as caught:
            client.complete("d-2", 3)
        assert not caught.value.passes

    in_a_thread(work)


def test_what_was_not_asked_is_no_answer() -> None:
    def work(client: Client, it: Any) -> None:
        question = Question(datasource="messenger", sql="select 1")
        for call, reason in (
            (lambda: client.ask(question), "token_expired"),
            (lambda: client.ask_all([question]), "token_expired"),
            (lambda: client.ask_all([]), "request_invalid"),
            (lambda: next(client.watch()), "token_expired"),
        ):
            with pytest.raises(Refused, match=reason):
                call()
        [(number, answer)] = client.stream([question])
        assert (number, answer.allowed, answer.reason) == (0, False, "token_expired")

    in_a_thread(work, token="bad")


def test_the_record_is_watched(tmp_path: Path) -> None:
    async def main() -> None:
        async with watched(tmp_path) as it:
            it.add(1)

            def first() -> str:
                with Client(it.address, plaintext=True, token="good") as client:
                    return next(client.watch(entity="line-yahoo", since=1)).decision_id

            assert await asyncio.to_thread(first) == "d-1"

    run(main)
