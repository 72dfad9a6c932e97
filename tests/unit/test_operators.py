"""What somebody at the command line does is in the record, beside a gateway that runs."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.audit.record import Event
from gateway.audit.verify import iter_entries, verify
from gateway.audit.writer import RecordWriter
from gateway.errors import ConfigError, RecordUnavailable
from gateway.operators import WRITER, append, as_owner, noted, operator


def details(record: Path) -> list[object]:
    return [entry["detail"] for entry in iter_entries(record) if entry.get("kind") == "event"]


def test_operator_is_the_user_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert operator() == f"os:{name}"
    monkeypatch.setenv("SUDO_USER", "ann\n: everybody")
    assert operator() == f"os:{name} (sudo of anneverybody)"


def test_entries_are_chained_beside_a_gateway_that_runs(tmp_path: Path) -> None:
    writer = RecordWriter.open(tmp_path / "record", segment_bytes=4096, writer="gateway")
    try:
        noted(tmp_path / "record", Event.BLOCK, "admin-1")
        noted(tmp_path / "record", Event.UNBLOCK, "admin-1")
    finally:
        writer.close()
    assert details(tmp_path / "record") == ["admin-1", "admin-1"]
    report = verify(tmp_path / "record")
    assert report.ok
    assert [path.name for path in (tmp_path / "record").glob("*.jsonl")] == [f"{WRITER}.00000000.jsonl"]


def test_several_at_once_wait_for_each_other(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from gateway.audit.record import Event;"
        "from gateway.operators import noted; noted(Path(sys.argv[1]), Event.BLOCK, sys.argv[2])"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "record"), str(number)]) for number in range(4)
    ]
    assert [one.wait(60) for one in running] == [0] * 4
    assert sorted(map(str, details(tmp_path / "record"))) == ["0", "1", "2", "3"]
    assert verify(tmp_path / "record").ok


def test_what_cannot_be_recorded_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError):
        noted(tmp_path / "file", Event.BLOCK, "admin-1")
    with pytest.raises(RecordUnavailable):
        append(tmp_path / "file", {"kind": "event"})


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may pass through, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="sekisho-operators-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may write as somebody else")
def test_root_writes_as_whoever_owns_the_folder(open_folder: Path) -> None:
    """Else the gateway, which is not root, could neither read nor go on with what it wrote."""
    nobody = pwd.getpwnam("nobody")
    record = open_folder / "record"
    record.mkdir(mode=0o700)
    os.chown(record, nobody.pw_uid, nobody.pw_gid)
    noted(record, Event.BLOCK, "admin-1")
    assert {path.stat().st_uid for path in record.iterdir()} == {nobody.pw_uid}
    assert os.geteuid() == 0
    with as_owner(open_folder):
        assert os.geteuid() == 0
