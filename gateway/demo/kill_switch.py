"""The kill-switch, after the story: what the company did in 2021 with one command, seen at the door, and undone again.

The story is answered by the law of today. What was done at the time was simpler: nobody under the law of China came in.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.demo.characters import LI
from gateway.demo.play import Complaint, Stage
from gateway.demo.serving import command
from gateway.demo.show import Screen, Tone

_SECONDS: Final = 60.0  # for a command
_PATIENCE: Final = 10.0  # seconds in which a block must be in force; it is meant to be a tenth of one
_BLOCKED: Final = "principal_blocked"


def pull(screen: Screen, stage: Stage, config: Path) -> bool:
    """Block China, knock, and lift the block; whether all of it came out as it should."""
    screen.heading("And what was done on 2021-03-23: all of China is blocked")
    done = _run(screen, "block", "CN", "--reason", "as on 2021-03-23", config=config)
    found = re.match(r"(admin-\d+) ", done.stdout)
    if done.returncode or found is None:
        screen.verdict(False, "the block could not be made", indent=0)
        return False
    refused, said = _until(stage, blocked)
    if said is not None:
        screen.field(f"{said.severity}:", said.message, tone=Tone.BAD)
    right = "no session begins, whatever it would ask; those that are open end"
    wrong = "not as expected: a session begins although its country is blocked"
    screen.verdict(refused, right if refused else wrong)
    lifted = _run(screen, "unblock", found[1], config=config).returncode == 0
    again = lifted and _until(stage, lambda complaint: complaint is None)[0]
    screen.verdict(again, "and begins again" if again else "not as expected: no session begins any more")
    return refused and again


def blocked(complaint: Complaint | None) -> bool:
    """Whether the door said so."""
    return complaint is not None and _BLOCKED in complaint.text


def _until(stage: Stage, holds: Callable[[Complaint | None], bool]) -> tuple[bool, Complaint | None]:
    """Knock until that is so: the command returns when a block is kept, and every gateway looks for itself."""
    until = time.monotonic() + _PATIENCE
    while True:
        said = stage.knock(LI, LI.site)
        if holds(said) or time.monotonic() > until:
            return holds(said), said
        time.sleep(0.02)


def _run(screen: Screen, *arguments: str, config: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command, as a person would, and show both."""
    screen.line()
    screen.verbatim(f"$ {shlex.join(['sekisho', *arguments])}", tone=Tone.ACCENT)
    done = subprocess.run(  # noqa: S603 - our own command line, no shell
        [*command(), *arguments, "--config", str(config)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
    )
    screen.verbatim((done.stdout + done.stderr).rstrip())
    return done
