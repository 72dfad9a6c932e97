"""The client for threads. It may be shared between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Self

from gateway.client.channel import Settings, refusing
from gateway.client.messages import Answer, Explanation, Found, Question, batch_message, watch_message
from gateway.doors._generated.sekisho.v1 import access_pb2 as wire
from gateway.doors._generated.sekisho.v1.access_pb2_grpc import AccessServiceStub


class Client:
    """One gateway. To be closed, or used as a context."""

    def __init__(self, address: str, **settings: Any) -> None:
        """``settings``: those of ``Settings``."""
        self._settings = Settings(address=address, **settings)
        self._channel = self._settings.channel()
        self._stub = AccessServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End what is still asked, and the connection."""
        self._channel.close()

    def authorize(self, datasource: str, sql: str, **more: Any) -> Answer:
        """Whether a statement may be executed; ``more``: of ``Question``. Raises Refused."""
        return self.ask(Question(datasource=datasource, sql=sql, **more))

    def ask(self, question: Question) -> Answer:
        """The same of a question made before."""
        with refusing():
            return Answer.of(self._stub.Authorize(question.message(), **self._call()))

    def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        """An answer for each, decided together; a hundred at most. Raises Refused where none was asked."""
        with refusing():
            return list(map(Answer.of, self._stub.AuthorizeBatch(batch_message(questions), **self._call()).answers))

    def stream(self, questions: Iterable[Question]) -> Iterator[tuple[int, Answer]]:
        """Answers as they are made, each with its question's number from 0, for as long as questions come."""
        messages = (
            wire.AuthorizeStreamRequest(correlation=number, request=one.message())
            for number, one in enumerate(questions)
        )
        with refusing():
            for told in self._stub.AuthorizeStream(messages, metadata=self._settings.metadata):
                yield told.correlation, Answer.of(told.answer)

    def explain(self, question: Question) -> Explanation:
        """What would be decided, and why. It lets nothing through."""
        with refusing():
            return Explanation.of(self._stub.Explain(wire.ExplainRequest(request=question.message()), **self._call()))

    def complete(
        self, decision_id: str, rows: int, *, size: int | None = None, subjects: int | None = None, sqlstate: str = ""
    ) -> None:
        """Tell, once, what went out under a decision: rows, bytes (``size``), distinct people."""
        told = wire.CompleteRequest(
            decision_id=decision_id, rows=rows, bytes=size, subjects=subjects, sqlstate=sqlstate
        )
        with refusing():
            self._stub.Complete(told, **self._call())

    def watch(self, *, after: Iterable[tuple[str, int]] = (), **filters: Any) -> Iterator[Found]:
        """Decisions as they are recorded, without end; ``filters``: entity, principal, country, rule, since."""
        request = watch_message(after, filters)
        with refusing():
            for told in self._stub.WatchDecisions(request, metadata=self._settings.metadata):
                yield Found.of(told)

    def _call(self) -> dict[str, Any]:
        return {"timeout": self._settings.timeout, "metadata": self._settings.metadata}
