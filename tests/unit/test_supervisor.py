"""The supervisor over small programs that end as workers may end; over real ones it is in
`tests.integration.test_workers`."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import pytest

from gateway import supervisor
from gateway.audit.folder import lock_alone
from gateway.audit.segments import FileCalls
from gateway.config_load import load
from gateway.errors import ConfigError
from gateway.links.volume_file import volume_file
from gateway.supervisor import Supervisor, _how, supervise
from tests.houses import House

# Reads what it is started with, says the words given, and ends as the rest of the program does.
_SAYS = """
import json, os, pickle, socket, struct, sys
hello = pickle.load(sys.stdin.buffer)
line = socket.socket(fileno=int(sys.argv[1]))
def say(word, about=None):
    body = json.dumps([word, about]).encode()
    line.sendall(struct.pack("!I", len(body)) + body)
def hear(word):
    while True:
        (length,) = struct.unpack("!I", line.recv(4, socket.MSG_WAITALL))
        said, about = json.loads(line.recv(length, socket.MSG_WAITALL))
        if said == word:
            return about
def serve():
    say("prepared"); hear("open"); say("opened")
"""


def run(
    house: House, monkeypatch: pytest.MonkeyPatch, program: str, workers: int = 1, ending: asyncio.Event | None = None
) -> list[str]:
    """The problems it ends with, none where it ends in good order."""
    monkeypatch.setattr(supervisor, "_PROGRAM", _SAYS + program)
    monkeypatch.setattr(supervisor, "_SHORTEST", 0.001)

    async def whole() -> list[str]:
        config = load(house.layout.config, {})
        one = Supervisor(config, workers, volume_file(house.layout.record), ending or asyncio.Event())
        try:
            async with asyncio.timeout(30):
                await one.run()
        except ConfigError as error:
            return list(error.problems)
        return []

    return asyncio.run(whole())


@pytest.fixture
def alone(tmp_path: Path) -> House:
    return House(tmp_path, None)


def test_a_worker_that_ends_before_it_is_ready(alone: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(alone, monkeypatch, "sys.exit(3)") == ["worker 1 ended with exit code 3 before it was ready"]
    killed = "os.kill(os.getpid(), 9)"
    assert run(alone, monkeypatch, killed) == ["worker 1 was ended by SIGKILL before it was ready"]


def test_its_problems_are_told_once_for_all(alone: House, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "hello.number == 1 or sys.exit(hear('stop'))\nsay('failed', ['this', 'that'])\nsys.exit(2)"
    assert run(alone, monkeypatch, program, workers=3) == ["this", "that"]


def test_a_start_in_which_all_fail_alike_tells_it_once(alone: House, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "say('failed', ['this']); sys.exit(2)"
    assert run(alone, monkeypatch, program, workers=4) == ["this"]


def test_the_last_worker_is_given_up_when_it_ends_again_and_again(
    alone: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        problems = run(alone, monkeypatch, "serve(); sys.exit(4)")
    assert problems == ["worker 1, the last one, ended with exit code 4 again and again"]
    ended = [one for one in caplog.records if one.message == "worker_ended"]
    waits = [one.again_in for one in ended]  # type: ignore[attr-defined]
    assert waits == sorted(waits)
    assert len(ended) == 5


def test_a_worker_that_does_not_end_is_killed(
    alone: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "_DOORS", -9.9)  # of the ten seconds for sessions, a tenth is left
    told = f"os.kill({os.getpid()}, {int(signal.SIGUSR1)})"
    program = f"serve(); hear('state'); {told}\nwhile True: hear('ping')"
    ending = asyncio.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: ending.set())
    try:
        with caplog.at_level(logging.ERROR):
            assert run(alone, monkeypatch, program, ending=ending) == ["worker 1 was ended by SIGKILL"]
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert "worker_killed" in [one.message for one in caplog.records]


def test_an_error_nobody_foresaw_is_no_good_end(
    alone: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(self: Supervisor, number: int, again: str) -> int:
        raise RuntimeError("what is this?")

    monkeypatch.setattr(Supervisor, "_run_one", broken)
    assert run(alone, monkeypatch, "") == ["worker 1 could not be watched any longer"]
    assert "task_failed" in [one.message for one in caplog.records]


def test_what_cannot_be_had_is_told_before_anything_is_started(alone: House, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(alone.layout.config, {})
    lock = lock_alone(config.record.directory, FileCalls())
    with pytest.raises(ConfigError, match="in use by another gateway"):
        asyncio.run(supervise(config, 2))
    lock.close()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(ConfigError, match="needs Linux"):
        asyncio.run(supervise(config, 2))


def test_how_a_process_ended() -> None:
    assert _how(0) == "ended with exit code 0"
    assert _how(-15) == "was ended by SIGTERM"
