"""What a decision, a new statement and an entry of the record cost in this process, without sockets."""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.audit.record import repeat_entry
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
from tests.bench.figures import Spread, Table, count, shown, spread, timed
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


def record(*, seconds: float) -> list[Table]:
    """The record's writer: an entry handed to the kernel, and one that is on disk before a statement goes on."""
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-record-") as folder:
        disk = _disk(Path(folder), seconds / 3)
        writer = _writer(Path(folder) / "record")
        try:
            written = timed(lambda n: writer.append(_entry(n), Durability.WRITTEN, _told), seconds=seconds / 3)
            synced = timed(lambda n: _synced(writer, n), seconds=seconds / 2, most=5000)
            group, each = _together(writer, seconds / 2, threads=8)
        finally:
            writer.close()
    lines: list[tuple[str, str, Spread, float]] = [
        ("written: one write", "written", written, 1e6 / written.p50),
        ("synced, one at a time", "synced", synced, 1e6 / synced.p50),
        ("synced, 8 at a time (one sync for all who wait)", "synced_8", each, group),
        ("the disk itself: write and fdatasync", "disk", disk, 1e6 / disk.p50),
    ]
    return [
        Table(
            name="record",
            title="An entry of the record (short form)",
            columns=("", "p50 us", "p99 us", "entries/s", "x disk"),
            rows=tuple(
                (title, shown(one.p50, "{:.1f}"), shown(one.p99, "{:.1f}"), count(rate), shown(one.p50 / disk.p50))
                for title, _, one, rate in lines
            ),
            data=tuple(
                {"entry": key, "per_second": round(rate), "to_disk": one.p50 / disk.p50, **one.data()}
                for _, key, one, rate in lines
            ),
        )
    ]


def _entry(number: int) -> dict[str, Any]:
    return repeat_entry(f"d-6a1bc2d3e4f5-{number:x}", of="d-6a1bc2d3e4f5-1", at_ns=time.time_ns(), session="s-00ff00ff")


def _synced(writer: RecordWriter, number: int) -> None:
    done = threading.Event()
    if not writer.append(_entry(number), Durability.SYNCED, lambda error: done.set()):
        done.wait()


def _together(writer: RecordWriter, seconds: float, *, threads: int) -> tuple[float, Spread]:
    """Entries per second and each one's time, with several who wait at once."""
    taken: list[int] = []
    end = time.perf_counter() + seconds

    def work() -> None:
        while time.perf_counter() < end:
            began = time.perf_counter_ns()
            _synced(writer, began)
            taken.append(time.perf_counter_ns() - began)

    began = time.perf_counter()
    _run_threads(work, threads)
    return len(taken) / (time.perf_counter() - began), spread(taken)


def _run_threads(work: Callable[[], None], threads: int) -> None:
    running = [threading.Thread(target=work) for _ in range(threads)]
    for one in running:
        one.start()
    for one in running:
        one.join()


def _disk(folder: Path, seconds: float) -> Spread:
    descriptor = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    line = b"x" * 300 + b"\n"
    sync = getattr(os, "fdatasync", os.fsync)

    def write(_: int) -> None:
        os.write(descriptor, line)
        sync(descriptor)

    try:
        return timed(write, seconds=seconds, most=5000)
    finally:
        os.close(descriptor)


def _writer(folder: Path) -> RecordWriter:
    return RecordWriter.open(folder, segment_bytes=_SEGMENT_BYTES, writer="bench")


def _told(error: BaseException | None) -> None:
    if error is not None:
        raise error
