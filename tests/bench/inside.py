"""What a decision and a new statement cost in this process, without sockets."""

from __future__ import annotations

import itertools
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.audit.writer import RecordWriter
from gateway.authorize import Authority
from gateway.demo.characters import ISSUER
from gateway.facts.registry import Registry, load_registry
from gateway.facts.sightings import Sightings
from gateway.facts.volume import VolumeCounter
from gateway.model import DatasourceId, Door, Durability, Peer, Principal
from gateway.needs import (
    NEVER,
    Analysis,
    Ask,
    Bounds,
    Need,
    NeedDecision,
    NeedDurable,
    NeedReading,
    NeedTree,
    NeedTurn,
    Outcome,
)
from gateway.policy.bundle import load_bundle
from gateway.policy.inprocess import InProcessEngine
from gateway.sql import gate
from gateway.sql.facts import read_facts
from tests.bench.figures import Spread, Table, shown, timed
from tests.bench.registry import NOBODY, PEOPLE, WHO
from tests.bench.stage import Stage
from tests.bench.statements import SIZES, SMALL
from tests.bench.twin import PROFILE, Analyses

_SEGMENT_BYTES = 64 * 1024 * 1024
_TREE_BYTES = 8 * 1024 * 1024
_STATEMENT_BYTES = 131_072


@dataclass(slots=True)
class _World:
    registry: Registry
    policy_revision: str
    revised_ns: int = 0

    def epoch(self, datasource: DatasourceId) -> str | None:
        return "epoch"

    def stands(self, datasource: DatasourceId, since: str, depends: frozenset[str] | None) -> bool:
        return False

    def epoch_seen_ns(self, datasource: DatasourceId) -> int:
        return 0

    def rows_of(self, datasource: DatasourceId, relation: str) -> int | None:
        return None

    def stale_from(self, datasource: DatasourceId) -> int:
        return NEVER

    def country_max_age(self, issuer: str) -> int:
        return 900


class _House:
    """`authorize` with the real engine, registry and record; the twin's answers are at hand."""

    def __init__(self, stage: Stage, analyses: dict[str, Analysis], record: RecordWriter | None) -> None:
        self._engine = InProcessEngine(load_bundle(stage.files.policies))
        self._known = {SIZES[size]: analysis for size, analysis in analyses.items()}
        self._record = record
        numbers = itertools.count(1)
        self.authority = Authority(
            world=_World(load_registry(stage.files.registry), self._engine.revision),
            volume=VolumeCounter(),
            sightings=Sightings(window=600, most=1000),
            bounds=Bounds(
                statement_bytes=_STATEMENT_BYTES, tree_bytes=_TREE_BYTES, known_statements=1000, known_decisions=1000
            ),
            new_id=lambda: f"d-{next(numbers):x}",
            hash_key=b"k" * 32,
            own_name="sekisho_0f3a9c2b",
        )

    def decide(self, ask: Ask) -> Outcome:
        work = self.authority.authorize(ask, time.time_ns())
        try:
            need = next(work)
            while True:
                need = work.send(self._answer(need))
        except StopIteration as end:
            outcome: Outcome = end.value
        if not outcome.allowed:
            raise RuntimeError(f"denied: {outcome.reason} {outcome.message} {outcome.detail}")
        return outcome

    def _answer(self, need: Need) -> Any:
        match need:
            case NeedDurable():
                if self._record is not None:
                    self._record.append(need.entry, Durability.WRITTEN, _told)
                return None
            case NeedDecision():
                return self._engine.evaluate(need.document)
            case NeedReading():
                return need.task.perform()
            case NeedTree():
                return self._known[need.text]
            case NeedTurn():
                return None


def decisions(stage: Stage, found: Analyses, *, seconds: float) -> list[Table]:
    """A decision that stands, and one that the engine is asked for although the statement is known."""
    rows, data = [], []
    base = 0.0
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-record-") as folder:
        writer = _writer(Path(folder))
        try:
            for title, key, source, fresh, record in (
                ("cached: a standing decision", "cached", NOBODY, False, None),
                ("cached, its entry written", "cached_written", NOBODY, False, writer),
                ("not cached: facts known, engine asked", "engine", NOBODY, True, None),
                ("not cached, its full entry written", "engine_written", NOBODY, True, writer),
                ("not cached, about people", "engine_people", PEOPLE, True, None),
            ):
                figures = _decision(_House(stage, found.analyses, record), source, fresh=fresh, seconds=seconds)
                base = base or figures.p50
                relative = figures.p50 / base
                rows.append(
                    (title, shown(figures.p50, "{:.1f}"), shown(figures.p99, "{:.1f}"), shown(relative, "{:.1f}"))
                )
                data.append({"decision": key, "to_cached": relative, **figures.data()})
        finally:
            writer.close()
    return [
        Table(
            name="decision",
            title="One decision in process (select-only statement; regorus; no socket)",
            columns=("", "p50 us", "p99 us", "x cached"),
            rows=tuple(rows),
            data=tuple(data),
        )
    ]


def _decision(house: _House, source: str, *, fresh: bool, seconds: float) -> Spread:
    now = int(time.time())
    principal = Principal(
        issuer=ISSUER,
        subject=WHO.subject,
        database_user=WHO.subject,
        groups=WHO.groups,
        mfa=True,
        expires_at=now + 3600,
        issued_at=now,
    )
    ask = Ask(
        door=Door.POSTGRES,
        datasource=DatasourceId(source),
        profile=PROFILE,
        principal=principal,
        peer=Peer(address=None, site=WHO.site),
        sql=SMALL,
        session="s-bench",
    )
    house.decide(ask)
    house.decide(ask)  # from here on entries are the short ones of a repeat
    if not fresh:
        return timed(lambda _: house.decide(ask), seconds=seconds)
    # The same person with another token each time: the statement is known, the decision is not.
    asks = [replace(ask, principal=replace(principal, token_id=f"t-{number}")) for number in range(20_000)]
    return timed(lambda number: house.decide(asks[number]), seconds=seconds)


def statements(found: Analyses, *, seconds: float) -> list[Table]:
    """What a statement costs that nobody asked before, the twin's round trip apart."""
    rows, data = [], []
    for size, text in SIZES.items():
        analysis = found.analyses[size]
        if analysis.complaint is not None:
            raise RuntimeError(f"the server does not take the {size} statement: {dict(analysis.complaint.fields)}")

        def read(analysis: Analysis = analysis) -> Any:
            return read_facts("select", analysis.trees, analysis.catalog, max_tree_bytes=_TREE_BYTES)

        facts = read()
        inspected = timed(lambda _, text=text: gate.inspect(text, max_bytes=_STATEMENT_BYTES), seconds=seconds / 3)  # type: ignore[misc]
        walked = timed(lambda _, read=read: read(), seconds=seconds / 2)  # type: ignore[misc]
        normalised = timed(lambda _, text=text: gate.normalise(text), seconds=seconds / 6)  # type: ignore[misc]
        whole = inspected.p50 + walked.p50 + normalised.p50 + found.round_trips[size].p50
        rows.append(
            (
                size,
                shown(inspected.p50, "{:.0f}"),
                shown(walked.p50, "{:.0f}"),
                shown(walked.p99, "{:.0f}"),
                shown(normalised.p50, "{:.0f}"),
                shown(whole, "{:.0f}"),
                "yes" if facts.complete else f"no: {facts.incomplete}",
            )
        )
        data.append(
            {
                "statement": size,
                "gate": inspected.data(),
                "tree_and_facts": walked.data(),
                "normalise": normalised.data(),
                "with_round_trip_us": round(whole, 1),
                "complete": facts.complete,
            }
        )
    return [
        Table(
            name="statement",
            title="A new statement: gate, then tree and facts, then its text for the record",
            columns=("statement", "gate us", "tree+facts us", "p99", "normalise us", "with twin us", "complete"),
            rows=tuple(rows),
            data=tuple(data),
        )
    ]


def _writer(folder: Path) -> RecordWriter:
    return RecordWriter.open(folder, segment_bytes=_SEGMENT_BYTES, writer="bench")


def _told(error: BaseException | None) -> None:
    if error is not None:
        raise error
