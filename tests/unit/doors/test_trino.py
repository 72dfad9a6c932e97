"""Obligations in Trino's SQL, and that a query runs only under those that Trino will be told of."""

from __future__ import annotations

import pytest

from gateway.doors.trino import filter_sql, mask_sql, quoted, read_action, told_elsewhere
from gateway.model import Country, Mask, RowFilter, RowLimit, SubjectCountries

PHONE = Mask(relation="public.people", column="phone", method="null")
JAPAN = SubjectCountries(relation="public.people", column="country", countries=(Country("JP"), Country("KR")))


@pytest.mark.parametrize(
    ("method", "kind", "sql"),
    [
        ("null", "decimal(10,2)", "NULL"),
        ("constant", "varchar", 'CASE WHEN "a""b" IS NULL THEN NULL ELSE \'***\' END'),
        ("constant", "varchar(20)", 'CASE WHEN "a""b" IS NULL THEN NULL ELSE \'***\' END'),
        ("constant", "bigint", None),
        ("year", "date", 'date_trunc(\'year\', "a""b")'),
        ("year", "timestamp(3)", 'date_trunc(\'year\', "a""b")'),
        ("year", "timestamp(3) with time zone", None),
        ("domain", "varbinary", None),
        ("partial", "varchar", None),
        ("hash", "varchar", None),
        ("of a later version", "varchar", None),
    ],
)
def test_a_mask_is_told_where_it_can_be(method: str, kind: str, sql: str | None) -> None:
    assert mask_sql(Mask(relation="r", column='a"b', method=method), 'a"b', kind) == sql


def test_filters_name_countries_and_nothing_else() -> None:
    assert filter_sql(JAPAN) == "\"country\" IN ('JP', 'KR')"
    assert filter_sql(SubjectCountries(relation="r", column="c", countries=())) == "false"
    assert quoted('a"b') == '"a""b"'


def test_an_obligation_that_trino_is_not_told_of_lets_nothing_through() -> None:
    assert told_elsewhere((PHONE, JAPAN), ((JAPAN,), (PHONE,), ()))
    assert told_elsewhere((), ())
    assert not told_elsewhere((PHONE,), ((JAPAN,),))
    assert not told_elsewhere((PHONE,), ((Mask(relation="public.people", column="phone", method="constant"),),))
    partial = Mask(relation="public.people", column="phone", method="partial")
    assert not told_elsewhere((partial,), ((partial,),))
    for other in (RowLimit(rows=5), RowFilter(relation="r", predicate="p")):
        assert not told_elsewhere((other,), ((other,),))


def test_several_resources_are_read_in_their_order() -> None:
    tables = [{"table": {"catalogName": "lake", "schemaName": "s", "tableName": name}} for name in ("a", "b")]
    told = {
        "context": {"identity": {"user": "sato"}},
        "action": {"operation": "FilterTables", "filterResources": tables},
    }
    action = read_action(told, several=True)
    assert [one.table.relation for one in action.resources if one.table is not None] == ["s.a", "s.b"]
