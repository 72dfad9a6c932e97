"""RETURNING WITH (OLD AS …), which PostgreSQL 18 knows and the gate's parser does not: the server's tree judges it."""

from __future__ import annotations

import psycopg
import pytest

from gateway.sql.codes import IncompleteCode
from gateway.sql.gate import Refused, inspect
from gateway.sql.returning import without_aliases
from tests.unit.sql.conftest import Analyst, columns

CLAUSE = "UPDATE app.stickers SET name = 'n' WHERE id = -1 RETURNING WITH (OLD AS o, NEW AS n) o.name, n.price_yen"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (CLAUSE, "update"),
        (CLAUSE.lower() + " ; ", "update"),
        ("INSERT INTO t VALUES (1) RETURNING\n WITH(NEW AS n)n.a", "insert"),
        ("DELETE FROM t RETURNING WITH (OLD AS o) o.*", "delete"),
        ("MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE RETURNING WITH (OLD AS o) o.a", "merge"),
        ("WITH q AS (DELETE FROM t RETURNING WITH (OLD AS o) o.a) SELECT * FROM q", "select"),
    ],
)
def test_it_is_read_past(text: str, kind: str):
    (statement,) = inspect(text, max_bytes=1000)
    assert (statement.kind, statement.facts, statement.shape) == (kind, None, None)
    assert statement.subject == text.partition(";")[0], "the server is asked about the text as it is"


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE t SET a = 1 RETURNING WITH (OLD AS o, OLD AS p, NEW AS n) o.a",
        "UPDATE t SET a = 1 RETURNING WITH (OLD o) o.a",
        'UPDATE t SET a = 1 RETURNING WITH (OLD AS "o") o.a',
        "UPDATE t SET a = 1 RETURNING /**/ WITH (OLD AS o) o.a",
        "UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a; DROP TABLE t",
        "EXPLAIN UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a",
        "PREPARE p AS UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a",
        "COPY (UPDATE t SET a = 1 RETURNING WITH (OLD AS o) o.a) TO STDOUT",
        "WITH q AS (DELETE FROM t RETURNING WITH (OLD AS o) o.a) SELECT * INTO u FROM q",
        "CREATE VIEW v AS SELECT 1 RETURNING WITH (OLD AS o) o.a",
        "SELECT 1 RETURNING WITH (OLD AS o)",
        "SELEC 'RETURNING WITH (OLD AS o)'",
    ],
)
def test_anything_else_is_as_unparsable_as_before(text: str):
    with pytest.raises(Refused) as caught:
        inspect(text, max_bytes=1000)
    assert caught.value.code is IncompleteCode.TEXT_UNPARSABLE


def test_places_stay_where_they_are():
    assert without_aliases("SELECT 1") is None
    changed = without_aliases(CLAUSE)
    assert changed is not None
    assert len(changed) == len(CLAUSE)
    assert changed.index("o.name") == CLAUSE.index("o.name")
    (one,) = inspect("SELECT 'RETURNING WITH (OLD AS o)'", max_bytes=1000)
    assert one.text == "SELECT 'RETURNING WITH (OLD AS o)'", "what parses is never touched"


def test_its_facts_come_from_the_servers_tree(analyst: Analyst):
    if analyst.major < 18:
        with pytest.raises(psycopg.errors.SyntaxError):
            analyst.analyse(CLAUSE)
        return
    facts = analyst.analyse(CLAUSE)
    assert (facts.kind, facts.complete) == ("update", True)
    assert columns(facts, "output") == {"stickers.name", "stickers.price_yen"}
    facts = analyst.analyse("DELETE FROM app.users WHERE id = -1 RETURNING WITH (OLD AS o) o.phone")
    assert "users.phone" in columns(facts, "output")
    facts = analyst.analyse("DELETE FROM app.users WHERE id = -1 RETURNING WITH (OLD AS o, NEW AS n) to_jsonb(o)")
    assert "users.email" in columns(facts)
