"""The record, watched over a real server: whom a rule lets, what they asked for, and on from where they stood."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from gateway.audit.writer import RecordWriter
from gateway.config import GrpcListener
from gateway.doors import access_watch
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors._generated.sekisho.v1.access_pb2_grpc import AccessServiceStub
from gateway.doors.grpc import GrpcDoor
from gateway.errors import ANSWERS, Reason
from gateway.model import Durability
from tests.unit.doors.test_grpc import LOOPBACK, reason_in, run
from tests.unit.doors.test_requests import ScriptedDesk


class Place:
    """A record, and a door at which it is watched."""

    def __init__(self, folder: Path, address: str, channel: grpc.aio.Channel, desk: ScriptedDesk) -> None:
        self.recorder = RecordWriter.open(folder, segment_bytes=1 << 20, writer="gateway")
        self.address, self.stub, self.desk = address, AccessServiceStub(channel), desk

    def add(self, number: int, **changes: Any) -> None:
        entry = {
            "kind": "decision",
            "at_us": number * 1_000_000,
            "decision_id": f"d-{number}",
            "door": "postgres",
            "datasource": "messenger",
            "principal": {"id": "https://id#li"},
            "employer": {"entity": "line-yahoo"},
            "origin": ["CN"],
            "effect": "deny",
            "reason": "policy_denied",
            "cross_border": True,
            "findings": [{"rule": "jp-appi-28"}],
            **changes,
        }
        self.recorder.append(entry, Durability.WRITTEN, lambda error: None)

    def watch(self, **request: Any) -> Any:
        asked = wire.WatchDecisionsRequest(**{"token": "good", "entity": "line-yahoo", **request})
        return self.stub.WatchDecisions(asked, timeout=20)


@asynccontextmanager
async def watched(folder: Path, desk: ScriptedDesk | None = None) -> AsyncIterator[Place]:
    desk = desk or ScriptedDesk()
    door = GrpcDoor(desk, GrpcListener(address=f"{LOOPBACK}:0"), record=folder)
    await door.start()
    try:
        async with grpc.aio.insecure_channel(door.address) as channel:
            place = Place(folder, door.address, channel, desk)
            try:
                yield place
            finally:
                place.recorder.close()
    finally:
        await door.stop(0)


async def ids(call: Any, count: int) -> list[str]:
    return [(await asyncio.wait_for(call.read(), 10)).decision_id for _ in range(count)]


async def refused(call: Any) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    return caught.value.code(), reason_in(caught.value.trailing_metadata())


def test_what_is_wanted_comes_as_it_is_recorded_and_goes_on_where_one_stood(tmp_path: Path) -> None:
    async def main() -> None:
        async with watched(tmp_path) as it:
            it.add(1)
            it.add(2, employer={"entity": "other"})  # of nobody the reading is about
            it.add(3, kind="completion")
            call = it.watch(since=1)
            first = await asyncio.wait_for(call.read(), 10)
            assert (first.decision_id, first.effect, first.reason) == ("d-1", wire.EFFECT_DENY, "policy_denied")
            assert (first.principal, first.entity, first.at_us) == ("https://id#li", "line-yahoo", 1_000_000)
            assert (list(first.rules), first.cross_border, first.door) == (["jp-appi-28"], True, "postgres")
            assert json_format.MessageToDict(first.entry)["origin"] == ["CN"]
            it.add(4)
            assert await ids(call, 1) == ["d-4"]
            call.cancel()
            it.add(5, effect="allow", findings=[])
            assert await ids(it.watch(after=[first.position]), 2) == ["d-4", "d-5"]
            assert await ids(it.watch(after=[first.position], effect=wire.EFFECT_ALLOW), 1) == ["d-5"]
            assert await ids(it.watch(after=[first.position], rule="jp-appi-28"), 1) == ["d-4"]
            assert {one.reading.entity for one in it.desk.inquiries} == {"line-yahoo"}

    run(main)


def test_whom_no_rule_lets_is_told_by_which(tmp_path: Path) -> None:
    async def main() -> None:
        async with watched(tmp_path) as it:
            it.add(1)
            assert await refused(it.watch(since=1, entity="")) == (
                grpc.StatusCode.PERMISSION_DENIED,
                Reason.POLICY_DENIED,
            )

    run(main)


BAD: list[tuple[dict[str, Any], Reason]] = [
    ({"token": ""}, Reason.TOKEN_MISSING),
    ({"token": "bad"}, Reason.TOKEN_EXPIRED),
    ({"entity": "e" * 300}, Reason.REQUEST_INVALID),
    ({"since": -1}, Reason.REQUEST_INVALID),
    ({"effect": 77}, Reason.REQUEST_INVALID),
    ({"after": [wire.Position(writer="")]}, Reason.REQUEST_INVALID),
    ({"after": [wire.Position(writer="gateway", sequence=-2)]}, Reason.REQUEST_INVALID),
    ({"after": [wire.Position(writer="gateway")] * 2}, Reason.REQUEST_INVALID),
]


@pytest.mark.parametrize(("request_changes", "reason"), BAD)
def test_a_request_that_does_not_fit_is_refused(
    tmp_path: Path, request_changes: dict[str, Any], reason: Reason
) -> None:
    async def main() -> None:
        async with watched(tmp_path) as it:
            assert await refused(it.watch(**request_changes)) == (
                grpc.StatusCode[ANSWERS[reason].grpc],
                reason,
            )
            assert [found for _, found, _, _ in it.desk.refusals] == [reason]

    run(main)


def test_it_is_asked_again_whether_somebody_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted answer holds until 2023, so it is asked for at every look."""
    monkeypatch.setattr(access_watch, "_PAUSE", 0.01)

    class Tiring(ScriptedDesk):
        def read(self, inquiry: Any, door: Any) -> Any:
            if len(self.inquiries) >= 3:
                inquiry = replace(inquiry, reading=replace(inquiry.reading, entity="other"))
            return super().read(inquiry, door)

    async def main() -> None:
        async with watched(tmp_path, Tiring()) as it:
            assert await refused(it.watch()) == (grpc.StatusCode.PERMISSION_DENIED, Reason.POLICY_DENIED)

    run(main)


def test_so_many_may_watch_and_who_leaves_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_watch, "WATCHERS", 1)

    async def main() -> None:
        async with watched(tmp_path) as it:
            it.add(1)
            first = it.watch(since=1)
            assert await ids(first, 1) == ["d-1"]
            assert (await refused(it.watch()))[1] == Reason.LIMIT_EXCEEDED
            first.cancel()
            async with asyncio.timeout(60):  # it is noticed a moment later
                while (await first_of(it.watch(since=1))) != "d-1":
                    pass

    run(main)


async def first_of(call: Any) -> str:
    """The first decision's id, or why there is none."""
    try:
        return (await ids(call, 1))[0]
    except grpc.aio.AioRpcError as error:
        return reason_in(error.trailing_metadata())
