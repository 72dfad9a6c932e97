"""The client for an asyncio loop, to which it belongs. Call for call what `sync` has."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any, Self

from gateway.client.channel import Settings, refusing
from gateway.client.messages import Answer, Explanation, Found, Question, batch_message, watch_message
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors._generated.sekisho.v1.access_pb2_grpc import AccessServiceStub


class AsyncClient:
    """One gateway. To be closed, or used as a context."""

    def __init__(self, address: str, **settings: Any) -> None:
        """``settings``: those of ``Settings``."""
        self._settings = Settings(address=address, **settings)
        self._channel = self._settings.aio_channel()
        self._stub: Any = AccessServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End what is still asked, and the connection."""
        await self._channel.close(None)

    async def authorize(self, datasource: str, sql: str, **more: Any) -> Answer:
        """Whether a statement may be executed; ``more``: of ``Question``. Raises Refused."""
        return await self.ask(Question(datasource=datasource, sql=sql, **more))

    async def ask(self, question: Question) -> Answer:
        """The same of a question made before."""
        with refusing():
            return Answer.of(await self._stub.Authorize(question.message(), **self._call()))

    async def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """An answer for each, decided together; a hundred at most. Raises Refused where none was asked."""
        with refusing():
            told = await self._stub.AuthorizeBatch(batch_message(questions), **self._call())
        return list(map(Answer.of, told.answers))

    async def stream(self, questions: AsyncIterable[Question]) -> AsyncIterator[tuple[int, Answer]]:
        """Answers as they are made, each with its question's number from 0, for as long as questions come."""

        async def messages() -> AsyncIterator[wire.AuthorizeStreamRequest]:
            number = 0
            async for one in questions:
                yield wire.AuthorizeStreamRequest(correlation=number, request=one.message())
                number += 1

        with refusing():
            async for told in self._stub.AuthorizeStream(messages(), metadata=self._settings.metadata):
                yield told.correlation, Answer.of(told.answer)

    async def explain(self, question: Question) -> Explanation:
        """What would be decided, and why. It lets nothing through."""
        request = wire.ExplainRequest(request=question.message())
        with refusing():
            return Explanation.of(await self._stub.Explain(request, **self._call()))

    async def complete(
        self, decision_id: str, rows: int, *, size: int | None = None, subjects: int | None = None, sqlstate: str = ""
    ) -> None:
        """Tell, once, what went out under a decision: rows, bytes (``size``), distinct people."""
        told = wire.CompleteRequest(
            decision_id=decision_id, rows=rows, bytes=size, subjects=subjects, sqlstate=sqlstate
        )
        with refusing():
            await self._stub.Complete(told, **self._call())

    async def watch(self, *, after: Iterable[tuple[str, int]] = (), **filters: Any) -> AsyncIterator[Found]:
        """Decisions as they are recorded, without end; ``filters``: entity, principal, country, rule, since."""
        request = watch_message(after, filters)
        with refusing():
            async for told in self._stub.WatchDecisions(request, metadata=self._settings.metadata):
                yield Found.of(told)

    def _call(self) -> dict[str, Any]:
        return {"timeout": self._settings.timeout, "metadata": self._settings.metadata}
