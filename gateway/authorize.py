"""The order, for all doors: understand → decide → record → act. No door calls policy by itself.

``Authority.authorize`` is a generator: it yields what it *needs* (the server's tree of a statement, an answer of the
policy engine, a durable record entry) and is sent what was found. It has no socket, clock or randomness of its own, so
one body of code serves asynchronous and synchronous doors; the drivers are in `gateway.doors.desk`.

Whatever goes wrong is a denial with its own reason; nothing is returned as allowed before its entry is as durable as
policy asks. A denial whose entry cannot be written is still a denial.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from typing import Any

from gateway.audit import record
from gateway.audit.hashing import StatementHash
from gateway.circumstances import understand
from gateway.errors import AuthenticationError, PolicyUnavailable, Reason, RecordUnavailable, SekishoError
from gateway.explain import unsupported
from gateway.facts.registry import Registry
from gateway.facts.sightings import Sightings
from gateway.facts.tally import Used
from gateway.facts.volume import VolumeCounter
from gateway.model import (
    Complaint,
    Decision,
    Durability,
    Effect,
    JsonValue,
    PrincipalId,
    StatementFacts,
    Understanding,
    Verdict,
)
from gateway.naming import Naming
from gateway.narrow import Narrower, cannot_be_met
from gateway.nearest import nearest
from gateway.needs import Ask, Bounds, Need, NeedDecision, NeedDurable, Outcome, Work, World
from gateway.outcomes import closed, decision_entry, raised, refusal, refusal_entry, unrecorded
from gateway.policy.input import build_input
from gateway.policy.result import parse_verdict
from gateway.rations import Ration, Rations
from gateway.readers import Readers
from gateway.reuse import Answer, Bounded, Repeat, Standing, weight
from gateway.search_path import PathDeed, PathState
from gateway.sql.rewrite import RewriteRefused
from gateway.sql.together import together_with
from gateway.understand import Statements, meant_by

_SECOND = 1_000_000_000
_MILLISECOND = 1_000_000
_MICROSECOND = 1_000


class Authority:
    """The one place where requests are decided."""

    def __init__(
        self,
        *,
        world: World,
        volume: VolumeCounter,
        sightings: Sightings,
        bounds: Bounds,
        new_id: Callable[[], str],
        hash_key: bytes,
        seal: Callable[[str], str] | None = None,
        own_name: str,
        rations: Rations | None = None,
    ) -> None:
        """``own_name``: one nobody can guess, for what goes into statements. Without ``rations`` limits are denials."""
        self._world, self._remote = world, bounds.remote
        self._volume = volume
        self.sightings = sightings  # of this thread
        self.authorize_reading = Readers(world=world, sightings=sightings, new_id=new_id).authorize
        self.rations = rations
        self._new_id = new_id
        self._hash = StatementHash(hash_key, seal)
        self._statements = Statements(world=world, bounds=bounds)
        self._narrower = Narrower(world=world, bounds=bounds, name=own_name)
        self._decisions: Bounded[tuple[object, ...], Standing] = Bounded(bounds.known_decisions)  # by text
        self._answers: Bounded[tuple[object, ...], Answer] = Bounded(bounds.known_decisions)  # by distinct question
        # by session, its search_path, text or shape
        self._known: Bounded[tuple[str, str | None, str | bytes], Standing] = Bounded(bounds.known_decisions)
        self._revision_of: tuple[str, Registry | None, str] = ("", None, "")

    # -- the order ------------------------------------------------------------------------------------------------

    def authorize(self, ask: Ask, now_ns: int) -> Work:
        """Decide about one text. ``now_ns``: nanoseconds since the epoch. Never raises SekishoError."""
        at = now_ns // _SECOND
        asked = (ask.datasource, ask.profile, ask.sql, ask.given, ask.parameter_types, ask.search_path, ask.path_state)
        asker = (ask.door, ask.principal, ask.peer, ask.caller, ask.supports, ask.sends)
        who = ask.principal.id
        try:
            naming = yield from self._statements.naming(ask)
            meant = meant_by(ask, naming)
            key: tuple[object, ...] = (*asked, ask.seen, ask.names is None, meant, *asker)
            standing = None if ask.own_session else self._decisions.get(key, who)
            if standing is not None and standing.cost is None and self.usable(standing, at):
                self._keep(ask, standing)
                return (yield from self.again(standing, ask.session, now_ns))
            # Before the tree: a change voids the answer.
            epoch = None if ask.given else self._world.epoch(ask.datasource)
            if at >= ask.principal.expires_at:
                raise AuthenticationError(Reason.TOKEN_EXPIRED, "log in again with a new token")
            if at >= self._world.stale_from(ask.datasource):
                raise PolicyUnavailable(Reason.POLICY_STALE, "nobody has renewed or confirmed the rules for too long")
            statement = yield from self._statements.read(ask, epoch, meant)
            if isinstance(statement, Complaint):
                return (yield from self._complaint(ask, statement, now_ns))
            statement = together_with(statement, ask.seen)
            revision = self._revision()  # before facts and rules are looked at: a change meanwhile voids the answer
            # One question per distinct facts, not per text: another number in the WHERE is no other question.
            question = (statement, ask.parameter_types, ask.datasource, ask.profile, *asker)
            answer, reused = self._answers.get(question, who), True
            if answer is None or not self.usable(answer, at):
                answer = yield from self._fresh(ask, statement, question, at, epoch or "", revision)
                reused = False
            if answer.verdict.limits:
                if self.rations is None:
                    raise PolicyUnavailable(Reason.VOLUME_UNAVAILABLE)
                fresh = partial(self._fresh, ask, statement, question, at, epoch or "", revision)
                ration, answer = yield from self.rations.obtain(ask, answer, at, fresh)
                key = ration.extended(key)
                work = self._go(ask, answer, statement, epoch or "", naming, key, now_ns, reused=reused)
                return (yield from self.rations.within(ration, work, at))
            return (yield from self._go(ask, answer, statement, epoch or "", naming, key, now_ns, reused=reused))
        except SekishoError as error:
            return (yield from self._deny_without_rule(ask, error, now_ns))

    def _go(
        self,
        ask: Ask,
        answer: Answer,
        statement: StatementFacts,
        epoch: str,
        naming: Naming | None,
        key: tuple[object, ...],
        now_ns: int,
        *,
        reused: bool,
    ) -> Work:
        """Carry out an answer for this very text, or as it was done before."""
        who, at = ask.principal.id, now_ns // _SECOND
        if ask.own_session:
            key = (*key, statement)  # the same text, and in this session too it means the same
        if reused and (ask.own_session or answer.cost is not None):
            standing = self._decisions.get(key, who)
            if standing is not None and self.usable(standing, at):
                if standing.text is None if ask.own_session else standing.verdict == answer.verdict:
                    return (yield from self.again(standing, ask.session, now_ns))
        standing = yield from self._act(ask, answer, statement, epoch, naming)
        if standing.lasting and (reused or not ask.own_session):
            self._decisions.put(key, standing, who, weight(ask.sql))
            self._keep(ask, standing)
        return (yield from self._record(standing, ask.session, now_ns, reused=reused))

    def _fresh(
        self, ask: Ask, statement: StatementFacts, question: tuple[object, ...], at: int, epoch: str, revision: str
    ) -> Generator[Need, Any, Answer]:
        """Ask the rules, and keep what they say."""
        answer = yield from self._answer(ask, statement, at, epoch, revision)
        if answer.lasting:
            self._answers.put(question, answer, ask.principal.id)
        return answer

    def again(self, standing: Standing, session: str, now_ns: int) -> Work:
        """Let a standing decision cover one more execution. The caller has made sure that it is ``usable``."""
        return (yield from self._record(standing, session, now_ns, reused=True))

    def once_more(self, standing: Standing, session: str, now_ns: int, statement_hash: str = "") -> Repeat | None:
        """The same as ``again`` where it needs nothing but an entry: None where it may need more, or says more.

        It makes sure by itself that the decision is ``usable``. ``statement_hash``: of a text that differs from the
        standing one in the values of constants.
        """
        repeats = standing.full_entries.get(session)
        if repeats is None or not standing.simple or not self.usable(standing, now_ns // _SECOND):
            return None  # not recorded in full in this session, or the long way has more to look after
        decision_id = self._new_id()
        age = self._epoch_age_ms(standing, now_ns)
        return Repeat(
            standing, decision_id, repeats.text(decision_id, now_ns // _MICROSECOND, age, statement_hash), now_ns
        )

    def known(
        self, text: str, session: str, who: PrincipalId, now_ns: int, *, search_path: str | None = None
    ) -> Repeat | None:
        """``once_more`` for a text that this session has sent before, or one that differs from such a text in nothing
        but constants that cannot change what it does. None: it has to be asked about."""
        standing = self._known.get((session, search_path, text), who)
        if standing is not None:
            return self.once_more(standing, session, now_ns)
        likeness = self._statements.likeness(text, who)
        standing = self._known.get((session, search_path, likeness), who) if likeness is not None else None
        if standing is None:
            return None
        return self.once_more(standing, session, now_ns, self._hash.of(text))

    def _keep(self, ask: Ask, standing: Standing) -> None:
        """What ``known`` finds: of a session that is what it is, in a door that sends the text on by itself."""
        if not ask.sends or ask.own_session or ask.seen or ask.parameter_types or ask.names is not None:
            return
        if ask.path_state is not PathState.SETTLED:
            return
        who = ask.principal.id
        self._known.put((ask.session, ask.search_path, ask.sql), standing, who, weight(ask.sql))
        likeness = self._statements.likeness(ask.sql, who) if standing.text is None else None
        if likeness is not None:  # obligations are written around constants: such a text is its own
            self._known.put((ask.session, ask.search_path, likeness), standing, who, weight(ask.sql))

    def usable(self, standing: Answer, at: int) -> bool:
        """Whether a fresh answer would be the same one (revision, epoch, time, volume)."""
        facts = standing.understanding
        if self._revision() != standing.revision or not self._same_catalogs(standing):
            return False
        verdict = standing.verdict
        if not facts.at <= at < min(verdict.valid_until, self._world.stale_from(facts.datasource.id)):
            return False  # a clock set back makes an answer of the future: ask again
        if standing.presence is not None and not standing.presence.stands(at):  # seen in another country meanwhile
            return False
        if verdict.headroom is None:
            return True
        # Rows count together, whichever decision let them out: two answers cannot both use the same headroom.
        gone = self._volume.rows(facts.data.controller, facts.employer.entity, at).rows - facts.volume.rows
        return gone < verdict.headroom

    def _same_catalogs(self, standing: Answer) -> bool:
        """Whether nothing that the statement rests on has changed: then it stands as of the epoch of now."""
        datasource = standing.understanding.datasource.id
        epoch = self._world.epoch(datasource)
        if epoch is None or (
            epoch != standing.epoch and not self._world.stands(datasource, standing.epoch, standing.depends)
        ):
            return standing.given
        standing.epoch = epoch
        return True

    def completed(
        self, standing: Standing, rows: int, at: int, ration: Ration | None = None, used: Used | None = None
    ) -> None:
        """Rows went out under a decision: they count towards the employer's volume, and so do the people in them."""
        if ration is not None and self.rations is not None:
            self.rations.settle(ration, used or Used(rows, rows), at)
        facts = standing.understanding
        if rows and facts.data.about_people:  # of a write, too: RETURNING shows what it changed
            entity = facts.employer.entity
            if entity is not None:
                self._volume.add(facts.data.controller, entity, rows, at)

    def forget_statements(self) -> None:
        """The catalogs changed: what statements mean must be asked again."""
        self._statements.forget()
        self._known.clear()
        self._decisions.clear()
        self._answers.clear()

    # -- decide ---------------------------------------------------------------------------------------------------

    def _answer(
        self, ask: Ask, statement: StatementFacts, at: int, epoch: str, revision: str
    ) -> Generator[Need, Any, Answer]:
        """The rules' answer to one question: the same for every text that does the same."""
        facts, presence = understand(self._world, self._volume, self.sightings, ask, statement, at)
        facts = (yield from self.rations.counted(facts)) if self.rations is not None else facts
        verdict = yield from self._decide(facts, revision)
        missing, why = cannot_be_met(verdict.obligations, ask.supports, facts.data)
        hint = ""
        if verdict.effect is Effect.ALLOW and missing:
            verdict = unsupported(verdict, missing, why)
        elif verdict.effect is Effect.DENY:
            hint = yield from self._nearest(facts, revision)
        return Answer(
            verdict=verdict,
            understanding=facts,
            revision=revision,
            epoch=epoch,
            depends=statement.depends,
            presence=presence,
            hint=hint,
        )

    def _decide(self, facts: Understanding, revision: str) -> Generator[Need, Any, Verdict]:
        raw: JsonValue = yield NeedDecision(build_input(facts), facts.principal.id)
        return raised(parse_verdict(raw, valid_until=facts.valid_until, revision=revision), self._remote)

    def _nearest(self, facts: Understanding, revision: str) -> Generator[Need, Any, str]:
        """Which columns of a denied statement would be allowed, as a hint; a question nobody could answer is none."""
        try:
            return (yield from nearest(facts, self._world.registry, lambda less: self._decide(less, revision)))
        except PolicyUnavailable:
            return ""

    def _act(
        self, ask: Ask, answer: Answer, statement: StatementFacts, epoch: str, naming: Naming | None
    ) -> Generator[Need, Any, Standing]:
        """The answer for this very text: its obligations written into it, or it is denied."""
        verdict, text, depends = answer.verdict, None, statement.depends
        if verdict.effect is Effect.ALLOW and verdict.obligations and ask.sends:
            try:
                narrowed = yield from self._narrower.narrow(ask, statement, verdict.obligations)
                text, depends = narrowed.text, narrowed.depends
            except RewriteRefused as refused:
                depends = None  # any change may make it possible
                kinds = sorted({one.kind for one in verdict.obligations})
                verdict = unsupported(verdict, kinds, refused.why)
        return Standing(
            verdict=verdict,
            understanding=answer.understanding,
            revision=answer.revision,
            epoch=epoch,  # of the facts of this text: the answer may have been found to stand at a later one
            depends=depends,
            presence=answer.presence,
            hint=answer.hint,
            cost=answer.cost,
            normalised=(yield from self._statements.normalised(ask)),
            statement_hash=self._hash.of(ask.sql),
            text=text,
            naming=naming,
            simple=verdict.effect is Effect.ALLOW
            and not verdict.findings
            and answer.cost is None  # nobody in it is counted
            and answer.understanding.statement.complete
            and answer.understanding.statement.path is not PathDeed.SETS,  # whoever sends it on has to look after that
        )

    def _revision(self) -> str:
        policy, registry = self._world.policy_revision, self._world.registry
        if policy is not self._revision_of[0] or registry is not self._revision_of[1]:
            self._revision_of = (policy, registry, f"{policy}+{registry.revision}")
        return self._revision_of[2]

    def _record(self, standing: Standing, session: str, now_ns: int, *, reused: bool) -> Work:
        verdict = standing.verdict
        decision = Decision(id=self._new_id(), at=now_ns // _SECOND, verdict=verdict, reused=reused)
        full = standing.full_entries.get(session) if reused else None
        age = self._epoch_age_ms(standing, now_ns)
        entry = decision_entry(standing, decision, full, now_ns, session, age, self._world.revised_ns)
        try:
            yield NeedDurable(entry, verdict.durability)
        except RecordUnavailable as error:
            return (yield from unrecorded(decision, standing, session, now_ns, error))
        if full is None:
            standing.remember(session, decision.id)
        if verdict.effect is Effect.ALLOW:
            return Outcome(reason=verdict.reason, decision=decision, standing=standing)
        return refusal(decision, standing, "")

    def _epoch_age_ms(self, standing: Standing, now_ns: int) -> int | None:
        """How long ago the catalogs were last seen to be as the statement was understood by."""
        if not standing.epoch:
            return None
        seen_ns = self._world.epoch_seen_ns(standing.understanding.datasource.id)
        return max(0, now_ns - seen_ns) // _MILLISECOND

    def _deny_without_rule(self, ask: Ask, error: SekishoError, now_ns: int) -> Work:
        """No rule could be asked: denied all the same, under the reason why, and recorded."""
        verdict = Verdict(effect=Effect.DENY, reason=error.reason, valid_until=0, revision=self._revision())
        decision = Decision(id=self._new_id(), at=now_ns // _SECOND, verdict=verdict)
        detail = error.detail
        try:
            entry = yield from self._refusal_entry(ask, decision.id, error.reason, now_ns, detail)
            yield NeedDurable(entry, Durability.SYNCED)
        except SekishoError as unwritten:  # or nobody waits for it any more
            decision = replace(decision, verdict=closed(verdict, unwritten.reason))
            detail = unwritten.detail
        return refusal(decision, None, detail)

    def _complaint(self, ask: Ask, complaint: Complaint, now_ns: int) -> Work:
        """The server itself rejects the statement: its words are the answer, counted apart from denials."""
        entry = yield from self._refusal_entry(
            ask, self._new_id(), Reason.SERVER_COMPLAINT, now_ns, "", sqlstate=complaint.sqlstate
        )
        try:
            yield NeedDurable(entry, Durability.WRITTEN)
        except RecordUnavailable as error:
            return (yield from self._deny_without_rule(ask, error, now_ns))
        return Outcome(reason=Reason.SERVER_COMPLAINT, complaint=complaint, sqlstate=complaint.sqlstate)

    def _refusal_entry(
        self, ask: Ask, decision_id: str, reason: Reason, now_ns: int, detail: str, sqlstate: str = ""
    ) -> Generator[Need, Any, record.Entry]:
        return refusal_entry(
            ask,
            decision_id,
            at_ns=now_ns,
            reason=reason,
            detail=detail,
            sqlstate=sqlstate,
            # What came too fast is not read for the record either: its hash is there.
            statement="" if reason is Reason.LIMIT_EXCEEDED else (yield from self._statements.normalised(ask)),
            statement_hash=self._hash.of(ask.sql),
            revision=self._revision(),
        )
