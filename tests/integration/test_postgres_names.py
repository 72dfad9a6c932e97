"""SQL's own names through the postgres door: PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, MOVE, CLOSE, and the two
namespaces that they share with the protocol. Scenes are played past the gateway as well, and must end the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from gateway.demo.characters import KIM, LI, SATO
from gateway.demo.database import DATABASE, PORT, Database
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, errors, execute, new_entries, parse, query, rows, until
from tests.integration.test_postgres_changes import epoch, replaced, seen
from tests.integration.test_postgres_changes import view as view
from tests.integration.test_postgres_drivers import options, psql, run, straight

pytestmark = pytest.mark.integration
psql = psql

NAMES = "SELECT id, name FROM stickers WHERE id < 5 ORDER BY id"
LONG = "n" * 70
Step = tuple[str, ...]
Q = "query"

# What libpq is asked to do, in order. Everything is allowed to li, so the answers must be the server's own.
SCENES: dict[str, list[Step]] = {
    "prepare": [
        (Q, f"PREPARE p AS {NAMES}"),
        (Q, "EXECUTE p"),
        (Q, "execute P"),
        (Q, 'EXECUTE "P"'),
        (Q, f"PREPARE p AS {NAMES}"),
        (Q, "DEALLOCATE p"),
        (Q, "EXECUTE p"),
        (Q, "DEALLOCATE p"),
        (Q, "DEALLOCATE PREPARE p"),
    ],
    "arguments": [
        (Q, "PREPARE p(int, text, date[]) AS SELECT $1 + 1, $2 || 'x', $3"),
        (Q, "EXECUTE p(1, 'a', '{2026-01-01}')"),
        (Q, "EXECUTE p(-1, NULL, NULL)"),
        (Q, "EXECUTE p('7'::int4, text 'b', '{}')"),
        (Q, "EXECUTE p(1)"),
        (Q, "EXECUTE p('x', 'a', NULL)"),
        (Q, "   EXECUTE p(1, 'a', 'é nonsense')"),
        (Q, "PREPARE guessed AS SELECT name FROM stickers WHERE id = $1"),
        (Q, "EXECUTE guessed(3)"),
        (Q, "EXECUTE guessed('3')"),
        (Q, "EXECUTE guessed(true)"),
        (Q, "PREPARE wrong(int) AS SELECT nmae FROM stickers WHERE id = $1"),
        (Q, "EXECUTE wrong(1)"),
    ],
    "quoted": [
        (Q, 'PREPARE "Select a, ""b"""(int) AS SELECT $1'),
        (Q, 'EXECUTE "Select a, ""b"""(4)'),
        (Q, 'EXECUTE U&"Select a, \\0022b\\0022"(5)'),
        (Q, "EXECUTE U&\"Select a, !0022b!0022\" UESCAPE '!' (6)"),
        (Q, 'DEALLOCATE U&"Select a, \\0022b\\0022"'),
        (Q, 'EXECUTE "Select a, ""b"""(4)'),
    ],
    "long": [
        (Q, f"PREPARE {LONG} AS {NAMES}"),
        (Q, f"EXECUTE {LONG[:63]}"),
        ("run", LONG[:63]),
        ("run", LONG),
        ("prepare", LONG[:69], "SELECT 1"),
        (Q, f"DEALLOCATE {LONG}x"),
        ("run", LONG[:63]),
        ("prepare", "é" * 40, "SELECT 2"),
        (Q, f"EXECUTE {'é' * 40}"),
    ],
    "both ways": [
        ("prepare", "s", NAMES),
        (Q, "EXECUTE s"),
        (Q, "PREPARE s AS SELECT 1"),
        (Q, "DEALLOCATE s"),
        ("run", "s"),
        (Q, "PREPARE s AS SELECT 'other'"),
        ("run", "s"),
        ("describe", "s"),
        ("prepare", "s", "SELECT 3"),
        ("close", "s"),
        (Q, "EXECUTE s"),
        ("prepare", "s", "SELECT 4"),
        (Q, "DEALLOCATE ALL"),
        (Q, "EXECUTE s"),
        ("run", "s"),
    ],
    "not transactional": [
        ("prepare", "s", "SELECT 1"),
        (Q, "BEGIN"),
        (Q, "DEALLOCATE s"),
        (Q, "PREPARE s AS SELECT 2"),
        (Q, "PREPARE t AS SELECT 3"),
        (Q, "ROLLBACK"),
        ("run", "s"),
        (Q, "EXECUTE t"),
    ],
    "several in a text": [
        (Q, "PREPARE a AS SELECT 1; EXECUTE a; PREPARE b AS SELECT 2; EXECUTE b"),
        (Q, "DEALLOCATE a; PREPARE a AS SELECT 3; EXECUTE a; SELECT 1/0; DEALLOCATE a"),
        (Q, "EXECUTE a"),
        (Q, "DEALLOCATE ALL; PREPARE b AS SELECT 4; EXECUTE b; EXECUTE a"),
        (Q, "EXECUTE b"),
        (Q, "PREPARE c AS SELECT 5; PREPARE c AS SELECT 6; PREPARE d AS SELECT 7"),
        (Q, "EXECUTE c"),
        (Q, "EXECUTE d"),
        (Q, "DECLARE k CURSOR FOR SELECT 8; FETCH k; FETCH k; CLOSE k; FETCH k"),
        (Q, "BEGIN; DECLARE k CURSOR FOR SELECT 8; FETCH k; CLOSE ALL; FETCH k"),
        (Q, "ROLLBACK"),
    ],
    "cursors": [
        (Q, f"DECLARE k CURSOR FOR {NAMES}"),
        (Q, "BEGIN"),
        (Q, f"DECLARE k SCROLL CURSOR FOR {NAMES}"),
        (Q, "FETCH k"),
        (Q, "FETCH NEXT FROM k"),
        (Q, "FETCH BACKWARD 1 IN k"),
        (Q, "MOVE ALL IN k"),
        (Q, "FETCH PRIOR k"),
        (Q, "FETCH ABSOLUTE 2 FROM k"),
        (Q, "FETCH RELATIVE -1 FROM k"),
        (Q, "FETCH ALL FROM K"),
        ("describe portal", "k"),
        (Q, "SAVEPOINT one"),
        (Q, f"DECLARE k CURSOR FOR {NAMES}"),
        (Q, "ROLLBACK TO one"),
        (Q, "DECLARE l CURSOR FOR SELECT 1"),
        (Q, "ROLLBACK TO one"),
        (Q, "SAVEPOINT two"),
        (Q, "FETCH l"),
        (Q, "ROLLBACK TO one"),
        (Q, "DECLARE l CURSOR FOR SELECT 2"),
        (Q, "FETCH l"),
        (Q, "CLOSE l"),
        (Q, "CLOSE l"),
        (Q, "COMMIT"),
        (Q, "FETCH k"),
        (Q, "CLOSE k"),
        ("describe portal", "k"),
    ],
    "held": [
        (Q, "BEGIN"),
        (Q, f"DECLARE k CURSOR WITH HOLD FOR {NAMES}"),
        (Q, "FETCH 2 FROM k"),
        (Q, "COMMIT"),
        (Q, "FETCH 1 FROM k"),
        (Q, "BEGIN"),
        (Q, "DECLARE l CURSOR WITH HOLD FOR SELECT 1"),
        (Q, "ROLLBACK"),
        (Q, "FETCH l"),
        (Q, "FETCH k"),
        (Q, f"DECLARE k CURSOR WITH HOLD FOR {NAMES}"),
        ("close portal", "k"),
        (Q, "FETCH k"),
        (Q, "DECLARE l CURSOR WITH HOLD FOR SELECT 2"),
        (Q, "FETCH l"),
        (Q, "CLOSE ALL"),
        (Q, "FETCH l"),
    ],
    "by the extended protocol": [
        ("params", f"PREPARE p AS {NAMES}"),
        ("params", "EXECUTE p"),
        ("prepare", "e", "EXECUTE p"),
        ("run", "e"),
        (Q, "DEALLOCATE p"),
        ("run", "e"),
        (Q, "PREPARE p AS SELECT 1"),
        ("run", "e"),
        (Q, "BEGIN"),
        ("params", f"DECLARE k CURSOR FOR {NAMES}"),
        ("prepare", "f", "FETCH 2 FROM k"),
        ("run", "f"),
        ("run", "f"),
        (Q, "COMMIT"),
        (Q, "BEGIN"),
        ("prepare", "d", "DECLARE k CURSOR FOR SELECT 'again'"),
        ("run", "d"),
        ("run", "f"),
        (Q, "CLOSE k"),
        ("run", "d"),
        ("run", "f"),
        ("run", "d"),
        (Q, "ROLLBACK"),
        ("params", "DEALLOCATE p"),
        ("params", "CLOSE k"),
    ],
    "refused by the server": [
        (Q, "EXECUTE nosuch"),
        (Q, "DEALLOCATE nosuch"),
        (Q, "FETCH ALL FROM nosuch"),
        (Q, "MOVE 1 IN nosuch"),
        (Q, "CLOSE nosuch"),
        (Q, "  PREPARE p AS SELECT nmae FROM stickers"),
        (Q, "BEGIN"),
        (Q, "DECLARE k CURSOR FOR SELECT nmae FROM stickers"),
        (Q, "SELECT 1"),
        (Q, "ROLLBACK"),
    ],
}


def _told(result: Any) -> tuple[object, ...]:
    field = psycopg.pq.DiagnosticField
    if result.status in (psycopg.pq.ExecStatus.FATAL_ERROR, psycopg.pq.ExecStatus.BAD_RESPONSE):
        found = (field.SQLSTATE, field.MESSAGE_PRIMARY, field.STATEMENT_POSITION)
        return tuple(result.error_field(one) for one in found)
    values = [[result.get_value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]
    return (result.command_status, result.nfields, values)


def _described(libpq: Any, send: Callable[[bytes], None], name: bytes) -> Any:
    """Waiting in Python: the gateway's thread must run meanwhile."""
    send(name)
    until(lambda: not (libpq.consume_input() or libpq.is_busy()))
    result = libpq.get_result()
    until(lambda: not (libpq.consume_input() or libpq.is_busy()))
    assert libpq.get_result() is None
    return result


def _play(connection: psycopg.Connection[Any], steps: list[Step]) -> list[tuple[object, ...]]:
    libpq = connection.pgconn
    deeds: dict[str, Callable[..., Any]] = {
        Q: libpq.exec_,
        "params": lambda text: libpq.exec_params(text, None),
        "prepare": libpq.prepare,
        "run": lambda name: libpq.exec_prepared(name, None),
        "describe": lambda name: _described(libpq, libpq.send_describe_prepared, name),
        "close": lambda name: libpq.exec_(b"DEALLOCATE " + name),
        "describe portal": lambda name: _described(libpq, libpq.send_describe_portal, name),
        "close portal": lambda name: libpq.exec_(b"CLOSE " + name),
    }
    return [(*step, *_told(deeds[step[0]](*(part.encode() for part in step[1:])))) for step in steps]


@pytest.mark.parametrize("scene", SCENES)
def test_names_are_as_without_a_gateway(house: House, messenger: Database, scene: str) -> None:
    with house.connect(LI) as connection:
        found = _play(connection, SCENES[scene])
    with messenger.connect("sekisho_engineer") as connection:
        native = _play(connection, SCENES[scene])
    for one, other in zip(found, native, strict=True):
        assert one == other
