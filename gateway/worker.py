"""One of several workers: a gateway in a process of its own, started and ended by `gateway.supervisor`.

A program of its own and not a fork: what gRPC and the event loop have begun cannot be copied into another process. Its
one argument is the descriptor of its end of the line; what it is to be comes over standard input.
"""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import signal
import socket
import sys
from typing import Final

import uvloop

from gateway import logs
from gateway.app import Application
from gateway.errors import ConfigError, RecordUnavailable
from gateway.links.siblings import Hello, Siblings, Withdrawn
from gateway.links.tasks import TaskGroup

_log = logging.getLogger(__name__)
GOOD: Final = 0
FAILED: Final = 2


async def work(hello: Hello, end: socket.socket) -> int:
    """Run until told to stop; the exit code. Problems go to the supervisor, who tells them once for all workers."""
    siblings = Siblings(hello)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, siblings.stopping.set)
    await siblings.join(end)
    tasks = TaskGroup()
    application = Application(hello.config, siblings)
    try:
        await application.start()
    except Withdrawn:
        return GOOD
    except ConfigError as error:
        siblings.failed(error.problems)
        return FAILED
    tasks.spawn(siblings.watch(), "watch the supervisor")
    siblings.opened()
    _log.info("worker_started", extra={"pid": os.getpid()})
    await siblings.stopping.wait()
    _log.info("worker_stopping")
    try:
        await application.stop()
    except RecordUnavailable as error:
        siblings.failed((error.detail,))
        return FAILED
    finally:
        await siblings.leave()
        await tasks.cancel()
    return GOOD


def main() -> int:
    """What the supervisor starts."""
    try:
        hello = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the supervisor itself
    except EOFError:  # it ended in the very moment
        return FAILED
    logs.configure(hello.config.log_level, sys.stderr, worker=hello.number)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(hello, socket.socket(fileno=int(sys.argv[1]))))
