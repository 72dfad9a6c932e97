"""CREATE TABLE AS and its like through the postgres door: the query decides, and what is made must have a label."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, errors, events, execute, parse, query, until

pytestmark = pytest.mark.integration

MADE = "made.stickers"
LABELS = "      made.stickers: {about: nobody}\n      made.people: {subject_countries: [JP], columns: {phone: []}}\n"
HARMLESS = {
    "table": "CREATE TABLE made.stickers AS SELECT id, name FROM stickers",
    "into": "SELECT id, name INTO made.stickers FROM stickers",
    "view": "CREATE MATERIALIZED VIEW made.stickers AS SELECT id, name FROM stickers WITH DATA",
    "no data": "CREATE TABLE IF NOT EXISTS made.stickers (a, b) AS SELECT id, name FROM stickers WITH NO DATA",
}


@pytest.fixture(scope="module")
def schema(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    """A schema in which engineers may make relations, and an administrator."""
    with messenger.connect() as admin:
        for role in ("sekisho_engineer", "sekisho_moderator"):
            admin.execute(f"ALTER ROLE {role} SET log_min_messages = panic")  # type: ignore[arg-type]
        admin.execute("CREATE SCHEMA made; GRANT USAGE, CREATE ON SCHEMA made TO sekisho_engineer")
        yield admin
        admin.execute("DROP SCHEMA made CASCADE")


@pytest.fixture(scope="module", params=[False, True], ids=["twin", "strict"])
def house(request: pytest.FixtureRequest, messenger: Database, schema: Any) -> Iterator[House]:
    """A gateway whose catalog lists what is going to be made."""
    with tempfile.TemporaryDirectory(prefix="sekisho-made-") as directory:
        one = House(Path(directory), messenger, strict=request.param)
        catalog = one.layout.registry / "catalog.yaml"
        catalog.write_text(catalog.read_text() + LABELS)
        yield one.start()
        one.stop()


@pytest.fixture(autouse=True)
def nothing_left(schema: psycopg.Connection[Any]) -> Iterator[None]:
    yield
    for kind, name in _made(schema):
        what = "MATERIALIZED VIEW" if kind == "m" else "TABLE"
        schema.execute(f"DROP {what} made.{name}")  # type: ignore[arg-type]


def _made(admin: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    found = admin.execute(
        "SELECT relkind::text, relname FROM pg_class "
        "WHERE relnamespace = 'made'::regnamespace AND relkind IN ('r', 'm')"
    )
    return found.fetchall()


@pytest.mark.parametrize("how", HARMLESS)
def test_what_is_about_nobody_goes_where_the_catalog_says(
    house: House, schema: psycopg.Connection[Any], how: str
) -> None:
    with house.connect(LI) as connection:
        connection.execute(HARMLESS[how])
        assert [name for _, name in _made(schema)] == ["stickers"]

        def known() -> bool:
            try:
                return bool(connection.execute("SELECT count(*) FROM made.stickers").fetchone())
            except psycopg.Error:  # the catalogs have not been read yet
                return False

        until(known)
    decision = next(one for one in reversed(house.entries("decision")) if MADE in one["statement"]["relations"])
    assert decision["effect"] == "allow"


def test_parameters_and_transactions(house: House, schema: psycopg.Connection[Any]) -> None:
    with house.connect(LI, autocommit=False) as connection:
        connection.execute("CREATE TABLE made.stickers AS SELECT id FROM stickers WHERE id < %s", (4,))
        connection.rollback()
        assert _made(schema) == []
        connection.execute("CREATE TABLE made.stickers AS SELECT id FROM stickers WHERE id < %s", (4,))
        connection.commit()
    assert schema.execute("SELECT count(*) FROM made.stickers").fetchone() == (3,)


DENIED = {
    "a rule of law about what the query reads": (
        LI,
        "CREATE TABLE made.stickers AS SELECT phone AS name FROM users",
        "third party in a foreign country",
    ),
    "the same of SELECT INTO": (
        LI,
        "SELECT phone AS name INTO made.stickers FROM users",
        "third party in a foreign country",
    ),
    "what the reader may read may not be copied": (
        SATO,
        "CREATE TABLE made.stickers AS SELECT phone AS name FROM users",
        "a copy of data about people",
    ),
    "nor beside something else": (
        SATO,
        "SELECT 1; CREATE TABLE made.stickers AS SELECT phone AS name FROM users; SELECT 2",
        "a copy of data about people",
    ),
    "not even how many": (
        SATO,
        "CREATE MATERIALIZED VIEW made.stickers AS SELECT count(*) FROM users",
        "a copy of data about people",
    ),
    "into what is listed as about people": (
        SATO,
        "CREATE TABLE made.people AS SELECT name AS phone FROM stickers",
        "a copy of data about people",
    ),
    "into what nobody labelled": (
        SATO,
        "CREATE TABLE made.other AS SELECT id FROM stickers",
        "made.other has no label in the catalog",
    ),
    "into a name without a schema": (
        SATO,
        "CREATE TABLE stickers AS SELECT 1 AS one",
        "stickers has no label in the catalog",
    ),
}


@pytest.mark.parametrize("why", DENIED)
def test_it_is_denied_by_the_rule_and_cites_it(house: House, schema: psycopg.Connection[Any], why: str) -> None:
    who, text, words = DENIED[why]
    with house.connect(who) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(text)  # type: ignore[arg-type]
        assert words in str(caught.value)
        assert "kind_refused" not in str(caught.value)
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert _made(schema) == []


def test_temporary_relations_have_a_reason_of_their_own(house: House) -> None:
    with house.connect(SATO) as connection:
        for text in ("CREATE TEMP TABLE t AS SELECT 1", "SELECT 1 INTO TEMP t", "CREATE TABLE pg_temp.t AS SELECT 1"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="temporary relations are not let through"):
                connection.execute(text)  # type: ignore[arg-type]


def test_what_is_made_is_not_seen_before_it_is_there(house: House, schema: psycopg.Connection[Any]) -> None:
    """By the twin, until the transaction ends; a strict session's own server sees it at once."""
    with house.connect(LI) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="send them one by one"):
            connection.execute(HARMLESS["table"] + "; SELECT name FROM made.stickers")  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="jp-appi-28"):
            connection.execute("SELECT phone AS name INTO made.stickers FROM users; SELECT name FROM made.stickers")
        connection.execute("BEGIN")
        connection.execute(HARMLESS["table"])
        with pytest.raises((psycopg.errors.UndefinedTable, psycopg.errors.InsufficientPrivilege)):
            connection.execute("SELECT name FROM made.stickers")
        connection.execute("ROLLBACK")
    assert _made(schema) == []


def test_by_every_message(house: House, schema: psycopg.Connection[Any]) -> None:
    """Prepared, and executed twice: the second time the server says that it is there already."""
    with Wire(house.ports.sites["shanghai-office"]).login(house, LI) as wire:
        wire.send(parse(HARMLESS["table"], "s") + bind("s") + execute() + SYNC)
        assert errors(wire.until(b"Z")) == []
        wire.send(bind("s") + execute() + SYNC)
        assert errors(wire.until(b"Z")) == ["42P07"]
        wire.send(query("CREATE TABLE made.other AS SELECT phone FROM users; SELECT phone FROM made.other"))
        assert len(errors(wire.until(b"Z"))) == 1
    assert [name for _, name in _made(schema)] == ["stickers"]
    assert events(house, "protocol_error") == []
