"""`sekisho audit tail`: the last lines, and those that are written from then on."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.audit.verify import iter_entries
from gateway.cli import main
from tests.configured import configuration
from tests.unit.reports.entries import completion, decision, event
from tests.unit.reports.query.records import write

ROOT = Path(__file__).parents[2]
NOON, ONE = "2021-03-17T12:00:00", "2021-03-17T13:00:00"


def tail(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", "tail", *map(str, arguments)])


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    found = tmp_path / "copy"
    write(found, [decision("a", NOON), completion("a", 3, NOON), event("session_close", NOON)])
    return write(found, [decision("b", ONE, who="zhao", entity="dalian", allowed=False)], writer="gateway-2")


def test_last_lines_of_all_writers_by_time(copy: Path) -> None:
    before = sorted((path.name, path.read_bytes()) for path in copy.iterdir())
    found = tail(copy, "--unrecorded")
    assert [line.split()[2] for line in found.stdout.splitlines()] == ["allow", "session_close", "DENY"] or (
        [("Li" in line, "Zhao" in line) for line in found.stdout.splitlines()][0::2] == [(True, False), (False, True)]
    )
    assert len(tail(copy, "--unrecorded", "-n", "1").stdout.splitlines()) == 1
    (line,) = tail(copy, "--unrecorded", "--effect", "deny", "--json").stdout.splitlines()
    assert json.loads(line)["decision_id"] == "b"
    assert sorted((path.name, path.read_bytes()) for path in copy.iterdir()) == before


@pytest.mark.parametrize("lines", ["-1", "all"])
def test_number_of_lines(copy: Path, lines: str) -> None:
    assert tail(copy, "--lines", lines).exit_code == 2


def test_what_is_written_meanwhile_is_shown(copy: Path) -> None:
    arguments = ["audit", "tail", str(copy), "--unrecorded", "--follow", "-n", "0", "--country", "CN"]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "gateway.cli", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        try:
            assert running.stderr is not None
            assert running.stdout is not None
            assert b"nobody was asked" in running.stderr.readline()
            written, line = 0, b""
            while not line and running.poll() is None and written < 300:  # until it follows: what is there is not shown
                write(copy, [decision(f"x{written}", ONE)])
                written += 1
                ready, _, _ = select.select([running.stdout], [], [], 0.2)
                line = running.stdout.readline() if ready else b""
            assert b"Li (line-cn) in CN" in line
        finally:
            running.terminate()


def test_a_reader_that_has_had_enough_sees_no_stack_trace(copy: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "audit", "tail", str(copy), "--unrecorded"],
        cwd=ROOT,
        stdout=writes,
        stderr=subprocess.PIPE,
    )
    os.close(writes)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_whoever_reads_is_in_it_and_who_cannot_be_recorded_reads_nothing(tmp_path: Path, copy: Path) -> None:
    place = configuration(tmp_path, copy)
    found = tail("--config", place)
    assert "reads decisions (audit tail: everything)" in found.stdout
    entries = [entry for entry in iter_entries(copy) if entry.get("action") == "audit.read"]
    assert len(entries) == 1
    (copy / "operator.lock").unlink()
    (copy / "operator.lock").mkdir()  # a folder is in the way: file modes say nothing to root, who runs tests too
    refused = tail("--config", place)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--unrecorded reads a copy" in refused.stderr
