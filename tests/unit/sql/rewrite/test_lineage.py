"""Which outputs of a view are a masked column and nothing else."""

from __future__ import annotations

import re

import pytest

from gateway.model import Mask
from gateway.sql.rewrite import RewriteRefused
from tests.golden.make_trees import snapshot
from tests.unit.sql.rewrite.bench import PHONE

EMAIL = Mask(relation="app.users", column="email", method="null")
SHOWS = {
    "plain": "SELECT id, phone AS p FROM app.users",
    "join": "SELECT u.id, u.phone AS p FROM app.users u LEFT JOIN app.messages m ON m.sender_id = u.id",
    "join with an alias": "SELECT j.phone AS p FROM (app.users u JOIN app.consent c ON c.user_id = u.id) j",
    "union all": "SELECT phone AS p FROM app.users UNION ALL SELECT name FROM app.stickers",
    "common table": "WITH a AS (SELECT phone FROM app.users), b AS (SELECT * FROM a) SELECT b.phone AS p FROM b",
    "nested": "SELECT s.p FROM (SELECT x.phone AS p, x.id FROM app.users x) s WHERE s.id > 0",
    "view": "SELECT contact AS p FROM app.v_contacts",
    "lateral": "SELECT l.p FROM app.users u, LATERAL (SELECT u.phone AS p) l",
    "limit": "SELECT phone AS p FROM app.users ORDER BY id LIMIT 3",
}
REFUSED = {
    "where": "SELECT id AS p FROM app.users WHERE phone IS NULL",
    "expression": "SELECT lower(phone) AS p FROM app.users",
    "order": "SELECT phone AS p FROM app.users ORDER BY phone",
    "hidden order": "SELECT id AS p FROM app.users ORDER BY phone",
    "group": "SELECT phone AS p FROM app.users GROUP BY phone",
    "aggregate": "SELECT max(phone) AS p FROM app.users",
    "distinct": "SELECT DISTINCT phone AS p FROM app.users",
    "union": "SELECT phone AS p FROM app.users UNION SELECT name FROM app.stickers",
    "except": "SELECT name AS p FROM app.stickers EXCEPT SELECT phone FROM app.users",
    "join on": "SELECT u.id AS p FROM app.users u JOIN app.messages m ON m.body = u.phone",
    "using": "SELECT a.id AS p FROM app.users a JOIN app.users b USING (phone)",
    "merged": "SELECT phone AS p FROM app.users a FULL JOIN app.users b USING (phone)",
    "whole row": "SELECT to_jsonb(u) AS p FROM app.users u",
    "row of a sub-select": "SELECT to_jsonb(s) AS p FROM (SELECT phone FROM app.users) s",
    "row of a join": "SELECT to_jsonb(j) AS p FROM (app.users u JOIN app.consent c ON c.user_id = u.id) j",
    "system column": "SELECT ctid AS p FROM app.users",
    "sub-select": "SELECT (SELECT phone FROM app.users LIMIT 1) AS p",
    "correlated": "SELECT (SELECT count(*) FROM app.messages m WHERE m.body = u.phone) AS p FROM app.users u",
    "correlated from a sub-query": "SELECT (SELECT s.phone) AS p FROM (SELECT phone FROM app.users) s",
    "in": "SELECT id AS p FROM app.stickers WHERE name IN (SELECT phone FROM app.users)",
    "function in from": "SELECT f AS p FROM app.users u, LATERAL unnest(ARRAY[u.phone]) f",
    "values": "SELECT v.column1 AS p FROM app.users u, LATERAL (VALUES (u.phone)) v",
    "window": "SELECT rank() OVER (ORDER BY phone) AS p FROM app.users",
    "recursive": "WITH RECURSIVE r AS (SELECT phone AS p FROM app.users UNION ALL SELECT p FROM r) SELECT p FROM r",
    "unread": "SELECT s.id AS p FROM (SELECT id, lower(phone) FROM app.users) s",
}


UNITED = "SELECT phone AS p FROM app.users UNION ALL SELECT email FROM app.users"
RECURSIVE = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n AS p FROM r"


@pytest.fixture(scope="module")
def views(bench):
    """The name of each text's view: all are made at once, as the catalog is read anew after a change."""
    names = {
        text: f"scratch.made_{number}"
        for number, text in enumerate((*SHOWS.values(), *REFUSED.values(), UNITED, RECURSIVE))
    }
    for text, name in names.items():
        bench.session.execute(f"CREATE VIEW {name} AS {text}")
    bench.catalog = type(bench.catalog).from_rows(bench.major, snapshot(bench.twin))
    yield names
    bench.session.execute(f"DROP VIEW {', '.join(names.values())}")


@pytest.mark.parametrize("text", SHOWS.values(), ids=SHOWS.keys())
def test_a_masked_column_that_only_comes_out_is_masked_there(bench, views, text):
    view = views[text]
    made = bench.rewrite(f"SELECT p, count(*) FROM {view} GROUP BY p", PHONE)
    assert '"scratch"."{}"'.format(view.removeprefix("scratch.")) in made.text
    shown = {row[0] for row in bench.rows(made.text)}
    assert shown == {None}
    assert bench.rows(bench.rewrite(f"SELECT count(*) FROM {view} WHERE p LIKE '%5550%'", PHONE).text) == [(0,)]


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_a_view_that_does_more_with_it_is_refused(bench, views, text):
    with pytest.raises(RewriteRefused, match=rf"the view {re.escape(views[text])}\b"):
        bench.rewrite(f"SELECT p FROM {views[text]}", PHONE)


def test_two_masks_cannot_be_united(bench, views):
    assert bench.rewrite(f"SELECT p FROM {views[UNITED]}", PHONE, EMAIL)
    partial = Mask(relation="app.users", column="email", method="partial")
    with pytest.raises(RewriteRefused, match="masked differently"):
        bench.rewrite(f"SELECT p FROM {views[UNITED]}", PHONE, partial)


def test_a_view_without_masked_columns_stays_as_it_is(bench, views):
    ask = f"SELECT p, u.phone FROM {views[RECURSIVE]}, users u WHERE u.id = 1 ORDER BY p"
    assert bench.rows(bench.rewrite(ask, PHONE).text) == [(1, None), (2, None), (3, None)]
