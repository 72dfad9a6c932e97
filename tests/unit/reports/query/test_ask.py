"""One question to a record: no more is told than may be read, and an answer can be a file."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb

from gateway.inquiry import Looking, Reading
from gateway.reports.query.ask import Record
from gateway.reports.query.questions import Accesses
from tests.unit.reports.entries import completion, decision, repeat
from tests.unit.reports.query.records import ALL, count, listed, write

NOON = "2021-03-17T12:00:00"


def test_no_more_is_told_than_may_be_read(tmp_path: Path) -> None:
    write(tmp_path, [decision("a", NOON), decision("b", NOON, who="zhao", entity="dalian"), repeat("c", "x", NOON)])
    of_one = Reading(what=Looking.DECISIONS, entity="dalian")
    assert count(tmp_path, reading=of_one).column("entity") == ["dalian"]
    assert count(tmp_path, reading=of_one, entity="line-cn").column("entity") == ["dalian"]
    assert count(tmp_path, reading=of_one).notes == (), "how much there is of others is not told either"
    assert listed(tmp_path, reading=of_one).column("decision_id") == ["b"]


def test_the_last_ones_are_not_taken_for_all(tmp_path: Path) -> None:
    write(tmp_path, [decision("a", NOON), repeat("b", "a", NOON), repeat("c", "a", NOON)])
    assert [listed(tmp_path, most).notes for most in (2, 3)] == [("only the last 2: there are more (--limit)",), ()]
    with Record(tmp_path, ALL).list(Accesses(), 2, parquet=io.BytesIO()) as answer:
        assert answer.notes == ("2 rows", "only the last 2: there are more (--limit)")


def test_answer_as_a_parquet_file(tmp_path: Path) -> None:
    write(tmp_path / "record", [decision("a", NOON), completion("a", 3, NOON)])
    for number, asking in enumerate(
        (
            lambda record, out: record.count(Accesses(), ("entity",), parquet=out),
            lambda record, out: record.list(Accesses(), 5, parquet=out),
            lambda record, out: record.sql("SELECT entity, rows FROM accesses -- the end", parquet=out),
        )
    ):
        out = io.BytesIO()
        with asking(Record(tmp_path / "record", ALL), out) as answer:
            assert answer.notes == ("1 rows",)
        file = tmp_path / f"{number}.parquet"
        file.write_bytes(out.getvalue())
        with duckdb.connect() as connection:
            found = connection.execute(f"SELECT entity, rows FROM read_parquet('{file}')").fetchall()
        assert found == [("line-cn", 3)]
