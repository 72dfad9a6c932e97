"""What runs in a process that does nothing but judge: documents in, answers out, over one descriptor.

It sees neither configuration nor sockets, has a bound on its memory, and ends by itself where an evaluation takes far
too long: the kernel's alarm rings whether or not anybody is left who would kill it. Little is imported, as a process
that is killed is waited for by those behind it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import sys
from struct import Struct
from typing import IO, Any, Final

from gateway.errors import PolicyUnavailable, Reason
from gateway.policy.engine import ENTRY_POINT
from gateway.policy.rego import RegoError, RegoProgram

LENGTH: Final = Struct("!I")
_NICE: Final = 5  # the loop goes first where processors are few
_MEMORY: Final = 2 * 1024**3
_PATIENCE: Final = 2.0  # times the bound, after which nobody is left to hold to it


def serve(descriptor: int, seconds: float) -> None:
    """The policy first, then document after document, until the other end is gone."""
    os.nice(_NICE)
    with contextlib.suppress(ValueError, OSError):  # a platform without it, or less than this allowed already
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    sys.stdout = sys.stderr  # whatever prints must not print into an answer
    with open(descriptor, "r+b", buffering=0) as raw, open(os.dup(descriptor), "rb") as requests:
        # A gateway that was killed is no fault of ours, and nobody reads what we would say of it.
        with contextlib.suppress(ConnectionError):
            _judge(raw, requests, seconds)


def _judge(raw: IO[bytes], requests: IO[bytes], seconds: float) -> None:
    policy = _read(requests)
    if not policy:
        return
    modules, data = json.loads(policy)
    try:
        program = RegoProgram([(path, text) for path, text in modules], data, ENTRY_POINT)
    except RegoError:
        _write(raw, {"failed": Reason.ENGINE_UNAVAILABLE, "why": "the policy could not be prepared"})
        return
    _write(raw, {"ready": True})
    while body := _read(requests):
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)
        answer = _judged(program, body)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(raw, answer)


def _judged(program: RegoProgram, body: bytes) -> dict[str, Any]:
    try:
        return {"answer": program.evaluate(json.loads(body))}
    except PolicyUnavailable as error:
        return {"failed": error.reason, "why": error.detail}


def _read(requests: IO[bytes]) -> bytes:
    head = requests.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return b""
    length = LENGTH.unpack(head)[0]
    body = requests.read(length)
    return body if len(body) == length else b""


def _write(raw: IO[bytes], answer: dict[str, Any]) -> None:
    body = json.dumps(answer, separators=(",", ":")).encode()
    left = memoryview(LENGTH.pack(len(body)) + body)
    while left:
        left = left[raw.write(left) :]
