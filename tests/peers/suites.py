"""The suites: fetched by pip as source archives at pinned versions, unpacked, and run by pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as Xml
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import ROOT

_PINS = ROOT / "requirements" / "dev.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One driver's tests."""

    package: str  # as requirements/dev.txt names it
    tests: str  # folder in the archive
    environment: Mapping[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()  # not about a server, or only about one of their own


SUITES = {
    "asyncpg": Suite(
        package="asyncpg",
        tests="tests",
        # Of the code's style; of LISTEN, which is refused: they wait for what never comes.
        ignore=("test__sourcecode.py", "test__environment.py", "test_subinterpreters.py", "test_listeners.py"),
    ),
    "psycopg2": Suite(package="psycopg2-binary", tests="tests", environment={"PSYCOPG2_TESTDB": "postgres"}),
    "pg8000": Suite(
        package="pg8000",
        tests="test",
        ignore=(
            *(
                f"{way}/auth" for way in ("dbapi", "legacy", "native")
            ),  # ways to log in at the server of their workplace
            *(f"{way}/test_benchmarks.py" for way in ("dbapi", "legacy", "native")),
            "test_readme.py",
        ),
    ),
}


def fetch(suite: Suite, folder: Path) -> Path:
    """The unpacked archive. Raises where its hash is not the pinned one."""
    pins = re.split(r"\n(?=\S)", _PINS.read_text().strip())
    (pin,) = (one for one in pins if one.startswith(f"{suite.package}=="))
    wanted = folder / f"{suite.package}.txt"
    wanted.write_text(pin + "\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += [
        "--no-build-isolation",
        "--no-binary",
        ":all:",
        "--require-hashes",
        "-r",
        str(wanted),
        "-d",
        str(folder),
    ]
    subprocess.run(command, check=True)
    (archive,) = folder.glob(f"{suite.package.replace('-', '[-_]')}-*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    return unpacked


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test."""

    outcome: str  # passed | failed | skipped
    said: str = ""


def run(suite: Suite, unpacked: Path, parameters: Mapping[str, str], only: str | None) -> dict[str, Result]:
    """Run the suite against one server; its tests by name."""
    found = unpacked.parent / "results.xml"
    found.unlink(missing_ok=True)
    # The driver is the installed one, of the same version: its compiled parts are not in the archive.
    work = unpacked.parent / "work"
    if not work.exists():
        work.mkdir()
        (unpacked / suite.tests).rename(work / suite.tests)
    command = [sys.executable, "-m", "pytest", suite.tests, "-q", "-p", "no:cacheprovider", "-c", os.devnull]
    command += [f"--rootdir={work}", f"--junitxml={found}", "-o", "junit_family=xunit1", "--timeout=30", "-W", "ignore"]
    command += ["-p", "no:randomly", "--tb=short", "--continue-on-collection-errors", *(("-k", only) if only else ())]
    command += [f"--ignore={suite.tests}/{path}" for path in suite.ignore]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PYTHONPATH": str(work), **parameters}
    done = subprocess.run(command, cwd=work, env={**environment, **suite.environment}, capture_output=True, text=True)
    if not found.exists():
        raise RuntimeError(f"the suite did not run:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return read(found)


def read(path: Path) -> dict[str, Result]:
    """The results of a file in JUnit's form."""
    results: dict[str, Result] = {}
    for case in Xml.parse(path).iter("testcase"):  # noqa: S314 - our own pytest wrote it
        name = f"{case.get('classname')}.{case.get('name')}"
        wrong = [one for one in case if one.tag in ("failure", "error")]
        if wrong:
            results[name] = Result("failed", "\n".join(f"{one.get('message')}\n{one.text}" for one in wrong))
        elif name not in results:
            results[name] = Result("skipped" if case.find("skipped") is not None else "passed")
    return results
