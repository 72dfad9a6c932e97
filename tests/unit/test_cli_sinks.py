"""`sekisho audit sinks` and `sekisho audit sink-ddl`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from gateway.links.positions import SinkState, write_state
from gateway.sink_metrics import Trouble
from tests.houses import House
from tests.unit.audit.chains import write_record


def configured(tmp_path: Path, **record: object) -> tuple[str, Path]:
    layout = House(tmp_path, None).layout
    document = yaml.safe_load(layout.config.read_text())
    document["record"] |= record
    layout.config.write_text(yaml.safe_dump(document))
    return str(layout.config), layout.record


def test_how_they_stand(tmp_path: Path) -> None:
    config, directory = configured(tmp_path, sinks=[{"name": "log", "http": {"url": "http://127.0.0.1:1/"}}])
    directory.mkdir(exist_ok=True)
    write_record(directory, 3)
    shown = CliRunner().invoke(main, ["audit", "sinks", "--config", config])
    assert shown.exit_code == 0, shown.output
    assert "nothing yet" in shown.output
    write_state(directory, SinkState(sink="log", kind="http").failed(Trouble.UNREACHABLE, "refused", 1.0))
    shown = CliRunner().invoke(main, ["audit", "sinks", "--config", config, "--json"])
    assert shown.exit_code == 1
    (log,) = json.loads(shown.output)
    assert (log["sink"], log["failing"]["reason"], log["positions"]) == ("log", "unreachable", {})


def test_none(tmp_path: Path) -> None:
    config, _ = configured(tmp_path)
    shown = CliRunner().invoke(main, ["audit", "sinks", "--config", config])
    assert (shown.exit_code, shown.output) == (0, "The record is shipped nowhere (record.sinks).\n")


def test_the_sql_of_a_table() -> None:
    shown = CliRunner().invoke(main, ["audit", "sink-ddl", "--table", "a.b", "--from", "2026-11", "--months", "2"])
    assert shown.exit_code == 0
    assert "CREATE TABLE IF NOT EXISTS a.b_2026_12 PARTITION OF a.b" in shown.output
    assert shown.output.count("PARTITION OF") == 3
    assert CliRunner().invoke(main, ["audit", "sink-ddl"]).exit_code == 0


@pytest.mark.parametrize("wrong", [["--table", "x; DROP"], ["--from", "november"], ["--role", 'x"'], ["--months", "0"]])
def test_what_is_no_table(wrong: list[str]) -> None:
    assert CliRunner().invoke(main, ["audit", "sink-ddl", *wrong]).exit_code == 2
