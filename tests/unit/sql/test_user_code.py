"""Code of users on real servers: refused until somebody vouches for it, and again when it is not what it was."""

from __future__ import annotations

import hashlib

import pytest

from gateway.model import Vouched, VouchedFunction
from gateway.sql.codes import IncompleteCode

PLACE = "catalog.yaml:7"
INITIALS = "CREATE OR REPLACE FUNCTION app.initials(text) RETURNS text LANGUAGE sql IMMUTABLE AS '{}'"
BODY = "SELECT left($1, 1)"
ASK = "SELECT app.initials('x')"


def vouched(**functions: VouchedFunction | None) -> Vouched:
    lines = {f"app.{name}": line or VouchedFunction(place=PLACE) for name, line in functions.items()}
    return Vouched(revision="1", functions=lines)


def line(**said) -> dict[str, VouchedFunction]:
    return {"initials(text)": VouchedFunction(place=PLACE, **said)}


@pytest.fixture
def code(analyst):
    """A function, and what is made of it."""
    analyst.run(INITIALS.format(BODY))
    analyst.run("CREATE OPERATOR app.@@@ (rightarg = text, function = app.initials)")
    analyst.run("CREATE AGGREGATE app.joined(text) (sfunc = textcat, stype = text, finalfunc = app.initials)")
    analyst.run("CREATE DOMAIN app.short AS text CHECK (app.initials(VALUE) <> '')")
    yield analyst
    analyst.run("DROP DOMAIN app.short; DROP AGGREGATE app.joined(text); DROP OPERATOR app.@@@ (NONE, text)")
    analyst.run("DROP FUNCTION app.initials(text) CASCADE")


def test_a_function_is_refused_until_it_is_vouched_for(code):
    assert code.analyse(ASK).incomplete == IncompleteCode.FUNCTION_REFUSED
    code.refresh(vouched(**line()))
    assert code.analyse(ASK).complete
    assert code.catalog.void == ()


def test_what_it_is_given_is_read_all_the_same(code):
    code.refresh(vouched(**line()))
    facts = code.analyse("SELECT app.initials(phone) FROM app.payments_2025, app.users")
    assert facts.complete
    assert ("app.users", "phone", "output") in {(use.relation, use.column, use.use) for use in facts.columns}


def test_another_source_is_not_what_was_vouched_for(code):
    said = line(source_sha256=hashlib.sha256(BODY.encode()).hexdigest())
    code.refresh(vouched(**said))
    assert code.analyse(ASK).complete
    code.connection.execute(INITIALS.format("SELECT phone FROM app.users LIMIT 1"))
    code.refresh(vouched(**said))
    facts = code.analyse(ASK)
    assert facts.incomplete == IncompleteCode.FUNCTION_REFUSED
    assert "its source is not the one" in facts.detail
    (void,) = code.catalog.void
    assert void.startswith(
        f"{PLACE}: app.initials(text): its source is not the one that was vouched for (source_sha256"
    )


def test_a_body_in_standard_form_is_hashed_by_its_definition(code):
    if code.major < 14:
        pytest.skip("such bodies are new in 14")
    code.run("CREATE FUNCTION app.atomic(i int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT i + 1; END")
    (text,) = code.connection.execute("SELECT pg_get_functiondef('app.atomic'::regproc)").fetchone()
    digest = hashlib.sha256(text.encode()).hexdigest()
    said = {"atomic(integer)": VouchedFunction(place=PLACE, source_sha256=digest)}
    code.refresh(vouched(**said))
    assert code.analyse("SELECT app.atomic(1)").complete
    code.connection.execute(
        "CREATE OR REPLACE FUNCTION app.atomic(i int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT i + 2; END"
    )
    code.refresh(vouched(**said))
    assert not code.analyse("SELECT app.atomic(1)").complete
    code.run("DROP FUNCTION app.atomic(int)")


def test_owners_rights_must_be_said(code):
    code.connection.execute("ALTER FUNCTION app.initials(text) SECURITY DEFINER")
    code.refresh(vouched(**line()))
    assert "owner's rights" in code.analyse(ASK).detail
    code.refresh(vouched(**line(security_definer=True)))
    assert code.analyse(ASK).complete


def test_an_overload_is_another_function(code):
    code.run("CREATE FUNCTION app.initials(int) RETURNS text LANGUAGE sql AS 'SELECT ''x'''")
    code.refresh(vouched(**line()))
    assert code.analyse(ASK).complete
    assert not code.analyse("SELECT app.initials(1)").complete
    code.run("DROP FUNCTION app.initials(int)")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("SELECT OPERATOR(app.@@@) 'x'", IncompleteCode.OPERATOR_REFUSED),
        ("SELECT 'x'::app.short", IncompleteCode.TYPE_REFUSED),
        ("SELECT 'x'::app.short::text::app.short", IncompleteCode.TYPE_REFUSED),
    ],
)
def test_what_is_made_of_a_function_hangs_on_it(code, text, refused):
    assert code.analyse(text).incomplete == refused
    code.refresh(vouched(**line()))
    assert code.analyse(text).complete, code.analyse(text).detail


def test_an_aggregate_is_vouched_for_with_its_parts(code):
    ask = "SELECT app.joined(name) FROM app.stickers"
    code.refresh(vouched(**{"joined(text)": None}))
    facts = code.analyse(ask)
    assert (facts.incomplete, facts.detail) == (
        IncompleteCode.FUNCTION_REFUSED,
        "function app.joined: its part app.initials(text) is not vouched for",
    )
    code.refresh(vouched(**line()))
    assert not code.analyse(ask).complete
    code.refresh(vouched(**line(), **{"joined(text)": None}))
    assert code.analyse(ask).complete


def test_what_the_planner_may_put_in_the_place_of_an_operator_counts(code):
    code.run("CREATE FUNCTION app.differ(text, text) RETURNS bool LANGUAGE sql AS 'SELECT $1 <> $2'")
    code.run("CREATE OPERATOR app.=== (leftarg = text, rightarg = text, function = texteq)")
    ask = "SELECT 'a' OPERATOR(app.===) 'b'"
    assert code.analyse(ask).complete, "the server's own function under another name"
    code.run(
        "CREATE OPERATOR app.!== (leftarg = text, rightarg = text, function = app.differ, negator = OPERATOR(app.===))"
    )
    assert not code.analyse(ask).complete
    code.refresh(vouched(**{"differ(text, text)": None}))
    assert code.analyse(ask).complete
    code.run("DROP OPERATOR app.!== (text, text); DROP OPERATOR app.=== (text, text); DROP FUNCTION app.differ")


def test_domains_and_ranges_over_the_servers_own_code_need_nobodys_word(code):
    code.run("CREATE DOMAIN app.phone AS text CHECK (VALUE LIKE '+%'); CREATE DOMAIN app.mobile AS app.phone")
    assert code.analyse("SELECT '+1'::app.phone, '+1'::app.mobile, '[1,2)'::scratch.span").complete
    code.run("ALTER DOMAIN app.phone ADD CHECK (VALUE::app.phone IS NOT NULL)")  # rests on itself
    assert "its check rests on" in code.analyse("SELECT '+1'::app.mobile").detail
    code.run("DROP DOMAIN app.phone CASCADE")
    code.run("CREATE FUNCTION app.gap(int, int) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8'")
    code.run("CREATE TYPE app.wide AS RANGE (subtype = int4, subtype_diff = app.gap)")
    assert code.analyse("SELECT '[1,2)'::app.wide").incomplete == IncompleteCode.TYPE_REFUSED
    code.refresh(vouched(**{"gap(integer, integer)": None}))
    assert code.analyse("SELECT '[1,2)'::app.wide").complete
    code.run("DROP TYPE app.wide; DROP FUNCTION app.gap")


def test_a_range_is_no_better_than_what_it_is_made_of(code):
    code.run("CREATE TYPE app.shorts AS RANGE (subtype = app.short)")
    refused = code.analyse("SELECT '[a,b)'::app.shorts").incomplete
    code.refresh(vouched(**line()))
    complete = code.analyse("SELECT '[a,b)'::app.shorts").complete
    code.run("DROP TYPE app.shorts")
    assert (refused, complete) == (IncompleteCode.TYPE_REFUSED, True)


def test_a_multirange_is_no_better_than_its_range(code):
    if code.major < 14:
        return  # there are none
    assert code.analyse("SELECT '{[1,2)}'::scratch.span_multirange, NULL::scratch.span_multirange[]").complete
    code.run("CREATE FUNCTION app.gap(int, int) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8'")
    code.run("CREATE TYPE app.wide AS RANGE (subtype = int4, subtype_diff = app.gap, multirange_type_name = app.wides)")
    code.run("CREATE TYPE app.shorts AS RANGE (subtype = app.short, multirange_type_name = app.shortses)")
    asked = ("SELECT '{[1,2)}'::app.wides", "SELECT '{}'::app.wides[]", "SELECT '{[a,b)}'::app.shortses")
    refused = [code.analyse(text).incomplete for text in asked]
    code.refresh(vouched(**{"gap(integer, integer)": None, **line()}))
    complete = [code.analyse(text).complete for text in asked]
    code.run("DROP TYPE app.wide; DROP TYPE app.shorts; DROP FUNCTION app.gap")
    assert (refused, complete) == ([IncompleteCode.TYPE_REFUSED] * 3, [True] * 3)


def test_a_line_the_server_knows_nothing_of_is_told(code):
    code.refresh(vouched(**{"initals(text)": None}))
    assert code.catalog.void == (f"{PLACE}: the database has no app.initals(text)",)
    assert not code.analyse(ASK).complete
