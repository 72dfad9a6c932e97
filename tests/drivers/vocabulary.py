"""The steps that every driver plays, the statements they play them with, and who plays which."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """One thing a program does with its connection. After each that fails it asks ``SELECT 1`` on the same one."""

    TLS = "TLS"
    ALLOWED = "allowed"
    DENIED_SIMPLE = "denied, simple"
    DENIED_PREPARED = "denied, prepared"
    DENIED_BATCH = "denied in a batch"
    DENIED_IN_TRANSACTION = "denied in a transaction"
    CANCEL = "cancel"
    COPY = "COPY"
    BIG = "big result"
    RECONNECT = "reconnect"
    METADATA = "metadata"


EVERY = frozenset(Step) - {Step.METADATA}

BIG_ROWS = 30_000
COPIED_ROWS = 500

# What is denied is denied twice: to the role by its privileges, so that a direct connection fails at the same place,
# and to the engineer in Shanghai by the rules. Keys that programs leave behind begin with the name of the step.
STATEMENTS = {
    "allowed": "SELECT id, name FROM stickers WHERE id <= $1 ORDER BY id",
    "denied": "SELECT state FROM moderation_queue WHERE id = 1",
    "denied_with": "SELECT state FROM moderation_queue WHERE id = $1",
    "insert": "INSERT INTO feature_flags (key, enabled) VALUES ('%s', true)",
    "insert_with": "INSERT INTO feature_flags (key, enabled) VALUES ($1, true)",
    "long": "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 90000) b",
    "big": f"SELECT n, repeat('x', 100) FROM generate_series(1, {BIG_ROWS}) n",
    "copy_in": "COPY feature_flags (key, enabled) FROM STDIN",
    "copy_out": "COPY (SELECT id, name FROM stickers) TO STDOUT",
    "copy_denied": "COPY moderation_queue (state) TO STDOUT",
}
TABLES = ("feature_flags", "health_consultations", "messages", "stickers", "users")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a program connects to. ``ca``: with TLS, and the server's certificate must be of this authority."""

    host: str
    port: int
    user: str
    password: str
    database: str
    ca: str | None

    def libpq(self) -> dict[str, Any]:
        """For libpq, by its names."""
        found = {"host": self.host, "port": self.port, "user": self.user, "password": self.password}
        tls = {"sslmode": "verify-full", "sslrootcert": self.ca} if self.ca else {"sslmode": "disable"}
        return {**found, "dbname": self.database, "connect_timeout": 10, **tls}

    def environment(self) -> dict[str, str]:
        """For libpq's programs, as environment variables."""
        names = {"dbname": "PGDATABASE", "connect_timeout": "PGCONNECT_TIMEOUT"}
        return {names.get(name, f"PG{name.upper()}"): str(value) for name, value in self.libpq().items()}

    def document(self) -> dict[str, Any]:
        """For programs that read JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One row of the matrix."""

    name: str
    program: str  # a module of `clients`, or a program that `make tools` builds
    mode: str = ""
    steps: frozenset[Step] = EVERY
    why_not: str = ""  # why it plays no more than these


_PGBENCH = frozenset({Step.TLS, Step.ALLOWED, Step.DENIED_BATCH, Step.DENIED_IN_TRANSACTION})

DRIVERS = (
    Driver(name="psql 15", program="psql", mode="15", steps=EVERY | {Step.METADATA}),
    Driver(name="psql 18", program="psql", mode="18", steps=EVERY | {Step.METADATA}),
    Driver(name="psycopg 3", program="psycopg3", mode="text"),
    Driver(name="psycopg 3, binary", program="psycopg3", mode="binary"),
    Driver(name="psycopg 3, pipeline", program="psycopg3", mode="pipeline"),
    Driver(name="psycopg2", program="psycopg2", steps=EVERY),
    Driver(name="asyncpg", program="asyncpg", mode="connection"),
    Driver(name="asyncpg, pool", program="asyncpg", mode="pool"),
    Driver(name="pg8000", program="pg8000", steps=EVERY - {Step.CANCEL}, why_not="it cannot cancel"),
    Driver(
        name="SQLAlchemy",
        program="sqlalchemy",
        steps=(EVERY | {Step.METADATA}) - {Step.CANCEL, Step.COPY},
        why_not="cancel and COPY are its driver's",
    ),
    *(
        Driver(name=f"pgjdbc, {mode}", program="java", mode=mode, steps=EVERY | {Step.METADATA})
        for mode in ("simple", "extended", "extendedForPrepared", "extendedCacheEverything")
    ),
    Driver(name="node-postgres", program="node", mode="pg"),
    Driver(
        name="node-postgres, pipeline",
        program="node",
        mode="pg-pipeline",
        steps=EVERY - {Step.CANCEL, Step.COPY, Step.BIG},
        why_not="the others are refused in its pipeline mode",
    ),
    Driver(name="postgres.js", program="node", mode="postgres"),
    Driver(name="pgx", program="go", mode="cache_statement"),
    Driver(name="pgx, simple protocol", program="go", mode="simple_protocol"),
    Driver(name="pgx, pool", program="go", mode="pool"),
    *(
        Driver(
            name=f"pgbench, {mode}",
            program="pgbench",
            mode=mode,
            steps=_PGBENCH | {Step.DENIED_SIMPLE if mode == "simple" else Step.DENIED_PREPARED},
            why_not="it ends with the first error",
        )
        for mode in ("simple", "extended", "prepared")
    ),
    Driver(
        name="pg_dump --schema-only, 18",
        program="pg_dump",
        mode="18",
        steps=frozenset({Step.TLS, Step.METADATA}),
        why_not="it reads the catalogs only",
    ),
)
