"""What every door asks: who is this, which profile, may they. One desk for all doors, living on the loop.

``decide`` runs the order as far as it goes without waiting and calls back later if it had to wait; ``ask_async`` is the
same for coroutines, and ``ask`` for threads of synchronous doors, which ask the loop: caches and the policy engine
belong to its thread.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, TypeVar

from prometheus_client.registry import Collector

from gateway.audit import record
from gateway.audit.writer import RecordWriter
from gateway.authorize import Authority
from gateway.config import Config, Profile
from gateway.doors.callers import Callers
from gateway.doors.completions import Completion, Executions
from gateway.doors.drive import Done, Driver, Trees, begin_question
from gateway.doors.elsewhere import Elsewhere
from gateway.doors.pg_strict import Reader
from gateway.doors.pg_turn import Turn
from gateway.doors.profiles import Profiles
from gateway.doors.refusals import Refusals, Suppressed
from gateway.errors import ANSWERS, AuthenticationError, Reason, RecordUnavailable
from gateway.facts.registry import Registry
from gateway.inquiry import Inquiry
from gateway.links.remote import Remote
from gateway.links.resolve import Resolver
from gateway.metrics import LoginMethod, Metrics
from gateway.model import DatasourceId, Door, Durability, Peer, Principal, PrincipalId
from gateway.needs import Ask, Outcome, Work, World
from gateway.trace_context import Context, context_of
from gateway.tracing import Trace, Tracer

_log = logging.getLogger(__name__)
_HEARTBEAT = 0.5  # seconds between two signs of life of the loop
_ALIVE_WITHIN = 5.0  # seconds without one after which the process should be started anew
_SYNC_ASK_TIMEOUT = 30.0  # seconds a synchronous door waits for the loop

T = TypeVar("T")


class Verifier(Protocol):
    """What knows a principal by a token."""

    def verify(self, token: str, *, at: int) -> Principal:
        """The principal of a token. Raises AuthenticationError; any thread may ask."""

    def believe(self, claims: Mapping[str, Any], *, at: int) -> Principal:
        """The principal of claims verified elsewhere. Raises AuthenticationError."""


class Desk:
    """Serves the doors. Everything but ``ask``, ``ready``, ``alive`` and ``verify_token`` belongs to the loop."""

    def __init__(
        self,
        *,
        config: Config,
        resolved: Mapping[str, Any],
        authority: Authority,
        world: World,
        verifier: Verifier,
        resolver: Resolver,
        recorder: RecordWriter,
        metrics: Metrics,
        remote: Remote | None = None,
        traces: Tracer | None = None,
        loop: asyncio.AbstractEventLoop,
        troubles: Callable[[], list[str]],
        waiting: Callable[[], list[str]] = list,
        collector: Collector | None = None,
        elsewhere: Elsewhere | None = None,
        state: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """``waiting``: for what the gateway as a whole is not ready yet; ``collector``: of what /metrics shows, where
        that is more than ``metrics``; ``elsewhere``: the other workers, if there are any; ``state``: what /v1/config
        says beside the configuration. Without ``traces`` there are none."""
        self.config = config
        self.authority = authority
        self.metrics = metrics
        self.recorder = recorder
        self.traces = traces
        self.turn = Turn(recorder, metrics, remote)
        self.draining = False
        self._resolved = dict(resolved)
        self._state = state
        self._world = world
        self._verifier = verifier
        self._resolver = resolver
        self._driver = Driver(resolver, metrics)
        self._loop = loop
        self._waiting = waiting
        self.collector = collector or metrics.registry
        self._troubles = troubles  # of datasources: told by /readyz, healed by no other replica
        self.callers = Callers.of(config)
        self._profiles = Profiles(config)
        limits = config.limits
        self._refusals = Refusals(per_address=limits.refusals_per_address, overall=limits.refusals)
        self._executions = Executions(authority, metrics)
        self._elsewhere = elsewhere
        self._beat = time.monotonic()
        self._heart: asyncio.TimerHandle | None = None

    # -- who ------------------------------------------------------------------------------------------------------

    def verify_token(self, token: str) -> Principal:
        """The principal a token stands for. Raises AuthenticationError."""
        return self._verifier.verify(token, at=int(time.time()))

    def believe_claims(self, claims: Mapping[str, Any]) -> Principal:
        """The principal of claims that a proxy verified, which configuration trusts. Raises AuthenticationError."""
        return self._verifier.believe(claims, at=int(time.time()))

    def groups_of(self, principal: PrincipalId) -> Sequence[str]:
        """The groups the registry says somebody is in; none where it does not know them."""
        person = self._world.registry.people.get(principal)
        return person.groups if person is not None else ()

    @property
    def known_registry(self) -> Registry:
        """The registry in force."""
        return self._world.registry

    def welcome(self, datasource: str, principal: Principal) -> Profile:
        """The profile of somebody who may be in a session. Raises AuthenticationError, also for whom a block stops."""
        at, source = int(time.time()), self.known_registry.catalog.get(DatasourceId(datasource))
        if source is not None:
            block = self.known_registry.employer(principal, source.controller, at).blocked_by
            if block is not None:
                raise AuthenticationError(Reason.PRINCIPAL_BLOCKED, f"access is blocked ({block})")
        return self.profile(datasource, principal)

    def arrived(self, principal: Principal, peer: Peer) -> None:
        """Note where somebody logged in: two countries within minutes are a matter of every session they have."""
        at, registry = int(time.time()), self.known_registry
        found = registry.location(peer, principal, at, self._world.country_max_age(principal.issuer))
        self.authority.sightings.place(registry.person(principal), found, at)

    def choose_profile(self, datasource: str, principal: Principal) -> str:
        """The first profile of the datasource, or service, that fits. Raises AuthenticationError."""
        return self._profiles.name(datasource, self._world.registry, principal, int(time.time()))

    def profile(self, datasource: str, principal: Principal) -> Profile:
        """See ``choose_profile``."""
        return self._profiles.profile(datasource, self._world.registry, principal, int(time.time()))

    # -- may they -------------------------------------------------------------------------------------------------

    def decide(
        self, work: Work, door: Door, done: Done, trees: Trees | None = None, trace: Trace | None = None
    ) -> Outcome | None:
        """Run the order. The outcome if it needed no waiting; else None, and ``done`` is called with it later."""
        return self._driver.drive(work, door, done, trees, trace=trace)

    def context_of(self, parents: Sequence[str], states: Sequence[str]) -> Context | None:
        """The trace that a caller says it is in; nobody looks at that where traces are switched off."""
        return None if self.traces is None else context_of(parents, states)

    def reader(self, datasource: str) -> Reader:
        """Reads trees that a strict session got from its own server."""
        return partial(self._resolver.read, DatasourceId(datasource))

    async def ask_async(self, ask: Ask, seconds: float | None = None) -> Outcome:
        """Decide about one text, from a coroutine. ``seconds``: what is not decided within them is denied."""
        now_ns = time.time_ns()
        trace = None if self.traces is None else begin_question(self.traces, ask, now_ns)
        outcome = await self._outcome(self.authority.authorize(ask, now_ns), ask.door, seconds, trace)
        self._executions.began(ask, outcome, now_ns)
        return outcome

    async def _outcome(self, work: Work, door: Door, seconds: float | None, trace: Trace | None) -> Outcome:
        later: asyncio.Future[Outcome] = self._loop.create_future()
        now = self._driver.drive(work, door, partial(_keep, later), seconds=seconds, trace=trace)
        return now if now is not None else await later

    def ask(self, ask: Ask) -> Outcome:
        """Decide about one text, from any thread but the loop's."""
        return self._on_loop(self.ask_async(ask))

    async def ask_all_async(self, asks: Sequence[Ask], seconds: float | None = None) -> list[Outcome]:
        """Decide about several texts at once, from a coroutine: their entries reach the disk together."""
        return await asyncio.gather(*(self.ask_async(ask, seconds) for ask in asks))

    def ask_all(self, asks: Sequence[Ask]) -> list[Outcome]:
        """Decide about several texts at once, from any thread but the loop's."""
        return self._on_loop(self.ask_all_async(asks))

    def _on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_SYNC_ASK_TIMEOUT)

    # -- what went out --------------------------------------------------------------------------------------------

    async def complete_async(self, completion: Completion, askers: frozenset[str], door: Door) -> None:
        """A caller tells what went out under a decision. Raises SekishoError, also where it cannot be recorded."""
        if self._elsewhere is None or not await self._elsewhere.complete(completion, askers, door):
            await self.complete_own(completion, askers, door)

    async def complete_own(self, completion: Completion, askers: frozenset[str], door: Door) -> None:
        """The same for a decision that was made here."""
        entry = self._executions.completed(completion, askers, door, time.time_ns())
        await self.durable(entry, Durability.WRITTEN)

    def complete(self, completion: Completion, askers: frozenset[str], door: Door) -> None:
        """See ``complete_async``; from any thread but the loop's."""
        self._on_loop(self.complete_async(completion, askers, door))

    async def read_async(self, inquiry: Inquiry, door: Door) -> Outcome:
        """Decide about reading the record through a door, from a coroutine. Whoever is allowed to is shown nothing
        beyond ``inquiry.reading``."""
        work = self.authority.authorize_reading(replace(inquiry, door=door), time.time_ns())
        return await self._outcome(work, door, None, None)

    def read(self, inquiry: Inquiry, door: Door) -> Outcome:
        """The same from any thread but the loop's."""
        return self._on_loop(self.read_async(inquiry, door))

    # -- record and state -----------------------------------------------------------------------------------------

    async def event(
        self,
        event: record.Event,
        *,
        door: Door | None = None,
        session: str | None = None,
        peer: Peer | None = None,
        principal_id: PrincipalId | None = None,
        datasource: str | None = None,
        profile: str | None = None,
        reason: Reason | None = None,
        detail: str = "",
        attribution: Mapping[str, str] | None = None,
        method: LoginMethod | None = None,
    ) -> None:
        """Record a login or the like; returns when it is on disk. Raises RecordUnavailable."""
        entry = record.session_entry(
            event,
            at_ns=time.time_ns(),
            door=door,
            session=session,
            peer=peer,
            principal_id=principal_id,
            datasource=datasource,
            profile=profile,
            reason=reason,
            detail=detail,
            attribution=attribution,
            method=method,
        )
        await self.durable(entry, Durability.SYNCED)

    def event_now(self, event: record.Event, **about: Any) -> None:
        """See ``event``; from any thread but the loop's."""
        self._on_loop(self.event(event, **about))

    async def durable(self, entry: record.Entry, durability: Durability) -> None:
        """Append an entry and wait until it is as durable as asked. Raises RecordUnavailable."""
        waiting: asyncio.Future[None] = self._loop.create_future()

        def told(error: BaseException | None) -> None:
            self._loop.call_soon_threadsafe(_settle, waiting, error)

        if not self.recorder.append(entry, durability, told):
            await waiting

    def note(self, entry: record.Entry, durability: Durability = Durability.WRITTEN) -> None:
        """Append an entry nobody waits for (a completion). While the disk is full it is owed. Its loss is logged; the
        next statement will be denied."""
        try:
            self.recorder.append(entry, durability, _ignore_written, owed=True)
        except RecordUnavailable as error:
            _log.error("entry_not_written", extra={"kind": entry.get("kind"), "detail": error.detail})

    def refused(self, door: Door, reason: Reason, peer_address: str | None, detail: str) -> None:
        """Record and count a request that was refused before a decision; callable from any thread."""
        if ANSWERS[reason].sqlstate == "28000":
            self.metrics.login(LoginMethod.TOKEN, reason)
        else:
            self.metrics.denied(door, reason)
        self._note_refused(door, Peer(address=peer_address), reason, detail, {})

    def login_refused(
        self,
        peer: Peer,
        reason: Reason,
        detail: str,
        attribution: Mapping[str, str],
        method: LoginMethod = LoginMethod.NONE,
    ) -> None:
        """Record and count a login at the postgres door that failed; ``attribution``: the client's own words."""
        self.metrics.login(method, reason)
        self._note_refused(Door.POSTGRES, peer, reason, detail, attribution, method)

    def _note_refused(
        self,
        door: Door,
        peer: Peer,
        reason: Reason,
        detail: str,
        attribution: Mapping[str, str],
        method: LoginMethod = LoginMethod.TOKEN,
    ) -> None:
        entry = record.session_entry(
            record.Event.LOGIN_REFUSED,
            at_ns=time.time_ns(),
            door=door,
            peer=peer,
            reason=reason,
            detail=detail,
            attribution=attribution,
            method=method,
        )
        self.note_stranger(entry, peer)

    def note_stranger(self, entry: record.Entry, peer: Peer) -> None:
        """Record what somebody did who is not logged in, unless they, or all, did too much of it in this minute.

        It is synced in its order, and the peer's answer does not wait for it: an answer that says no gives nothing
        away, and a flood of bad logins would hold a connection each for the disk's sake.
        """
        if self._refusals.admit(peer.address, time.monotonic()):
            self.note(entry, Durability.SYNCED)
        else:
            self.metrics.refusal_suppressed()

    def _tell_suppressed(self, found: Sequence[Suppressed]) -> None:
        for one in found:
            self.note(
                record.session_entry(
                    record.Event.LOGIN_REFUSED,
                    at_ns=time.time_ns(),
                    peer=Peer(address=one.address),
                    reason=Reason.LIMIT_EXCEEDED,
                    detail="refusals within a minute that were not recorded one by one",
                    suppressed=one.count,
                ),
                Durability.SYNCED,
            )

    def start(self) -> None:
        """Begin to show signs of life."""
        self._beat = time.monotonic()
        self._tell_suppressed(self._refusals.due(self._beat))
        self._executions.look(time.time_ns())
        self._heart = self._loop.call_later(_HEARTBEAT, self.start)

    def stop(self) -> None:
        """Stop showing them."""
        if self._heart is not None:
            self._heart.cancel()
        self._tell_suppressed(self._refusals.rest())

    def alive(self) -> bool:
        """Whether the loop turned recently."""
        return time.monotonic() - self._beat < _ALIVE_WITHIN

    def ready(self) -> tuple[bool, list[str]]:
        """Whether requests should come here, and what is wrong. Only what another replica can heal makes it False."""
        fatal = self._waiting()
        if not self.recorder.healthy:
            fatal.append("the record cannot be written")
        if self.draining:
            fatal.append("draining")
        return not fatal, fatal + self._troubles()

    def resolved_config(self) -> dict[str, Any]:
        """The configuration in force, without secrets, and how old what it names is."""
        return {**self._resolved, **self._state()}


def _keep(later: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not later.done():  # the caller may have left
        later.set_result(outcome)


def _settle(waiting: asyncio.Future[None], error: BaseException | None) -> None:
    if not waiting.done():
        if error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error)


def _ignore_written(error: BaseException | None) -> None:
    if error is not None:
        _log.error("entry_not_synced", exc_info=error)
