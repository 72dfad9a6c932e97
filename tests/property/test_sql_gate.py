"""Whatever text comes: statements or ``Refused``, slices that add up, and normalised texts without their constants."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.sql.codes import IncompleteCode
from gateway.sql.gate import Refused, inspect, normalise

WORDS = st.sampled_from(
    "SELECT 1 'é' ; FROM t , ( ) * WHERE a = $1 UNION ALL INTO x SET search_path TO BEGIN COMMIT EXPLAIN ANALYZE COPY "
    "WITH w AS INSERT VALUES UPDATE DELETE MERGE USING RETURNING "
    "-- /* */ $$ E'\\' U&\"\\0061\" :: int || - + \n \" '".split(" ")
)
TEXTS = st.text(max_size=60) | st.lists(WORDS, max_size=25).map(" ".join)
HARMLESS = st.sampled_from(
    ["SELECT 1", "SELECT 'é;'", "BEGIN", "COMMIT", "SELECT 2 -- ;\n", "SHOW search_path", "VALUES ($$;$$)"]
)


@given(TEXTS, st.sampled_from([16, 1000]))
@example("SELECT 1;\ud800", 1000)
@example("SELECT\0 1", 1000)
def test_nothing_but_refused_is_raised(text, limit):
    try:
        statements = inspect(text, max_bytes=limit)
    except Refused as error:
        refused = error
    else:
        for statement in statements:
            assert text[statement.offset :].startswith(statement.text)
            assert statement.subject in statement.text
        return
    assert IncompleteCode(refused.code)
    assert refused.detail


@given(st.lists(HARMLESS, max_size=6))
def test_statements_are_found_each_once_and_in_order(texts):
    statements = inspect(";".join(texts), max_bytes=10_000)
    assert [statement.text.strip() for statement in statements] == [text.strip() for text in texts]


@given(TEXTS)
def test_normalising_never_raises(text):
    assert isinstance(normalise(text), str)


@given(st.integers(10_000_000, 99_999_999), st.text("abcdefgh", min_size=12, max_size=20))
def test_a_normalised_text_holds_no_constant(number, word):
    text = normalise(f"SELECT a FROM t WHERE b = {number} AND c IN ('{word}', E'{word}') LIMIT {number}")
    assert text
    assert str(number) not in text
    assert word not in text
