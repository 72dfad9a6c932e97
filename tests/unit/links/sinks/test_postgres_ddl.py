"""The SQL of a sink's table."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.links.sinks.postgres_ddl import COLUMNS, insert_sql, month_sql, next_month, whole_sql


@pytest.mark.parametrize(
    ("month", "following"), [(date(2026, 11, 22), date(2026, 12, 1)), (date(2026, 12, 1), date(2027, 1, 1))]
)
def test_months(month: date, following: date) -> None:
    assert next_month(month) == following


def test_a_month() -> None:
    assert month_sql("sekisho.record", date(2026, 12, 5)) == (
        "CREATE TABLE IF NOT EXISTS sekisho.record_2026_12 PARTITION OF sekisho.record "
        "FOR VALUES FROM ('2026-12-01 00:00+00') TO ('2027-01-01 00:00+00')"
    )


def test_all_of_it_for_somebody_to_run() -> None:
    text = whole_sql("audit.record", date(2026, 11, 1), 3, "shipper")
    assert [line for line in text.split(";\n") if "PARTITION OF" in line][-1].endswith("DEFAULT")
    assert text.count("PARTITION OF") == 4
    assert 'GRANT INSERT ON audit.record TO "shipper";' in text
    assert text.startswith("-- The role also needs TEMPORARY")


def test_nothing_that_is_there_is_touched() -> None:
    assert insert_sql("a.b").endswith("ON CONFLICT DO NOTHING")
    assert all(column in insert_sql("a.b") for column in COLUMNS)
