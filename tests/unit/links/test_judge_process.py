"""The process that judges, spoken to over its descriptor: it ends with whoever started it, and by itself."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.links.judge_process import LENGTH
from gateway.links.judges import _PROGRAM

RULES = "package sekisho\n\ndecision := input.n if not input.long\n\ndecision := count(numbers.range(0, input.long))\n"


@contextmanager
def process(text: str = RULES, seconds: float = 10) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), str(seconds)]
    with ours, subprocess.Popen(command, pass_fds=(theirs.fileno(),)) as running:
        theirs.close()
        send(ours, [[["sekisho/d.rego", text]], {}])
        try:
            yield ours, running
        finally:
            running.kill()


def send(line: socket.socket, about: Any) -> None:
    body = json.dumps(about).encode()
    line.sendall(LENGTH.pack(len(body)) + body)


def heard(line: socket.socket) -> Any:
    (length,) = LENGTH.unpack(line.recv(LENGTH.size, socket.MSG_WAITALL))
    return json.loads(line.recv(length, socket.MSG_WAITALL))


def test_it_is_ready_and_answers_one_question_after_the_other() -> None:
    with process() as (line, _):
        assert heard(line) == {"ready": True}
        for n in (1, 2):
            send(line, {"n": n})
            assert heard(line) == {"answer": n}
        send(line, {})
        assert heard(line) == {"failed": "engine_undefined", "why": "the policy's answer is undefined"}


def test_a_policy_that_does_not_compile_is_said_and_no_more() -> None:
    with process("package sekisho\n\ndecision := nowhere(1)\n") as (line, running):
        assert heard(line) == {"failed": "engine_unavailable", "why": "the policy could not be prepared"}
        assert running.wait(10) == 0


@pytest.mark.parametrize("sent", [b"", LENGTH.pack(1000) + b"[[", LENGTH.pack(8) + b"[[], {}]"])
def test_it_says_nothing_of_a_gateway_that_was_killed_in_the_middle(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-c", _PROGRAM, str(theirs.fileno()), "10"]
    with subprocess.Popen(command, pass_fds=(theirs.fileno(),), stderr=subprocess.PIPE) as running:
        theirs.close()
        with ours:
            ours.sendall(sent)
        assert running.communicate(timeout=20)[1] == b""
        assert running.returncode == 0


def test_it_ends_when_the_other_end_is_gone() -> None:
    with process() as (line, running):
        heard(line)
        line.close()
        assert running.wait(10) == 0


def test_it_ends_by_itself_where_nobody_ends_it() -> None:
    with process(seconds=0.1) as (line, running):
        heard(line)
        send(line, {"long": 60_000_000})
        assert running.wait(10) in {-signal.SIGALRM, -signal.SIGABRT}
