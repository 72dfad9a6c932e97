"""`sekisho audit`: what it says of a record, and that whoever reads one is in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.audit.verify import iter_entries, verify
from gateway.cli import main
from gateway.demo.characters import SATO
from gateway.demo.database import Database
from tests.houses import House
from tests.unit.audit.signing import lay_signed, signer

ROOT = Path(__file__).parents[2]


def sekisho(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["audit", *map(str, arguments)])


@pytest.fixture(scope="module")
def written(messenger: Database) -> Iterator[Path]:
    """A record that a gateway wrote."""
    with tempfile.TemporaryDirectory(prefix="sekisho-cli-") as directory:
        house = House(Path(directory), messenger).start()
        with house.connect(SATO) as connection:
            connection.execute("SELECT name FROM users WHERE id = 5")
        house.stop()
        yield house.layout.record


@pytest.fixture
def record(written: Path, tmp_path: Path) -> Path:
    """The same, and nobody has read it."""
    return Path(shutil.copytree(written, tmp_path / "record"))


def reads(record: Path) -> list[str]:
    """What was read of it, as it says itself."""
    found = [entry for entry in iter_entries(record) if entry.get("event") == "record_read"]
    assert all(str(entry["principal_id"]).startswith("os:") for entry in found)
    return [str(entry["detail"]) for entry in found]


def test_verify_of_a_whole_record(record: Path) -> None:
    result = sekisho("verify", record)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("whole: ")
    assert json.loads(sekisho("verify", record, "--json").stdout)["ok"] is True
    assert reads(record) == []


def test_verify_of_a_broken_record(record: Path) -> None:
    segment = next(record.glob("*.jsonl"))
    segment.write_bytes(segment.read_bytes().replace(b"gateway_start", b"gateway_smart"))
    result = sekisho("verify", record)
    assert result.exit_code == 1
    assert result.stdout.startswith("BROKEN: ")
    assert json.loads(sekisho("verify", record, "--json").stdout)["ok"] is False


@pytest.mark.parametrize("what", ["empty", "gone"])
def test_verify_of_nothing_is_not_judged(tmp_path: Path, what: str) -> None:
    folder = tmp_path if what == "empty" else tmp_path / "gone"
    result = sekisho("verify", folder)
    assert result.exit_code == 3
    assert result.stdout.startswith("NOT JUDGED")


def test_whoever_reads_the_end_is_in_it_then(record: Path) -> None:
    result = sekisho("tail", record, "--lines", "1")
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert "gateway_stop" in line
    assert reads(record) == ["audit tail, 1 lines"]
    assert "record_read" in sekisho("tail", record, "--lines", "1").stdout
    report = verify(record)
    assert (report.ok, report.writers) == (True, 2)


def test_copy_can_be_read_and_stays_as_it_is(record: Path) -> None:
    before = sorted((path.name, path.read_bytes()) for path in record.iterdir())
    assert sekisho("tail", record, "--unrecorded").exit_code == 0
    assert sekisho("report", record, "--unrecorded").exit_code == 0
    assert sorted((path.name, path.read_bytes()) for path in record.iterdir()) == before


def test_record_that_cannot_be_written_is_not_read(record: Path) -> None:
    """A folder is in the way: file modes say nothing to root, who runs tests too."""
    (record / "operator.lock").mkdir()
    for command in ("tail", "report"):
        result = sekisho(command, record)
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--unrecorded reads without" in result.stderr


def test_tail_of_nothing(tmp_path: Path) -> None:
    result = sekisho("tail", tmp_path / "gone")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"error: {tmp_path / 'gone'}: No such file or directory\n"
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("lines", ["0", "-1", "all"])
def test_tail_takes_a_number_of_lines(tmp_path: Path, lines: str) -> None:
    assert sekisho("tail", tmp_path, "--lines", lines).exit_code == 2


def test_a_reader_that_has_had_enough_sees_no_stack_trace(record: Path) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli", "audit", "tail", str(record)],
        cwd=ROOT,
        stdout=writes,
        stderr=subprocess.PIPE,
    )
    os.close(writes)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_report_counts_who_read_what(record: Path) -> None:
    done = sekisho("report", record, "--effect", "allow", "--json")
    assert done.exit_code == 0
    rows = json.loads(done.stdout)["accesses"]
    assert any("user.name" in str(row) and "line-jp" in str(row) for row in rows), rows
    assert sekisho("report", record, "--country", "CN").exit_code == 0
    assert reads(record) == ["audit report: effect allow", "audit report: country CN"]
    assert sekisho("report", "/nowhere").exit_code == 2


def test_keygen_makes_a_pair_and_verify_takes_the_public_one(tmp_path: Path) -> None:
    done = sekisho("keygen", tmp_path / "record.key")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "record.key").stat().st_mode & 0o777 == 0o600
    assert sekisho("keygen", tmp_path / "record.key").exit_code == 2
    lay_signed(tmp_path / "record")
    (tmp_path / "test.pub").write_bytes(
        signer().key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    done = sekisho("verify", tmp_path / "record", "--key", tmp_path / "test.pub")
    assert (done.exit_code, "heads speak for" in done.output) == (0, True), done.output
    done = sekisho("verify", tmp_path / "record", "--key", tmp_path / "record.key.pub")
    assert done.exit_code == 6, done.output
    assert "key_unknown" in done.output
    done = sekisho("verify", tmp_path / "record", "--key", tmp_path / "nowhere.pub")
    assert done.exit_code == 6
    assert "nowhere.pub" in done.output + done.stderr
