"""The calls of sekisho.v1 over a real server and channel: several at once, a stream, explanations, completions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status

from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors._generated.sekisho.v1.access_pb2_grpc import AccessServiceStub
from gateway.doors.access import IN_FLIGHT
from gateway.errors import ANSWERS, Reason
from gateway.inquiry import Looking
from gateway.model import Door
from gateway.needs import Ask, Outcome
from tests.unit.doors.test_grpc import ask, run, served
from tests.unit.doors.test_requests import ScriptedDesk


def entry(sql: str = "select 1", **more: Any) -> wire.AuthorizeRequest:
    return ask(sql, token="", **more)


def test_a_refusal_says_why_to_programs_too() -> None:
    async def main() -> None:
        async with served() as it:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await it.authorize(ask(token="bad"))
            status = rpc_status.from_call(caught.value)  # type: ignore[arg-type]
            assert status is not None
            info = ErrorInfo()
            assert status.details[0].Unpack(info)
            assert (info.reason, info.domain, dict(info.metadata)) == (
                "TOKEN_EXPIRED",
                "sekisho.v1",
                {"reason": "token_expired"},
            )

    run(main)


def test_several_questions_are_answered_in_their_places() -> None:
    async def main() -> None:
        async with served() as it:
            stub = AccessServiceStub(it.channel)
            requests = [entry(), entry("select phone"), entry(datasource="nowhere"), entry("selec 1")]
            told = await stub.AuthorizeBatch(wire.AuthorizeBatchRequest(token="good", requests=requests), timeout=10)
            assert [one.reason for one in told.answers] == [
                "allowed", "policy_denied", "datasource_unknown", "server_complaint"
            ]  # fmt: skip
            assert [one.decision_id != "" for one in told.answers] == [True, True, False, False]
            assert [reason for _, reason, _, _ in it.desk.refusals] == [Reason.DATASOURCE_UNKNOWN]

    run(main)


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (wire.AuthorizeBatchRequest(token="good"), Reason.REQUEST_INVALID),
        (wire.AuthorizeBatchRequest(token="good", requests=[ask()]), Reason.REQUEST_INVALID),
        (wire.AuthorizeBatchRequest(token="good", requests=[entry()] * 101), Reason.REQUEST_INVALID),
        (wire.AuthorizeBatchRequest(token="bad", requests=[entry()] * 3), Reason.TOKEN_EXPIRED),
        (wire.AuthorizeBatchRequest(requests=[entry()]), Reason.TOKEN_MISSING),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(batch: wire.AuthorizeBatchRequest, reason: Reason) -> None:
    async def main() -> None:
        async with served() as it:

            async def call() -> None:
                await AccessServiceStub(it.channel).AuthorizeBatch(batch, timeout=10)

            await it.refused(call(), reason)
            assert [found for _, found, _, _ in it.desk.refusals] == [reason]
            assert it.desk.asked == []

    run(main)


def test_a_stream_goes_on_whatever_is_wrong_with_one_of_its_questions() -> None:
    async def main() -> None:
        async with served() as it:
            sent = [
                wire.AuthorizeStreamRequest(correlation=number, request=request)
                for number, request in enumerate(
                    (
                        ask(),
                        ask(token="bad"),
                        ask("select phone"),
                        wire.AuthorizeRequest(),
                        ask("crash"),
                        ask("selec 1"),
                    ),
                    start=1,
                )
            ]
            call = AccessServiceStub(it.channel).AuthorizeStream(timeout=10)
            for message in sent:
                await call.write(message)
            await call.done_writing()
            told = {one.correlation: one.answer.reason async for one in call}
            assert told == {
                1: "allowed",
                2: "token_expired",
                3: "policy_denied",
                4: "request_invalid",
                5: "internal",
                6: "server_complaint",
            }
            assert await call.code() is grpc.StatusCode.OK

    run(main)


def test_what_is_no_message_of_a_stream_is_answered_without_correlation() -> None:
    async def main() -> None:
        async with served() as it:
            method = it.channel.stream_stream(
                "/sekisho.v1.AccessService/AuthorizeStream",
                request_serializer=None,
                response_deserializer=wire.AuthorizeStreamResponse.FromString,
            )

            async def sent() -> AsyncIterator[bytes]:
                for body in (b"\xff", b"\x12\x02\x0a\xff", b"\x18\x01"):
                    yield body
                yield wire.AuthorizeStreamRequest(correlation=7, request=ask()).SerializeToString()

            told = sorted([(one.correlation, one.answer.reason) async for one in method(sent(), timeout=10)])
            assert told == [(0, "request_invalid")] * 3 + [(7, "allowed")]
            assert [reason for _, reason, _, _ in it.desk.refusals] == [Reason.REQUEST_INVALID] * 3

    run(main)


def test_a_stream_is_read_no_faster_than_it_is_answered() -> None:
    class Holding(ScriptedDesk):
        def __init__(self) -> None:
            super().__init__()
            self.release = asyncio.Event()
            self.full = asyncio.Event()
            self.waiting = self.most = 0

        async def ask_async(self, ask: Ask, seconds: float | None = None) -> Outcome:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
            if self.waiting == IN_FLIGHT:
                self.full.set()
            await self.release.wait()
            self.waiting -= 1
            return await super().ask_async(ask, seconds)

    async def main() -> None:
        desk = Holding()
        async with served(desk) as it:

            async def sent() -> AsyncIterator[wire.AuthorizeStreamRequest]:
                for number in range(3 * IN_FLIGHT):
                    yield wire.AuthorizeStreamRequest(correlation=number, request=ask())

            call = AccessServiceStub(it.channel).AuthorizeStream(sent(), timeout=20)
            await asyncio.wait_for(desk.full.wait(), 10)
            desk.release.set()
            told = [one.correlation async for one in call]
        assert sorted(told) == list(range(3 * IN_FLIGHT))
        assert desk.most == IN_FLIGHT

    run(main)


def test_an_explanation_lets_nothing_through() -> None:
    async def main() -> None:
        async with served() as it:
            told = await AccessServiceStub(it.channel).Explain(
                wire.ExplainRequest(request=ask("select phone", completes=True)), timeout=10
            )
            assert (told.answer.reason, told.HasField("facts")) == ("policy_denied", False)
            asked = it.desk.asked[0]
            assert (asked.executes, asked.counts, asked.session) == (False, False, "grpc:explain")
            [inquiry] = it.desk.inquiries
            assert (inquiry.reading.what, inquiry.reading.principal) == (Looking.EXPLAIN, "https://id.example#tanaka")
            it.desk.secretive = True
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await AccessServiceStub(it.channel).Explain(wire.ExplainRequest(request=ask("select 1")), timeout=10)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
            assert len(it.desk.asked) == 1, "nothing was looked up"

    run(main)


def test_what_went_out_is_told_once_by_who_asked() -> None:
    async def main() -> None:
        async with served() as it:
            stub = AccessServiceStub(it.channel)
            told = wire.CompleteRequest(token="good", decision_id="d-1", rows=3, bytes=0, subjects=2)
            assert (await stub.Complete(told, timeout=10)).decision_id == "d-1"
            [(completion, askers, door)] = it.desk.completed
            assert (completion.rows, completion.sent_bytes, completion.subjects, door) == (3, 0, 2, Door.GRPC)
            assert askers == {"https://id.example#tanaka"}
            for refused, reason in (
                (wire.CompleteRequest(token="good", decision_id="d-2", rows=3), Reason.DECISION_UNKNOWN),
                (wire.CompleteRequest(token="good", decision_id="d-1"), Reason.REQUEST_INVALID),
                (wire.CompleteRequest(token="good", decision_id="d-1", rows=2**63), Reason.REQUEST_INVALID),
                (wire.CompleteRequest(token="bad", decision_id="d-1", rows=3), Reason.TOKEN_EXPIRED),
                (wire.CompleteRequest(decision_id="d-1", rows=3), Reason.TOKEN_MISSING),
            ):

                async def call(request: wire.CompleteRequest = refused) -> None:
                    await stub.Complete(request, timeout=10)

                await it.refused(call(), reason)

    run(main)


def test_the_deadline_goes_to_the_desk() -> None:
    class Patient(ScriptedDesk):
        seconds: float | None = None

        async def ask_async(self, ask: Ask, seconds: float | None = None) -> Outcome:
            self.seconds = seconds
            return await super().ask_async(ask, seconds)

    async def main() -> None:
        desk = Patient()
        async with served(desk) as it:
            await AccessServiceStub(it.channel).Authorize(ask(), timeout=7)
            assert desk.seconds is not None
            assert 0 < desk.seconds < 8  # gRPC rounds up what it sends, and a busy machine makes more of it
            await AccessServiceStub(it.channel).Authorize(ask())
            assert desk.seconds is None

    run(main)


def test_every_reason_has_a_status() -> None:
    assert all(answer.grpc in grpc.StatusCode.__members__ for answer in ANSWERS.values())
