"""Makes the golden trees: what real servers print for ``trees/cases.json``, with just the catalog rows they refer to.

    python -m tests.golden.make_trees 15="host=… dbname=…" 18="host=… dbname=…"

Each database must be empty but for ``tests/bypass/schema.sql`` (without its CREATE EXTENSION line). Writes
``trees/pg15.json`` and so on. A case without ``facts`` gets those that are read now, to be looked at and committed;
a case that has them is never changed: a difference fails ``tests/unit/sql/test_facts.py``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import psycopg

from gateway.model import StatementFacts
from gateway.sql.catalog import SNAPSHOT_QUERIES, Catalog
from gateway.sql.facts import read_facts

TREES = Path(__file__).parent / "trees"
OPTIONS = (
    "-c debug_print_rewritten=on -c debug_pretty_print=off -c client_min_messages=log -c search_path=pg_temp "
    "-c log_min_messages=fatal"
)
MAX_BYTES = 8 * 1024 * 1024


def trees_of(connection: psycopg.Connection[Any], text: str, types: tuple[int, ...] = ()) -> list[str]:
    """The trees a server prints while it parses a statement. Raises what the server complains of."""
    found: list[str] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        if notice.message_primary == "rewritten parse tree:":
            found.append(notice.message_detail or "")

    connection.add_notice_handler(note)
    try:
        result = connection.pgconn.prepare(b"", text.encode(), types)
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.lookup(_sqlstate(result))(result.error_message.decode())
    finally:
        connection.remove_notice_handler(note)
    return found


def _sqlstate(result: Any) -> str:
    return (result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"XX000").decode()


def snapshot(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """The rows a catalog is made from."""
    return {name: connection.execute(query).fetchall() for name, query in SNAPSHOT_QUERIES.items()}


def shown(facts: StatementFacts) -> dict[str, Any]:
    """Facts as golden files hold them."""
    return {
        "effect": str(facts.effect),
        "incomplete": facts.incomplete,
        "relations": list(facts.relations),
        "columns": [f"{use.relation}.{use.column} {use.use}" for use in facts.columns],
    }


def _needed(rows: dict[str, list[Any]], trees: list[str]) -> dict[str, list[Any]]:
    """The rows of what the trees name, of all objects of users, and of what their types are made of."""
    stored = [text for oid, text in rows["expressions"] if int(oid) >= 16384]
    named = set(re.findall(r"(?<= )\d+(?=[ )])", " ".join([*trees, *stored]).replace("\n", " ")))
    named |= {row[0] for name in ("relations", "types") for row in rows[name] if int(row[0]) >= 16384}
    named |= {row[3] for row in rows["attributes"] if row[0] in named}
    named |= {row[4] for row in rows["types"] if row[0] in named}
    named |= {row[3] for row in rows["operators"] if row[0] in named}
    kept = {name: [row for row in found if row[0] in named] for name, found in rows.items()}
    relations = {row[0] for row in kept["relations"]}
    kept["attributes"] = [row for row in rows["attributes"] if row[0] in relations]
    kept["references"] = [row for row in rows["references"] if int(row[0]) >= 16384]
    return kept


def main(arguments: list[str]) -> None:
    """Write one golden file per major."""
    path = TREES / "cases.json"
    cases = json.loads(path.read_text())
    for argument in arguments:
        major, _, dsn = argument.partition("=")
        with psycopg.connect(dsn, options=OPTIONS, autocommit=True) as connection:
            if connection.info.server_version // 10000 != int(major):
                sys.exit(f"{dsn} is PostgreSQL {connection.info.server_version}")
            rows = snapshot(connection)
            catalog = Catalog.from_rows(int(major), rows)
            made: dict[str, list[str]] = {}
            for name, case in cases.items():
                if int(major) >= case.get("from", 0):
                    made[name] = trees_of(connection, case["sql"])
                    facts = shown(read_facts("golden", made[name], catalog, max_tree_bytes=MAX_BYTES))
                    if case.setdefault("facts", facts) != facts:
                        sys.stderr.write(f"{major} {name}: differs\n")
        needed = _needed(rows, [tree for trees in made.values() for tree in trees])
        lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in {"rows": needed, "trees": made}.items()]
        (TREES / f"pg{major}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    path.write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
