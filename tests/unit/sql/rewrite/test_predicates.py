"""Which row filters are let through, and how they name their relation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.model import Country, RowConsent
from gateway.sql.catalog import Relation
from gateway.sql.rewrite.predicates import at_relation, filter_problem, filter_text, of_consent, of_countries
from gateway.sql.rewrite.refused import RewriteRefused

USERS = Relation("app", "users", "r", False, {})


def text(predicate: str | None) -> str:
    return filter_text("f", predicate, USERS, "nonce_01")


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("country = 'KR'", "country = 'KR'"),
        ("users.country = 'KR' -- who", "\"nonce_01\".country = 'KR' -- who"),
        (
            "Users.country IN ('KR', 'JP') AND \"users\" . id > 3",
            "\"nonce_01\".country IN ('KR', 'JP') AND \"nonce_01\" . id > 3",
        ),
        ("created_at > pg_catalog.now() - interval '1 day'", "created_at > pg_catalog.now() - interval '1 day'"),
        ("NOT (a IS NULL OR b)", "NOT (a IS NULL OR b)"),
        (
            "EXISTS (SELECT 1 FROM app.consent c WHERE c.user_id = users.id)",
            'EXISTS (SELECT 1 FROM app.consent c WHERE c.user_id = "nonce_01".id)',
        ),
        ("é = 'é' AND users.x", "é = 'é' AND \"nonce_01\".x"),
    ],
)
def test_let_through(predicate, expected):
    assert text(predicate) == expected


@pytest.mark.parametrize(
    ("predicate", "why"),
    [
        (None, "the registry has no row filter called f"),
        ("", "does not parse"),
        ("1=1) OR (2=2", "does not parse"),
        ("true LIMIT 5", "no single expression"),
        ("true GROUP BY 1", "no single expression"),
        ("true UNION SELECT", "no single expression"),
        ("true; DROP TABLE x", "does not parse"),
        ("true /*", "does not parse"),
        ("true FOR UPDATE", "no single expression"),
        ("a = $1", "ParamRef"),
        ("a IN (SELECT 1)", "EXISTS of one table"),
        ("(SELECT true)", "EXISTS of one table"),
        ("EXISTS (SELECT FROM consent c)", "EXISTS of one table"),
        ("EXISTS (SELECT FROM app.consent, app.more)", "EXISTS of one table"),
        ("EXISTS (SELECT FROM app.consent GROUP BY 1)", "EXISTS of one table"),
        ("EXISTS (SELECT f() FROM app.consent)", "select a constant"),
        ("EXISTS (SELECT FROM ops.users WHERE users.id = 1)", "by its relation's name"),
        ("EXISTS (SELECT FROM app.c users WHERE users.id = 1)", "by its relation's name"),
        ("app.users.id = 1", "with a schema"),
        ("users.* IS NULL", "more than a column"),
        ("lower(a) = 'x'", "not plainly named"),
        ("pg_catalog.sum(a) OVER () > 1", "not plainly named"),
        ("(a).b = 1", "A_Indirection"),
        ('U&"us\\0065rs".a = 1', "cannot be read"),
    ],
)
def test_refused(predicate, why):
    with pytest.raises(RewriteRefused, match=why):
        text(predicate)


def test_what_no_relation_can_be_filtered_by_is_told_before_anybody_asks():
    assert filter_problem("koreans", "country = 'KR'") is None
    assert filter_problem("two", "true) OR (true") == "the row filter two does not parse"
    assert filter_problem("reads", "id IN (SELECT 1)") is not None


def test_subject_countries_are_compared_whatever_the_search_path_says():
    condition = of_countries('co"untry', ("JP", "KR"))
    assert condition == (
        """"co""untry"::pg_catalog.text OPERATOR(pg_catalog.=) ANY """
        "(ARRAY['JP'::pg_catalog.text, 'KR'::pg_catalog.text]::pg_catalog.text[])"
    )
    assert text(condition) == condition
    assert text(of_countries("country", ())).endswith("ANY (ARRAY[]::pg_catalog.text[])")


CONSENT = RowConsent(
    name="consent-n-JP",
    relation="app.users",
    key="id",
    table="app.consent",
    table_key="user_id",
    country=Country("JP"),
)


def test_a_filter_of_consent_asks_for_a_row_of_the_same_person() -> None:
    assert text(of_consent(CONSENT)) == (
        'EXISTS (SELECT FROM "app"."consent" AS "sekisho_consent" WHERE '
        '"sekisho_consent"."user_id" OPERATOR(pg_catalog.=) "nonce_01"."id")'
    )


def test_a_filter_of_consent_with_all_that_may_be_recorded_of_it() -> None:
    made = of_consent(
        replace(
            CONSENT,
            equal=(("notice", "it's"), ("country", "JP")),
            given="given",
            withdrawn="withdrawn_at",
            expires="until",
            country_column="country",
            elsewhere=(Country("KR"), Country("TH")),
        )
    )
    assert text(made) == (
        "\"country\"::pg_catalog.text OPERATOR(pg_catalog.=) ANY (ARRAY['KR'::pg_catalog.text, "
        "'TH'::pg_catalog.text]::pg_catalog.text[]) OR "
        'EXISTS (SELECT FROM "app"."consent" AS "sekisho_consent" WHERE '
        '"sekisho_consent"."user_id" OPERATOR(pg_catalog.=) "nonce_01"."id" AND '
        "\"sekisho_consent\".\"notice\"::pg_catalog.text OPERATOR(pg_catalog.=) 'it''s'::pg_catalog.text AND "
        '"sekisho_consent"."country"::pg_catalog.text OPERATOR(pg_catalog.=) \'JP\'::pg_catalog.text AND '
        '"sekisho_consent"."given" IS TRUE AND "sekisho_consent"."withdrawn_at" IS NULL AND '
        '("sekisho_consent"."until" IS NULL OR "sekisho_consent"."until"::pg_catalog.timestamptz '
        "OPERATOR(pg_catalog.>) CURRENT_TIMESTAMP))"
    )


def test_a_filter_at_a_relation_has_a_name_of_its_own() -> None:
    assert at_relation("consent-n-JP", "app.users") == "consent-n-JP at app.users"
