"""Errors about people's rows through the postgres door: programs know what happened, and nobody reads a row in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import KIM, SATO, TANAKA, Character
from gateway.demo.database import Database
from tests.houses import House
from tests.integration.test_postgres_drivers import psql, run

__all__ = ["psql"]

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[Any]
PHONE = "UPDATE users SET phone = (SELECT phone FROM users WHERE id = 2) WHERE id = 1"
ERRORS = [
    (PHONE, "23505", "unique violation", "users_phone_key"),
    ("UPDATE users SET name = NULL WHERE id = 1", "23502", "not null violation", None),
    ("SELECT phone::int FROM users WHERE id = 1", "22P02", "invalid text representation", None),
    ("SELECT count(*) FROM users WHERE email::date > now()", "22007", "invalid datetime format", None),
    ("DELETE FROM users WHERE id = 1", "23503", "foreign key violation", "messages_sender_id_fkey"),
    ("SELECT 1 / (id - 1) FROM users", "22012", "division by zero", None),
    ("COPY (SELECT name::int FROM users) TO STDOUT", "22P02", "invalid text representation", None),
]


@pytest.fixture(scope="module")
def sentinels(messenger: Database) -> list[str]:
    with messenger.connect() as admin:
        rows = admin.execute("SELECT id, name, phone, email FROM users WHERE id < 3").fetchall()
    return [text for row in rows for text in row[1:]]


@pytest.fixture
def deferred(messenger: Database) -> Iterator[None]:
    """The telephone number's key is checked when the transaction ends."""
    change = "ALTER TABLE users DROP CONSTRAINT users_phone_key, ADD CONSTRAINT users_phone_key UNIQUE (phone)"
    with messenger.connect() as admin:
        admin.execute(f"{change} DEFERRABLE INITIALLY DEFERRED")
        yield
        admin.execute(change)


def said(error: psycopg.Error) -> str:
    diag = error.diag
    return repr([getattr(diag, name) for name in dir(diag) if not name.startswith("_")]) + str(error)


def bare(error: psycopg.Error) -> bool:
    """Whether everything is gone that may quote a row."""
    diag = error.diag
    texts = (diag.message_detail, diag.message_hint, diag.context, diag.internal_query, diag.source_function)
    return not any(texts)


def _execute(connection: Connection, text: str, how: str) -> None:
    with connection.cursor() as cursor:
        if text.startswith("COPY"):
            with cursor.copy(text) as copy:
                list(copy)
        cursor.execute(text, prepare=how == "named", binary=how == "binary")


@pytest.mark.parametrize("how", ["simple", "unnamed", "named", "binary"])
@pytest.mark.parametrize(("text", "sqlstate", "words", "constraint"), ERRORS, ids=[one[1] for one in ERRORS])
def test_an_error_says_what_happened_and_not_to_whom(
    house: House, sentinels: list[str], text: str, sqlstate: str, words: str, constraint: str | None, how: str
) -> None:
    factory = psycopg.ClientCursor if how == "simple" else psycopg.Cursor
    with house.connect(SATO, cursor_factory=factory) as connection:
        with pytest.raises(psycopg.Error) as caught:
            _execute(connection, text, how)
        error = caught.value
        assert type(error) is psycopg.errors.lookup(sqlstate)
        assert (error.diag.message_primary, error.diag.constraint_name) == (words, constraint)
        assert (error.diag.severity, error.diag.severity_nonlocalized) == ("ERROR", "ERROR")
        assert bare(error)
        assert not [one for one in sentinels if one in said(error)]
        if sqlstate[:2] == "23":
            assert error.diag.schema_name == "public"
            assert error.diag.table_name
        if sqlstate == "23502":
            assert error.diag.column_name == "name"
        assert connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)


def test_without_the_gateway_the_same_errors_tell(messenger: Database, sentinels: list[str]) -> None:
    """Or the test above would prove nothing."""
    with messenger.connect(user="sekisho_engineer") as connection:
        for text, sqlstate, _, _ in ERRORS[:3]:
            with pytest.raises(psycopg.Error) as caught:
                connection.execute(text)
            assert caught.value.sqlstate == sqlstate
            assert [one for one in sentinels if one in said(caught.value)]


@pytest.mark.parametrize(
    ("who", "text", "column"),
    [
        (KIM, "UPDATE payments SET amount = NULL WHERE id = 1", "amount"),
        (TANAKA, "UPDATE moderation_queue SET state = NULL WHERE id = 1", "state"),
    ],
    ids=["kim", "tanaka"],
)
def test_who_may_change_a_column_is_not_shown_the_others(house: House, who: Character, text: str, column: str) -> None:
    """The statement claims what it names, and no more; the row it breaks on is in the error alone (HAZARDS I12)."""
    with house.connect(who) as connection:
        with pytest.raises(psycopg.errors.NotNullViolation) as caught:
            connection.execute(text)
        assert (caught.value.diag.message_primary, caught.value.diag.column_name) == ("not null violation", column)
        assert bare(caught.value)
    statement = house.entries("decision")[-1]["statement"]
    assert {use: [name.split(".")[-1] for name in names] for use, names in statement["columns"].items()} == {
        "predicate": ["id"],
        "write_target": [column],
    }


def _commit(connection: Connection) -> None:
    with connection.transaction():
        connection.execute(PHONE)
        connection.execute("SELECT count(*) FROM regions")


def _savepoint(connection: Connection) -> None:
    with connection.transaction():
        with connection.transaction():
            connection.execute(PHONE)
        connection.execute("SELECT count(*) FROM regions")


def _implicit(connection: Connection) -> None:
    connection.execute(PHONE)


@pytest.mark.parametrize("way", [_commit, _savepoint, _implicit], ids=lambda one: one.__name__)
def test_a_constraint_that_is_checked_at_the_end_says_no_more(
    house: House, sentinels: list[str], deferred: None, way: Callable[[Connection], None]
) -> None:
    with house.connect(SATO) as connection:
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            way(connection)
        assert (caught.value.diag.message_primary, caught.value.diag.constraint_name) == (
            "unique violation",
            "users_phone_key",
        )
        assert bare(caught.value)
        assert not [one for one in sentinels if one in said(caught.value)]
        # The transaction is over: what touches nobody is said in the server's own words again.
        with pytest.raises(psycopg.errors.UniqueViolation, match="duplicate key value violates") as own:
            connection.execute("INSERT INTO regions (code, name) VALUES ('JP', 'again')")
        assert own.value.diag.message_detail == "Key (code)=(JP) already exists."


def test_copy_of_a_bad_row(house: House) -> None:
    text = "COPY users (id, name, phone, email, country) FROM STDIN"
    with house.connect(SATO) as connection:
        with pytest.raises(psycopg.errors.InvalidTextRepresentation) as caught, connection.cursor().copy(text) as copy:
            copy.write("never\tHanako\t+81 90\tm\tJP\n")
        assert caught.value.diag.message_primary == "invalid text representation"
        assert bare(caught.value)


def test_a_notice_of_a_guarded_statement(house: House) -> None:
    heard: list[tuple[str | None, ...]] = []
    with house.connect(SATO, cursor_factory=psycopg.ClientCursor) as connection:
        connection.add_notice_handler(lambda one: heard.append((one.severity, one.sqlstate, one.message_primary)))
        connection.execute("COMMIT")
        connection.execute("SELECT name FROM users WHERE id = 1; COMMIT")
    assert heard == [
        ("WARNING", "25P01", "there is no transaction in progress"),
        ("WARNING", "25P01", "no active sql transaction"),
    ]


def test_psql_shows_what_is_left(house: House, psql: Path, sentinels: list[str]) -> None:
    plain = run(psql, house, SATO, PHONE)
    assert plain.stderr == "ERROR:  unique violation\n"
    verbose = run(psql, house, SATO, f"\\set VERBOSITY verbose\n{PHONE};\n")
    assert verbose.stderr.splitlines() == [
        "ERROR:  23505: unique violation",
        "SCHEMA NAME:  public",
        "TABLE NAME:  users",
        "CONSTRAINT NAME:  users_phone_key",
    ]
