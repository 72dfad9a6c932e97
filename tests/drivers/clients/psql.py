"""psql of 15 (Debian's) and of 18 (the wheel's, with a libpq that speaks TLS), each step a script of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests.drivers.stage import Play, Report
from tests.drivers.vocabulary import COPIED_ROWS, STATEMENTS, TABLES, Step
from tests.majors import FETCHED, require_major
from tests.servers import require_tool

_ERROR = re.compile(r"ERROR:  (?P<sqlstate>\w{5}): (?P<message>.*)(?:\nDETAIL:  (?P<detail>.*(?:\n\t.*)*))?")
_HINT = re.compile(r"^HINT:  (.*)$", re.M)
_CONNECTED = re.compile(r"^SSL connection|^SSL Connection\|true", re.M)


def command(play: Play, program: str, major: str) -> tuple[list[str], dict[str, str]]:
    """A program of PostgreSQL's and the environment that it connects with."""
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", **play.target.environment()}
    if major == "15":
        return [str(require_tool(program))], environment
    require_major(18, "npm")
    # The wheel's libpq was built without TLS; that of the other build has it.
    environment["LD_PRELOAD"] = str(FETCHED / "postgres-18" / "native" / "lib" / "libpq.so.5")
    return [str(play.stage.programs / program)], environment


def errors_of(said: str) -> list[Report]:
    """The failures that a program of PostgreSQL's told of, in order."""
    found: list[Report] = []
    for one in _ERROR.finditer(said):
        hint = _HINT.search(said, one.end())
        found.append({**one.groupdict(), "hint": hint[1] if hint else None})
    return found


class _Psql:
    """Runs scripts."""

    def __init__(self, play: Play) -> None:
        start, self.environment = command(play, "psql", play.mode)
        self.command = [*start, "-X", "-A", "-t", "-w", "-q", "-v", "VERBOSITY=verbose"]

    def __call__(self, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            input=script,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=30,
        )

    def rows(self, script: str) -> list[list[Any]]:
        """What a script shows, cells parted."""
        return [line.split("|") for line in self(script).stdout.splitlines()]

    def failing(self, script: str) -> tuple[list[Report], list[str]]:
        """The errors of a script, and what it shows."""
        done = self(script)
        return errors_of(done.stderr), done.stdout.split()


def play(play: Play) -> None:
    """Go through the steps."""
    psql = _Psql(play)
    play.note(Step.TLS, on=_CONNECTED.search(psql("\\conninfo").stdout) is not None)
    allowed = STATEMENTS["allowed"]
    play.note(Step.ALLOWED, rows=psql.rows(allowed.replace("$1", "3") + ";"))
    (said,), shown = psql.failing(f"{STATEMENTS['denied']};\nSELECT 1;")
    play.note(Step.DENIED_SIMPLE, **said, then=shown)
    play.note(Step.DENIED_PREPARED, **_prepared(psql, play.mode))
    first, last = (STATEMENTS["insert"] % f"batch-{number}" for number in (1, 2))
    script = f"{first} \\; {STATEMENTS['denied']} \\; {last};\nSELECT 1;"
    (said, *_), shown = psql.failing(script)
    more = _pipeline(psql) if play.mode == "18" else {}
    play.note(Step.DENIED_BATCH, **said, **more, then=shown)
    script = (
        f"BEGIN;\n{STATEMENTS['insert'] % 'transaction-1'};\n{STATEMENTS['denied']};\nSELECT 2;\nCOMMIT;\nSELECT 1;"
    )
    (said, aborted), shown = psql.failing(script)
    play.note(Step.DENIED_IN_TRANSACTION, **said, aborted=aborted["sqlstate"], then=shown)
    _cancel(play, psql)
    _copy(play, psql)
    numbers = [int(row[0]) for row in psql.rows(f"\\set FETCH_COUNT 1000\n{STATEMENTS['big']};")]
    play.note(Step.BIG, rows=len(numbers), sum=sum(numbers))
    shown = psql(f"SELECT 1;\n\\connect {play.target.database}\nSELECT 2;").stdout.split()
    play.note(Step.RECONNECT, lost=True, then=shown)
    play.note(Step.METADATA, **_metadata(psql))


def _prepared(psql: _Psql, major: str) -> Report:
    allowed, denied = STATEMENTS["allowed"], STATEMENTS["denied_with"]
    script = (
        f"PREPARE one (bigint) AS {allowed};\nEXECUTE one (1);\nEXECUTE one (2);\n"
        f"PREPARE two (bigint) AS {denied};\nEXECUTE two (1);\nSELECT 1;\n"
    )
    if major == "18":
        script = (
            f"{allowed} \\parse one\n\\bind_named one 1 \\g\n\\bind_named one 2 \\g\n\\close_prepared one\n"
            f"{denied} \\bind 1 \\g\n{denied} \\parse two\n\\bind_named two 1 \\g\nSELECT 1;\n"
        )
    said, shown = psql.failing(script)
    return {**said[0], "then": shown}  # where it is denied already when it is prepared, it is not there afterwards


def _pipeline(psql: _Psql) -> Report:
    script = (
        f"\\startpipeline\n{STATEMENTS['insert'] % 'pipeline-1'} \\bind \\sendpipeline\n"
        f"{STATEMENTS['denied']} \\bind \\sendpipeline\n"
        f"{STATEMENTS['insert'] % 'pipeline-2'} \\bind \\sendpipeline\n\\endpipeline\nSELECT 1;"
    )
    said, shown = psql.failing(script)
    return {"pipeline": [one["sqlstate"] for one in said], "pipeline_then": shown}


def _cancel(play: Play, psql: _Psql) -> None:
    running = subprocess.Popen(
        [*psql.command, "-c", STATEMENTS["long"]],
        env=psql.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    play.await_running()
    running.send_signal(signal.SIGINT)
    (said,) = errors_of(running.communicate(timeout=30)[1])
    play.note(Step.CANCEL, **said, then=psql("SELECT 1").stdout.split())


def _copy(play: Play, psql: _Psql) -> None:
    lines = "".join(f"copy-{number}\tt\n" for number in range(COPIED_ROWS))
    shown = psql(f"{STATEMENTS['copy_in']};\n{lines}\\.\nSELECT count(*) FROM feature_flags;").stdout.split()
    out = psql(f"{STATEMENTS['copy_out']};").stdout.splitlines()
    to = "\\" + STATEMENTS["copy_out"].replace("COPY", "copy").replace("STDOUT", "stdout")
    assert psql(to).stdout.splitlines() == out
    (said,), then = psql.failing(f"{STATEMENTS['copy_denied']};\nSELECT 1;")
    play.note(Step.COPY, into=shown, out=len(out), **said, then=then)


def _metadata(psql: _Psql) -> Report:
    asked = [f"\\d {name}" for name in TABLES] + [f"\\d+ {TABLES[0]}"]
    asked += ["\\l", "\\dn", "\\dt", "\\di", "\\dv", "\\ds", "\\df", "\\du", "\\dT", "\\dp", "\\dd", "\\dx", "\\dD"]
    done = psql("\n".join(asked))
    return {"shown": done.stdout.splitlines(), "failed": errors_of(done.stderr)}


def path_of(play: Play, name: str, text: str) -> Path:
    """A script in a file, for a program that reads no other."""
    path = play.stage.folder / name
    path.write_text(text)
    return path
