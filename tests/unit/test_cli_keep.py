"""`sekisho audit hold` and `sekisho audit prune`, as a person types them."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.audit.verify import iter_entries, verify
from gateway.cli import main
from tests.unit.audit.chains import WRITER, lay, sample_lines, segment_name
from tests.unit.test_config_load import GOOD


def sekisho(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


@pytest.fixture
def record(tmp_path: Path) -> Path:
    directory = lay(tmp_path / "record", sample_lines())
    directory.chmod(0o700)
    return directory


def test_holds_are_added_listed_released_and_recorded(record: Path) -> None:
    add = ("hold", "add", record, "case-17", "--reason", "a court", "--since", "2026-01-01", "--until", "2026-01-31")
    assert sekisho(*add).exit_code == 0
    assert sekisho(*add).exit_code == 2, "there is one of that name"
    assert sekisho("hold", "list", record).output == "case-17  2026-01-01 to 2026-01-31  a court\n"
    assert sekisho("hold", "release", record, "case-18", "--reason", "x").exit_code == 2
    assert sekisho("hold", "release", record, "case-17", "--reason", "settled").exit_code == 0
    assert sekisho("hold", "list", record).output == ""
    events = [one["event"] for one in iter_entries(record) if one["kind"] == "event"]
    assert events == ["hold_added", "hold_released"]
    assert verify(record).ok


def test_prune_says_what_would_go_and_does_it(record: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "jwks.json").write_text("{}")
    (tmp_path / "registry").mkdir()
    config = tmp_path / "sekisho.yaml"
    short = "record: {directory: record, retention: [{regime: house, years: 1}]}"
    config.write_text(GOOD.replace("record: {directory: record}", short))
    done = sekisho("prune", "--config", config, "--dry-run")
    assert done.exit_code == 0, done.output
    assert f"{segment_name(0)}  would go  house: its time is over" in done.output
    assert (record / segment_name(0)).exists()
    done = sekisho("prune", "--config", config)
    assert "goes" in done.output
    assert not (record / segment_name(0)).exists()
    stones = [one for one in (entry.get("pruned") for entry in iter_entries(record)) if isinstance(one, dict)]
    assert [stone["writer"] for stone in stones] == [WRITER] * (len(sample_lines()) - 1)
    done = sekisho("prune", "--config", config)
    assert (done.exit_code, done.output) == (1, "0 segments gone\n")
    assert sekisho("verify", record).exit_code == 0
