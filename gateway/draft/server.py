"""A live database -> what was seen of its tables. Everything is read only, bounded and short.

Each table is sampled in a read-only transaction of its own, with a statement and a lock timeout, so nobody waits for a
draft. Only columns whose values are printed by the server's own code are read: a cast of a user's own type, a view, a
foreign table or a row security policy would run somebody's code with our rights.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Final

from gateway.doors.postgres import nonce
from gateway.draft.dsn import Reached
from gateway.draft.seen import ColumnSeen, TableSeen
from gateway.draft.values import count
from gateway.links.asker import Asker, Row, ServerRefused
from gateway.links.visit import visit
from gateway.sql.rewrite.quoting import identifier

Progress = Callable[[str, int, int], None]  # which table, how many are done, of how many

STATEMENT_SECONDS: Final = 10  # the longest that one statement may take on the server
_PATIENCE: Final = 5  # seconds longer until we no longer believe that it will answer
_ANSWER: Final = 64 * 1024 * 1024
_WIDEST: Final = 800  # bytes of so many characters
_CHARACTERS: Final = 200  # of a value: what is longer is a text, and what it holds stands at its beginning or nowhere
_DENSE: Final = 50  # a table this many times larger than the sample is sampled by pages, not from its beginning

_QUIET: Final = (
    "SET default_transaction_read_only = on",
    "SET search_path = pg_catalog, pg_temp",
    f"SET statement_timeout = '{STATEMENT_SECONDS}s'",
    "SET lock_timeout = '1s'",
    "SET row_security = off",  # an error instead of a policy that runs its owner's functions as us
    "SET application_name = 'sekisho catalog draft'",
)
_TABLES: Final = """
SELECT c.oid::text, n.nspname, c.relname, c.relkind::text, c.reltuples::bigint::text,
       coalesce(pg_catalog.obj_description(c.oid, 'pg_class'), ''), coalesce(i.inhparent::text, '')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
WHERE c.relkind IN ('r', 'p', 'm', 'f') AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
ORDER BY n.nspname, c.relname
"""
# The last but one says whether the server's own code prints the type's values: of texts, numbers, addresses, documents.
_COLUMNS: Final = """
SELECT a.attrelid::text, a.attnum::text, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
       (b.oid < 16384 AND b.typtype = 'b' AND (b.typcategory IN ('S', 'N', 'I')
         OR b.typname IN ('json', 'jsonb', 'xml', '_text', '_varchar', '_bpchar')))::text,
       coalesce(pg_catalog.col_description(a.attrelid, a.attnum), '')
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'm', 'f')
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace <> 'pg_catalog'::pg_catalog.regnamespace
ORDER BY a.attrelid, a.attnum
"""
_KEYS: Final = """
SELECT conrelid::text, contype::text, pg_catalog.array_to_string(conkey, ' '), confrelid::text
FROM pg_catalog.pg_constraint WHERE contype IN ('p', 'f')
ORDER BY conrelid, conname
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """A table with what is needed to sample it."""

    schema: str
    relation: str
    kind: str
    rows: int
    seen: TableSeen
    printable: tuple[str, ...]  # columns whose values may be sampled


async def look(reached: Reached, *, schemas: Collection[str], sample: int, progress: Progress) -> tuple[TableSeen, ...]:
    """Every table of these schemas (none named: of all). ``sample``: rows of each, at most; 0: no value is read.

    Raises ConfigError where the server refuses to show its catalogs, UpstreamError where it cannot be reached.
    """
    async with visit("--dsn", reached.address, reached.credentials, {}, nonce, answer_limit=_ANSWER) as asker:
        for setting in _QUIET:
            await _rows(asker, setting)
        await _rows(asker, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")  # of one moment
        tables = [table for table in await _tables(asker) if not schemas or table.schema in schemas]
        await _rows(asker, "COMMIT")
        found: list[TableSeen] = []
        for number, table in enumerate(tables):
            progress(table.seen.name, number, len(tables))
            found.append(await _sampled(asker, table, sample))
        progress("", len(tables), len(tables))
        return tuple(found)


async def _tables(asker: Asker) -> list[_Found]:
    relations = await _rows(asker, _TABLES)
    columns: dict[str, dict[str, tuple[ColumnSeen, bool]]] = defaultdict(dict)
    for oid, number, name, kind, printable, comment in await _rows(asker, _COLUMNS):
        seen = ColumnSeen(name=name or "", type=kind or "", comment=comment or "")
        columns[oid or ""][number or ""] = (seen, printable == "true")
    names = {oid or "": f"{schema}.{relation}" for oid, schema, relation, *_ in relations}
    primary: dict[str, tuple[str, ...]] = {}
    refers: dict[str, dict[str, str]] = defaultdict(dict)
    for oid, kind, numbers, target in await _rows(asker, _KEYS):
        if oid not in names:
            continue
        key = tuple(columns[oid or ""][number][0].name for number in (numbers or "").split())
        if kind == "p":
            primary[oid or ""] = key
        elif len(key) == 1 and target in names:
            refers[oid or ""].setdefault(key[0], names[target])
    return [
        _Found(
            schema=schema or "",
            relation=relation or "",
            kind=kind or "",
            rows=int(rows or 0),
            seen=TableSeen(
                name=names[oid or ""],
                columns=tuple(seen for seen, _ in columns[oid or ""].values()),
                comment=comment or "",
                primary_key=primary.get(oid or "", ()),
                refers=refers.get(oid or "", {}),
                partition_of=names.get(parent or "", ""),
            ),
            printable=tuple(seen.name for seen, printable in columns[oid or ""].values() if printable),
        )
        for oid, schema, relation, kind, rows, comment, parent in relations
    ]


async def _sampled(asker: Asker, table: _Found, sample: int) -> TableSeen:
    # A partition is labelled like its parent, whose sample is of its rows, too; a foreign table is another server.
    if not sample or not table.printable or table.seen.partition_of or table.kind == "f":
        return table.seen
    try:
        rows = await _values(asker, table, sample)
    except ServerRefused as refused:  # its words may hold a value: only its SQLSTATE is told
        await _rows(asker, "ROLLBACK")
        return replace(table.seen, unread=refused.fields.get("C", "XX000"))
    except UnicodeDecodeError:  # of a database without an encoding
        await _rows(asker, "ROLLBACK")
        return replace(table.seen, unread="22021")
    counted = {
        name: count(text for row in rows if (text := row[place]) is not None)
        for place, name in enumerate(table.printable)
    }
    columns = tuple(replace(column, counts=counted.get(column.name)) for column in table.seen.columns)
    return replace(table.seen, columns=columns)


async def _values(asker: Asker, table: _Found, sample: int) -> list[Row]:
    shown = ", ".join(
        f"pg_catalog.left({identifier(name)}::pg_catalog.text, {_CHARACTERS})" for name in table.printable
    )
    place = f"{identifier(table.schema)}.{identifier(table.relation)}"
    await _rows(asker, "BEGIN READ ONLY")
    rows: list[Row] = []
    sample = min(sample, _ANSWER // (2 * _WIDEST * len(table.printable)) + 1)
    if table.rows > _DENSE * sample:
        share = min(100.0, 1000.0 * sample / table.rows)  # ten times as many as are wanted, some of which are taken
        pages = f"SELECT {shown} FROM {place} TABLESAMPLE SYSTEM ({share:.6f})"  # noqa: S608
        rows = await _rows(asker, f"{pages} ORDER BY pg_catalog.random() LIMIT {sample}")
    if not rows:
        rows = await _rows(asker, f"SELECT {shown} FROM {place} LIMIT {sample}")  # noqa: S608
    await _rows(asker, "ROLLBACK")
    return rows


async def _rows(asker: Asker, sql: str) -> list[Row]:
    return await asker.rows(sql, STATEMENT_SECONDS + _PATIENCE)
