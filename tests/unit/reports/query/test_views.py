"""What can be asked in SQL, and that nothing else can: no file, no network, no setting, nothing that changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from gateway.errors import ConfigError, Reason
from gateway.inquiry import Looking, Reading
from gateway.reports.query.views import PUBLIC, engine_there
from tests.unit.reports.entries import completion, decision, event, refusal, repeat
from tests.unit.reports.query.records import ALL, Open, sql, write

NOON = "2021-03-17T12:00:00"


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    entries = [
        decision("a", NOON),
        completion("a", 3, NOON),
        repeat("a2", "a", NOON),
        decision("b", NOON, who="zhao", entity="dalian", allowed=False),
        refusal(Reason.ENGINE_TIMEOUT, NOON),
        event("session_open", NOON),
    ]
    return write(tmp_path_factory.mktemp("views"), entries)


@pytest.fixture(scope="module")
def free(record: Path) -> Iterator[Open]:
    found = Open(record, free=True)
    yield found
    found.close()


def test_views_say_what_the_record_says(free: Open) -> None:
    assert free.sql("SELECT id, decision, rows, entity FROM accesses ORDER BY id") == [
        ("a", "a", 3, "line-cn"),
        ("a2", "a", None, "line-cn"),
        ("b", "b", None, "dalian"),
        ("r-2021-03-17T12:00:00", "r-2021-03-17T12:00:00", None, None),
    ]
    counts = {view: free.sql(f"SELECT count(*) FROM {view}")[0][0] for view in PUBLIC}
    assert counts == {"executions": 3, "decisions": 2, "refusals": 1, "accesses": 4, "readings": 0, "events": 1}


@pytest.mark.parametrize(
    "text",
    [
        "COPY (SELECT 1) TO '{out}'",
        "COPY accesses TO '{out}' (FORMAT csv)",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}'",
        "CREATE TABLE x AS SELECT 1",
        "CREATE OR REPLACE TEMP VIEW accesses AS SELECT 1",
        "DROP VIEW accesses",
        "INSERT INTO accesses SELECT 1",
        "INSTALL httpfs",
        "LOAD '{out}'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA database_list",
        "CALL duckdb_settings()",
        "CHECKPOINT",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY (SELECT 1) TO '{out}'",
        "",
        "SELECT * FROM read_text('{own}')",
        "SELECT * FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_json('{own}')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM parquet_metadata('{own}')",
        "SELECT * FROM read_parquet('https://example.com/x.parquet')",
        "SELECT * FROM query('COPY (SELECT 1) TO ''{out}''')",
        "SELECT * FROM enable_logging(storage = 'file', storage_config = {{'path': '{out}'}})",
        "SELECT getenv('HOME')",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{out}'",
        "SELECT nothing FROM nowhere",
        "SELECT * FROM counts",
    ],
)
def test_nothing_else_can_be_reached(free: Open, record: Path, tmp_path: Path, text: str) -> None:
    counts = [1, 2]  # noqa: F841 - of a program around it no name is a table
    own = next(record.glob("*.jsonl"))
    before = sorted(path.name for path in record.rglob("*"))
    with pytest.raises((ConfigError, duckdb.Error)):
        free.sql(text.format(out=tmp_path / "out", own=own))
    assert list(tmp_path.iterdir()) == []
    assert sorted(path.name for path in record.rglob("*")) == before


def test_what_is_wrong_with_a_question_is_said(record: Path) -> None:
    for text in ("SELECT nothing FROM nowhere", "COPY accesses TO 'x'", "SELECT * FROM read_csv('/etc/passwd')"):
        with pytest.raises(ConfigError) as caught:
            sql(record, text)
        assert str(caught.value.problems[0]).startswith("--sql: ")


def test_whoever_reads_of_one_entity_has_no_other_before_them(record: Path) -> None:
    of_one = Open(record, Reading(what=Looking.DECISIONS, entity="dalian"), free=True)
    assert of_one.sql("SELECT id FROM accesses") == [("b",)]
    for view in ("refusals", "events", "_others"):
        assert of_one.sql(f"SELECT * FROM {view}") == []
    assert of_one.sql("SELECT count(*) FROM _decisions") == [(1,)]
    for file in record.rglob("*.parquet"):
        with pytest.raises(duckdb.Error):
            of_one.sql(f"SELECT * FROM read_parquet('{file}')")
    of_one.close()
    of_person = Open(record, Reading(what=Looking.DECISIONS, principal="https://id.example#li"), free=True)
    assert of_person.sql("SELECT DISTINCT subject FROM decisions") == [("li",)]
    of_person.close()


def test_the_library_is_there() -> None:
    engine_there()
    assert ALL.entity is None
