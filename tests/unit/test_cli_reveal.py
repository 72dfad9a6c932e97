"""`sekisho audit reveal`, on a copy of a record."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.audit.hashing import StatementHash
from gateway.audit.keys import KeyUse, make_keys
from gateway.audit.record import repeat_entry
from gateway.audit.sealing import load_recipient
from gateway.audit.writer import RecordWriter
from gateway.cli import main
from gateway.model import Durability
from tests.unit.audit.chains import START_NS, never

SQL = "SELECT name FROM users WHERE id = 7"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    public = make_keys(tmp_path / "auditor.key", KeyUse.READING)
    kept = StatementHash(b"k" * 32, load_recipient(public).seal).of(SQL)
    directory = tmp_path / "record"
    writer = RecordWriter.open(directory, segment_bytes=1 << 20, writer="gateway")
    entries = [
        repeat_entry("d1", of="d0", at_ns=START_NS, session="s", statement_hash=kept),
        repeat_entry("d2", of="d1", at_ns=START_NS, session="s"),
        repeat_entry("d3", of="d1", at_ns=START_NS, session="s", statement_hash="ab"),
    ]
    del entries[2]["of"]
    for entry in entries:
        writer.append(entry, Durability.WRITTEN, never)
    writer.close()
    return directory


def reveal(record: Path, decision: str, key: str = "auditor.key") -> Result:
    path = record.parent / key
    return CliRunner().invoke(main, ["audit", "reveal", decision, str(record), "--unrecorded", "--key", str(path)])


def test_the_statement_is_printed_for_who_has_the_key(record: Path) -> None:
    done = reveal(record, "d1")
    assert done.exit_code == 0, done.output
    assert done.stdout == SQL + "\n"
    make_keys(record.parent / "other.key", KeyUse.READING)
    assert reveal(record, "d1", "other.key").exit_code == 2
    assert reveal(record, "d1", "no.key").exit_code == 2


@pytest.mark.parametrize(("decision", "why"), [("d2", "same text as d1"), ("d3", "does not have"), ("d9", "no such")])
def test_what_is_not_there_is_told(record: Path, decision: str, why: str) -> None:
    done = reveal(record, decision)
    assert done.exit_code == 1
    assert why in done.stderr
