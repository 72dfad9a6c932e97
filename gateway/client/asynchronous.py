"""The client for an asyncio loop, to which it belongs. Call for call what `sync` has.

async with AsyncClient("sekisho.example:8443", certificate=pair.pem, key=pair.key, ca=ca) as sekisho:
    looking = Resource(columns=(ResourceColumn("search.users", "phone"),))
    answer = await sekisho.ask(Question(datasource="search", resource=looking, token=of_the_person))
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any, Self, Unpack

from gateway.client.channel import Options, Settings, refusing
from gateway.client.messages import (
    Answer,
    Explanation,
    Filters,
    Found,
    More,
    Question,
    batch_message,
    watch_message,
)
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors._generated.sekisho.v1.access_pb2_grpc import AccessServiceStub


class AsyncClient:
    """One gateway. To be closed, or used as a context."""

    def __init__(self, address: str, **settings: Unpack[Options]) -> None:
        """``settings``: those of ``Settings``. Raises ValueError where they cannot be meant."""
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

    async def authorize(
        self, datasource: str, sql: str, *, within: float | None = None, **more: Unpack[More]
    ) -> Answer:
        """Whether a statement may be executed; ``more``: of ``Question``. Raises Refused."""
        return await self.ask(Question(datasource=datasource, sql=sql, **more), within=within)

    async def ask(self, question: Question, *, within: float | None = None) -> Answer:
        """The same of a question made before."""
        with refusing():
            return Answer.of(await self._stub.Authorize(question.message(), **self._call(within)))

    async def ask_all(
        self,
        questions: Sequence[Question],
        *,
        token: str = "",
        principal: tuple[str, str] | None = None,
        within: float | None = None,
    ) -> list[Answer]:
        """An answer for each, decided together; a hundred at most. ``token`` or ``principal``: the person of all of
        them. Raises Refused where none was asked."""
        request = batch_message(questions, token, principal)
        with refusing():
            told = await self._stub.AuthorizeBatch(request, **self._call(within))
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

    async def explain(self, question: Question, *, within: float | None = None) -> Explanation:
        """What would be decided, and why. It lets nothing through."""
        request = wire.ExplainRequest(request=question.message())
        with refusing():
            return Explanation.of(await self._stub.Explain(request, **self._call(within)))

    async def complete(
        self,
        decision_id: str,
        rows: int,
        *,
        size: int | None = None,
        subjects: int | None = None,
        sqlstate: str = "",
        token: str = "",
        within: float | None = None,
    ) -> None:
        """Tell, once and within an hour, what went out under a decision: rows, bytes (``size``), distinct people.

        Raises Refused: `decision_unknown` also where it was told already.
        """
        told = wire.CompleteRequest(
            decision_id=decision_id, rows=rows, bytes=size, subjects=subjects, sqlstate=sqlstate, token=token
        )
        with refusing():
            await self._stub.Complete(told, **self._call(within))

    async def watch(self, *, after: Iterable[tuple[str, int]] = (), **filters: Unpack[Filters]) -> AsyncIterator[Found]:
        """Decisions as they are recorded, without end and without a deadline. Raises Refused, also where the gateway
        ends: go on ``after`` the positions of what came last, one for each writer."""
        request = watch_message(after, **filters)
        with refusing():
            async for told in self._stub.WatchDecisions(request, metadata=self._settings.metadata):
                yield Found.of(told)

    def _call(self, within: float | None) -> dict[str, Any]:
        seconds = self._settings.timeout if within is None else within
        return {"timeout": seconds, "metadata": self._settings.metadata}
