"""Answers to what `authorize` needs: the policy engine, the analysis twins, the record. Lives on the loop.

An answer is given at once where it can be (an entry that need only be written) and is a future where it must be waited
for, so that a known statement costs no task and no turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter
from typing import Any, assert_never

from gateway.audit.full import OnDurable
from gateway.audit.writer import RecordWriter
from gateway.config import Limits
from gateway.errors import PolicyUnavailable, Reason, RecordUnavailable, SekishoError
from gateway.facts.subjects import Cost
from gateway.facts.tally import Full, Room, Used
from gateway.links.allowance import Allowance, Pass
from gateway.links.apart import Apart
from gateway.links.remote import Remote, sent
from gateway.links.subjects import Subjects
from gateway.links.tasks import TaskGroup
from gateway.links.twin import Twin
from gateway.metrics import Metrics
from gateway.model import Complaint, DatasourceId, Durability, JsonValue, PrincipalId, VolumeCount
from gateway.needs import (
    Analysis,
    Need,
    NeedCounts,
    NeedDecision,
    NeedDurable,
    NeedReading,
    NeedRoom,
    NeedTree,
    NeedTurn,
)
from gateway.policy.engine import Engine
from gateway.reading import InspectText


class Resolver:
    """Gives, or promises, what a need asks for. Raises SekishoError."""

    def __init__(
        self,
        *,
        engine: Engine,
        twins: Mapping[DatasourceId, Twin],
        recorder: RecordWriter,
        metrics: Metrics,
        limits: Limits,
        subjects: Subjects,
        remote: Remote | None = None,
        patient: bool = False,
    ) -> None:
        """``patient``: entries of statements wait for room while the disk is full, as long as a statement may run."""
        self._subjects = subjects
        self.engine = engine
        self._metrics = metrics
        self._twins = twins
        self._recorder = recorder
        self._remote = remote
        self._patient, self._patience = patient, limits.statement_timeout_ms / 1000
        self._allowance = Allowance(limits)
        self._apart = Apart(timeout=limits.reading_timeout_ms / 1000)
        self._tasks = TaskGroup()

    def resolve(self, need: Need) -> object:
        """The answer, or a future of it."""
        match need:
            case NeedDurable():
                return self._durable(need)
            case NeedDecision():
                return self._tasks.spawn(self._decide(need), "decide", told=SekishoError)
            case NeedTurn():
                return self._turn(need)
            case NeedTree():
                return self._tasks.spawn(self._analyse(need), "analyse", told=SekishoError)
            case NeedReading():
                return self._tasks.spawn(self._read(need), "read", told=SekishoError)
            case NeedCounts():
                return self._counts(need)
            case NeedRoom():
                return self._room(need)
            case _:
                assert_never(need)

    def _counts(self, need: NeedCounts) -> object:
        try:
            found = self._subjects.counts(need.owner, need.kinds, need.at)
        except PolicyUnavailable:
            return None
        return self._tasks.spawn(_or_none(found), "read counts") if isinstance(found, asyncio.Future) else found

    def _room(self, need: NeedRoom) -> object:
        found = self._subjects.reserve(need.owner, need.cost, need.bounds, need.at, need.last)
        if need.keep:
            return found
        if isinstance(found, asyncio.Future):
            return self._tasks.spawn(self._look(need, found), "look for room", told=SekishoError)
        return self._given_back(need, found)

    async def _look(self, need: NeedRoom, found: asyncio.Future[Room | Full]) -> Room | Full:
        return self._given_back(need, await found)

    def _given_back(self, need: NeedRoom, found: Room | Full) -> Room | Full:
        if isinstance(found, Room):
            self._subjects.settle(found, Cost(), need.owner, Used(), need.at)
        return found

    def _durable(self, need: NeedDurable) -> asyncio.Future[None] | None:
        loop = asyncio.get_running_loop()
        promise: asyncio.Future[None] = loop.create_future()
        began = perf_counter()
        keep = partial(self._keep, promise, need.durability, began)
        told: OnDurable = partial(_from_thread, loop, keep)
        if need.durability is Durability.REMOTE:
            told = sent(self._remote, told)
        try:
            if self._recorder.append(need.entry, need.durability, told, patient=self._patient):
                self._metrics.recorded(need.durability, perf_counter() - began)
                return None
        except RecordUnavailable:
            if not self._patient:
                raise
            # It was this one that found the disk full: now it waits, unless the record ended for good.
            self._recorder.append(need.entry, need.durability, told, patient=True)
        if self._patient and not self._recorder.healthy:
            self._wait_for_room(promise, told)
        return promise

    def _wait_for_room(self, promise: asyncio.Future[None], told: OnDurable) -> None:
        """For no longer than a statement may run, and no longer than whoever waits for it."""

        def enough() -> None:
            if self._recorder.withdraw(told) and not promise.done():
                promise.set_exception(RecordUnavailable(Reason.RECORD_UNAVAILABLE, "no room for too long"))

        timer = asyncio.get_running_loop().call_later(self._patience, enough) if self._patience else None

        def ended(ended: asyncio.Future[None]) -> None:
            if timer is not None:
                timer.cancel()
            if ended.cancelled():
                self._recorder.withdraw(told)

        promise.add_done_callback(ended)

    def _keep(
        self, promise: asyncio.Future[None], durability: Durability, began: float, error: BaseException | None
    ) -> None:
        if error is None:
            self._metrics.recorded(durability, perf_counter() - began)
        if promise.done():  # whoever waited has gone
            return
        if error is None:
            promise.set_result(None)
        else:
            promise.set_exception(error)

    def judge_by(self, engine: Engine) -> None:
        """From now on; what the former one was asked it still answers."""
        former, self.engine = self.engine, engine
        self._tasks.spawn(former.aclose(), "close the former engine")

    async def _decide(self, need: NeedDecision) -> JsonValue:
        try:
            answer = await self.engine.judge(need.document, need.principal or "")
        except PolicyUnavailable as error:
            self._metrics.engine_failed(error.reason)
            raise
        self._metrics.engine(up=True)
        return answer

    async def _analyse(self, need: NeedTree) -> Analysis:
        twin = self._twins.get(need.datasource)
        if twin is None:
            raise PolicyUnavailable(Reason.DATASOURCE_UNKNOWN, "no datasource of that name is configured")
        async with self.allowed(need):
            analysis = await twin.analyse(
                need.profile,
                need.text,
                need.parameter_types,
                principal=need.principal,
                relations=need.relations,
                search_path=need.search_path,
            )
        self._allowance.charge_tree(need.principal, _now(), sum(map(len, analysis.trees)))
        return analysis

    def _turn(self, need: NeedTurn) -> asyncio.Future[None] | None:
        given = self._allowance.enter(need.principal, _now(), patient=need.patient)
        if given.delay or given.refusal:
            return self._tasks.spawn(self._delay(need.principal, given), "wait for a turn", told=SekishoError)
        self._allowance.leave(need.principal, given)
        return None

    def own(self, need: NeedTree, ask: Callable[[NeedTree], asyncio.Future[Analysis]]) -> asyncio.Future[Analysis]:
        """The answer of a strict session's own server, which is asked once its principal has paid for what was before.
        Raises PolicyUnavailable."""
        given = self._allowance.pace(need.principal, _now())
        if given.delay or given.refusal:
            return self._tasks.spawn(self._own_later(need, ask, given), "ask a session", told=SekishoError)
        answer = ask(need)
        answer.add_done_callback(partial(self._charge_own, need.principal))
        return answer

    async def _own_later(
        self, need: NeedTree, ask: Callable[[NeedTree], asyncio.Future[Analysis]], given: Pass
    ) -> Analysis:
        await self._delay(need.principal, given)
        answer = ask(need)
        answer.add_done_callback(partial(self._charge_own, need.principal))
        return await answer

    def _charge_own(self, principal: PrincipalId, answer: asyncio.Future[Analysis]) -> None:
        if not answer.cancelled() and answer.exception() is None:
            self._allowance.charge_tree(principal, _now(), sum(map(len, answer.result().trees)), own=True)

    def charge_time(self, principal: PrincipalId, seconds: float) -> None:
        """For so long a principal's statement, which nobody knew, kept the loop from everybody else."""
        self._allowance.charge_time(principal, _now(), seconds)

    async def _read(self, need: NeedReading) -> Any:
        if not isinstance(need.task, InspectText):  # the others follow on what was let in
            return await self._apart.perform(need.task, need.principal)
        async with self.allowed(need):
            return await self._apart.perform(need.task, need.principal)

    @asynccontextmanager
    async def allowed(self, need: NeedTree | NeedReading) -> AsyncIterator[None]:
        """Within the principal's rate and number of unknown statements; after a delay, where it is over the rate."""
        if isinstance(need, NeedTree) and not need.counted:
            yield
            return
        if isinstance(need, NeedTree) and need.paid:
            given = self._allowance.seat(need.principal, patient=need.patient)
        else:
            given = self._allowance.enter(need.principal, _now(), patient=need.patient)
        try:
            await self._wait(given)
            yield
        finally:
            self._allowance.leave(need.principal, given)

    async def _delay(self, principal: PrincipalId, given: Pass) -> None:
        try:
            await self._wait(given)
        finally:
            self._allowance.leave(principal, given)

    async def _wait(self, given: Pass) -> None:
        if given.delay:
            self._metrics.delayed()
            await asyncio.sleep(given.delay)
        if given.refusal:
            raise PolicyUnavailable(Reason.LIMIT_EXCEEDED, given.refusal)

    def read(
        self,
        datasource: DatasourceId,
        trees: tuple[str, ...],
        complaint: Complaint | None,
        search_path: str | None = None,
    ) -> Analysis:
        """Trees of a session's own, with the catalogs as the twin knows them. Raises PolicyUnavailable."""
        twin = self._twins.get(datasource)
        if twin is None:
            raise PolicyUnavailable(Reason.DATASOURCE_UNKNOWN, "no datasource of that name is configured")
        return twin.read(trees, complaint, search_path)

    async def close(self) -> None:
        """End what is under way, and the engine."""
        await self._tasks.cancel()
        await self.engine.aclose()
        self._apart.close()


async def _or_none(found: asyncio.Future[tuple[VolumeCount, ...]]) -> tuple[VolumeCount, ...] | None:
    try:
        return await found
    except PolicyUnavailable:
        return None


def _now() -> float:
    return asyncio.get_running_loop().time()


def _from_thread(
    loop: asyncio.AbstractEventLoop, keep: Callable[[BaseException | None], None], error: BaseException | None
) -> None:
    loop.call_soon_threadsafe(keep, error)
