"""Masks on real servers: total for every value, NULL stays NULL, the type is kept, and no more is shown than said."""

from __future__ import annotations

import pytest

from gateway.model import Mask
from gateway.sql.catalog import Column
from gateway.sql.rewrite import RewriteRefused, Style
from gateway.sql.rewrite.masks import HASH_FUNCTION, blank, masked

TEXTS = ("t", "v", "c", "n", "s")
NUMBERS = ("i2", "i4", "i8", "num", "money_like", "f4", "f8")
MOMENTS = ("d", "ts", "tz")
OTHERS = ("b", "u", "j", "jb", "by", "ip")
METHODS = {
    "null": (*TEXTS, *NUMBERS, *MOMENTS, *OTHERS, "arr", "iv", "bi", "r", "mood"),
    "constant": (*TEXTS, *NUMBERS, *MOMENTS, *OTHERS),
    "partial": TEXTS,
    "domain": TEXTS,
    "bucket": NUMBERS,
    "year": MOMENTS,
}
VALUES = {
    "t": [
        "''",
        "'a'",
        "'関所は古い道の番所'",
        "'a@b@c.example'",
        "'@'",
        "repeat('x', 100000)",
        r"E'\n%_\\'",
        "'12345678'",
    ],
    "v": ["''", "'abcde'", "'a@b.c'"],
    "c": ["''", "'ab'", "'関所@'"],
    "n": ["''", "repeat('é', 31)", "'a@b'"],
    "s": ["''", "'longer than eight'"],
    "i2": ["-32768", "32767", "0", "-1", "9"],
    "i4": ["-2147483648", "2147483647", "0"],
    "i8": ["-9223372036854775808", "9223372036854775807"],
    "num": ["'NaN'", "'-0.000000000001'", "1e1000", "-1e-1000", "12345678901234567890.123456789"],
    "money_like": ["99999.9999999999999999999999999", "-99999.9999999999999999999999999", "'NaN'"],
    "f4": ["'NaN'", "'Infinity'", "'-Infinity'", "3.4e38", "1e-45", "-0.0", "-3.4e38"],
    "f8": ["'NaN'", "'Infinity'", "'-Infinity'", "1.7976931348623157e308", "4.9e-324", "-4.9e-324", "1e36"],
    "d": [
        "'infinity'",
        "'-infinity'",
        "'4714-11-24 BC'",
        "'5874897-12-31'",
        "'0001-06-01'",
        "'9999-12-31'",
        "'2025-05-06'",
    ],
    "ts": ["'infinity'", "'-infinity'", "'4714-11-24 00:00:00 BC'", "'294276-12-31 23:59:59'", "'2025-05-06 07:08:09'"],
    "tz": [
        "'infinity'",
        "'-infinity'",
        "'4714-11-24 00:00:00+00 BC'",
        "'294276-12-31 23:59:59+00'",
        "'2025-01-01 03:00+09'",
    ],
    "b": ["true", "false"],
    "u": ["'11111111-2222-3333-4444-555555555555'"],
    "j": ["'null'", "'{\"a\": 1}'"],
    "jb": ["'null'", "'[1]'"],
    "by": [r"'\x00ff'", "''"],
    "ip": ["'10.0.0.1'", "'::1/64'"],
    "arr": ["'{}'", "'{a,NULL}'"],
    "iv": ["'-178000000 years'::interval::interval day to second(2)", "'1 day'"],
    "bi": ["B'101'"],
    "r": ["'[1,3)'"],
    "mood": ["'good'"],
}
CASES = [(method, column) for method, columns in METHODS.items() for column in columns]


def fill(bench, column: str) -> int:
    bench.session.execute("TRUNCATE app.every_type")
    values = [*VALUES[column], "NULL"]
    for number, value in enumerate(values):
        bench.session.execute(f"INSERT INTO app.every_type (id, {column}) VALUES ({number}, {value})")
    return len(values)


@pytest.mark.parametrize(("method", "column"), CASES)
def test_total_typed_and_null_stays_null(bench, method, column):
    count = fill(bench, column)
    text = f"SELECT id, {column} FROM every_type ORDER BY id"
    made = bench.rewrite(text, Mask(relation="app.every_type", column=column, method=method))
    assert bench.described(made.text) == bench.described(text)
    for zone in ("UTC", "Asia/Tokyo", "America/Los_Angeles"):
        bench.session.execute(f"SET timezone = '{zone}'")
        shown = bench.rows(f"SELECT id, m IS NULL, m::text FROM ({made.text}) AS x(id, m) ORDER BY id")
        assert len(shown) == count
        assert shown[-1][1:] == (True, None)
        if method not in ("null", "year", "bucket"):
            assert not any(null for _, null, _ in shown[:-1])
    bench.session.execute("RESET timezone")


def test_the_table_of_types_has_no_type_that_no_test_knows(bench):
    (relation,) = [one for one in bench.catalog.relations.values() if one.full_name == "app.every_type"]
    assert {column.name for column in relation.columns.values()} - {"id"} == set(VALUES)


@pytest.mark.parametrize(
    ("column", "method", "value", "shown"),
    [
        ("t", "partial", "'+81-90-5550-0001'", "***0001"),
        ("t", "partial", "'12345678'", "***5678"),
        ("t", "partial", "'1234567'", "***"),
        ("t", "partial", "''", "***"),
        ("t", "partial", "'関所は古い道の番所'", "***道の番所"),
        ("v", "partial", "'abcde'", "***"),
        ("t", "domain", "'hanako@secret.example'", "secret.example"),
        ("t", "domain", "'a@b@c.example'", "c.example"),
        ("t", "domain", "'no address'", "***"),
        ("t", "domain", "'@'", ""),
        ("c", "constant", "'ab'", "***"),
        ("i4", "bucket", "47", "40"),
        ("i4", "bucket", "-47", "-40"),
        ("num", "bucket", "47.11", "40.00"),
        ("f8", "bucket", "47.11", "40"),
        ("f8", "bucket", "1e40", None),
        ("i4", "constant", "47", "0"),
        ("d", "year", "'2025-05-06'", "2025-01-01"),
        ("d", "year", "'infinity'", None),
        ("ts", "year", "'2025-05-06 07:08:09.123'", "2025-01-01 00:00:00"),
        ("tz", "year", "'2025-01-01 03:00+09'", "2024-01-01 00:00:00+00"),
    ],
)
def test_what_is_shown(bench, column, method, value, shown):
    bench.session.execute("TRUNCATE app.every_type")
    bench.session.execute(f"INSERT INTO app.every_type (id, {column}) VALUES (1, {value})")
    made = bench.rewrite(
        f"SELECT {column} FROM every_type", Mask(relation="app.every_type", column=column, method=method)
    )
    assert bench.rows(f"SELECT m::text FROM ({made.text}) AS x(m)") == [(shown,)]


def test_style_chooses_what_is_kept(bench):
    bench.session.execute("TRUNCATE app.every_type")
    bench.session.execute("INSERT INTO app.every_type (id, t, i4) VALUES (1, 'abcdefgh', 777), (2, 'abcde', 99)")
    masks = [Mask(relation="app.every_type", column="t", method="partial")]
    masks.append(Mask(relation="app.every_type", column="i4", method="bucket"))
    style = Style(first=1, last=2, stars="..", width=100)
    made = bench.rewrite("SELECT t, i4 FROM every_type ORDER BY id", *masks, style=style)
    assert bench.rows(made.text) == [("a..gh", 700), ("..", 0)]


@pytest.mark.parametrize(
    ("column", "method"),
    [
        ("d", "partial"),
        ("t", "year"),
        ("b", "bucket"),
        ("arr", "constant"),
        ("mood", "partial"),
        ("t", "rot13"),
        ("iv", "year"),
    ],
)
def test_a_method_that_does_not_fit_the_type_is_refused(bench, column, method):
    with pytest.raises(RewriteRefused, match="cannot be applied to the column"):
        bench.rewrite(f"SELECT {column} FROM every_type", Mask(relation="app.every_type", column=column, method=method))


def test_a_domain_is_masked_by_nothing_and_blank_as_text(bench):
    (oid,) = [oid for oid, kind in bench.catalog.types.items() if kind.name == "user_ref"]
    column = Column("ref", oid, False, "app.user_ref")
    with pytest.raises(RewriteRefused, match="no mask"):
        masked(bench.catalog, column, '"x"."ref"', "null", Style())
    assert blank(bench.catalog, column) == "NULL::pg_catalog.text"


def test_the_keyed_hash_is_a_call_without_a_key(bench):
    column = Column("t", "25", False, "text")
    assert f'{HASH_FUNCTION}("x"."t"::pg_catalog.text)' in masked(bench.catalog, column, '"x"."t"', "hash", Style())
