"""The SQL of the table that a PostgreSQL sink fills. Pure.

Partitioned by month, so that a month is dropped in one step when its time is over. The primary key has the hash in it:
what comes twice is there once, and a line that differs from one already there, which only a forger makes, is kept
beside it. ``entry`` is of type json and not jsonb: it keeps the line byte for byte, and its hash can be checked.
"""

from __future__ import annotations

from datetime import date
from typing import Final

COLUMNS: Final = (
    "record",
    "writer",
    "seq",
    "hash",
    "at",
    "kind",
    "decision_id",
    "session",
    "principal",
    "datasource",
    "effect",
    "reason",
    "entry",
)
_TABLE: Final = """CREATE TABLE IF NOT EXISTS {table} (
    record text NOT NULL,
    writer text NOT NULL,
    seq bigint NOT NULL,
    hash text NOT NULL,
    at timestamptz NOT NULL,
    kind text,
    decision_id text,
    session text,
    principal text,
    datasource text,
    effect text,
    reason text,
    entry json NOT NULL,
    PRIMARY KEY (record, writer, seq, hash, at)
) PARTITION BY RANGE (at)"""


def schema_sql(table: str) -> str:
    """Of the table's schema."""
    return f"CREATE SCHEMA IF NOT EXISTS {table.partition('.')[0]}"


def table_sql(table: str) -> list[str]:
    """The table and its indices, without a month."""
    name = table.partition(".")[2]
    return [
        _TABLE.format(table=table),
        f"CREATE INDEX IF NOT EXISTS {name}_decision ON {table} (decision_id)",
        f"CREATE INDEX IF NOT EXISTS {name}_principal ON {table} (principal, at)",
    ]


def month_table(table: str, month: date) -> str:
    """The partition of a month."""
    return f"{table}_{month:%Y_%m}"


def month_sql(table: str, month: date) -> str:
    """Makes that partition."""
    begin, end = month.replace(day=1), next_month(month)
    bounds = f"FROM ('{begin} 00:00+00') TO ('{end} 00:00+00')"
    return f"CREATE TABLE IF NOT EXISTS {month_table(table, month)} PARTITION OF {table} FOR VALUES {bounds}"


def next_month(month: date) -> date:
    """Its first day."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def whole_sql(table: str, first: date, months: int, role: str) -> str:
    """All that somebody runs who makes the table for a role that may only insert."""
    statements = [schema_sql(table), *table_sql(table)]
    for _ in range(months):
        statements.append(month_sql(table, first))
        first = next_month(first)
    statements += [
        f"CREATE TABLE IF NOT EXISTS {table}_other PARTITION OF {table} DEFAULT",
        f'GRANT USAGE ON SCHEMA {table.partition(".")[0]} TO "{role}"',
        f'GRANT INSERT ON {table} TO "{role}"',
    ]
    note = "-- The role also needs TEMPORARY on the database: entries are copied into a temporary table first.\n"
    return note + "".join(f"{statement};\n" for statement in statements)


def temporary_sql() -> str:
    """What entries are copied into. A row that is there already is left out on the way from there."""
    columns = ", ".join(f"{name} {'bigint' if name == 'seq' else 'text'}" for name in COLUMNS)
    return f"CREATE TEMPORARY TABLE IF NOT EXISTS sekisho_incoming ({columns}) ON COMMIT DELETE ROWS"


def insert_sql(table: str) -> str:
    """From there into the table. No conflict target: then the role needs no more than INSERT."""
    casts = {"at": "at::timestamptz", "entry": "entry::json"}
    values = ", ".join(casts.get(name, name) for name in COLUMNS)
    # The table's name is two plain words, as configuration holds to.
    into = f"INSERT INTO {table} ({', '.join(COLUMNS)})"
    return f"{into} SELECT {values} FROM pg_temp.sekisho_incoming ON CONFLICT DO NOTHING"  # noqa: S608
