"""Before anything of the record is shown, the rules are asked; a copy may be read without."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gateway.asking import NotAllowed
from gateway.cli_reading import readable
from gateway.config import Config
from gateway.console import CANNOT, NO
from gateway.errors import ConfigError, Reason
from gateway.inquiry import Looking, Reading
from gateway.model import Decision, Effect, Verdict
from gateway.needs import Outcome
from tests.configured import configuration

READING = Reading(what=Looking.DECISIONS)


def denied(reason: Reason) -> NotAllowed:
    verdict = Verdict(effect=Effect.DENY, reason=reason, valid_until=0, revision="")
    decision = Decision(id="d", at=0, verdict=verdict)
    return NotAllowed(
        Outcome(reason=reason, decision=decision, message="access denied: no", detail="Rule: r", hint="ask")
    )


@pytest.mark.parametrize(
    ("reason", "code"),
    [(Reason.POLICY_DENIED, NO), (Reason.ENGINE_TIMEOUT, CANNOT), (Reason.RECORD_UNAVAILABLE, CANNOT)],
)
def test_denial_is_told_and_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], reason: Reason, code: int
) -> None:
    def ask(*_: object, **__: object) -> int:
        raise denied(reason)

    monkeypatch.setattr("gateway.asking.ask", ask)
    with pytest.raises(SystemExit) as caught:
        readable(None, configuration(tmp_path), False, READING, "a question")
    assert caught.value.code == code
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("denied: no\n  Rule: r\n  ask\n")
    assert ("--unrecorded" in told.err) is (reason is Reason.RECORD_UNAVAILABLE)


def test_record_is_the_configurations_unless_another_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(config: Config, reading: Reading, text: str, **_: object) -> int:
        asked.append(text)
        return 7

    monkeypatch.setattr("gateway.asking.ask", ask)
    place = configuration(tmp_path)
    (tmp_path / "old").mkdir()
    assert readable(None, place, False, READING, "q").folder == tmp_path
    assert readable(tmp_path / "old", place, False, READING, "q").until == 7
    assert asked == ["q", f"q of {tmp_path / 'old'}"]
    with pytest.raises(ConfigError, match="there is no such folder"):
        readable(tmp_path / "gone", place, False, READING, "q")
    with pytest.raises(ConfigError, match="there is no configuration"):
        readable(tmp_path, tmp_path / "none.yaml", False, READING, "q")
    assert len(asked) == 2


def test_copy_is_read_without_asking_and_the_gateways_own_record_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = configuration(tmp_path)
    (tmp_path / "copy").mkdir()
    found = readable(tmp_path / "copy", place, True, READING, "q")
    assert (found.folder, found.until) == (tmp_path / "copy", math.inf)
    assert "nobody was asked" in capsys.readouterr().err
    assert readable(tmp_path / "copy", tmp_path / "none.yaml", True, READING, "q").folder == tmp_path / "copy"
    for directory in (tmp_path, tmp_path / "copy" / ".."):
        with pytest.raises(ConfigError, match="no copy"):
            readable(directory, place, True, READING, "q")
    with pytest.raises(ConfigError, match="name the folder"):
        readable(None, place, True, READING, "q")
