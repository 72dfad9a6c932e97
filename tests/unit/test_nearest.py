"""Nearest allowed query: real rules are asked about fewer columns, and the hint names what they said."""

from __future__ import annotations

import pytest

from gateway.needs import NeedDecision
from tests.houses import Analyses
from tests.worlds import Bench


@pytest.fixture
def bench(analyses: Analyses) -> Bench:
    return Bench(analyses)


def test_the_hint_names_what_goes_and_what_remains(bench: Bench) -> None:
    """The notice tells of South Korea for ids and payments; names and phone numbers stay in Japan."""
    outcome = bench.decide(bench.ask("kim", "seoul-office", "SELECT id, name, phone FROM users"))
    assert not outcome.allowed
    first = outcome.hint.splitlines()[0]
    assert first == (
        "Without public.users.name, public.users.phone it would be allowed; columns that remain: public.users.id."
    )
    smaller = bench.decide(bench.ask("kim", "seoul-office", "SELECT id FROM users"))
    assert smaller.allowed


def test_a_column_that_is_denied_in_one_use_does_not_remain(bench: Bench) -> None:
    outcome = bench.decide(bench.ask("kim", "seoul-office", "SELECT id FROM users WHERE phone = '1'"))
    assert "Without public.users.phone it would be allowed" in outcome.hint


@pytest.mark.parametrize(
    ("who", "site", "sql"),
    [
        ("li", "shanghai-office", "SELECT id, name FROM users"),  # nothing of the table would be allowed
        ("kim", "seoul-office", "SELECT name FROM users"),  # there is no other column
        ("kim", "seoul-office", "UPDATE users SET name = 'x' RETURNING id"),  # less of a write is another write
        ("kim", "seoul-office", "SELECT pg_read_file('x'), id, name FROM users"),  # not understood
    ],
)
def test_no_hint_where_columns_are_not_the_reason(bench: Bench, who: str, site: str, sql: str) -> None:
    outcome = bench.decide(bench.ask(who, site, sql))
    assert not outcome.allowed
    assert "would be allowed" not in outcome.hint


def test_questions_are_bounded(bench: Bench) -> None:
    """A statement over every table has more kinds of columns than are asked about one by one."""
    sql = (
        "SELECT * FROM users u, messages m, timeline_images t, payments p, moderation_queue q, health_consultations h "
        "WHERE u.id = m.sender_id AND t.owner_id = u.id AND p.user_id = u.id AND q.image_id = t.id AND h.user_id = u.id"
    )
    assert not bench.decide(bench.ask("kim", "seoul-office", sql)).allowed
    assert bench.kinds.count(NeedDecision) <= 1 + 12 + 1


def test_the_same_denial_is_not_worked_out_twice(bench: Bench) -> None:
    ask = bench.ask("kim", "seoul-office", "SELECT id, name FROM users")
    first = bench.decide(ask)
    second = bench.decide(ask)
    assert bench.kinds.count(NeedDecision) == 0
    assert first.hint == second.hint
