"""``python -m tests.crash.nest``: a process that has imported the gateway and forks one for each line it reads.

A line is ``CONFIG<TAB>LOG``; the answer is the process id. The child is ``sekisho serve --config CONFIG`` and nothing
else; nothing but imports has happened before, no thread and no loop has begun. It is waited for here: each end is told
by a line ``PID STATUS``.
"""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Until standard input ends."""
    from gateway import app, cli  # noqa: F401 - imported for the children

    print("ready", flush=True)
    for line in sys.stdin:
        config, log = line.rstrip("\n").split("\t")
        child = os.fork()
        if child == 0:
            _become(config, log)
        print(child, flush=True)
        print(*os.waitpid(child, 0), flush=True)
    return 0


def _become(config: str, log: str) -> None:
    """Never returns: whatever happens, the child must not go on as the nest."""
    status = 1
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for descriptor, source in ((0, nothing), (1, output), (2, output)):
            os.dup2(source, descriptor)
        from gateway.cli import main as command

        command(["serve", "--config", config])
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        os._exit(status)


if __name__ == "__main__":
    raise SystemExit(main())
