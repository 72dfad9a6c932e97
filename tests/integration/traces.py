"""System calls of a running gateway, in the order in which they began and returned (strace)."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_CALLS: Final = "write,writev,pwrite64,sendto,sendmsg,fdatasync,fsync"
_WHOLE: Final = re.compile(r"(\d+) +(\w+)\(\d+<(.*?)>[,)](.*)$")
_BEGUN: Final = re.compile(r"(\d+) +(\w+)\(\d+<(.*?)>(.*) <unfinished \.\.\.>$")
_RESUMED: Final = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)$")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call: its place in the order at which it began, and that at which it had returned."""

    name: str
    file: str  # path, or kind of socket
    text: str  # arguments, as strace writes them
    began: int
    returned: int


@dataclass(slots=True)
class Trace:
    """What was seen, once it has ended."""

    calls: list[Call] = field(default_factory=list)

    def to(self, file: str, text: str = "") -> list[Call]:
        """Calls on files whose name has this in it, and these words in what was written."""
        return [call for call in self.calls if file in call.file and text in call.text]


@contextlib.contextmanager
def traced(strace: Path, pid: int, output: Path) -> Iterator[Trace]:
    """Watch all threads of a process. The trace is there when the block has been left."""
    command = [str(strace), "-f", "-q", "-yy", "-s", "1000000", "-e", f"trace={_CALLS}", "-o", str(output), "-p"]
    # Without -q it says when it has attached, which has to be waited for.
    command.remove("-q")
    process = subprocess.Popen([*command, str(pid)], stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    assert "attached" in said, said
    rest = threading.Thread(target=process.stderr.read)
    rest.start()
    trace = Trace()
    try:
        yield trace
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)
        rest.join()
        process.stderr.close()
    trace.calls = _read(output.read_text(errors="replace").splitlines())


def _read(lines: list[str]) -> list[Call]:
    calls: list[Call] = []
    begun: dict[str, tuple[str, str, str, int]] = {}
    for number, line in enumerate(lines):
        if found := _BEGUN.match(line):
            begun[found[1]] = (found[2], found[3], found[4], number)
        elif found := _RESUMED.match(line):
            name, file, text, began = begun.pop(found[1])
            assert name == found[2]
            calls.append(Call(name, file, text + found[3], began, number))
        elif found := _WHOLE.match(line):
            calls.append(Call(found[2], found[3], found[4], number, number))
    return calls
