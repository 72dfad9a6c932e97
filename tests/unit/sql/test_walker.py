"""The walk, on real servers: every way to reach a column ends at the column."""

from __future__ import annotations

import pytest

from gateway.model import StatementEffect
from gateway.sql.codes import IncompleteCode
from gateway.sql.touched import Touched
from gateway.sql.tree.fields import GRAMMARS
from gateway.sql.tree.reader import read_expressions
from gateway.sql.walker import Walker
from tests.unit.sql import golden
from tests.unit.sql.conftest import columns

READS = [
    # aliases, joins
    ("SELECT c FROM app.messages AS t(a, b, c)", {"messages.body"}),
    ("SELECT j.x FROM (app.messages m JOIN app.images i ON true) AS j(a, b, x)", {"messages.body"}),
    ("SELECT id FROM app.messages NATURAL JOIN app.stickers", {"messages.id", "stickers.id"}),
    ("SELECT u FROM app.messages JOIN app.images USING (id) AS u", {"messages.id", "images.id"}),
    ("SELECT id FROM app.messages FULL JOIN app.images USING (id)", {"messages.id", "images.id"}),
    # sub-selects
    ("SELECT x FROM (SELECT y AS x FROM (SELECT body AS y FROM app.messages) a) b", {"messages.body"}),
    ("SELECT ARRAY(SELECT body FROM app.messages)", {"messages.body"}),
    ("SELECT 1 WHERE 'x' IN (SELECT body FROM app.messages)", {"messages.body"}),
    ("SELECT 1 WHERE ('x', 1) IN (SELECT body, id FROM app.messages)", {"messages.body", "messages.id"}),
    ("SELECT (SELECT m.body) FROM app.messages m", {"messages.body"}),
    ("SELECT 1 FROM app.stickers LIMIT (SELECT length(body) FROM app.messages LIMIT 1)", {"messages.body"}),
    ("SELECT x FROM ROWS FROM (unnest(ARRAY(SELECT body FROM app.messages))) t(x)", {"messages.body"}),
    ("SELECT v FROM app.messages m CROSS JOIN LATERAL (SELECT m.body) l(v)", {"messages.body"}),
    ("SELECT v FROM app.messages m CROSS JOIN LATERAL unnest(ARRAY[m.body]) l(v)", {"messages.body"}),
    # an output nobody reads is still evaluated, and needs a privilege
    ("SELECT s.id FROM (SELECT id, body FROM app.messages) s", {"messages.id", "messages.body"}),
    # common table expressions
    ("WITH stickers AS (SELECT body AS name FROM app.messages) SELECT name FROM stickers", {"messages.body"}),
    ("WITH a AS (SELECT body FROM app.messages), b AS (SELECT * FROM a) SELECT * FROM b", {"messages.body"}),
    ("WITH w AS (SELECT body FROM app.messages) SELECT (SELECT body FROM w LIMIT 1)", {"messages.body"}),
    # set operations
    ("SELECT 'x' UNION ALL (SELECT body FROM app.messages EXCEPT SELECT 'y')", {"messages.body"}),
    ("SELECT x FROM (SELECT name FROM app.stickers UNION SELECT body FROM app.messages) u(x)",
     {"stickers.name", "messages.body"}),
    ("VALUES ('x'), ((SELECT max(body) FROM app.messages))", {"messages.body"}),
    # grouping
    ("SELECT count(*) FROM app.messages GROUP BY body", {"messages.body"}),
    ("SELECT count(*) FROM app.messages GROUP BY GROUPING SETS ((lower(body)), ())", {"messages.body"}),
    ("SELECT count(*) FILTER (WHERE body > 'x') FROM app.messages", {"messages.body"}),
    ("SELECT string_agg('x', ',' ORDER BY body) FROM app.messages", {"messages.body"}),
    ("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY body) FROM app.messages", {"messages.body"}),
    ("SELECT 1 FROM app.messages HAVING max(body) > 'x'", {"messages.body"}),
    ("SELECT DISTINCT ON (body) 1 FROM app.messages", {"messages.body"}),
    ("SELECT 1 FROM app.messages ORDER BY body", {"messages.body"}),
    ("SELECT sum(1) OVER (PARTITION BY body) FROM app.messages", {"messages.body"}),
    ("SELECT sum(1) OVER (ORDER BY id RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) FROM app.messages", {"messages.id"}),
    ("SELECT lag(body) OVER (ORDER BY id) FROM app.messages", {"messages.body", "messages.id"}),
    # views
    ("SELECT id FROM app.v_filter", {"users.id", "users.phone", "users_vip.id", "users_vip.phone"}),
    ("SELECT c2 FROM app.v_nested", {"users.phone", "users_vip.phone"}),
    # samples, row comparisons, subscripts
    ("SELECT body FROM app.messages TABLESAMPLE BERNOULLI (10)", {"messages.body"}),
    ("SELECT (body, id) < ('x', 1) FROM app.messages", {"messages.body", "messages.id"}),
    ("SELECT (ARRAY[body])[id] FROM app.messages", {"messages.body", "messages.id"}),
    ("SELECT CASE body WHEN 'x' THEN 1 END FROM app.messages", {"messages.body"}),
    ("SELECT count(*) FROM app.messages", set()),
    ("SELECT FROM app.messages", set()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), READS, ids=[text for text, _ in READS])
def test_reads(analyst, text, expected):
    facts = analyst.analyse(text)
    assert facts.complete, facts.detail
    assert columns(facts) == expected
    assert facts.effect is StatementEffect.READ


@pytest.mark.parametrize(
    "text",
    [
        "SELECT m FROM app.messages m",
        "SELECT m::text FROM app.messages m",
        "SELECT to_jsonb(m) ->> 'bo' FROM app.messages m",
        "SELECT ROW(m.*) FROM app.messages m",
        "SELECT (m).* FROM app.messages m",
        "SELECT concat(m.*) FROM app.messages m",
        "SELECT s FROM (SELECT * FROM app.messages) s",
        "SELECT count(m) FROM app.messages m",
        "SELECT json_agg(m) FROM app.messages m",
        "SELECT 1 FROM app.messages m WHERE m IS NOT NULL",
        "TABLE app.messages",
    ],
)
def test_whole_rows_are_all_columns(analyst, text):
    facts = analyst.analyse(text)
    assert facts.complete, facts.detail
    assert columns(facts) == {f"messages.{name}" for name in ("id", "sender_id", "body", "sent_at")}


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("SELECT body FROM app.messages", "output"),
        ("SELECT 1 FROM app.messages WHERE body = 'x'", "predicate"),
        ("SELECT 1 FROM app.messages ORDER BY body", "arrange"),
        ("SELECT 1 FROM app.messages GROUP BY body", "arrange"),
        ("SELECT 1 FROM app.messages HAVING max(body) = 'x'", "predicate"),
        ("SELECT 1 FROM (SELECT body AS b FROM app.messages) s WHERE b = 'x'", "predicate"),
        ("SELECT 1 FROM (SELECT max(body) AS b FROM app.messages) s ORDER BY b", "arrange"),
        ("WITH w AS (SELECT body FROM app.messages) SELECT 1 FROM w WHERE body = 'x'", "predicate"),
        ("SELECT 1 FROM app.messages a JOIN app.messages b USING (body)", "arrange"),
        ("SELECT 1 WHERE EXISTS (SELECT FROM app.messages WHERE body = 'x')", "predicate"),
        ("SELECT m FROM app.messages m", "whole_row"),
        ("INSERT INTO app.messages (body) VALUES ('x')", "write_target"),
    ],
)
def test_a_use_is_that_of_the_outermost_position(analyst, text, use):
    facts = analyst.analyse(text)
    assert {str(found.use) for found in facts.columns if found.column == "body"} == {use}


WRITES = [
    (
        "INSERT INTO app.stickers SELECT id, body, 1 FROM app.messages",
        {"messages.id", "messages.body"},
        {"stickers.id", "stickers.name", "stickers.price_yen"},
    ),
    ("DELETE FROM app.stickers WHERE name = 'x' RETURNING price_yen", {"stickers.name", "stickers.price_yen"}, set()),
    (
        "DELETE FROM app.stickers USING app.messages m WHERE m.body = name",
        {"messages.body", "stickers.name"},
        set(),
    ),
    ("UPDATE app.stickers SET name = (SELECT max(body) FROM app.messages)", {"messages.body"}, {"stickers.name"}),
    (
        "UPDATE app.stickers SET (name, price_yen) = (SELECT body, id FROM app.messages LIMIT 1)",
        {"messages.body", "messages.id"},
        {"stickers.name", "stickers.price_yen"},
    ),
    (
        "INSERT INTO app.stickers VALUES (1, 'x', 1) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        {"stickers.id", "stickers.name"},
        {"stickers.id", "stickers.name", "stickers.price_yen"},
    ),
    (
        "MERGE INTO app.stickers s USING app.messages m ON s.id = m.id "
        "WHEN MATCHED AND m.sender_id = 1 THEN UPDATE SET name = m.body WHEN NOT MATCHED THEN INSERT VALUES (m.id)",
        {"stickers.id", "messages.id", "messages.sender_id", "messages.body"},
        {"stickers.id", "stickers.name"},
    ),
    (
        "WITH w AS (DELETE FROM app.stickers RETURNING name) INSERT INTO app.regions (name) SELECT name FROM w",
        {"stickers.name"},
        {"regions.name"},
    ),
]


@pytest.mark.parametrize(("text", "read", "written"), WRITES, ids=[text for text, *_ in WRITES])
def test_writes(analyst, text, read, written):
    facts = analyst.analyse(text)
    assert facts.complete, facts.detail
    assert facts.effect is StatementEffect.WRITE
    assert columns(facts, "output", "predicate", "arrange") == read
    assert columns(facts, "write_target") == written


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO app.stickers VALUES (1, 'x', 1) ON CONFLICT DO NOTHING",
        "INSERT INTO app.stickers VALUES (1, 'x', 1) ON CONFLICT ON CONSTRAINT stickers_pkey DO NOTHING",
    ],
)
def test_a_conflict_nobody_names_tells_of_keys(analyst, text):
    """Found by the privilege oracle: PostgreSQL asks for SELECT on the constraint's columns."""
    facts = analyst.analyse(text)
    assert facts.complete, facts.detail
    assert columns(facts, "whole_row") == {"stickers.id", "stickers.name", "stickers.price_yen"}


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE app.users SET display_name = NULL WHERE id = 1",
        "INSERT INTO app.users (id, phone) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET display_name = NULL",
    ],
)
def test_a_change_names_what_it_writes_and_reads(analyst, text):
    """The row that an error would print never arrives: `gateway.pgwire.guard`."""
    facts = analyst.analyse(text)
    assert facts.complete, facts.detail
    assert columns(facts, "output", "predicate", "whole_row") <= {"users.id", "users_vip.id"}
    assert "users.display_name" in columns(facts, "write_target")


TIED = """
CREATE TABLE IF NOT EXISTS scratch.tied (
  id int PRIMARY KEY, a int, b int, c int, d int, e int, f int, g int,
  sum int GENERATED ALWAYS AS (a + b) STORED,
  CHECK (a < c), UNIQUE (d, e) INCLUDE (g));
CREATE UNIQUE INDEX ON scratch.tied (f) WHERE g > 0;
CREATE TABLE IF NOT EXISTS scratch.part (
  id int, k int, l int, m int, FOREIGN KEY (l, m) REFERENCES scratch.tied (d, e), CHECK (m > 0)
) PARTITION BY RANGE (k, id);
CREATE TABLE IF NOT EXISTS scratch.part_1 PARTITION OF scratch.part (CHECK (l < k)) FOR VALUES FROM (0, 0) TO (9, 9);
"""


@pytest.mark.parametrize(
    ("text", "tied"),
    [
        ("UPDATE scratch.tied SET a = 1", {"tied.b", "tied.c"}),
        ("UPDATE scratch.tied SET c = 1", {"tied.a"}),
        ("UPDATE scratch.tied SET d = 1", {"tied.e"}),
        ("UPDATE scratch.tied SET f = 1", {"tied.g"}),
        ("UPDATE scratch.tied SET g = 1", {"tied.f"}),
        ("UPDATE scratch.tied SET id = 1", set()),
        ("UPDATE scratch.part SET l = 1", {"part.m", "part_1.m", "part_1.k"}),
        ("UPDATE scratch.part SET id = 1", {"part.k"}),
        ("UPDATE scratch.part_1 SET m = 1", {"part_1.l"}),
        ("UPDATE scratch.part_1 SET id = 1", {"part_1.k"}),
        ("INSERT INTO scratch.part (id, k) VALUES (1, 2)", set()),
        ("DELETE FROM scratch.part", set()),
        ("INSERT INTO scratch.tied (id, f) VALUES (1, 2) ON CONFLICT (id) DO UPDATE SET f = 2", {"tied.g", "tied.id"}),
    ],
)
def test_a_change_tells_of_columns_that_are_checked_together_with_it(analyst, text, tied):
    """By trying values of one column, one finds out the other: whether the server takes them is an answer."""
    analyst.once(TIED)
    facts = analyst.analyse(text)
    assert facts.complete, facts.detail
    assert columns(facts, "predicate") == tied


def test_a_check_of_the_whole_row_ties_all_of_it(analyst):
    analyst.run("CREATE TABLE IF NOT EXISTS scratch.whole (a int, b int, CHECK (whole IS NOT NULL))")
    facts = analyst.analyse("UPDATE scratch.whole SET a = 1")
    assert columns(facts, "whole_row") == {"whole.a", "whole.b"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT 1 FROM (SELECT set_config('search_path', 'app', false)) s", IncompleteCode.SETTING_REFUSED),
        ("SELECT display_name FROM (SELECT u.*, app.contact(u) FROM app.users u) s", IncompleteCode.FUNCTION_REFUSED),
        ("SELECT u.contact FROM app.users u", None),  # the server does not find it: it is not in its search path
        ("SELECT 1 OPERATOR(app.=~~) 'x'", IncompleteCode.OPERATOR_REFUSED),
        ("SELECT 1::scratch.guarded", IncompleteCode.TYPE_REFUSED),
        ("SELECT '{}'::scratch.guarded[]", IncompleteCode.TYPE_REFUSED),  # a constant was made of a text already
        ("SELECT * FROM json_to_record('{}') AS x (a scratch.guarded)", IncompleteCode.TYPE_REFUSED),
        ("SELECT (ROW(1)::app.uref)::text", IncompleteCode.FUNCTION_REFUSED),
        ("SELECT setval('scratch.seq', 1)", IncompleteCode.FUNCTION_REFUSED),
        ("SELECT last_value FROM scratch.seq", IncompleteCode.RELATION_REFUSED),
        ("SELECT rolpassword FROM pg_authid", IncompleteCode.COLUMN_REFUSED),
        ("SELECT a FROM pg_authid a", IncompleteCode.COLUMN_REFUSED),
        ("SELECT query FROM pg_stat_activity", IncompleteCode.FUNCTION_REFUSED),
        ("SELECT 1 FROM pg_statistic", IncompleteCode.RELATION_REFUSED),
        ("DELETE FROM pg_depend", IncompleteCode.TARGET_REFUSED),
    ],
)
def test_what_cannot_be_vouched_for(analyst, text, code):
    if code is None:
        with pytest.raises(Exception, match="contact"):
            analyst.analyse(text)
        return
    analyst.once("CREATE SEQUENCE IF NOT EXISTS scratch.seq")
    facts = analyst.analyse(text)
    assert (facts.complete, facts.incomplete) == (False, code)


SHOWN = "scratch.shown"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"SELECT name FROM {SHOWN}", None),
        (f"SELECT count(*) FROM {SHOWN}", None),
        (f"SELECT s.name FROM (SELECT * FROM {SHOWN}) s", None),
        (f"SELECT name FROM {SHOWN} UNION SELECT name FROM {SHOWN}", None),
        (f"SELECT shown FROM {SHOWN}", IncompleteCode.DEFINITION_REFUSED),
        (f"SELECT * FROM {SHOWN}", IncompleteCode.DEFINITION_REFUSED),
        (f"SELECT s FROM {SHOWN} s", IncompleteCode.DEFINITION_REFUSED),
        (f"SELECT name FROM {SHOWN} WHERE shown LIKE '%1%'", IncompleteCode.DEFINITION_REFUSED),
        (f"SELECT name FROM {SHOWN} ORDER BY shown", IncompleteCode.DEFINITION_REFUSED),
        (f"SELECT name FROM {SHOWN} UNION SELECT shown FROM {SHOWN}", IncompleteCode.DEFINITION_REFUSED),
        (f"SELECT 1 FROM {SHOWN} a JOIN {SHOWN} b USING (shown)", IncompleteCode.DEFINITION_REFUSED),
        # in no view: an error in the client's own text could show it
        ("SELECT n FROM (SELECT relname n, pg_get_viewdef(oid) FROM pg_class) s", IncompleteCode.DEFINITION_REFUSED),
        (
            f"WITH c AS MATERIALIZED (SELECT name, shown::int AS i FROM {SHOWN}), d AS (SELECT * FROM c) "
            "SELECT name FROM d",
            IncompleteCode.DEFINITION_REFUSED,
        ),
        (f"WITH c AS MATERIALIZED (SELECT * FROM {SHOWN}) SELECT name FROM c", None),
        ("SELECT viewname FROM pg_views", None),
        ("SELECT definition FROM pg_views", IncompleteCode.DEFINITION_REFUSED),
        ("SELECT relname FROM pg_stat_user_tables", None),
        ("SELECT relname, n_live_tup FROM pg_stat_user_tables", IncompleteCode.FUNCTION_REFUSED),
        ("SELECT tablename FROM pg_stats", IncompleteCode.RELATION_REFUSED),
        ("SELECT routine_name FROM information_schema.routines", None),
        ("SELECT routine_definition FROM information_schema.routines", IncompleteCode.COLUMN_REFUSED),
        ("SELECT column_name, data_type, is_nullable FROM information_schema.columns", None),
        ("SELECT pid FROM pg_stat_activity", IncompleteCode.FUNCTION_REFUSED),  # it stands in FROM
    ],
)
def test_what_a_view_would_show_counts_where_somebody_asks(analyst, text, code):
    analyst.once(
        f"CREATE OR REPLACE VIEW {SHOWN} AS SELECT relname::text AS name, pg_get_viewdef(oid) AS shown FROM pg_class"
    )
    facts = analyst.analyse(text)
    assert facts.incomplete == code, facts.detail


def test_what_a_view_would_do_counts_in_any_case(analyst):
    analyst.run(
        "CREATE OR REPLACE VIEW scratch.does AS SELECT 1 AS a, pg_stat_reset() IS NULL AS b, app.phone_of(1) AS c"
    )
    facts = analyst.analyse("SELECT a FROM scratch.does")
    assert facts.incomplete == IncompleteCode.FUNCTION_REFUSED


def test_row_security_is_walked(analyst):
    analyst.run("CREATE TABLE IF NOT EXISTS scratch.secured (a int)")
    analyst.run("ALTER TABLE scratch.secured ENABLE ROW LEVEL SECURITY")
    analyst.run("ALTER TABLE scratch.secured FORCE ROW LEVEL SECURITY")
    analyst.run("CREATE POLICY p ON scratch.secured USING (EXISTS (SELECT FROM app.messages WHERE body = 'x'))")
    analyst.run("GRANT SELECT ON scratch.secured TO gw_app")
    analyst.refresh()  # as who may read it all
    analyst.connection.execute("SET ROLE gw_app")
    facts = analyst.analyse("SELECT a FROM scratch.secured")
    analyst.connection.execute("RESET ROLE")
    assert columns(facts, "predicate") == {"messages.body"}


@pytest.mark.parametrize("length", [20, 1500])
def test_a_long_chain_of_references_is_walked_or_too_deep(analyst, length):
    """No tree is deep here; compiled or not, the walk ends with facts or with its own reason."""
    chain = ", ".join(f"c{n} AS (SELECT id FROM {f'c{n - 1}' if n else 'app.users'})" for n in range(length))
    facts = analyst.analyse(f"WITH {chain} SELECT id FROM c{length - 1}")
    assert facts.complete is (length == 20)
    assert facts.incomplete == (None if facts.complete else IncompleteCode.TREE_TOO_DEEP)
    assert columns(facts, "output") == {"users.id", "users_vip.id"} or not facts.complete


def test_what_is_no_query_is_refused():
    (node,) = read_expressions(
        "{CONST :consttype 23 :consttypmod -1 :constcollid 0 :constlen 4 :constbyval true :constisnull true "
        ":location -1 :constvalue <>}",
        GRAMMARS[18],
    )
    touched = Touched(golden.catalog(18))
    Walker(golden.catalog(18), touched).statement(node)
    assert touched.problem[0] is IncompleteCode.COMMAND_REFUSED
