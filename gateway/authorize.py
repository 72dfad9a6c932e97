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
from typing import Any

from gateway.audit import record
from gateway.errors import AuthenticationError, PolicyUnavailable, Reason, RecordUnavailable, SekishoError
from gateway.explain import Explanation, explain, without_rule
from gateway.facts.volume import VolumeCounter
from gateway.model import (
    Complaint,
    Decision,
    Durability,
    Effect,
    Finding,
    JsonValue,
    Layer,
    Mode,
    StatementEffect,
    StatementFacts,
    Understanding,
    Verdict,
)
from gateway.needs import Analysis, Ask, Bounds, Need, NeedDecision, NeedDurable, NeedTree, Outcome, Work, World
from gateway.policy.input import build_input
from gateway.policy.result import parse_verdict
from gateway.reuse import Bounded, Standing
from gateway.sql import gate
from gateway.sql.codes import IncompleteCode
from gateway.sql.facts import read_facts
from gateway.sql.together import together

_DAY = 86_400
_SECOND = 1_000_000_000


class Authority:
    """The one place where requests are decided."""

    def __init__(
        self,
        *,
        world: World,
        volume: VolumeCounter,
        bounds: Bounds,
        new_id: Callable[[], str],
        hash_key: bytes,
    ) -> None:
        self._world = world
        self._volume = volume
        self._bounds = bounds
        self._new_id = new_id
        self._hash_key = hash_key
        self._statements: Bounded[tuple[object, ...], StatementFacts] = Bounded(bounds.known_statements)
        self._shapes: Bounded[tuple[object, ...], StatementFacts] = Bounded(bounds.known_statements)
        self._decisions: Bounded[tuple[object, ...], Standing] = Bounded(bounds.known_decisions)  # by text
        self._answers: Bounded[tuple[object, ...], Standing] = Bounded(bounds.known_decisions)  # by distinct question

    # -- the order ------------------------------------------------------------------------------------------------

    def authorize(self, ask: Ask, now_ns: int) -> Work:
        """Decide about one text. ``now_ns``: nanoseconds since the epoch. Never raises SekishoError."""
        at = now_ns // _SECOND
        asked = (ask.datasource, ask.profile, ask.sql, ask.parameter_types)
        asker = (ask.door, ask.principal, ask.peer, ask.supports)
        key = (*asked, *asker)
        standing = self._decisions.get(key)
        if standing is not None and self.usable(standing, at):
            return (yield from self.again(standing, ask.session, now_ns))
        epoch = self._world.epoch(ask.datasource)  # before the tree is asked for: a change during it voids the answer
        try:
            if at >= ask.principal.expires_at:
                raise AuthenticationError(Reason.TOKEN_EXPIRED, "log in again with a new token")
            statement = yield from self._understand_statement(ask, asked, epoch)
            if isinstance(statement, Complaint):
                return (yield from self._complaint(ask, statement, now_ns))
            revision = self._revision()  # before facts and rules are looked at: a change meanwhile voids the answer
            # One question per distinct facts, not per text: another number in the WHERE is no other question.
            question = (statement, ask.parameter_types, ask.datasource, ask.profile, *asker)
            known = self._answers.get(question)
            if known is None or known.epoch != epoch or not self.usable(known, at):
                known = None
                understanding = self._understand(ask, statement, at)
                verdict = yield from self._decide(understanding, ask.supports, revision)
            else:
                understanding, verdict = known.understanding, known.verdict
        except SekishoError as error:
            return (yield from self._deny_without_rule(ask, error, now_ns))
        standing = Standing(
            verdict=verdict,
            understanding=understanding,
            revision=revision,
            epoch=epoch or "",
            normalised=gate.normalise(ask.sql),
            statement_hash=record.statement_hash(self._hash_key, ask.sql),
        )
        if standing.epoch:
            self._decisions.put(key, standing)
            if known is None:
                self._answers.put(question, standing)
        return (yield from self._record(standing, ask.session, now_ns, reused=known is not None))

    def again(self, standing: Standing, session: str, now_ns: int) -> Work:
        """Let a standing decision cover one more execution. The caller has made sure that it is ``usable``."""
        return (yield from self._record(standing, session, now_ns, reused=True))

    def usable(self, standing: Standing, at: int) -> bool:
        """Whether a fresh answer would be the same one (revision, epoch, time, volume)."""
        facts = standing.understanding
        if self._world.epoch(facts.datasource.id) != standing.epoch or self._revision() != standing.revision:
            return False
        verdict = standing.verdict
        if at >= verdict.valid_until or at < facts.at:  # a clock set back makes an answer of the future: ask again
            return False
        if verdict.headroom is None:
            return True
        # Rows count together, whichever decision let them out: two answers cannot both use the same headroom.
        gone = self._volume.rows(facts.data.controller, facts.employer.entity, at).rows - facts.volume.rows
        return gone < verdict.headroom

    def completed(self, standing: Standing, rows: int, at: int) -> None:
        """Rows went out under a decision: they count towards the employer's volume."""
        facts = standing.understanding
        if rows and facts.data.about_people:  # of a write, too: RETURNING shows what it changed
            entity = facts.employer.entity
            if entity is not None:
                self._volume.add(facts.data.controller, entity, rows, at)

    def forget_statements(self) -> None:
        """The catalogs changed: what statements mean must be asked again."""
        self._statements.clear()
        self._shapes.clear()
        self._decisions.clear()
        self._answers.clear()

    # -- understand -----------------------------------------------------------------------------------------------

    def _understand_statement(
        self, ask: Ask, asked: tuple[object, ...], epoch: str | None
    ) -> Generator[Need, Any, StatementFacts | Complaint]:
        key = (*asked, epoch)
        known = self._statements.get(key) if epoch is not None else None
        if known is not None:
            return known
        try:
            statements = gate.inspect(ask.sql, max_bytes=self._bounds.statement_bytes)
        except gate.Refused as refused:
            if refused.code is IncompleteCode.TEXT_UNPARSABLE:
                # A typo is the server's to complain of, in its own words; what only the gate cannot read stays refused.
                analysis: Analysis = yield NeedTree(ask.datasource, ask.profile, ask.sql, ask.parameter_types)
                if analysis.complaint is not None:
                    return analysis.complaint
            return StatementFacts(
                kind="unknown",
                effect=StatementEffect.NONE,
                complete=False,
                incomplete=str(refused.code),
                detail=refused.detail,
            )
        facts: list[StatementFacts] = []
        for statement in statements:
            if statement.facts is not None:
                facts.append(statement.facts)
                continue
            found = yield from self._analyse(ask, statement, epoch)
            if isinstance(found, Complaint):
                return found
            facts.append(found)
        whole = together(facts)
        if epoch is not None and epoch == self._world.epoch(ask.datasource):
            self._statements.put(key, whole)
        return whole

    def _analyse(
        self, ask: Ask, statement: gate.GateStatement, epoch: str | None
    ) -> Generator[Need, Any, StatementFacts | Complaint]:
        """Facts of one statement: those of its shape, where that is known, else the server is asked."""
        key = (ask.datasource, ask.profile, statement.shape, ask.parameter_types, epoch)
        known = self._shapes.get(key) if statement.shape is not None and epoch is not None else None
        if known is not None:
            return known
        analysis: Analysis = yield NeedTree(ask.datasource, ask.profile, statement.subject, ask.parameter_types)
        if analysis.complaint is not None:
            return _placed(analysis.complaint, None if statement.asked else statement.offset + statement.inner)
        facts = read_facts(statement.kind, analysis.trees, analysis.catalog, max_tree_bytes=self._bounds.tree_bytes)
        if statement.shape is not None and epoch is not None and epoch == self._world.epoch(ask.datasource):
            self._shapes.put(key, facts)
        return facts

    def _understand(self, ask: Ask, statement: StatementFacts, at: int) -> Understanding:
        registry = self._world.registry
        datasource = registry.datasource(ask.datasource)
        if datasource is None:
            raise PolicyUnavailable(Reason.DATASOURCE_UNKNOWN, "the registry's catalog does not know this datasource")
        principal = ask.principal
        claim_age = self._world.country_max_age(principal.issuer)
        location = registry.location(ask.peer, principal, at, claim_age)
        employer = registry.employer(principal, datasource.controller, at)
        ends = [principal.expires_at, registry.next_change(at), at - at % _DAY + _DAY]
        if principal.issued_at is not None and principal.issued_at + claim_age > at:
            ends.append(principal.issued_at + claim_age)  # a location claim stops counting
        return Understanding(
            at=at,
            door=ask.door,
            datasource=datasource,
            profile=ask.profile,
            principal=principal,
            location=location,
            employer=employer,
            statement=statement,
            data=registry.data(ask.datasource, statement),
            disclosures=registry.disclosures(datasource.controller, at),
            agreements=registry.agreements(datasource.controller, at),
            volume=self._volume.rows(datasource.controller, employer.entity, at),
            purpose=principal.purpose,
            valid_until=min(ends),
            registry_revision=registry.revision,
        )

    # -- decide ---------------------------------------------------------------------------------------------------

    def _decide(self, facts: Understanding, supports: frozenset[str], revision: str) -> Generator[Need, Any, Verdict]:
        raw: JsonValue = yield NeedDecision(build_input(facts))
        verdict = parse_verdict(raw, valid_until=facts.valid_until, revision=revision)
        missing = sorted({one.kind for one in verdict.obligations if one.kind not in supports})
        if verdict.effect is Effect.DENY or not missing:
            return verdict
        finding = Finding(
            rule="house-obligation-supported",
            layer=Layer.HOUSE,
            mode=Mode.ENFORCE,
            citation="",
            message=f"allowed only with {', '.join(missing)}, which this door cannot carry out for this statement",
            fact="obligations",
            value=list(missing),
            reason=Reason.OBLIGATION_UNSUPPORTED,
            remedy="Ask through a door that can, or for columns that need none of it.",
        )
        return replace(
            verdict,
            effect=Effect.DENY,
            reason=Reason.OBLIGATION_UNSUPPORTED,
            findings=(finding, *verdict.findings),
            durability=Durability.SYNCED,
        )

    def _revision(self) -> str:
        return f"{self._world.policy_revision}+{self._world.registry.revision}"

    # -- record ---------------------------------------------------------------------------------------------------

    def _record(self, standing: Standing, session: str, now_ns: int, *, reused: bool) -> Work:
        verdict = standing.verdict
        decision = Decision(id=self._new_id(), at=now_ns // _SECOND, verdict=verdict, reused=reused)
        full = standing.full_entries.get(session) if reused else None
        entry = (
            record.repeat_entry(decision.id, of=full, at_ns=now_ns, session=session)
            if full is not None
            else record.decision_entry(
                standing.understanding,
                decision,
                at_ns=now_ns,
                session=session,
                statement=standing.normalised,
                statement_hash=standing.statement_hash,
            )
        )
        try:
            yield NeedDurable(entry, verdict.durability)
        except RecordUnavailable as error:
            return _refusal(replace(decision, verdict=_closed(verdict, error.reason)), standing, error.detail)
        if full is None:
            standing.remember(session, decision.id)
        if verdict.effect is Effect.ALLOW:
            return Outcome(reason=verdict.reason, decision=decision, standing=standing)
        return _refusal(decision, standing, "")

    def _deny_without_rule(self, ask: Ask, error: SekishoError, now_ns: int) -> Work:
        """No rule could be asked: denied all the same, under the reason why, and recorded."""
        verdict = Verdict(effect=Effect.DENY, reason=error.reason, valid_until=0, revision=self._revision())
        decision = Decision(id=self._new_id(), at=now_ns // _SECOND, verdict=verdict)
        detail = error.detail
        try:
            yield NeedDurable(self._refusal_entry(ask, decision.id, error.reason, now_ns, detail), Durability.SYNCED)
        except RecordUnavailable as unwritten:
            decision = replace(decision, verdict=_closed(verdict, unwritten.reason))
            detail = unwritten.detail
        return _refusal(decision, None, detail)

    def _complaint(self, ask: Ask, complaint: Complaint, now_ns: int) -> Work:
        """The server itself rejects the statement: its words are the answer, counted apart from denials."""
        entry = self._refusal_entry(
            ask, self._new_id(), Reason.SERVER_COMPLAINT, now_ns, "", sqlstate=complaint.sqlstate
        )
        try:
            yield NeedDurable(entry, Durability.WRITTEN)
        except RecordUnavailable as error:
            return (yield from self._deny_without_rule(ask, error, now_ns))
        return Outcome(reason=Reason.SERVER_COMPLAINT, complaint=complaint, sqlstate=complaint.sqlstate)

    def _refusal_entry(
        self, ask: Ask, decision_id: str, reason: Reason, now_ns: int, detail: str, sqlstate: str = ""
    ) -> record.Entry:
        return record.refusal_entry(
            decision_id,
            at_ns=now_ns,
            session=ask.session,
            door=ask.door,
            datasource=ask.datasource,
            profile=ask.profile,
            principal=ask.principal,
            reason=reason,
            detail=detail,
            sqlstate=sqlstate or _sqlstate(reason),
            statement=gate.normalise(ask.sql),
            statement_hash=record.statement_hash(self._hash_key, ask.sql),
            revision=self._revision(),
        )


def _placed(complaint: Complaint, before: int | None) -> Complaint:
    """The complaint with its position counted in the whole text, of which the server saw a part."""
    if before is None:  # the text was made in the place of a COPY: a position in it means nothing to the person
        return replace(complaint, fields=tuple(one for one in complaint.fields if one[0] != "P"))
    fields = tuple(
        (code, str(int(text) + before) if code == "P" and text.isdigit() else text) for code, text in complaint.fields
    )
    return replace(complaint, fields=fields)


def _closed(verdict: Verdict, reason: Reason) -> Verdict:
    """The same verdict turned into a denial for a reason of our own."""
    return replace(verdict, effect=Effect.DENY, reason=reason, obligations=(), findings=())


def _refusal(decision: Decision, standing: Standing | None, detail: str) -> Outcome:
    verdict = decision.verdict
    words: Explanation
    if standing is not None and verdict.findings:
        words = explain(decision.id, verdict, standing.understanding.statement)
    else:
        words = without_rule(decision.id, verdict.reason, detail)
    return Outcome(
        reason=verdict.reason,
        decision=decision,
        standing=standing,
        message=words.message,
        detail=words.detail,
        hint=words.hint,
        sqlstate=_sqlstate(verdict.reason),
    )


def _sqlstate(reason: Reason) -> str:
    return SekishoError(reason).answer.sqlstate
