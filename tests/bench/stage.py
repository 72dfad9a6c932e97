"""What is measured against: PostgreSQL 18 of the wheel, PgBouncer where it is installed, and ``sekisho serve``.

All reach the server over its Unix socket and are reached over TCP on loopback, so that they differ in nothing else; a
direct connection goes over the same TCP.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.demo.characters import Issuer
from gateway.demo.serving import await_ready
from gateway.demo.settings import free_port
from tests.bench import registry
from tests.bench.machine import children, cpu_seconds
from tests.servers import ROOT, Postgres, find_tool

SCALE = 10
_SERVER = {"shared_buffers": "256MB", "max_wal_size": "4GB", "max_connections": "1200"}
_POOLER = """\
[databases]
{database} = host={sockets} port={server_port} dbname={database} user={role}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = session
default_pool_size = 40
max_client_conn = 1200
server_reset_query =
log_connections = 0
log_disconnections = 0
logfile = {log}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to the database: for a client's connection parameters, and whose processor time it costs."""

    name: str
    port: int
    database: str
    user: str
    password: str
    pid: int | None  # of what stands in between
    workers: tuple[int, ...] = ()  # pids of its further processes

    def environment(self) -> dict[str, str]:
        """What libpq's programs need to take this way."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGDATABASE": self.database,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGSSLMODE": "disable",
            "PGGSSENCMODE": "disable",
        }

    def conninfo(self) -> dict[str, str | int]:
        """The same for psycopg."""
        return {
            "host": "127.0.0.1",
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "sslmode": "disable",
        }

    def cpu(self) -> float | None:
        """Processor seconds used in between so far."""
        used = [cpu_seconds(pid) for pid in (self.pid, *self.workers) if pid is not None]
        return sum(one or 0.0 for one in used) if used else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs."""

    postgres: Postgres
    files: registry.Files
    pgbench: Path
    pgbouncer: Path | None
    ways: dict[str, Way]  # direct, pgbouncer (if there), relay, gateway, labelled, masked
    abuser: Way | None  # somebody else through the gateway


@contextlib.contextmanager
def stage(*, gateway: bool) -> Iterator[Stage]:
    """Start what is needed; it is gone afterwards. ``gateway`` False: the database alone."""
    with contextlib.ExitStack() as cleanup:
        root = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="sekisho-bench-", dir="/tmp")))
        root.chmod(0o755)
        postgres = _database(root / "pg", cleanup)
        pgbench = Path(shutil.which("pgbench") or postgres.bin / "pgbench")
        _load(postgres)
        files = registry.write(_folder(root / "gateway"), postgres.socket_directory, postgres.port)
        issuer = Issuer()
        issuer.write_jwks(files.jwks)
        token = issuer.token(registry.WHO, at=int(time.time()), ttl=6 * 3600)
        pgbouncer = find_tool("pgbouncer")
        ways: dict[str, Way] = {}
        abuser: Way | None = None

        def way(name: str, port: int, database: str, pid: int | None, user: str, password: str) -> None:
            ways[name] = Way(name=name, port=port, database=database, user=user, password=password, pid=pid)

        way("direct", postgres.port, registry.DATABASE, None, registry.ROLE, "bench")
        if gateway:
            if pgbouncer is not None:
                port, process = _pooler(pgbouncer, root / "pooler", postgres, cleanup)
                way("pgbouncer", port, registry.DATABASE, process.pid, registry.ROLE, "any")
            port, process = _relay(postgres, cleanup)
            way("relay", port, registry.DATABASE, process.pid, registry.ROLE, "bench")
            process, _ = start_gateway(files, cleanup)
            who = registry.WHO.subject
            way("gateway", files.port, registry.NOBODY, process.pid, who, token)
            way("labelled", files.port, registry.PEOPLE, process.pid, who, token)
            way("masked", files.port, registry.MASKED, process.pid, who, token)
            token = issuer.token(registry.ABUSER, at=int(time.time()), ttl=6 * 3600)
            abuser = Way(
                name="abuser",
                port=files.port,
                database=registry.NOBODY,
                user=registry.ABUSER.subject,
                password=token,
                pid=process.pid,
            )
        yield Stage(postgres=postgres, files=files, pgbench=pgbench, pgbouncer=pgbouncer, ways=ways, abuser=abuser)


def _folder(path: Path) -> Path:
    path.mkdir(mode=0o755)
    return path


def _database(root: Path, cleanup: contextlib.ExitStack) -> Postgres:
    postgres = Postgres(18, _folder(root), _SERVER)
    postgres.initialise()
    postgres.start()
    cleanup.callback(postgres.stop, signal.SIGQUIT)
    return postgres


def _load(postgres: Postgres) -> None:
    with postgres.admin() as connection:
        connection.execute(f"CREATE DATABASE {registry.DATABASE}")
    command = [str(postgres.bin / "pgbench"), "-i", "-q", "-s", str(SCALE), postgres.dsn(registry.DATABASE)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        raise RuntimeError(f"pgbench -i: {done.stderr}")
    postgres.load(registry.SCHEMA, registry.DATABASE)


def _pooler(
    program: Path, root: Path, postgres: Postgres, cleanup: contextlib.ExitStack
) -> tuple[int, subprocess.Popen[bytes]]:
    _folder(root)
    port = free_port()
    (root / "pgbouncer.ini").write_text(
        _POOLER.format(
            database=registry.DATABASE,
            sockets=postgres.socket_directory,
            server_port=postgres.port,
            role=registry.ROLE,
            port=port,
            log=root / "pgbouncer.log",
        )
    )
    command = [str(program), "-q", str(root / "pgbouncer.ini")]
    if os.geteuid() == 0:  # it refuses to be root, as PostgreSQL does
        os.chown(root, pwd.getpwnam("nobody").pw_uid, -1)
        command[1:1] = ["-u", "nobody"]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    cleanup.callback(_end, process)
    _await_port(port, process)
    return port, process


def _relay(postgres: Postgres, cleanup: contextlib.ExitStack) -> tuple[int, subprocess.Popen[bytes]]:
    port = free_port()
    path = f"{postgres.socket_directory}/.s.PGSQL.{postgres.port}"
    command = [sys.executable, "-m", "tests.bench.relay", str(port), path]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    cleanup.callback(_end, process)
    _await_port(port, process)
    return port, process


def compiled() -> str:
    """The folder that a compiled wheel was installed into, where the gateway is to be that one."""
    return os.environ.get("SEKISHO_COMPILED", "")


def _environment() -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SEKISHO_")}
    path = [compiled(), str(ROOT)] if compiled() else [str(ROOT)]
    return plain | {"PYTHONPATH": os.pathsep.join(path)}


class _Gateway:
    """``sekisho serve`` of the checkout this benchmark lies in, or of the wheel that was compiled from it."""

    def __init__(self, config: Path, workers: int) -> None:
        self._log = config.with_name("gateway.log")
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve", "--config", str(config), "--workers", str(workers)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=_environment(),
                cwd="/",  # or the checkout would come before the wheel
            )

    def stop(self) -> None:
        _end(self.process)

    def alive(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]


def start_gateway(
    files: registry.Files, cleanup: contextlib.ExitStack, workers: int = 1
) -> tuple[subprocess.Popen[bytes], tuple[int, ...]]:
    """Start it and wait until it is ready; its process, and those it has started."""
    gateway = _Gateway(files.config, workers)
    cleanup.callback(gateway.stop)
    await_ready(gateway, files.ready_url)
    return gateway.process, children(gateway.process.pid)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} did not start") from None
            time.sleep(0.02)
