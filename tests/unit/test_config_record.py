"""The record's settings."""

from __future__ import annotations

from pathlib import Path

from gateway.config_record import Record


def test_a_full_disk_denies_unless_something_else_is_said() -> None:
    assert Record(directory=Path("record")).on_full == "deny"
