"""Blocking: recorded before it is made, whole or not at all, numbers never given twice, one change after the other."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts import admin_blocks
from gateway.facts.admin_blocks import FILE, AdminBlock
from gateway.facts.period import Period
from gateway.links import overlay
from gateway.links.overlay import Target, block, kept, unblock
from gateway.model import Country, EntityId, PrincipalId

KR = Target(country=Country("KR"))


def nothing(one: AdminBlock) -> None:
    """Nobody keeps a record here."""


def stop(path: Path, target: Target = KR, reason: str = "why", note: overlay.Note = nothing) -> AdminBlock:
    return block(path, target, Period(20_000, None), reason, by="os:ann", at="2026-11-22T09:00:00Z", note=note)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE


def ids(path: Path) -> list[str]:
    return [one.block.id for one in kept(path).kept]


def test_numbers_are_never_given_twice(path: Path) -> None:
    assert kept(path).kept == ()
    stop(path)
    stop(path, Target(entity=EntityId("helper")))
    assert unblock(path, "admin-2", note=nothing).block.entity == "helper"
    assert stop(path, Target(principal=PrincipalId("https://i#ann"))).block.id == "admin-3"
    assert ids(path) == ["admin-1", "admin-3"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_recorded_is_not_done(path: Path) -> None:
    def fail(one: AdminBlock) -> None:
        raise ConfigError(["the record cannot be written"])

    with pytest.raises(ConfigError):
        stop(path, note=fail)
    assert not path.exists()
    stop(path)
    with pytest.raises(ConfigError):
        unblock(path, "admin-1", note=fail)
    assert ids(path) == ["admin-1"]


def test_it_is_recorded_before_it_is_done(path: Path) -> None:
    seen: list[tuple[str, bool]] = []
    stop(path, note=lambda one: seen.append((one.block.id, path.exists())))
    assert seen == [("admin-1", False)]


def test_only_what_was_made_here_is_lifted_here(path: Path) -> None:
    stop(path)
    with pytest.raises(ConfigError, match=r"stop: no block of `sekisho block` \(there are: admin-1\)"):
        unblock(path, "stop", note=nothing)
    assert ids(path) == ["admin-1"]


@pytest.mark.parametrize("reason", ["", " ", "two\nlines", "x" * 1001])
def test_reason_that_cannot_be_kept_changes_nothing(path: Path, reason: str) -> None:
    stop(path)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="reason"):
        stop(path, reason=reason)
    assert path.read_bytes() == before


def test_file_that_was_cut_is_not_written_over(path: Path) -> None:
    """Else the next block would lift all others."""
    stop(path)
    cut = path.read_bytes()[:-4]
    path.write_bytes(cut)
    for change in (lambda: stop(path), lambda: unblock(path, "admin-1", note=nothing)):
        with pytest.raises(ConfigError, match="the file is cut"):
            change()
    assert path.read_bytes() == cut


def test_a_crash_in_the_middle_leaves_what_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop(path)

    def crash(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", crash)
        with pytest.raises(ConfigError, match="No space left"):
            stop(path)
    assert ids(path) == ["admin-1"]
    assert stop(path).block.id == "admin-2"


def test_changes_at_the_same_time_are_all_kept(path: Path) -> None:
    threads = [threading.Thread(target=stop, args=(path,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ids(path) == [f"admin-{number}" for number in range(1, 9)]


def test_there_is_a_most(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlay, "MOST", 1)
    monkeypatch.setattr(admin_blocks, "MOST", 1)
    stop(path)
    with pytest.raises(ConfigError, match="1 blocks are the most"):
        stop(path)


def test_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        stop(tmp_path / "gone" / FILE)
