"""pg_dump --schema-only: what it writes is what it was told of the catalogs."""

from __future__ import annotations

import subprocess

from tests.drivers.clients.psql import command
from tests.drivers.stage import Play
from tests.drivers.vocabulary import Step


def play(play: Play) -> None:
    """Go through the steps."""
    start, environment = command(play, "pg_dump", play.mode)
    # It locks what it dumps, which a role with GRANTs of single columns may not.
    tables = [f"--table={name}" for name in ("stickers", "regions", "feature_flags")]
    start += ["--schema-only", "-w", *tables]
    done = subprocess.run(start, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    # Each dump restricts its reader by a word of its own.
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
    play.note(Step.TLS, on=play.target.ca is not None)
    play.note(Step.METADATA, lines=lines)
