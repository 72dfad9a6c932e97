"""One worker, in this process and with a supervisor moved by hand; as a process of its own it is in
`tests.integration.test_workers`."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.folder import lock_for_workers
from gateway.audit.segments import FileCalls
from gateway.audit.verify import verify
from gateway.config_load import load
from gateway.facts.volume import VolumeCounter
from gateway.links.line import Line, Word
from gateway.links.siblings import Hello
from gateway.links.sources import hash_key
from gateway.supervisor import _PROGRAM
from gateway.worker import work
from tests.houses import House


@pytest.fixture
def alone(tmp_path: Path) -> House:
    """A house without a database."""
    return House(tmp_path, None)


def run(house: House, moves: Callable[[Line, asyncio.Queue[tuple[Word, Any]]], Awaitable[None]]) -> int:
    """Run the worker; its exit code."""

    async def both() -> int:
        config = load(house.layout.config, {})
        hello = Hello(config=config, number=1, of=1, volume=VolumeCounter().snapshot())
        heard: asyncio.Queue[tuple[Word, Any]] = asyncio.Queue()
        ours, theirs = socket.socketpair()
        line = await Line.over(ours, lambda *message: heard.put_nowait(message), lambda: None)
        running = asyncio.gather(work(hello, theirs))
        async with asyncio.timeout(30):
            await moves(line, heard)
            (code,) = await running
        line.close()
        return code

    lock = lock_for_workers(house.layout.record, FileCalls())
    try:
        hash_key(load(house.layout.config, {}))
        return asyncio.run(both())
    finally:
        lock.close()


async def heard_of(heard: asyncio.Queue[tuple[Word, Any]], word: Word) -> Any:
    while True:
        said, about = await heard.get()
        if said is word:
            return about


def test_from_its_start_to_its_end(alone: House) -> None:
    async def moves(line: Line, heard: asyncio.Queue[tuple[Word, Any]]) -> None:
        await heard_of(heard, Word.PREPARED)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", alone.ports.http))
        line.send(Word.OPEN)
        await heard_of(heard, Word.OPENED)
        for port in (alone.ports.http, alone.ports.grpc, alone.ports.edge):
            socket.create_connection(("127.0.0.1", port)).close()
        line.send(Word.STOP)
        counts = await heard_of(heard, Word.SNAPSHOT)
        assert "sekisho_decisions" in {family[0] for family in counts}

    assert run(alone, moves) == 0
    events = alone.entries("event")
    assert (events[0]["event"], events[-1]["event"]) == ("gateway_start", "gateway_stop")
    assert events[0]["detail"].endswith(", worker 1 of 1")
    assert {path.name for path in alone.layout.record.glob("*.jsonl")} == {"gateway-1.00000000.jsonl"}
    assert verify(alone.layout.record).ok


def test_a_start_that_is_called_off(alone: House) -> None:
    async def moves(line: Line, heard: asyncio.Queue[tuple[Word, Any]]) -> None:
        await heard_of(heard, Word.PREPARED)
        line.send(Word.STOP)

    assert run(alone, moves) == 0
    assert verify(alone.layout.record).ok


def test_problems_are_told_to_the_supervisor(alone: House, capsys: pytest.CaptureFixture[str]) -> None:
    alone.layout.jwks.write_text("{}")

    async def moves(line: Line, heard: asyncio.Queue[tuple[Word, Any]]) -> None:
        (problem,) = await heard_of(heard, Word.FAILED)
        assert "JSON Web Key Set" in problem

    assert run(alone, moves) == 2
    assert capsys.readouterr() == ("", ""), "who tells them is the supervisor, once for all"


def test_a_worker_whose_supervisor_is_gone_before_it_said_anything() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM, "0"], stdin=subprocess.DEVNULL, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")
