"""sekisho.v1.AccessService: its calls, by hand over bytes, on the gateway's own asyncio loop.

A decision is a value, so a denial is an answer with status OK; an error status means that no question was put.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message

from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors.access_messages import (
    answer_message,
    batch_request_document,
    completion_document,
    explain_message,
    parse,
    request_document,
)
from gateway.doors.access_watch import Watching
from gateway.doors.answers import answer_document, explain_document, refused_document, refused_words
from gateway.doors.batches import answers_document, prepare_all, questions
from gateway.doors.callers import Edges, who_completes
from gateway.doors.completions import read_completion
from gateway.doors.grpc_calls import (
    REASON_KEY,
    Context,
    From,
    abort,
    authorization,
    metadata_of,
    peer_address,
    time_left,
)
from gateway.doors.requests import DeskApi, explaining, explanation_of, prepare, read_batch, read_request, refuse
from gateway.errors import Reason, SekishoError
from gateway.links.tasks import TaskGroup
from gateway.model import Door
from gateway.needs import Ask
from gateway.trace_context import Context as TraceContext

_log = logging.getLogger(__name__)

SERVICE: Final = wire.DESCRIPTOR.services_by_name["AccessService"].full_name
IN_FLIGHT: Final = 64
"""Questions of one stream that are decided at once; what comes beyond them is not read yet."""

R = TypeVar("R", bound=Message)


class AccessService:
    """The calls of the contract."""

    def __init__(self, desk: DeskApi, edges: Edges, *, origin: From, watching: Watching, tasks: TaskGroup) -> None:
        """``origin``: where a call comes from."""
        self._desk = desk
        self._edges = edges
        self._origin = origin
        self._watching = watching
        self._tasks = tasks

    def handlers(self) -> grpc.GenericRpcHandler[Any, Any]:
        """What to register. No deserializers: the library answers what it cannot parse with INTERNAL."""
        unary = grpc.unary_unary_rpc_method_handler
        serialize = _serialize
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Authorize": unary(self.authorize, response_serializer=serialize),
                "AuthorizeBatch": unary(self.batch, response_serializer=serialize),
                "AuthorizeStream": grpc.stream_stream_rpc_method_handler(self.stream, response_serializer=serialize),
                "Explain": unary(self.explain, response_serializer=serialize),
                "Complete": unary(self.complete, response_serializer=serialize),
                "WatchDecisions": grpc.unary_stream_rpc_method_handler(self.watch, response_serializer=serialize),
            },
        )

    async def authorize(self, body: bytes, context: Context) -> wire.AuthorizeResponse:
        """One statement, decided."""
        response = await self._guarded(context, partial(self._authorize, body, context))
        context.set_trailing_metadata(((REASON_KEY, response.reason),))
        return response

    async def _authorize(self, body: bytes, context: Context) -> wire.AuthorizeResponse:
        ask = self._asked(context, lambda: parse(wire.AuthorizeRequest, body))
        return answer_message(answer_document(ask, await self._desk.ask_async(ask, time_left(context))))

    async def explain(self, body: bytes, context: Context) -> wire.ExplainResponse:
        """One statement, decided for somebody who will not run it, with all that the decision is made from."""
        response = await self._guarded(context, partial(self._explain, body, context))
        context.set_trailing_metadata(((REASON_KEY, response.answer.reason),))
        return response

    async def _explain(self, body: bytes, context: Context) -> wire.ExplainResponse:
        ask = explaining(self._asked(context, lambda: parse(wire.ExplainRequest, body).request))
        outcome = await self._desk.read_async(explanation_of(ask), Door.GRPC)
        if not outcome.allowed:
            raise SekishoError(outcome.reason, refused_words(outcome))
        return explain_message(explain_document(ask, await self._desk.ask_async(ask, time_left(context))))

    async def batch(self, body: bytes, context: Context) -> wire.AuthorizeBatchResponse:
        """Several statements, decided together."""
        return await self._guarded(context, partial(self._batch, body, context))

    async def _batch(self, body: bytes, context: Context) -> wire.AuthorizeBatchResponse:
        with self._refusing(context):
            document = batch_request_document(parse(wire.AuthorizeBatchRequest, body))
            requests = read_batch(document, authorization(context))
            origin, trace = self._origin(context), self._trace(context)
            asked = prepare_all(self._desk, Door.GRPC, requests, origin=origin, edges=self._edges, trace=trace)
        outcomes = await self._desk.ask_all_async(questions(asked), time_left(context))
        answers: Any = answers_document(asked, outcomes)["answers"]
        return wire.AuthorizeBatchResponse(answers=map(answer_message, answers))

    async def complete(self, body: bytes, context: Context) -> wire.CompleteResponse:
        """What went out under a decision."""
        return await self._guarded(context, partial(self._complete, body, context))

    async def _complete(self, body: bytes, context: Context) -> wire.CompleteResponse:
        with self._refusing(context):
            told = read_completion(completion_document(parse(wire.CompleteRequest, body)), authorization(context))
            askers = who_completes(self._desk, told.who, origin=self._origin(context))
            await self._desk.complete_async(told, askers, Door.GRPC)
        return wire.CompleteResponse(decision_id=told.decision_id)

    async def watch(self, body: bytes, context: Context) -> AsyncIterator[wire.WatchDecisionsResponse]:
        """Decisions, as they are recorded."""
        try:
            with self._refusing(context):
                told = await self._watching.begin(body, authorization(context), self._origin(context))
            async for decision in told:
                yield decision
        except SekishoError as error:
            await abort(context, error)
        except Exception:
            await abort(context, self._broken(context))

    # -- a stream -------------------------------------------------------------------------------------------------

    async def stream(self, bodies: AsyncIterator[bytes], context: Context) -> None:
        """Statements, decided as they come. What is wrong with one of them is its own answer."""
        room = asyncio.Semaphore(IN_FLIGHT)
        writing = asyncio.Lock()
        tasks: set[asyncio.Task[None]] = set()

        async def answered(body: bytes) -> None:
            try:
                response = await self._of_stream(body, context)
                async with writing:
                    await context.write(response)
            finally:
                room.release()

        try:
            async for body in bodies:
                await room.acquire()  # nothing is read beyond it: the caller is slowed down, not our memory filled
                task = self._tasks.spawn(answered(body), "grpc-stream", told=Exception)  # the caller may be gone
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _of_stream(self, body: bytes, context: Context) -> wire.AuthorizeStreamResponse:
        correlation = 0
        try:
            with self._refusing(context):
                message = parse(wire.AuthorizeStreamRequest, body)
                correlation = message.correlation
            ask = self._asked(context, lambda: message.request)
            answer = answer_document(ask, await self._desk.ask_async(ask, time_left(context)))
        except SekishoError as error:
            answer = refused_document(error)
        except Exception:
            answer = refused_document(self._broken(context))
        return wire.AuthorizeStreamResponse(correlation=correlation, answer=answer_message(answer))

    # -- what goes wrong ------------------------------------------------------------------------------------------

    def _asked(self, context: Context, read: Callable[[], wire.AuthorizeRequest]) -> Ask:
        """The question of a call. Raises SekishoError, recorded."""
        with self._refusing(context):
            asked = read_request(request_document(read()), authorization(context))
            where, trace = self._origin(context), self._trace(context)
            return prepare(self._desk, Door.GRPC, asked, origin=where, edges=self._edges, trace=trace)

    def _trace(self, context: Context) -> TraceContext | None:
        """That the caller is in, as its metadata says: one for all questions of a call."""
        return self._desk.context_of(metadata_of(context, "traceparent"), metadata_of(context, "tracestate"))

    def _refusing(self, context: Context) -> _Refusing:
        """What is refused within never became a question: it is recorded and counted here, and by nobody else."""
        return _Refusing(self._desk, context)

    def _broken(self, context: Context) -> SekishoError:
        _log.exception("request_failed")
        return refuse(self._desk, Door.GRPC, SekishoError(Reason.INTERNAL), peer_address(context.peer()))

    async def _guarded(self, context: Context, work: Callable[[], Awaitable[R]]) -> R:
        try:
            return await work()
        except SekishoError as error:
            found = error
        except Exception:
            found = self._broken(context)
        response: R = await abort(context, found)  # never returns
        return response


class _Refusing:
    """A context in which what is refused is recorded."""

    __slots__ = ("_context", "_desk")

    def __init__(self, desk: DeskApi, context: Context) -> None:
        self._desk = desk
        self._context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, SekishoError):
            raise refuse(self._desk, Door.GRPC, error, peer_address(self._context.peer())) from error


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
