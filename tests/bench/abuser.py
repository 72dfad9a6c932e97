"""One person at full rate: several connections of one principal that send statements without end, in a process apart.

``python -m tests.bench.abuser``: a JSON document on standard input says how; ``ready`` on standard output when all
connections are open and so many statements are sent that no burst is left (or three seconds are over); it goes on until
standard input ends, and prints how many statements it ran, and how many were refused, since then.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg

_BURST = 700
_PATIENCE = 3.0
# Each is a text that nobody asked before; the ``{}`` is a number that no other statement has.
KINDS = {
    "new": "SELECT abalance AS n{} FROM pgbench_accounts WHERE aid = 4711",
    "long": "SELECT " + ", ".join(["aid"] * 20_000) + " AS n{} FROM pgbench_branches, pgbench_accounts LIMIT 1",
    # Just short enough to be read on the spot, and refused for its kind once it has been.
    "refused": "CREATE VIEW n{} AS VALUES " + ", ".join(["(1)"] * 800),
    "locked": "SELECT held AS n{} FROM busy",
}


def main() -> None:
    """Read, connect, send until told to stop."""
    how: dict[str, Any] = json.loads(sys.stdin.readline())
    connections = [psycopg.connect(**how["conninfo"], autocommit=True) for _ in range(how["connections"])]
    stop = threading.Event()
    done = [0, 0]
    numbers = itertools.count(time.time_ns())  # another run sent other texts
    threads = [
        threading.Thread(target=_send, args=(one, KINDS[how["kind"]], numbers, stop, done)) for one in connections
    ]
    for thread in threads:
        thread.start()
    patience = time.monotonic() + _PATIENCE
    while sum(done) < _BURST and time.monotonic() < patience:
        time.sleep(0.01)
    before = list(done)
    print("ready", flush=True)
    sys.stdin.readline()
    counts = [after - was for after, was in zip(done, before, strict=True)]
    stop.set()
    for thread in threads:
        thread.join()
    print(json.dumps({"run": counts[0], "refused": counts[1]}), flush=True)


def _send(
    connection: psycopg.Connection[Any], text: str, numbers: Iterator[int], stop: threading.Event, done: list[int]
) -> None:
    while not stop.is_set():
        result = connection.pgconn.exec_(text.format(next(numbers)).encode())
        done[result.status != psycopg.pq.ExecStatus.TUPLES_OK] += 1


if __name__ == "__main__":
    main()
