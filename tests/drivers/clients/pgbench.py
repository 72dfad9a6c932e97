"""pgbench in its three protocols, with scripts of ours. It ends with the first error, so each step is a run."""

from __future__ import annotations

import subprocess

from tests.drivers.clients.psql import command, errors_of, path_of
from tests.drivers.stage import Play, Report
from tests.drivers.vocabulary import STATEMENTS, Step

_TIMES = 20


def play(play: Play) -> None:
    """Go through the steps."""
    allowed = STATEMENTS["allowed"].replace("$1", ":number")
    done = _run(play, f"\\set number random(1, 3)\n{allowed};\n")
    assert done.returncode == 0, done.stderr
    count = next(line.split()[-1] for line in done.stdout.splitlines() if "actually processed" in line)
    # Its listener takes nothing in the clear, and pgbench tells nothing of how it is connected.
    play.note(Step.TLS, on=play.target.ca is not None)
    play.note(Step.ALLOWED, transactions=count.partition("/")[0])

    step = Step.DENIED_SIMPLE if play.mode == "simple" else Step.DENIED_PREPARED
    play.note(step, **_fails(play, f"\\set number 1\n{STATEMENTS['denied_with'].replace('$1', ':number')};\n"))
    first, last = (STATEMENTS["insert"] % f"batch-{number}" for number in (1, 2))
    if play.mode == "simple":
        script = f"{first} \\; {STATEMENTS['denied']} \\; {last};\n"
    else:
        script = f"\\startpipeline\n{first};\n{STATEMENTS['denied']};\n{last};\n\\endpipeline\n"
    play.note(Step.DENIED_BATCH, **_fails(play, script))
    insert = STATEMENTS["insert"] % "transaction-1"
    play.note(Step.DENIED_IN_TRANSACTION, **_fails(play, f"BEGIN;\n{insert};\n{STATEMENTS['denied']};\nCOMMIT;\n"))


def _run(play: Play, script: str) -> subprocess.CompletedProcess[str]:
    start, environment = command(play, "pgbench", "18")
    path = path_of(play, "script.sql", script)
    arguments = ["-n", "-M", play.mode, "-c", "1", "-t", str(_TIMES), "-f", str(path)]
    return subprocess.run([*start, *arguments], env=environment, capture_output=True, text=True, timeout=30)


def _fails(play: Play, script: str) -> Report:
    done = _run(play, script)
    assert done.returncode == 2, done.stderr
    return {"said": [line for line in done.stderr.splitlines() if "ERROR" in line], "codes": errors_of(done.stderr)}
