"""`sekisho audit query`: the questions, the forms of the answer, and who may ask."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.audit.verify import iter_entries
from gateway.cli import main
from gateway.cli_query import Moment
from tests.configured import configuration
from tests.unit.reports.entries import completion, decision
from tests.unit.reports.query.records import write

NOON = "2021-03-17T12:00:00"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record that somebody took with them."""
    entries = [
        decision("a", NOON),
        completion("a", 3, NOON),
        decision("b", NOON, who="zhao", entity="dalian", allowed=False),
    ]
    return write(tmp_path_factory.mktemp("copy"), entries)


def query(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", "query", *map(str, arguments)])


def test_who_what_from_where_in_one_question(copy: Path) -> None:
    asked = ("--country", "cn", "--subject-country", "jp", "--by", "person,country,data-type")
    found = query(copy, "--unrecorded", *asked)
    assert found.exit_code == 0, found.stderr
    lines = found.stdout.splitlines()
    assert lines[0].split() == [
        "person",
        "country",
        "data-type",
        *"decisions executions rows people first last".split(),
    ]
    assert [line.split()[:5] for line in lines[1:3]] == [
        ["Li", "CN", "user.contact.phone_number", "1", "1"],
        ["Zhao", "CN", "user.contact.phone_number", "1", "1"],
    ]
    assert lines[3].startswith("in all")


@pytest.mark.parametrize("form", ["csv", "json", "ndjson"])
def test_forms_of_the_answer(copy: Path, tmp_path: Path, form: str) -> None:
    output = tmp_path / "answer"
    assert query(copy, "--unrecorded", "--list", "--format", form, "--output", output).exit_code == 0
    assert output.stat().st_mode & 0o777 == 0o600
    text = output.read_text()
    if form == "json":
        assert [row["decision_id"] for row in json.loads(text)["rows"]] == ["a", "b"]
    else:
        assert len(text.splitlines()) == (3 if form == "csv" else 2)


def test_parquet_goes_into_a_file(copy: Path, tmp_path: Path) -> None:
    assert query(copy, "--unrecorded", "--format", "parquet").exit_code == 2
    output = tmp_path / "answer.parquet"
    found = query(copy, "--unrecorded", "--sql", "SELECT * FROM decisions", "--format", "parquet", "--output", output)
    assert (found.exit_code, found.stdout) == (0, "")
    assert "2 rows" in found.stderr
    assert output.read_bytes().startswith(b"PAR1")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--by", "country,shoe-size"], "shoe-size: choose of principal,"),
        (["--since", "last week"], "is no day (2026-11-01)"),
        (["--sql", "SELECT 1", "--country", "CN"], "--sql: only --entity narrows it"),
        (["--sql", "DROP VIEW accesses"], "--sql: only SELECT"),
    ],
)
def test_what_cannot_be_asked_is_said(copy: Path, arguments: list[str], said: str) -> None:
    found = query(copy, "--unrecorded", *arguments)
    assert found.exit_code == 2
    assert said in found.stderr.replace("\n", " ")


def test_moments() -> None:
    def moment(text: str, *, last: bool = False) -> datetime:
        return Moment(last=last).convert(text, None, None)

    assert moment("2026-11-01") == datetime.fromisoformat("2026-11-01")
    assert moment("2026-11-01", last=True) == datetime.fromisoformat("2026-11-02"), "a day counts to its end"
    assert moment("2026-11-01T09:30:00+09:00", last=True) == datetime.fromisoformat("2026-11-01T00:30:00")
    ago = moment("7d") - datetime.now(UTC).replace(tzinfo=None)
    assert timedelta(days=-7, minutes=-5) < ago <= timedelta(days=-7)


def test_the_record_of_a_gateway_is_asked_for_and_that_is_in_it(tmp_path: Path) -> None:
    place = configuration(tmp_path, write(tmp_path / "record", [decision("a", NOON)]))
    found = query("--config", place, "--entity", "line-cn", "--effect", "allow")
    assert found.exit_code == 0, found.stderr
    assert "line-cn" in found.stdout
    (entry,) = (_any(one) for one in iter_entries(tmp_path / "record") if one.get("action") == "audit.read")
    assert entry["attribution"]["asked"] == "audit query: entity line-cn, effect allow"
    assert entry["reading"]["entity"] == "line-cn"
    assert (tmp_path / "record" / "columns").stat().st_mode & 0o777 == 0o700


def _any(value: Any) -> Any:
    return value
