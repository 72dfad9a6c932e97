"""The sections of the benchmark by name, and what each needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.bench import (
    abuse,
    access,
    bulk,
    envoy,
    facts,
    hostile,
    inside,
    killswitch,
    known,
    memory,
    record,
    record_query,
    rest,
    twin,
    wire,
    workers,
)
from tests.bench.figures import Table
from tests.bench.stage import Stage
from tests.servers import find_tool

NAMES = (
    *("wire", "bulk", "copy", "login", "memory", "workers", "abuse"),
    *("decision", "statement", "known", "twin", "record", "record-query", "registry", "hostile", "killswitch", "rest"),
    *("envoy", "access"),
)
_WITH_GATEWAY = frozenset(NAMES[:7])
_WITH_TREES = frozenset({"decision", "statement", "known", "twin"})
_ALONE = frozenset(NAMES[11:])  # these start all they need


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure."""

    seconds: int  # of one pgbench run
    rounds: int
    inside_seconds: float = 1.0  # of one in-process measurement


def needs_gateway(names: frozenset[str]) -> bool:
    """Whether PgBouncer and the gateway have to be started."""
    return bool(names & _WITH_GATEWAY)


def needs_database(names: frozenset[str]) -> bool:
    """Whether anything has to be started at all."""
    return bool(names - _ALONE)


def run(names: frozenset[str], stage: Stage | None, effort: Effort, say: Callable[[str], None]) -> Iterator[Table]:
    """The tables, one section after the other."""
    seconds = effort.inside_seconds
    if stage is not None:
        if "wire" in names:
            say("pgbench, select-only")
            yield from wire.run(stage, seconds=effort.seconds, rounds=effort.rounds)
        if "bulk" in names:
            say("one large result")
            yield from bulk.run(stage, rounds=effort.rounds)
        psql = find_tool("psql")
        if "copy" in names and psql is not None:
            say("one large COPY")
            yield from bulk.copy(stage, psql, rounds=effort.rounds)
        if "login" in names:
            say("logins")
            yield from wire.logins(stage, seconds=effort.seconds, rounds=min(effort.rounds, 3))
        if "memory" in names:
            say("idle sessions")
            yield from memory.run(stage)
        if "workers" in names:
            say("two workers against one")
            yield from workers.run(stage, seconds=effort.seconds, rounds=min(effort.rounds, 3))
        if "abuse" in names:
            say("one person at full rate")
            yield from abuse.run(stage, seconds=2 * effort.seconds, rounds=min(effort.rounds, 3))
        if names & _WITH_TREES:
            say("decisions and new statements, in process")
            found = twin.ask(stage, seconds=seconds)
            if "decision" in names:
                yield from inside.decisions(stage, found, seconds=seconds)
            if "statement" in names:
                yield from inside.statements(found, seconds=seconds)
            if "known" in names:
                yield from known.tables(found, seconds=seconds)
            if "twin" in names:
                yield twin.table(found)
    if "record" in names:
        say("the record")
        yield from record.tables(seconds=3 * seconds)
    if "record-query" in names:
        say("questions to ten million entries")
        yield from record_query.tables(rounds=effort.rounds)
    if "registry" in names:
        say("a registry of a million entities")
        yield from facts.tables(seconds=seconds)
    if "hostile" in names:
        say("rules that take for ever")
        yield from hostile.tables(seconds=3 * seconds)
    if "killswitch" in names:
        say("a block, from its publication to the last row")
        yield from killswitch.tables(rounds=effort.rounds)
    if "access" in names:
        say("Authorize over gRPC and OPA's REST interface")
        yield from access.tables(seconds=effort.seconds, rounds=min(effort.rounds, 3))
    if "rest" in names:
        say("questions over http, beside OPA's")
        yield from rest.tables(seconds=effort.seconds, rounds=min(effort.rounds, 3))
    if "envoy" in names:
        say("Envoy's checks, beside opa-envoy-plugin")
        yield from envoy.tables(seconds=effort.seconds, rounds=min(effort.rounds, 3))
