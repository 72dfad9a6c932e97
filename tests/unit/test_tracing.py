"""What a trace tells: stages from the times that are taken anyway, and an end that comes once."""

from __future__ import annotations

from gateway.errors import Reason
from gateway.metric_labels import Stage
from gateway.model import Door
from gateway.tracing import MOST_PARTS, Subject, Trace, Upstream

AT = 1_000_000_000_000


def trace(ended: list[Trace] | None = None, *, awaits: bool = False, subject: Subject = Subject.STATEMENT) -> Trace:
    return Trace(
        subject=subject,
        door=Door.POSTGRES,
        datasource="messenger",
        sql=True,
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        span_id="00f067aa0ba902b7",
        began_ns=AT,
        emit=(ended if ended is not None else []).append,
        awaits=awaits,
    )


def test_pieces_of_one_stage_are_one_span_and_what_comes_back_is_another() -> None:
    one = trace()
    one.took(Stage.UNDERSTAND, 7.0, 7.5, 7.75)
    one.took(Stage.UNDERSTAND, 7.0, 8.0, 8.25)
    one.took(Stage.DECIDE, 7.0, 8.25, 8.5)
    one.took(Stage.UNDERSTAND, 7.0, 8.5, 9.0)
    told = [(part.stage, part.began_ns - AT, part.ended_ns - AT) for part in one.parts]
    second = 1_000_000_000
    assert told == [
        (Stage.UNDERSTAND, second // 2, second * 5 // 4),
        (Stage.DECIDE, second * 5 // 4, second * 3 // 2),
        (Stage.UNDERSTAND, second * 3 // 2, second * 2),
    ]


def test_there_is_an_end_to_what_one_trace_holds() -> None:
    one = trace()
    for number in range(1000):
        one.took((Stage.UNDERSTAND, Stage.DECIDE)[number % 2], 0.0, 0.0, 1.0)
    assert len(one.parts) == MOST_PARTS


def test_what_no_database_is_asked_ends_with_its_decision() -> None:
    ended: list[Trace] = []
    trace(ended, subject=Subject.QUESTION).decided(0.5)
    denied = trace(ended, awaits=True)
    denied.reason = Reason.POLICY_DENIED
    denied.decided(0.5)
    assert [one.ended_ns - AT for one in ended] == [500_000_000] * 2


def test_what_waits_for_a_database_ends_with_its_answer_and_once() -> None:
    ended: list[Trace] = []
    one = trace(ended, awaits=True)
    one.decided(0.5)
    assert not ended
    one.answered(AT + 900_000_000, 3, "00000")
    one.answered(AT + 950_000_000, 4, "57014")
    one.end(AT + 990_000_000)
    assert ended == [one]
    (upstream,) = one.parts
    assert (upstream.stage, upstream.began_ns, upstream.ended_ns) == (None, AT + 500_000_000, AT + 900_000_000)
    assert upstream.upstream == Upstream(3, "00000")
    assert one.ended_ns == AT + 900_000_000


def test_what_was_never_decided_was_never_at_a_database() -> None:
    ended: list[Trace] = []
    one = trace(ended, awaits=True)
    one.answered(AT + 5, 0, "08006")
    one.decided(0.5)
    assert (ended, one.parts, one.ended_ns) == ([one], [], AT + 5)


def test_a_clock_that_is_set_back_makes_no_span_of_negative_length() -> None:
    one = trace(awaits=True)
    one.recorded(AT - 5)
    one.answered(AT - 10, 0, "00000")
    assert all(part.began_ns <= part.ended_ns for part in one.parts)
    assert one.began_ns <= one.ended_ns
