"""Definitions of one relation, asked for by its OID: a literal in another one's is not in the way, and stays unseen."""

from __future__ import annotations

import pytest

LITERAL = "'+81-90-5550-0001'"


@pytest.fixture(scope="module")
def place(analyst):
    """A table and a view without literals, and the same with one in everything."""
    analyst.run(
        f"""CREATE TABLE scratch.plain (a int PRIMARY KEY DEFAULT 1 CHECK (a > 0), b text DEFAULT 'x');
        CREATE INDEX ON scratch.plain (lower(b));
        CREATE TABLE scratch.full (a int REFERENCES scratch.plain, b text DEFAULT {LITERAL} CHECK (b <> {LITERAL}));
        CREATE INDEX ON scratch.full (a) WHERE b > {LITERAL};
        CREATE VIEW scratch.seen AS SELECT a FROM scratch.plain;
        CREATE VIEW scratch.hidden AS SELECT a FROM scratch.full WHERE b = {LITERAL};"""
    )
    yield analyst
    analyst.run("DROP TABLE scratch.plain, scratch.full CASCADE")


def oid(place, name: str) -> int:
    (found,) = place.connection.execute(f"SELECT '{name}'::regclass::oid").fetchone()
    return found


DESCRIBE = [
    """SELECT a.attname, (SELECT pg_get_expr(d.adbin, d.adrelid, true) FROM pg_attrdef d
       WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef)
       FROM pg_attribute a WHERE a.attrelid = '{}' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""",
    """SELECT c2.relname, pg_get_indexdef(i.indexrelid, 0, true), pg_get_constraintdef(con.oid, true)
       FROM pg_class c, pg_class c2, pg_index i
       LEFT JOIN pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p','u','x'))
       WHERE c.oid = '{}' AND c.oid = i.indrelid AND i.indexrelid = c2.oid ORDER BY i.indisprimary DESC, c2.relname""",
    "SELECT conname, pg_get_constraintdef(r.oid, true) FROM pg_constraint r WHERE conrelid = '{}' AND contype = 'c'",
    """SELECT i.indexrelid, pg_get_expr(i.indpred, i.indrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
       WHERE c.oid = {}::oid ORDER BY pg_get_expr(i.indpred, i.indrelid)""",
]
VIEW = [
    """SELECT r.rulename, trim(trailing ';' from pg_get_ruledef(r.oid, true)) FROM pg_rewrite r
       WHERE r.ev_class = '{}' ORDER BY 1""",
    "SELECT pg_get_viewdef(c.oid, true) FROM pg_class c WHERE c.oid = {}",
    "SELECT ARRAY(SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class = c.oid) FROM pg_class c WHERE oid = {}",
]


@pytest.mark.parametrize("text", DESCRIBE)
def test_a_table_is_described_and_another_is_not(place, text):
    facts = place.analyse(text.format(oid(place, "scratch.plain")))
    assert facts.complete, facts.detail
    assert place.analyse(text.format(oid(place, "scratch.full"))).incomplete == "definition_refused"


@pytest.mark.parametrize("text", VIEW)
def test_a_view_is_described_and_another_is_not(place, text):
    facts = place.analyse(text.format(oid(place, "scratch.seen")))
    assert facts.complete, facts.detail
    assert place.analyse(text.format(oid(place, "scratch.hidden"))).incomplete == "definition_refused"


def test_keys_hold_nothing_but_names(place):
    """Foreign keys of other tables to this one, as psql asks for them."""
    text = "SELECT pg_get_constraintdef(oid, true) FROM pg_constraint c WHERE confrelid = 1 AND contype = '{}'"
    assert place.analyse(text.format("f")).complete
    assert place.analyse(text.format("c")).incomplete == "definition_refused"


NOT_CERTAIN = [
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE c.oid = {0} OR true",
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE NOT c.oid = {0}",
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE c.oid <> {0}",
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE c.oid = $1",
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c WHERE c.oid = 4000000000",  # newer than the snapshot, perhaps
    "SELECT pg_get_viewdef(c.relfilenode) FROM pg_class c WHERE c.oid = {0}",
    "SELECT pg_get_viewdef(d.oid) FROM pg_class c, pg_class d WHERE c.oid = {0}",
    "SELECT pg_get_viewdef(d.oid) FROM pg_class c LEFT JOIN pg_class d ON c.oid = {0}",
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c LEFT JOIN pg_class d ON c.oid = {0}",
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c LEFT JOIN pg_class d ON d.oid = {0} AND c.oid = d.oid",
    "SELECT pg_get_viewdef(c.oid) FROM pg_class c FULL JOIN pg_class d ON c.oid = {0} AND d.oid = {0}",
    "SELECT pg_get_ruledef(r.oid) FROM pg_rewrite r, pg_class c WHERE c.oid = {0} AND r.oid = c.oid",
    # what is computed before it is certain which rows pass could show others in an error
    "SELECT 1 FROM pg_class c WHERE c.oid = {0} AND pg_get_viewdef(c.oid)::int = 1",
    "SELECT 1 FROM pg_class c, LATERAL unnest(ARRAY[pg_get_viewdef(c.oid)::int]) WHERE c.oid = {0}",
    "SELECT d FROM (SELECT pg_get_viewdef(c.oid)::int AS d FROM pg_class c WHERE c.oid = {0}) s",
    "SELECT s.d FROM pg_am a LEFT JOIN (SELECT pg_get_viewdef(c.oid)::int AS d FROM pg_class c, pg_index i"
    " WHERE c.oid = i.indrelid AND i.indrelid = {0}) s ON true",
    "SELECT pg_get_expr(d.adbin, d.adrelid), s.x FROM pg_attrdef d,"
    " LATERAL (SELECT pg_get_expr(d.adbin, d.adrelid)::int AS x OFFSET 0) s WHERE d.adrelid = {0}",
    "SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = {0} AND d.adbin::text LIKE '%9%'",
    "SELECT c.oid FROM pg_class c WHERE c.oid = {0} AND (SELECT pg_get_viewdef(c.oid)) = ''",
    "SELECT 1 FROM pg_class c WHERE c.oid = {0} GROUP BY c.oid HAVING pg_get_viewdef(c.oid) = ''",
    "WITH s AS (SELECT pg_get_viewdef(c.oid) AS d FROM pg_class c WHERE c.oid = {0}) SELECT d FROM s",
    "SELECT 1 FROM pg_class c WHERE c.oid = {0} UNION ALL SELECT pg_get_viewdef(c.oid)::int FROM pg_class c",
    "SELECT (SELECT pg_get_viewdef(d.oid) FROM pg_class d WHERE d.relname = c.relname LIMIT 1) FROM pg_class c"
    " WHERE c.oid = {0}",
]


@pytest.mark.parametrize("text", NOT_CERTAIN)
def test_where_it_is_not_certain_every_definition_counts(place, text):
    facts = place.analyse(text.format(oid(place, "scratch.seen")))
    assert facts.incomplete == "definition_refused"
