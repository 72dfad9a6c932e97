"""What the figures were measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

_PACKAGES = ("uvloop", "gordon-to-regorus", "pgparse", "pyjwt", "psycopg")


def describe(*, pgbouncer: Path | None, pgbench: Path | None, postgres: Path | None) -> dict[str, Any]:
    """Cores, kernel, versions."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "load_at_start": round(os.getloadavg()[0], 2),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sekisho": importlib.metadata.version("sekisho"),
        "gateway": "compiled" if os.environ.get("SEKISHO_COMPILED") else "interpreted",
        "packages": {name: _version(name) for name in _PACKAGES},
        "postgresql": _says(postgres),
        "pgbench": _says(pgbench),
        "pgbouncer": _says(pgbouncer),
    }


def cpu_seconds(pid: int) -> float | None:
    """Processor time a process used so far, all threads; None where the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> tuple[int, ...]:
    """The processes it has started; none where the system does not say."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return tuple(int(one) for thread in threads for one in (thread / "children").read_text().split())
    except OSError:
        return ()


def memory_kb(pid: int) -> int | None:
    """Resident memory of a process; None where the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), None)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def _says(program: Path | None) -> str | None:
    if program is None:
        return None
    done = subprocess.run([program, "--version"], capture_output=True, text=True, cwd="/")
    return done.stdout.splitlines()[0].strip() if done.stdout else None
