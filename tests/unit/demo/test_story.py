"""The story is the one that was told, and an expectation notices every way in which it can come out otherwise."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.demo.settings import SITES
from gateway.demo.story import STORY, Denied, Outcome, Query, Rows

GOOD_ROWS = Outcome(rows=2, first="1|***2345", sqlstate="", text="", effect="allow", cross_border=True, same_id=False)
GOOD_DENIAL = Outcome(
    rows=None,
    first="",
    sqlstate="42501",
    text="access denied: from China",
    effect="deny",
    cross_border=True,
    same_id=True,
)
ROWS = Rows(count=2, cross_border=True)
DENIED = Denied(says=(r"\bChina\b",), because="and the country is named")


def test_the_eight_steps():
    assert [(step.who.subject, step.site) for step in STORY] == [
        ("sato", "tokyo-hq"),
        ("li", "shanghai-office"),
        ("li", "tokyo-vpn"),
        ("wang", "dalian-office"),
        ("tanaka", "fukuoka-center"),
        ("li", "shanghai-office"),
        ("kim", "seoul-office"),
        ("mori", "seoul-office"),
    ]
    assert {step.site for step in STORY} == set(SITES)


def test_which_queries_are_to_be_denied():
    assert [[isinstance(query.expect, Denied) for query in step.queries] for step in STORY] == [
        [False],
        [True, True, True, True, False],
        [True],
        [True],
        [False],
        [False],
        [False, True],
        [False],
    ]


def test_the_moderators_ask_for_the_same_image():
    assert STORY[3].queries[0].sql == STORY[4].queries[0].sql


def test_both_protocols_are_played():
    queries: list[Query] = [query for step in STORY for query in step.queries]
    assert {bool(query.parameters) for query in queries} == {True, False}
    assert all(query.sql.count("%s") == len(query.parameters) for query in queries)


def test_what_the_first_row_looks_like_is_looked_at():
    masked = dataclasses.replace(ROWS, first=r"1\|\*\*\*[0-9]{4}", how="phone masked")
    assert masked.complaint(GOOD_ROWS) == ""
    assert masked.summary == "2 rows, phone masked, cross-border, recorded"
    assert "first row" in masked.complaint(dataclasses.replace(GOOD_ROWS, first="1|+81312345678"))


def test_what_is_as_expected_has_no_complaint():
    assert ROWS.complaint(GOOD_ROWS) == ""
    assert DENIED.complaint(GOOD_DENIAL) == ""
    assert ROWS.summary == "2 rows, cross-border, recorded"
    assert Rows(count=1).summary == "1 row, recorded"
    assert DENIED.summary == "denied and the country is named, recorded"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rows": None, "sqlstate": "42501"}, "42501"),
        ({"rows": 3}, "3 came"),
        ({"effect": ""}, "nothing"),
        ({"effect": "deny"}, "deny"),
        ({"cross_border": False}, "cross_border: true"),
    ],
)
def test_rows_that_are_not_as_expected(change: dict[str, object], word: str):
    assert word in ROWS.complaint(dataclasses.replace(GOOD_ROWS, **change))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rows": 0}, "0 rows came"),
        ({"sqlstate": "58000"}, "58000 came"),
        ({"sqlstate": ""}, "42501 was expected"),
        ({"text": "access denied"}, "China"),
        ({"effect": ""}, "nothing"),
        ({"effect": "allow"}, "allow"),
        ({"same_id": False}, "decision id"),
    ],
)
def test_a_denial_that_is_not_as_expected(change: dict[str, object], word: str):
    assert word in DENIED.complaint(dataclasses.replace(GOOD_DENIAL, **change))  # type: ignore[arg-type]


def test_a_country_code_is_a_word_of_its_own():
    named = STORY[1].queries[0].expect
    assert isinstance(named, Denied)
    assert named.complaint(dataclasses.replace(GOOD_DENIAL, text="employer in CN")) == ""
    assert named.complaint(dataclasses.replace(GOOD_DENIAL, text="ACNE in line-cnx")) != ""


def test_the_message_itself_has_to_say_it_and_the_detail_names_the_fact():
    hop, employer = STORY[3].queries[0].expect, STORY[2].queries[0].expect
    good = "access denied: hop 2 is in CN\nFact: employer.chain[2].country"
    for expected in (hop, employer):
        assert isinstance(expected, Denied)
    assert hop.complaint(dataclasses.replace(GOOD_DENIAL, text=good)) == ""
    for text in (good.replace("hop 2", "hop 21"), good.replace("[2]", "[20]"), good.replace("hop 2 is in CN", "")):
        assert hop.complaint(dataclasses.replace(GOOD_DENIAL, text=text)) != ""
    assert employer.complaint(dataclasses.replace(GOOD_DENIAL, text=good)) != ""
    said = "access denied: the employer is in CN"
    assert employer.complaint(dataclasses.replace(GOOD_DENIAL, text=said)) == ""
