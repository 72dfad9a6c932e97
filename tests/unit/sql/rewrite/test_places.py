"""Where relations are named in a text, and what exactly stands there."""

from __future__ import annotations

import pytest

from gateway.sql.gate import syntax
from gateway.sql.rewrite.places import Cut, find, name_end, relation_cut, spliced, without_places
from gateway.sql.rewrite.refused import RewriteRefused


def named(text: str) -> list[str]:
    """The bytes that name each relation, in order of the text."""
    source = text.encode()
    found = find(syntax(text)["SelectStmt"]).relations
    return [source[slice(*relation_cut(source, one))].decode() for one in sorted(found, key=lambda one: one.start)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1 FROM users", ["users"]),
        ('SELECT \'é関\' FROM app . users AS u, "X""y" z', ["app . users", '"X""y"']),
        ("SELECT 1 FROM a JOIN (b CROSS JOIN c) USING (x), LATERAL (SELECT FROM d) e", ["a", "b", "c", "d"]),
        ("SELECT (SELECT 1 FROM a WHERE EXISTS (TABLE b)), ARRAY(SELECT 1 FROM c)", ["a", "TABLE b", "c"]),
        ("WITH q AS (SELECT FROM a) SELECT FROM q, b", ["a", "b"]),
        ("WITH q AS (SELECT FROM q) SELECT FROM q", ["q"]),
        ("WITH RECURSIVE q AS (SELECT FROM q UNION SELECT FROM r), r AS (SELECT FROM q) SELECT FROM q", []),
        ("WITH q AS (SELECT FROM a), r AS (SELECT FROM q) SELECT FROM r, app.q", ["a", "app.q"]),
        (
            "SELECT FROM a WHERE x IN (WITH a AS (SELECT FROM b) SELECT FROM a) ORDER BY (SELECT FROM a)",
            ["a", "b", "a"],
        ),
        ("(WITH a AS (SELECT FROM b) SELECT FROM a) UNION ALL SELECT FROM a", ["b", "a"]),
        ("VALUES ((SELECT FROM a))", ["a"]),
        ("SELECT 1 FROM generate_series(1, (SELECT max(x) FROM a)) g", ["a"]),
        ("TABLE\n users", ["TABLE\n users"]),
        ("SELECT 1 FROM U", ["U"]),
    ],
)
def test_relations(text, expected):
    assert named(text) == expected


@pytest.mark.parametrize(
    "text",
    ['SELECT 1 FROM U&"u\\0073ers"', "SELECT 1 FROM app./**/users", "SELECT 1 FROM users *", "TABLE /* a */ users"],
)
def test_what_is_not_written_plainly_is_refused(text):
    with pytest.raises(RewriteRefused, match=r"written plainly|cannot be read"):
        named(text)


@pytest.mark.parametrize(
    "text",
    [
        "WITH q AS (DELETE FROM users RETURNING *) SELECT FROM q",
        "WITH q AS (INSERT INTO t VALUES (1)) SELECT",
        "SELECT FROM base.app.users",
    ],
)
def test_writes_and_databases_are_refused(text):
    with pytest.raises(RewriteRefused):
        named(text)


def test_what_is_known_of_each():
    found = find(syntax("SELECT app.t.x, app.t.*, t.y FROM ONLY app.t AS a, t TABLESAMPLE system(1)")["SelectStmt"])
    one, other = found.relations
    assert (one.alias, one.only, one.sampled, one.schema) == ("a", True, False, "app")
    assert (other.alias, other.only, other.sampled, other.schema) == (None, False, True, None)
    assert found.columns == [(7, ["app", "t", "x"]), (16, ["app", "t", "*"])]
    assert find(syntax("SELECT FROM (SELECT FROM t FOR SHARE) s")["SelectStmt"]).locks


def test_depth_is_bounded():
    text = "SELECT 1"
    tree: dict[str, object] = dict(syntax(text)["SelectStmt"])
    for _ in range(5000):
        tree = {"targetList": [{"SelectStmt": tree}, {}]}
    with pytest.raises(RewriteRefused, match="deeply"):
        find(tree)


def test_splices():
    assert spliced(b"0123456789", [Cut(5, 6, b"five"), Cut(0, 2, b"")]) == b"234five6789"
    with pytest.raises(RewriteRefused, match="overlap"):
        spliced(b"0123", [Cut(0, 2, b""), Cut(1, 3, b"")])


def test_names_are_read_as_the_server_does():
    assert name_end(b"Users", 0, ["users"]) == 5
    assert name_end(b'"Users"', 0, ["users"]) is None
    assert name_end("ÄB".encode(), 0, ["Äb"]) == 3
    long = "x" * 70
    assert name_end(long.encode(), 0, ["x" * 63]) == 70
    assert name_end(b"a.b", 0, ["a", "c"]) is None
    assert name_end(b"a b", 0, ["a", "b"]) is None
    assert name_end(b"a", -1, ["a"]) is None


def test_trees_are_compared_without_places():
    assert without_places(syntax("SELECT  1")) == without_places(syntax("SELECT 1"))
