"""The kill-switch of the demo: all of it plays in tests/integration/test_demo.py; here, what goes wrong is told."""

from __future__ import annotations

import io
from pathlib import Path

from gateway.demo.kill_switch import blocked, pull
from gateway.demo.play import Complaint, Stage
from gateway.demo.settings import free_port
from gateway.demo.show import Screen, Style
from gateway.demo.trail import Trail

BLOCKED = Complaint(sqlstate="", severity="FATAL", message="access is blocked (admin-1)", hint="principal_blocked")


def test_only_the_door_says_that_somebody_is_blocked() -> None:
    assert blocked(BLOCKED)
    assert not blocked(Complaint(sqlstate="08006", severity="FATAL", message="nobody is there"))
    assert not blocked(None)


def test_a_block_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    out = io.StringIO()
    stage = Stage(edge=free_port(), addresses={}, tokens={}, trail=Trail(tmp_path))
    assert not pull(Screen(out, Style.of(out)), stage, tmp_path / "none.yaml")
    assert "$ sekisho block CN" in out.getvalue()
    assert "✘ the block could not be made" in out.getvalue()
