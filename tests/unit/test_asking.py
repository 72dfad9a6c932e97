"""Who asks at the command line, as the operating system says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from gateway.asking import OWNER, NotAllowed, ask, operating_principal
from gateway.audit.verify import iter_entries, verify
from gateway.config_load import load
from gateway.errors import Reason
from gateway.inquiry import MACHINE, Looking, Reading
from tests.configured import configuration


def test_owner_of_the_record_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = operating_principal(tmp_path, 1000)
    assert found.id.startswith("os#")
    assert OWNER in found.groups
    assert found.expires_at > 1000
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 4711)
    other = operating_principal(tmp_path, 1000)
    assert (other.issuer, OWNER in other.groups) == (MACHINE, False)


def test_group_of_the_machine_is_not_the_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.asking._group", lambda number: OWNER)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 4711)
    assert operating_principal(tmp_path, 1000).groups == ()


def test_asking_is_decided_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(configuration(tmp_path, tmp_path / "record"), {})
    (tmp_path / "record").mkdir()
    monkeypatch.setenv("SUDO_USER", "li")
    until = ask(config, Reading(what=Looking.DECISIONS, entity="line-cn"), "a question")
    monkeypatch.setattr("gateway.asking.operating_principal", _somebody)
    with pytest.raises(NotAllowed) as caught:
        ask(config, Reading(what=Looking.DECISIONS), "another")
    assert caught.value.outcome.reason is Reason.POLICY_DENIED
    entries: list[Any] = [one for one in iter_entries(tmp_path / "record") if one["kind"] == "decision"]
    assert [(one["effect"], one["reading"]["entity"]) for one in entries] == [("allow", "line-cn"), ("deny", None)]
    assert entries[0]["attribution"]["asked"] == "a question"
    assert entries[0]["attribution"]["sudo_user"] == "li"
    assert until > entries[0]["at_us"] // 1_000_000
    assert verify(tmp_path / "record").ok


def _somebody(record: Path, at: int) -> Any:
    from dataclasses import replace

    return replace(operating_principal(record, at), groups=("wheel",))
