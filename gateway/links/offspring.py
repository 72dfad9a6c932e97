"""Processes of this gateway's own beside it: each a program of its own, with one end of a line to whoever started it.

Not a fork: what gRPC and the event loop have begun cannot be copied into another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import socket
import sys
from asyncio.subprocess import Process


async def start(program: str) -> tuple[Process, socket.socket]:
    """Start one; it has the number of its end as its argument, and waits for what it is to be on standard input.

    ``program``: Python. The socket is our end. Ctrl-C at a terminal is for whoever started it, who tells it.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-c",
            program,
            str(theirs.fileno()),
            stdin=asyncio.subprocess.PIPE,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
    return process, ours


async def hand_over(process: Process, task: object) -> None:
    """Say what it is to be. One that has ended already is found so by whoever waits for its end."""
    if process.stdin is not None:
        with contextlib.suppress(ConnectionError):
            process.stdin.write(pickle.dumps(task))
            await process.stdin.drain()
            process.stdin.close()
