"""The programs in Java, JavaScript and Go that `make tools` builds: each runs once, and plays as often as it is asked.

A play is a line of JSON to the program's input. It answers with lines of JSON: a step and what came of it, or something
that it asks for (an administrator's hand, see ``_ASKED``), which is answered by a line; at the end ``{"end": true}``.
What a program writes to its standard error is shown where it fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.drivers.dbeaver import DBEAVER
from tests.drivers.stage import Play
from tests.drivers.vocabulary import BIG_ROWS, COPIED_ROWS, STATEMENTS, TABLES, Step
from tests.servers import ROOT

PLACE = ROOT / ".tools" / "drivers"
COMMANDS = {
    "java": ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{PLACE}/java/classes:{PLACE}/java/pgjdbc.jar", "Steps"],
    "node": ["node", str(ROOT / "tests" / "drivers" / "node" / "steps.js")],
    "go": [str(PLACE / "go" / "steps")],
}
_BUILT = {"java": "java/classes/Steps.class", "node": "node/node_modules", "go": "go/steps"}
_ASKED: dict[str, Callable[[Play], None]] = {"running": Play.await_running, "kill": Play.kill}


def require_built(name: str) -> None:
    """Skips the test where the program is missing; fails under ``CI=true``."""
    if (PLACE / _BUILT[name]).exists():
        return
    message = f"the drivers of {name} are not built: `make tools` does"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{message} (required, as CI=true)")
    pytest.skip(message)


_SILENCE = 30.0  # seconds between two words of a program


class Silent(Exception):
    """A program said nothing for so long that it was ended."""


class Program:
    """A program that runs."""

    def __init__(self, name: str) -> None:
        self._errors = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            COMMANDS[name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
            cwd=PLACE,
            env={
                "PATH": os.environ["PATH"],
                "HOME": os.environ.get("HOME", "/"),
                "LC_ALL": "C.UTF-8",
                "TZ": "UTC",
                "NODE_PATH": str(PLACE / "node" / "node_modules"),
            },
        )

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def play(self, play: Play) -> None:
        """Go through the steps."""
        self._say(
            {
                "target": play.target.document(),
                "mode": play.mode,
                "sql": STATEMENTS,
                "tables": TABLES,
                "dbeaver": DBEAVER,
                "copied": COPIED_ROWS,
                "big": BIG_ROWS,
            }
        )
        while True:
            said = self._hear()
            if "step" in said:
                play.note(Step(said.pop("step")), **said)
            elif "ask" in said:
                _ASKED[said["ask"]](play)
                self._say({})
            elif "end" in said:
                return
            else:
                raise AssertionError(said["fault"])

    def _say(self, document: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(document) + "\n")

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        patience = threading.Timer(_SILENCE, self._process.kill)
        patience.start()
        line = self._process.stdout.readline()
        if not patience.is_alive():
            raise Silent
        patience.cancel()
        patience.join()
        if not line:
            self._errors.seek(0)
            raise AssertionError(f"the program ended: {self._errors.read().decode(errors='replace')[-4000:]}")
        found: dict[str, Any] = json.loads(line)
        return found
