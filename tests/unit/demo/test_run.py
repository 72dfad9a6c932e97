"""The demo's order, where it does not go well: it says so, returns the right code, leaves nothing behind.

Where it goes well is tests/integration/test_demo.py: that takes the whole gateway.
"""

from __future__ import annotations

import io
import os
import shlex
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from gateway.demo.characters import LI
from gateway.demo.run import INTERRUPTED, NOT_STARTED, psql_command, run
from gateway.demo.serving import Running, ServeProcess


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of our own, so that what is left in it is what the demo left."""
    folder = Path(tempfile.mkdtemp(prefix="t-", dir="/tmp"))
    folder.chmod(0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class Dying:
    """A gateway that ends at once; remembers what it was started with."""

    def __init__(self) -> None:
        self.config: dict[str, object] = {}
        self.files: dict[str, int] = {}

    def __call__(self, config: Path) -> Running:
        self.config = yaml.safe_load(config.read_text())
        root = config.parent
        self.files = {str(p.relative_to(root)): stat.S_IMODE(p.stat().st_mode) for p in root.rglob("*")}
        return ServeProcess(
            [sys.executable, "-c", "import sys; sys.exit('no rules to decide by')"], root / "gateway.log"
        )


def test_a_gateway_that_does_not_start_ends_the_demo_and_leaves_nothing(scratch: Path):
    out, gateway = io.StringIO(), Dying()
    assert run(once=True, directory=None, out=out, start_gateway=gateway) == NOT_STARTED
    said = out.getvalue()
    assert "PostgreSQL 18" in said
    assert "86 users" in said
    assert "no rules to decide by" in said
    assert list(scratch.iterdir()) == []
    socket_folder = gateway.config["datasources"][0]["host"]  # type: ignore[index]
    assert not Path(socket_folder).exists()
    scratch.rmdir()


def test_tokens_are_files_that_only_their_owner_reads(scratch: Path):
    gateway = Dying()
    run(once=True, directory=None, out=io.StringIO(), start_gateway=gateway)
    tokens = {name: mode for name, mode in gateway.files.items() if name.startswith("tokens/")}
    assert tokens == {f"tokens/{who}": 0o600 for who in ("sato", "li", "wang", "tanaka", "kim", "mori", "suzuki")}
    assert gateway.files["tokens"] == gateway.files["record"] == 0o700
    scratch.rmdir()


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path: Path):
    (tmp_path / "mine").write_text("precious")
    out = io.StringIO()
    assert run(once=True, directory=tmp_path, out=out, start_gateway=Dying()) == NOT_STARTED
    assert "is not empty" in " ".join(out.getvalue().split())
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_asked_for_is_made_and_kept(tmp_path: Path, scratch: Path):
    directory = tmp_path / "new" / "demo"
    assert run(once=True, directory=directory, out=io.StringIO(), start_gateway=Dying()) == NOT_STARTED
    assert (directory / "sekisho.yaml").is_file()
    assert (directory / "tokens" / "li").is_file()
    assert list(scratch.iterdir()) == []
    scratch.rmdir()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_in_order(scratch: Path, number: signal.Signals):
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]

    def interrupted(config: Path) -> Running:
        os.kill(os.getpid(), number)
        raise AssertionError("the signal should have come")

    out = io.StringIO()
    assert run(once=False, directory=None, out=out, start_gateway=interrupted) == INTERRUPTED
    assert "Interrupted" in out.getvalue()
    assert list(scratch.iterdir()) == []
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)] == before
    scratch.rmdir()


def test_the_psql_command_can_be_pasted_into_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    psql, token = tmp_path / "bin" / "psql", tmp_path / "a folder" / "li's"
    for path in (psql, token):
        path.parent.mkdir()
    psql.write_text('#!/bin/sh\necho "$PGPASSWORD|$1"\n')
    psql.chmod(0o755)
    monkeypatch.setenv("PATH", f"{psql.parent}:{os.environ['PATH']}")
    token.write_text("secret")
    done = subprocess.run(["sh", "-c", psql_command(LI, token, 5433)], capture_output=True, text=True, check=True)
    assert done.stdout == "secret|host=127.0.0.1 port=5433 dbname=messenger user=li sslmode=disable\n"


def test_without_psql_on_the_path_the_wheels_own_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))
    psql = shlex.split(psql_command(LI, tmp_path / "li", 1))[1]
    assert subprocess.run([psql, "--version"], capture_output=True, text=True, check=True).stdout.startswith("psql")


def test_a_reader_that_goes_away_ends_it_quietly(scratch: Path):
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    assert run(once=True, directory=None, out=Closed(), start_gateway=Dying()) == INTERRUPTED
    assert list(scratch.iterdir()) == []
    scratch.rmdir()
