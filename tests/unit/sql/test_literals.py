"""Constants of stored definitions, as real servers store them: which are structure, and which stand in the way."""

from __future__ import annotations

import pytest

from gateway.sql.literals import Constant, harmless, harmless_text, read_constant, read_datum
from gateway.sql.snapshot import SNAPSHOT_QUERIES

STRUCTURE = [
    "bool DEFAULT true",
    "int DEFAULT 999999",
    "int DEFAULT -5",
    "bigint DEFAULT 123456::bigint",
    "numeric DEFAULT 0.5",
    "numeric DEFAULT 1200.00",
    "float8 DEFAULT 0.25",
    "text DEFAULT ''",
    "text DEFAULT 'active'",
    "varchar(20) DEFAULT 'Asia/Tokyo'",
    "char(2) DEFAULT 'JP'",
    "text DEFAULT ' - '",
    "date DEFAULT '2025-01-01'",
    "timestamp DEFAULT '2025-02-01 00:00'",
    "timestamptz DEFAULT '2025-01-01 00:00+09'",
    "interval DEFAULT '3 days'",
    "jsonb DEFAULT '{}'",
    "json DEFAULT '[]'",
    "text[] DEFAULT '{}'",
    "regclass DEFAULT 'pg_class'",
    "lit_mood DEFAULT 'quite happy'",
    "text DEFAULT NULL::text",
]
IN_THE_WAY = [
    "int DEFAULT 1000000",
    "bigint DEFAULT 9055500001",
    "numeric DEFAULT 9055500001",
    "numeric DEFAULT 12345.67",
    "numeric DEFAULT 'NaN'",
    "float8 DEFAULT 1234567.5",
    "text DEFAULT '+81%'",
    "text DEFAULT 'hanako@secret.example'",
    "text DEFAULT 'Tanaka Hanako'",
    "text DEFAULT '山田'",
    "date DEFAULT '1980-05-04'",
    "timestamp DEFAULT '2025-02-01 00:01'",
    "timestamptz DEFAULT '2025-01-15 00:00+00'",
    "jsonb DEFAULT '{\"a\": 1}'",
    "json DEFAULT '{\"a\": 1}'",
    "text[] DEFAULT '{a}'",
    "uuid DEFAULT '00000000-0000-0000-0000-000000000001'",
    "bytea DEFAULT 'x'",
    "inet DEFAULT '127.0.0.1'",
]


@pytest.fixture(scope="module")
def stored(analyst):
    """Definition of a column -> whether its constants are structure."""
    analyst.run("CREATE TYPE lit_mood AS ENUM ('quite happy', 'sad')".replace("lit_", "app.lit_"))
    columns = ", ".join(f"c{n} {one}" for n, one in enumerate(STRUCTURE + IN_THE_WAY)).replace("lit_", "app.lit_")
    analyst.run(f"CREATE TABLE app.literals ({columns})")
    enums = {oid for oid, _, _, kind, _ in analyst.connection.execute(SNAPSHOT_QUERIES["types"]) if kind == "e"}
    rows = analyst.connection.execute(
        "SELECT d.adnum, m[1] FROM pg_attrdef d, regexp_matches(d.adbin::text, '{CONST ([^{}]*)', 'g') m "
        "WHERE d.adrelid = 'app.literals'::regclass"
    ).fetchall()
    found: dict[str, list[bool]] = {}
    for number, body in rows:
        constant = read_constant(body)
        assert constant is not None
        verdict = harmless(constant, lists=True, bound=False, words=set(), enums=enums)
        found.setdefault((STRUCTURE + IN_THE_WAY)[number - 1], []).append(verdict)
    yield found
    analyst.run("DROP TABLE app.literals; DROP TYPE app.lit_mood")


def test_structure(stored):
    # A NULL default is not even stored by some majors.
    assert {one: stored[one] for one in STRUCTURE if not all(stored.get(one, [True]))} == {}


def test_in_the_way(stored):
    assert {one: stored[one] for one in IN_THE_WAY if all(stored[one])} == {}


def test_words_count_only_where_they_are_listed_or_known():
    assert harmless_text("hanako", lists=True, words=set())
    assert not harmless_text("hanako", lists=False, words=set())
    assert harmless_text("active", lists=False, words={"active"})
    assert harmless_text("KR", lists=False, words=set())


def test_any_date_may_bound_a_partition():
    day = Constant("1082", (8000).to_bytes(4, "little"))
    assert harmless(day, lists=True, bound=True, words=set(), enums=set())
    assert not harmless(day, lists=True, bound=False, words=set(), enums=set())


@pytest.mark.parametrize(
    "body",
    [
        "",
        ":consttype 25",
        ":consttype 25 :consttypmod -1 :constcollid 100 :constlen -1 :constbyval false :constisnull false "
        ":location 1 :constvalue 9 [ 99 0 0 0 65 66 67 68 69 ]",  # a length that is not its own
        ":consttype 25 :consttypmod -1 :constcollid 100 :constlen -1 :constbyval false :constisnull false "
        ":location 1 :constvalue 5 [ 20 0 0 0 ]",
        ":consttype 23 :consttypmod -1 :constcollid 0 :constlen 4 :constbyval true :constisnull false "
        ":location 1 :constvalue <>",
    ],
)
def test_what_cannot_be_read_is_no_constant(body):
    assert read_constant(body) is None


def test_bytes_of_a_constant():
    assert read_datum("4 [ 1 0 -1 0 0 0 0 0 ]") == b"\1\0\xff\0\0\0\0\0"
    assert read_datum("2 [ 1 0 ]") == b"\1\0"
    assert read_datum("2\n[ 1\n0 ]") == b"\1\0"
    assert read_datum("") is None
    assert read_datum("3 [ 1 0 ]") is None
    assert read_datum("<>") is None
