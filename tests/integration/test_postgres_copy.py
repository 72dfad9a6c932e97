"""COPY through the postgres door: psycopg, asyncpg and psql, in and out, text, CSV and binary, allowed and denied."""

from __future__ import annotations

import asyncio
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest

from gateway.demo.characters import LI
from gateway.demo.database import Database
from gateway.pgwire.frames import encode
from tests.houses import House
from tests.integration.postgres_wire import FLUSH, SYNC, Wire, bind, execute, parse, query
from tests.integration.test_postgres_drivers import options, psql, run, straight

__all__ = ["psql"]

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[Any]
FLAGS = "COPY feature_flags (key, enabled) FROM STDIN"


@pytest.fixture(autouse=True)
def no_flags_left(messenger: Database) -> Iterator[None]:
    yield
    with messenger.connect() as connection:
        connection.execute("DELETE FROM feature_flags WHERE key LIKE 't-%'")


def flags(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT key, enabled FROM feature_flags WHERE key LIKE 't-%' ORDER BY key").fetchall()


def _out(connection: Connection, note: Callable[[object], None]) -> None:
    for text in (
        "COPY stickers (id, name) TO STDOUT",
        "COPY (SELECT id, name FROM stickers WHERE id IN (1, 2) ORDER BY id) TO STDOUT (FORMAT csv, HEADER)",
        "COPY regions TO STDOUT WITH (FORMAT binary)",
        "COPY (SELECT 'COPY ()' FROM generate_series(1, 20000)) TO STDOUT",
    ):
        with connection.cursor() as cursor:
            with cursor.copy(text) as copy:
                note(b"".join(bytes(piece) for piece in copy))
            note((cursor.statusmessage, cursor.rowcount))


def _in(connection: Connection, note: Callable[[object], None]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy(FLAGS) as copy:
            for number in range(300):
                copy.write_row((f"t-{number:03}", number % 2 == 0))
        note((cursor.statusmessage, cursor.rowcount))
        with cursor.copy(f"{FLAGS} (FORMAT binary)") as copy:
            copy.set_types(["text", "bool"])
            copy.write_row(("t-binary", True))
        with cursor.copy("COPY feature_flags FROM STDIN (FORMAT csv, DELIMITER ';', NULL 'none')") as copy:
            copy.write("t-csv;true\n")
    note(flags(connection))


def _errors(connection: Connection, note: Callable[[object], None]) -> None:
    for data in ("t-1\tmaybe\n", "t-1\n", "t-1\ttrue\nt-1\ttrue\n", "dark_mode\ttrue\n"):
        try:
            with connection.cursor().copy(FLAGS) as copy:
                copy.write(data)
        except psycopg.Error as error:
            note((error.sqlstate, error.diag.message_primary))
        note(flags(connection))
    try:
        with connection.cursor().copy(FLAGS) as copy:
            copy.write("t-2\ttrue\n")
            raise RuntimeError("the client gives up")
    except (RuntimeError, psycopg.Error) as error:
        note(type(error).__name__)
    note(flags(connection))


def _transaction(connection: Connection, note: Callable[[object], None]) -> None:
    try:
        with connection.transaction():
            with connection.cursor().copy(FLAGS) as copy:
                copy.write("t-1\ttrue\n")
            note(flags(connection))
            connection.execute("SELECT 1/0")
    except psycopg.Error as error:
        note(error.sqlstate)
    note(flags(connection))


@pytest.mark.parametrize("scene", [_out, _in, _errors, _transaction], ids=lambda one: one.__name__)
def test_copy_is_as_without_a_gateway(
    house: House, messenger: Database, scene: Callable[[Connection, Callable[[object], None]], None]
) -> None:
    notes: list[list[object]] = []
    for connect in (lambda: house.connect(LI), lambda: messenger.connect(user="sekisho_engineer")):
        found: list[object] = []
        with connect() as connection:
            connection.autocommit = True
            scene(connection, found.append)
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with messenger.connect() as admin:
            admin.execute("DELETE FROM feature_flags WHERE key LIKE 't-%'")
        notes.append(found)
    assert notes[0] == notes[1]


def kinds(messages: list[Any]) -> str:
    return "".join(kind.decode() for kind, _ in messages)


def test_copy_among_other_statements_of_a_text(house: House, messenger: Database) -> None:
    text = f"SELECT 1; COPY regions TO STDOUT; {FLAGS}; SELECT 2"
    with Wire(house.ports.sites[LI.site]).login(house, LI) as wire:
        wire.send(query(text))
        assert kinds(wire.until(b"G", b"Z")) == "TDCHdddddcCG"
        wire.send(encode(b"d", b"t-9\tfalse\n") + SYNC + FLUSH + encode(b"c"))
        assert kinds(wire.until(b"Z")) == "CTDCZ"
    with messenger.connect() as admin:
        assert flags(admin) == [("t-9", False)]


@pytest.mark.parametrize(("end", "answer"), [(encode(b"c"), "CZ"), (encode(b"f", b"enough\0"), "EZ")])
def test_a_sync_ahead_of_the_data_is_ignored_as_the_server_ignores_it(house: House, end: bytes, answer: str) -> None:
    with Wire(house.ports.sites[LI.site]).login(house, LI) as wire:
        wire.send(parse(FLAGS) + bind() + execute() + SYNC)
        assert kinds(wire.until(b"G", b"Z")) == "12G"
        wire.send(encode(b"d", b"t-8\tfalse\n") + end + SYNC)
        assert kinds(wire.until(b"Z")) == answer
        wire.send(encode(b"d", b"late") + encode(b"c") + query("SELECT 1"))
        assert kinds(wire.until(b"Z")) == "TDCZ"


def test_anything_else_among_the_data_ends_the_session_as_the_server_ends_it(house: House) -> None:
    with Wire(house.ports.sites[LI.site]).login(house, LI) as wire:
        wire.send(query(FLAGS))
        assert kinds(wire.until(b"G", b"Z")) == "G"
        wire.send(query("SELECT phone FROM users"))
        assert wire.fatal()["C"] == "08P01"


def test_data_sent_ahead_are_not_lost(house: House, messenger: Database) -> None:
    with Wire(house.ports.sites[LI.site]).login(house, LI) as wire:
        wire.send(query(FLAGS) + encode(b"d", b"t-7\ttrue\n") + encode(b"c"))
        assert kinds(wire.until(b"Z")) == "GCZ"
    with messenger.connect() as admin:
        assert flags(admin) == [("t-7", True)]


@pytest.mark.parametrize(
    "text",
    [
        "COPY users TO STDOUT",
        "COPY users (phone) TO STDOUT (FORMAT binary)",
        "COPY (SELECT name FROM users) TO STDOUT",
        "COPY users (name, phone, email, country) FROM STDIN",
    ],
)
def test_copy_of_peoples_data_is_denied(house: House, text: str) -> None:
    with house.connect(LI) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught, connection.cursor().copy(text) as copy:
            copy.write("nothing") if "FROM STDIN" in text else copy.read()
        assert "jp-appi-28" in str(caught.value.diag.message_detail)
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("COPY stickers TO PROGRAM 'cat'", "COPY with PROGRAM is not let through"),
        ("COPY stickers TO '/tmp/stickers'", "COPY with a file of the server is not let through"),
        ("COPY stickers FROM STDIN (FREEZE)", "COPY with FREEZE is not let through"),
    ],
)
def test_what_of_copy_is_refused(house: House, text: str, words: str) -> None:
    with house.connect(LI) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(text)
        assert words in str(caught.value.diag.message_detail)


def test_rows_of_a_copy_are_counted_without_its_header(house: House) -> None:
    before = len(house.entries("completion"))
    with house.connect(LI) as connection:
        text = "COPY (SELECT name FROM stickers WHERE id <= 3) TO STDOUT (FORMAT csv, HEADER)"
        with connection.cursor().copy(text) as copy:
            assert len(list(copy)) == 4
    assert 3 in [one["rows"] for one in house.entries("completion")[before:]]


def test_asyncpg_copies(house: House, messenger: Database) -> None:
    async def play(where: dict[str, Any]) -> list[object]:
        notes: list[object] = []
        connection = await asyncpg.connect(**where)
        try:
            out = io.BytesIO()
            notes.append(await connection.copy_from_table("stickers", columns=["id", "name"], output=out))
            notes.append(await connection.copy_from_query("SELECT id FROM stickers", output=out, format="csv"))
            records = [("t-1", True), ("t-2", False)]
            notes.append(await connection.copy_records_to_table("feature_flags", records=records))
            notes.append(await connection.execute("DELETE FROM feature_flags WHERE key LIKE 't-%'"))
            notes.append(out.getvalue())
        finally:
            await connection.close()
        return notes

    assert asyncio.run(play(options(house, LI))) == asyncio.run(play(straight(messenger)))


def test_psql_copies(psql: Path, house: House, tmp_path: Path) -> None:
    target = Path("/tmp") / f"sekisho-copy-{tmp_path.name}"
    target.mkdir(mode=0o777)
    target.chmod(0o777)
    try:
        out = target / "stickers.csv"
        script = f"\\copy stickers to '{out}' csv header\n\\copy feature_flags from stdin\nt-1\ttrue\n\\.\n"
        done = run(psql, house, LI, script)
        assert "COPY 12" in done.stdout
        assert "COPY 1\n" in done.stdout
        assert out.read_text().startswith("id,name,")
    finally:
        shutil.rmtree(target)
