"""Traces of a session: whose they are, when they end, and that nothing is decided by them."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audit.chain import canonical
from gateway.audit.record import repeat_entry, traced_entry
from gateway.doors.pg_traces import SessionTraces
from gateway.errors import Reason
from gateway.model import Door
from gateway.reuse import Repeat
from gateway.trace_context import Context, context_of
from gateway.tracing import Subject, Trace
from tests.houses import Analyses
from tests.unit.test_tracing import AT, trace
from tests.worlds import Bench

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
COMMENT = f"/*traceparent='{PARENT}'*/"


class Sampled:
    """A ``Tracer`` that wants to see everything."""

    def __init__(self) -> None:
        self.parents: list[Context | None] = []
        self.ended: list[Trace] = []

    def begin(
        self, subject: Subject, door: Door, datasource: str, at_ns: int, parent: Context | None, *, sql: bool
    ) -> Trace | None:
        self.parents.append(parent)
        return trace(self.ended, subject=subject)

    def follow(self, before: Trace, at_ns: int) -> Trace:
        return trace(self.ended)


def test_what_is_only_prepared_ends_with_its_decision() -> None:
    tracer = Sampled()
    prepared = SessionTraces(tracer, "messenger").begin(f"SELECT 1 {COMMENT}", AT, executes=False)
    assert prepared is not None
    assert tracer.parents == [context_of([PARENT])]
    prepared.decided(0.1)
    assert tracer.ended == [prepared]
    assert prepared.subject is Subject.PARSE


def test_what_was_let_through_and_never_sent_ends_without_an_answer() -> None:
    tracer = Sampled()
    session = SessionTraces(tracer, "messenger")
    one = session.begin("SELECT 1", AT, executes=True)
    assert one is not None
    one.decided(0.1)
    assert not tracer.ended
    session.settle()
    session.over()
    assert (tracer.ended, one.parts, one.ended_ns) == ([one], [], AT + 100_000_000)


def test_what_is_under_way_when_the_session_ends_has_lost_its_connection() -> None:
    tracer = Sampled()
    session = SessionTraces(tracer, "messenger")
    first, second, denied = (session.begin("SELECT 1", AT, executes=True) for _ in range(3))
    assert first is not None
    assert second is not None
    assert denied is not None
    second.decided(0.1)
    first.decided(0.1)
    first.answered(AT + 5, 1, "00000")
    denied.reason = Reason.POLICY_DENIED
    denied.decided(0.1)
    session.over()
    assert tracer.ended == [first, denied, second]
    assert first.ended_ns == AT + 100_000_000
    assert second.parts[-1].upstream is not None
    assert second.parts[-1].upstream.sqlstate == "08006"


def test_an_execute_goes_on_under_the_decision_of_its_parse() -> None:
    tracer = Sampled()
    session = SessionTraces(tracer, "messenger")
    assert session.executed(None, AT) is None
    parsed = session.begin("SELECT 1", AT, executes=False)
    assert parsed is not None
    parsed.decision_id, parsed.kind = "d-1", "select"
    one = session.executed(parsed, AT + 7)
    assert one is not None
    assert (one.decision_id, one.kind, one.awaits) == ("d-1", "select", True)


def test_a_repeat_is_recorded_with_its_trace_as_the_chain_would_write_it(analyses: Analyses) -> None:
    bench = Bench(analyses)
    standing = bench.decide(bench.ask("sato", "tokyo-hq", "SELECT name FROM stickers")).standing
    assert standing is not None
    tracer = Sampled()
    session = SessionTraces(tracer, "messenger")
    for kept in ("", "ab", "ab sealed"):
        entry = repeat_entry("d-2", of="d-1", at_ns=AT, session="s", epoch_age_ms=3, statement_hash=kept)
        repeat = Repeat(standing, "d-2", canonical(entry), AT)
        one = session.again("SELECT name FROM stickers", repeat)
        assert one is not None
        assert repeat.entry == canonical(traced_entry(entry, one.trace_id))
        assert (one.decision_id, one.kind, one.reused) == ("d-2", "select", True)
        session.drop(one)
    session.over()
    assert not tracer.ended


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.builds(Context, st.text(max_size=40), st.text(max_size=20), st.booleans(), st.text(max_size=20)),
    st.sampled_from(["SELECT name FROM stickers", "SELECT phone FROM users"]),
    st.sampled_from([("sato", "tokyo-hq"), ("li", "shanghai-office")]),
)
def test_nothing_is_decided_by_a_trace(analyses: Analyses, context: Context, text: str, who: tuple[str, str]) -> None:
    plain, told = Bench(analyses), Bench(analyses)
    ask = plain.ask(*who, text)
    without, within = plain.decide(ask), told.decide(replace(ask, trace=context))
    assert without.reason is within.reason
    assert without.decision is not None
    assert within.decision is not None
    assert without.decision.verdict == within.decision.verdict
    assert _comparable(plain.entry) == _comparable(told.entry)
    again = told.decide(ask)  # another trace, or none, is no other question
    assert again.decision is not None
    assert again.decision.reused


def _comparable(entry: object) -> str:
    return json.dumps({**entry, "decision_id": ""}, sort_keys=True)  # type: ignore[dict-item]
