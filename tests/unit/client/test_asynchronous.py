"""The asynchronous client, at a real door."""

from __future__ import annotations

import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from gateway.client import AsyncClient, Question, Refused, Resource, ResourceColumn
from gateway.config import Caller, CallerTls, GrpcListener
from gateway.doors.callers import Callers
from gateway.doors.grpc import GrpcDoor
from tests.servers import TestCa
from tests.unit.doors.test_access_watch import watched
from tests.unit.doors.test_grpc import LOOPBACK, run, served


def with_client(work: Callable[[AsyncClient, Any], Coroutine[Any, Any, None]], **settings: Any) -> None:
    async def main() -> None:
        async with served() as it:
            async with AsyncClient(it.door.address, plaintext=True, **{"token": "good", **settings}) as client:
                await work(client, it)

    run(main)


def test_every_call_is_answered() -> None:
    async def work(client: AsyncClient, it: Any) -> None:
        assert (await client.authorize("messenger", "select 1")).allowed
        assert [one.reason for one in await client.ask_all([_question(), _question("select phone")])] == [
            "allowed",
            "policy_denied",
        ]

        async def questions() -> AsyncIterator[Question]:
            for sql in ("select 1", "select phone", "selec 1"):
                yield _question(sql)

        told = dict([one async for one in client.stream(questions())])
        assert [told[number].reason for number in range(3)] == ["allowed", "policy_denied", "server_complaint"]
        explained = await client.explain(_question("select phone"))
        assert (explained.answer.allowed, explained.facts) == (False, None)
        await client.complete("d-1", 3, size=10, subjects=2)
        assert it.desk.completed[0][0].rows == 3

    with_client(work)


def test_what_was_not_asked_is_no_answer() -> None:
    async def work(client: AsyncClient, it: Any) -> None:
        with pytest.raises(Refused) as caught:
            await client.authorize("messenger", "select 1")
        assert (caught.value.reason, caught.value.status) == ("token_expired", "UNAUTHENTICATED")

    with_client(work, token="bad")


def test_a_gateway_that_is_gone_is_said_within_the_deadline() -> None:
    async def main() -> None:
        async with served() as it:
            address = it.door.address
        async with AsyncClient(address, plaintext=True, token="good", timeout=2) as client:
            with pytest.raises(Refused) as caught:
                await client.authorize("messenger", "select 1")
            assert (caught.value.reason, caught.value.status, caught.value.passes) == ("", "UNAVAILABLE", True)


def test_a_call_has_a_deadline_of_its_own() -> None:
    """A server that takes connections and says nothing: the client's own thirty seconds are not waited for."""

    async def main() -> None:
        with socket.create_server((LOOPBACK, 0)) as silent:
            address = f"{LOOPBACK}:{silent.getsockname()[1]}"
            client = AsyncClient(address, plaintext=True, token="good", timeout=30)
            began = time.monotonic()
            with pytest.raises(Refused) as caught:
                await client.authorize("messenger", "select 1", within=0.2)
            assert time.monotonic() - began < 10
            assert (caught.value.reason, caught.value.status, caught.value.passes) == ("", "DEADLINE_EXCEEDED", True)
            await client.close()

    run(main)


def test_all_of_one_person_and_what_is_declared() -> None:
    async def work(client: AsyncClient, it: Any) -> None:
        looking = Resource(columns=(ResourceColumn("s.stickers", "title"),))
        asked = [Question(datasource="messenger", resource=looking), _question()]
        answers = await client.ask_all(asked, token="good")
        assert [one.reason for one in answers] == ["statement_incomplete", "allowed"], "this desk knows two texts"
        assert it.desk.asked[0].given.columns[0].column == "title"

    with_client(work, token="")


def test_a_caller_passes_on_a_persons_token(test_ca: TestCa) -> None:
    async def main() -> None:
        async with served() as it:
            it.desk.callers = Callers(
                (Caller(name="portal", issuer="https://id.example", subject="tanaka", datasources=("messenger",)),), ()
            )
            async with AsyncClient(it.door.address, plaintext=True, token=lambda: "good") as client:
                assert (await client.authorize("messenger", "select 1", token="good")).allowed
            [asked] = it.desk.asked
            assert asked.caller is not None
            assert asked.caller.id == "portal"

    run(main)


def test_over_mutual_tls(test_ca: TestCa) -> None:
    own, shown = test_ca.issue(LOOPBACK), test_ca.issue("spiffe://x/search")
    caller = Caller(name="search", certificate="uri:spiffe://x/search", datasources=("messenger",))

    async def main() -> None:
        async with served() as it:
            it.desk.callers = Callers((caller,), ())
            tls = CallerTls(certificate=own.certificate, key=own.key, client_ca=test_ca.path)
            door = GrpcDoor(it.desk, GrpcListener(address=f"{LOOPBACK}:0", tls=tls))
            await door.start()
            settings: dict[str, Any] = {"ca": test_ca.path, "certificate": shown.certificate, "key": shown.key}
            async with AsyncClient(door.address, **settings) as client:
                assert (await client.authorize("messenger", "select 1", token="good")).allowed
            await door.stop(0)

    run(main)


def test_the_record_is_watched_and_gone_on_with(tmp_path: Path) -> None:
    async def main() -> None:
        async with watched(tmp_path) as it:
            it.add(1)
            it.add(2)
            async with AsyncClient(it.address, plaintext=True, token="good") as client:
                positions, seen = [], []
                async for found in client.watch(entity="line-yahoo", since=1):
                    positions.append(found.position)
                    break
                async for found in client.watch(entity="line-yahoo", after=positions):
                    seen.append((found.decision_id, found.effect, found.rules, found.entry["origin"]))
                    break
            assert seen == [("d-2", "deny", ("jp-appi-28",), ["CN"])]

    run(main)


def _question(sql: str = "select 1") -> Question:
    return Question(datasource="messenger", sql=sql)
