"""Never two meanings under one shape: constants are replaced, and where shapes agree the server's trees must too."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pgparse
import psycopg
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from gateway.sql.shape import shape_of
from gateway.sql.wording import learn, scan
from gateway.sql.wording import shape as by_words
from tests.golden.make_trees import trees_of
from tests.property.oracle.expressions import Scope, Source
from tests.property.oracle.judge import Judge
from tests.property.oracle.tally import Tally
from tests.property.oracle.writes import Statements
from tests.servers import Postgres

# What another constant of any lexical class looks like; the first letters are the class a shape keeps.
CONSTANTS = (
    "0 1 -1 2 7 5 120 2147483647 -2147483648 -2147483649 2147483648 9223372036854775807 9223372036854775808 1.5 -1.5 "
    ".5 5. 1e3 0x1f 1_000 007 '' '1' '1.5' 'x' 'JP' 'it''s' E'a' E'\\n' U&'x' $$x$$ B'1' X'1f' N'x' true false NULL "
    "'1'::int '1'::text 'x'::bpchar +1 - -1 (1) - '2025-05-01' 'now' '{1}' '(1,2)' 'app.users' date~'2025-05-01'"
).split()
_CONSTANT = re.compile(r"(?<![\w.'\"$])(?:-?\d+(?:\.\d+)?(?![\w.])|'(?:[^'\\]|'')*')")
# Parts of a tree that are values or places, not meaning. A string's length stands twice: in the Const and in its bytes.
_VALUES = re.compile(r":(?:location|stmt_location|stmt_len|list_start|list_end|rexpr_list_start|rexpr_list_end) -?\d+")
_CONST = re.compile(r"\{CONST :consttype (\d+) :consttypmod (-?\d+) (.*?):constvalue (?:<>|\d+ \[[^]]*\])\}", re.DOTALL)
OVERLOADS = """
CREATE FUNCTION app.g(int) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''int''';
CREATE FUNCTION app.g(bigint) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''bigint''';
CREATE FUNCTION app.g(numeric) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''numeric''';
CREATE FUNCTION app.g(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''text''';
CREATE FUNCTION app.g(boolean) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''boolean''';
CREATE FUNCTION app.same(int, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR app.= (LEFTARG = int, RIGHTARG = text, FUNCTION = app.same);
"""
TEMPLATES = (
    "SELECT app.g(v.x) FROM (VALUES ({})) v(x)",
    "SELECT app.g(v.x) FROM (VALUES ({}), ({})) v(x)",
    "SELECT app.g({})",
    "SELECT app.g({}) LIMIT 1",
    "SELECT app.g((SELECT x FROM (VALUES ({})) v(x))) WHERE 1 = {}",
    "SELECT id FROM app.users WHERE id = {}",
    "SELECT id FROM app.users WHERE id OPERATOR(app.=) {}",
    "SELECT id FROM app.users WHERE {} = country",
    "SELECT id FROM app.users WHERE id IN ({}, {})",
    "SELECT id FROM app.users WHERE created_at BETWEEN {} AND {}",
    "SELECT id FROM app.users ORDER BY {}",
    "SELECT id, country FROM app.users WHERE id = {} ORDER BY {}",
    "SELECT count(*), id = {} FROM app.users GROUP BY id, id = {}",
    "SELECT id = {} FROM app.users GROUP BY id, id = {} ORDER BY id = {}",
    "SELECT DISTINCT id = {} FROM app.users ORDER BY id = {}",
    "SELECT sum(id) OVER (PARTITION BY id = {} ORDER BY id = {}) FROM app.users",
    "SELECT id FROM app.users LIMIT {} OFFSET {}",
    "SELECT id FROM app.users WHERE id ={}",
    "SELECT id FROM app.users WHERE id <{}",
    "SELECT id -{} = 1 FROM app.users",
    "SELECT a1.phone FROM app.users a1, app.stickers b1 WHERE a1.id = {}",
    "SELECT a1.phone FROM app.users b1, app.stickers a1 WHERE a1.id = {}",
    "INSERT INTO app.stickers VALUES ({}, {}, {})",
    "INSERT INTO app.stickers VALUES (1, 'a', {}) ON CONFLICT (id) WHERE id = {} DO NOTHING",
    "UPDATE app.stickers SET name = {} WHERE id = {}",
    "SELECT string_agg(DISTINCT name, ',' ORDER BY name) FROM app.stickers WHERE price_yen > {}",
    "SELECT nullif({}, {}), coalesce({}, {})",
    "SELECT CASE WHEN id = {} THEN app.g({}) END FROM app.stickers",
    "SELECT 1 WHERE {} = {}",
    "SELECT (SELECT id FROM app.stickers LIMIT {}) FROM app.users GROUP BY (SELECT id FROM app.stickers LIMIT {})",
    "TABLE app.users LIMIT {}",
    "VALUES ({}), ({}) ORDER BY {} LIMIT {}",
    "SELECT {}::regclass = {}",
    "SELECT tableoid::regclass = {} FROM app.users",
)


# Few values often, so that constants of one statement are equal, and of the other not.
_FOUR = st.lists(st.sampled_from(("1", "2")), min_size=4, max_size=4) | st.lists(
    st.sampled_from(("1", "2", "'1'", "'2'")) | st.sampled_from(CONSTANTS), min_size=4, max_size=4
)


@pytest.fixture(scope="module")
def server(postgres: Postgres) -> Iterator[Judge]:
    """The corpus' schema, with functions and an operator of one name for several types."""
    made = Judge(postgres, "sql_shape", Tally("shapes"))
    result = made.probe.pgconn.exec_(OVERLOADS.encode())
    assert not result.error_message
    yield made
    made.close()


def shape(text: str) -> bytes | None:
    try:
        parsed = pgparse.parse(text)
    except pgparse.PGQueryError:
        return None
    (raw,) = parsed
    encoded = text.encode()
    length = raw.get("stmt_len", 0)
    start = raw.get("stmt_location", 0)
    return shape_of(encoded, raw["stmt"], start, start + length if length else len(encoded))


def worded(one: str, first: bytes | None, other: str) -> bytes | None:
    """The other text's shape by its words, as they are known from the one."""
    a, b = (scan(text, max_bytes=100_000) for text in (one, other))
    if first is None or a is None or b is None or a.wording != b.wording:
        return None
    cuts = learn(a, first)
    return None if cuts is None else by_words(b, cuts)


def meaning(judge: Judge, text: str) -> list[str] | None:
    """The server's tree without values and places; None where the server does not take the statement."""
    try:
        trees = trees_of(judge.twin, text)
    except psycopg.Error:
        return None
    return [_CONST.sub(r"{CONST \1 \2}", _VALUES.sub("", " ".join(tree.split()))) for tree in trees]


def compare(judge: Judge, one: str, other: str) -> str | None:
    """What is wrong with two statements of one shape."""
    first, second = shape(one), shape(other)
    told = worded(one, first, other)
    if told is not None and told != second:
        event("other shape by words")
        if told == first:
            return f"one shape by words, two by the parser: {one!r} and {other!r}"
    if first is None or first != second:
        event("other shape")
        return None
    event("same shape")
    a, b = meaning(judge, one), meaning(judge, other)
    if a is None or b is None:
        return None  # what the server complains of is answered with its complaint, known shape or not
    if a != b:
        return f"one shape, two trees: {one!r} and {other!r}"
    facts, others = judge.facts(one), judge.facts(other)
    return None if facts == others else f"one shape, other facts: {one!r} and {other!r}"


def _constant(text: str) -> str:
    return text.replace("~", " ")


@given(
    template=st.sampled_from(TEMPLATES),
    first=_FOUR,
    second=_FOUR,
    changed=st.integers(0, 15),
)
@settings(max_examples=max(600, settings.default.max_examples if settings.default else 0))
def test_templates(server: Judge, template: str, first: list[str], second: list[str], changed: int) -> None:
    one = template.format(*map(_constant, first))
    mixed = [second[i] if changed >> i & 1 else first[i] for i in range(4)]
    problem = compare(server, one, template.format(*map(_constant, mixed)))
    assert problem is None, problem


@given(seed=st.integers(0, 2**64 - 1), size=st.integers(2, 30))
@settings(max_examples=max(150, settings.default.max_examples if settings.default else 0))
def test_statements_with_other_constants(server: Judge, seed: int, size: int) -> None:
    chance = random.Random(seed)
    one = Statements(chance, server.major, size=size).statement()
    found = list(_CONSTANT.finditer(one))
    for _ in range(3):
        other = one
        for match in reversed(chance.sample(found, min(len(found), 1 + chance.randrange(4)))):
            new = chance.choice(CONSTANTS)
            if chance.randrange(2):  # of the same class, as far as a look at it tells
                new = str(chance.randrange(100)) if match[0][0] != "'" else f"'{chance.randrange(100)}'"
            other = other[: match.start()] + _constant(new) + other[match.end() :]
        problem = compare(server, one, other)
        assert problem is None, problem


@given(seed=st.integers(0, 2**64 - 1))
@settings(max_examples=max(150, settings.default.max_examples if settings.default else 0))
def test_conditions_anywhere(server: Judge, seed: int) -> None:
    """One statement with many comparisons, twice, with other constants of the same and other classes."""
    chance = random.Random(seed)
    columns = (("id", "i"), ("display_name", "t"), ("country", "t"), ("created_at", "d"))

    def made(constants: random.Random) -> str:
        def constant() -> str:
            return _constant(
                constants.choice(("1", "2", "-3", "'4'", "'5'", "2147483648", "-2147483648", "6.5", "7e1"))
            )

        frame = random.Random(seed)
        writer = Statements(frame, server.major, size=6)
        scope = Scope([Source("u", columns)])
        where = f"u.id = {constant()} AND u.country IN ({constant()}, {constant()}) AND {writer.expression('b', scope)}"
        tail = frame.choice(
            (
                f"LIMIT {constant()}",
                f"GROUP BY u.id = {constant()}",
                f"ORDER BY u.id = {constant()}",
                f"UNION VALUES ({constant()})",
                "",
            )
        )
        shown = f"u.id = {constant()}" if "GROUP" in tail or "UNION" in tail else f"u.id, u.id = {constant()}"
        return f"SELECT {shown} FROM app.users u WHERE {where} {tail}"

    problem = compare(server, made(chance), made(chance))
    assert problem is None, problem


OVERLOADED = ["1", "2147483648", "-2147483648", "1.5", "'1'", "true", "NULL", "$1"]


def test_overloads_of_one_name(server: Judge) -> None:
    """By OID and by literal: each lexical class calls another function, so each has another shape, or none."""
    rows = server.probe.execute("SELECT oid::text FROM pg_proc WHERE proname = 'g' ORDER BY 1").fetchall()
    by_oid = {row[0] for row in rows}
    assert len(by_oid) == 5
    called: dict[bytes, set[str]] = {}
    seen: set[str] = set()
    for constant in OVERLOADED:
        for form in ("SELECT app.g(v.x) FROM (VALUES ({})) v(x)", "SELECT app.g({}) WHERE 1 = 1"):
            text = form.format(constant)
            if constant in ("NULL", "$1"):
                continue  # the server cannot choose: a complaint, not a meaning
            (tree,) = meaning(server, text) or [""]
            functions = set(re.findall(r":funcid (\d+)", tree)) & by_oid
            seen |= functions
            key = shape(text)
            if key is not None:
                called.setdefault(key, set()).update(functions)
    assert seen == by_oid
    assert all(len(functions) == 1 for functions in called.values()), called
