"""A strict datasource: the client's own session is asked, and what runs is what was judged, whoever changes views."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from gateway.errors import ConfigError
from gateway.pgwire.messages import decode_fields
from tests.houses import House
from tests.integration.postgres_wire import (
    FLUSH,
    SYNC,
    Message,
    Wire,
    bind,
    errors,
    events,
    execute,
    parse,
    query,
    rows,
    until,
)
from tests.integration.test_postgres_copy import *  # noqa: F403 - the same scenes, in a strict house
from tests.integration.test_postgres_drivers import *  # noqa: F403
from tests.integration.test_postgres_errors import *  # noqa: F403
from tests.integration.test_postgres_statements import *  # noqa: F403

del test_nothing_of_a_denied_statement_reaches_the_client_session  # noqa: F821 - here it is asked what it means

pytestmark = pytest.mark.integration

HARMLESS = "CREATE OR REPLACE VIEW shown AS SELECT id, name FROM stickers"
TELLING = "CREATE OR REPLACE VIEW shown AS SELECT id, phone AS name FROM users"
SHANGHAI = "shanghai-office"


@pytest.fixture(scope="session")
def house(strict_house: House) -> House:
    return strict_house


@pytest.fixture
def view(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    """An administrator, and a view that shows nothing personal."""
    with messenger.connect() as admin:
        admin.execute(HARMLESS)  # type: ignore[arg-type]
        admin.execute("GRANT SELECT ON shown TO sekisho_engineer")
        yield admin
        admin.execute("DROP VIEW shown")


@pytest.fixture
def wire(house: House, view: psycopg.Connection[Any]) -> Iterator[Wire]:
    """Li in Shanghai, once the gateway knows the view."""
    with Wire(house.ports.sites[SHANGHAI]).login(house, LI) as one:

        def known() -> bool:
            one.send(query("SELECT name FROM shown WHERE id = 1"))
            return errors(one.until(b"Z")) == []

        until(known)
        yield one


def ask(wire: Wire, data: bytes) -> list[Message]:
    wire.send(data)
    return wire.until(b"Z")


def phones(messages: list[Message]) -> list[bytes]:
    """Rows that hold a telephone number: those of the demo begin with +."""
    return [body for kind, body in messages if kind in (b"D", b"d") and b"+" in body]


# ------------------------------------------------------------------------------------------------ what runs is judged


def test_a_view_replaced_a_moment_ago(house: House, wire: Wire, view: psycopg.Connection[Any]) -> None:
    """No look at the catalogs is waited for: the very next statement knows."""
    for _ in range(5):
        view.execute(TELLING)  # type: ignore[arg-type]
        assert errors(ask(wire, query("SELECT name FROM shown"))) == ["42501"]
        assert errors(ask(wire, parse("SELECT name FROM shown") + bind() + execute() + SYNC)) == ["42501"]
        view.execute(HARMLESS)  # type: ignore[arg-type]
        assert errors(ask(wire, query("SELECT name FROM shown"))) == []
        assert errors(ask(wire, parse("SELECT name FROM shown") + bind() + execute() + SYNC)) == []


@pytest.mark.parametrize("described", [False, True])
def test_a_view_replaced_under_a_prepared_statement(
    house: House, wire: Wire, view: psycopg.Connection[Any], described: bool
) -> None:
    """Its new tree comes at Bind, or at Describe, and is judged before Execute; the old view is allowed again."""
    describe = b"D\0\0\0\x07Ss\0" if described else b""
    assert errors(ask(wire, parse("SELECT name FROM shown", "s") + SYNC)) == []
    for _ in range(3):
        assert rows(ask(wire, describe + bind("s") + execute() + SYNC)) > 0
        view.execute(TELLING)  # type: ignore[arg-type]
        answer = ask(wire, describe + bind("s") + execute() + SYNC)
        assert (errors(answer), rows(answer)) == (["42501"], 0)
        answer = ask(wire, bind("s") + execute() + SYNC)
        assert (errors(answer), rows(answer)) == (["42501"], 0)
        view.execute(HARMLESS)  # type: ignore[arg-type]
    assert rows(ask(wire, bind("s") + execute() + SYNC)) > 0


def test_what_is_asked_about_cannot_be_replaced_before_it_runs(
    house: House, wire: Wire, view: psycopg.Connection[Any]
) -> None:
    wire.send(parse("SELECT name FROM shown", "s") + FLUSH)
    assert [kind for kind, _ in wire.until(b"1")] == [b"1"]
    view.execute("SET lock_timeout = '100ms'")
    try:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            view.execute(TELLING)  # type: ignore[arg-type]
    finally:
        view.execute("RESET lock_timeout")
    assert rows(ask(wire, bind("s") + execute() + SYNC)) > 0


@pytest.mark.parametrize("text", ["EXPLAIN ANALYZE SELECT name FROM shown", "COPY (SELECT name FROM shown) TO STDOUT"])
def test_what_stands_for_a_statement_is_asked_about_at_each_execution(
    house: House, wire: Wire, view: psycopg.Connection[Any], text: str
) -> None:
    assert errors(ask(wire, parse(text, "s") + bind("s") + execute() + SYNC)) == []
    view.execute(TELLING)  # type: ignore[arg-type]
    answer = ask(wire, bind("s") + execute() + SYNC)
    assert (errors(answer), phones(answer)) == (["42501"], [])
    assert errors(ask(wire, query(text))) == ["42501"]
    view.execute(HARMLESS)  # type: ignore[arg-type]
    assert errors(ask(wire, bind("s") + execute() + SYNC)) == []
    assert errors(ask(wire, query(text))) == []


def race(view: psycopg.Connection[Any], client: Callable[[], list[Message]]) -> tuple[list[Message], int]:
    """What the client is told while an administrator replaces the view as fast as the server lets them."""
    over = threading.Event()
    replaced = 0

    def replace() -> None:
        nonlocal replaced
        while not over.is_set():
            for text in (TELLING, HARMLESS):
                view.execute(text)  # type: ignore[arg-type]
                replaced += 1

    other = threading.Thread(target=replace)
    other.start()
    told: list[Message] = []
    try:
        deadline = time.monotonic() + 20
        for turn in itertools.count():
            if (turn > 150 and replaced > 20) or time.monotonic() > deadline:
                break
            told += client()
    finally:
        over.set()
        other.join()
        view.execute(HARMLESS)  # type: ignore[arg-type]
    return told, replaced


@pytest.fixture
def blind_house(house: House, view: psycopg.Connection[Any], new_house: Callable[..., House]) -> House:
    """A gateway that does not look at the catalogs again for a minute."""
    return new_house(strict=True, epoch_interval_ms=60_000)


@pytest.fixture
def blind(blind_house: House) -> Iterator[Wire]:
    """Li in Shanghai, through it."""
    with Wire(blind_house.ports.sites[SHANGHAI]).login(blind_house, LI) as one:
        yield one


REQUESTS = {
    "simple": query("SELECT name FROM shown"),
    "extended": parse("SELECT name FROM shown") + bind() + execute() + SYNC,
    "prepared": bind("s") + execute() + SYNC,
    "copy": query("COPY (SELECT name FROM shown) TO STDOUT"),
}


@pytest.mark.parametrize("how", REQUESTS)
def test_a_view_replaced_all_the_time(wire: Wire, view: psycopg.Connection[Any], how: str) -> None:
    """No telephone number comes out, and both answers are seen."""
    _replaced_all_the_time(wire, view, how)


@pytest.mark.parametrize("how", REQUESTS)
def test_a_view_replaced_all_the_time_and_nobody_looks(blind: Wire, view: psycopg.Connection[Any], how: str) -> None:
    _replaced_all_the_time(blind, view, how)


def _replaced_all_the_time(wire: Wire, view: psycopg.Connection[Any], how: str) -> None:
    request = REQUESTS[how]
    assert errors(ask(wire, parse("SELECT name FROM shown", "s") + SYNC)) == []
    told, replaced = race(view, lambda: ask(wire, request))
    assert replaced > 20
    assert phones(told) == []
    assert any(kind in (b"D", b"d") for kind, _ in told), "never allowed"
    assert set(errors(told)) == {"42501"}, "never denied"
    assert errors(ask(wire, request)) == [], "the session lives"


@pytest.mark.parametrize("extended", [False, True])
def test_a_trigger_made_a_moment_ago(
    blind_house: House, blind: Wire, view: psycopg.Connection[Any], extended: bool
) -> None:
    """Not in the statement's tree, and not in the catalogs as they are known: its own SQL is printed when it runs."""
    text = "INSERT INTO feature_flags VALUES ('t-strict', true)"
    request = parse(text) + bind() + execute() + SYNC if extended else query(text)
    try:
        assert errors(ask(blind, request)) == []
        view.execute("DELETE FROM feature_flags WHERE key = 't-strict'")
        view.execute(
            "CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN RAISE NOTICE '%', (SELECT phone FROM users LIMIT 1); RETURN new; END$$"
        )
        view.execute("CREATE TRIGGER tell BEFORE INSERT ON feature_flags FOR EACH ROW EXECUTE FUNCTION tell()")
        blind.send(request)
        told = blind.until()
    finally:
        view.execute("DROP FUNCTION IF EXISTS tell CASCADE")
        view.execute("DELETE FROM feature_flags WHERE key = 't-strict'")
    fields = decode_fields(told[-1][1])
    assert (fields["S"], fields["C"], fields["H"]) == ("FATAL", "58000", "Reason: meaning_changed")
    assert "+" not in str(told), "no telephone number, in no notice"
    (entry,) = until(lambda: events(blind_house, "protocol_error"))
    assert (entry["reason"], entry["session"] != "") == ("meaning_changed", True)


# ------------------------------------------------------------------------------------------------------- what is hidden


def test_the_client_hears_nothing_of_it(house: House, wire: Wire) -> None:
    """No tree, no answer to a question of ours: message for message what any session gets."""
    told = ask(wire, query("SELECT 1; SELECT 2"))
    assert [kind for kind, _ in told] == [b"T", b"D", b"C", b"T", b"D", b"C", b"Z"]
    told = ask(wire, parse("SELECT 1") + bind() + execute() + SYNC)
    assert [kind for kind, _ in told] == [b"1", b"2", b"D", b"C", b"Z"]
    told = ask(wire, parse("SELECT nothing") + bind() + execute() + SYNC)
    assert [kind for kind, _ in told] == [b"E", b"Z"]
    assert errors(told) == ["42703"]
    assert "elog" not in str(told)


def test_the_servers_own_complaints(house: House, wire: Wire) -> None:
    for request, state in (
        (query("SELECT nothing"), "42703"),
        (query("SELECT 1; SELECT nothing"), "42703"),
        (query("SELEC 1"), "42601"),
        (parse("SELECT 'x'::int") + SYNC, "22P02"),
    ):
        assert errors(ask(wire, request)) == [state]
        assert rows(ask(wire, query("SELECT 1"))) == 1
    (fields,) = [decode_fields(body) for kind, body in ask(wire, query("SELECT 1; SELECT nothing")) if kind == b"E"]
    assert fields["P"] == "18"


def test_a_transaction(house: House, wire: Wire) -> None:
    assert ask(wire, query("BEGIN"))[-1] == (b"Z", b"T")
    assert rows(ask(wire, query("SELECT 1"))) == 1
    told = ask(wire, query("SELECT nothing"))
    assert (errors(told), told[-1]) == (["42703"], (b"Z", b"E"))
    assert errors(ask(wire, query("SELECT 1"))) == ["25P02"]
    assert errors(ask(wire, parse("SELECT 1") + SYNC)) == ["25P02"]
    assert ask(wire, query("ROLLBACK"))[-1] == (b"Z", b"I")
    assert ask(wire, query("BEGIN"))[-1] == (b"Z", b"T")
    told = ask(wire, parse("SELECT phone FROM users") + bind() + execute() + SYNC)
    assert (errors(told), told[-1]) == (["42501"], (b"Z", b"E"))
    assert ask(wire, query("ROLLBACK"))[-1] == (b"Z", b"I")


def test_a_query_after_a_pipeline_that_was_not_ended(house: House, wire: Wire) -> None:
    """Legal, and one transaction with it."""
    insert = parse("INSERT INTO feature_flags VALUES ('t-pipeline', true)")
    # As long as the gateway has not seen that an earlier test's trigger is gone, it denies the INSERT: then the server
    # ignores everything up to a Sync, the Query included, and nobody would ever answer it.
    until(lambda: errors(ask(wire, insert + SYNC)) == [])
    wire.send(insert + bind() + execute())
    told = ask(wire, query("SELECT nothing"))
    assert (errors(told), told[-1]) == (["42703"], (b"Z", b"I"))
    told = ask(wire, query("SELECT key FROM feature_flags WHERE key = 't-pipeline'"))
    assert rows(told) == 0, "rolled back with it"


@pytest.mark.parametrize("when", ["NOT DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"])
def test_a_foreign_keys_own_check_is_not_taken_for_something_else(
    house: House, wire: Wire, messenger: Database, when: str
) -> None:
    """Its SQL reads another relation, and is printed in the middle of the DELETE, or at Sync, or at COMMIT."""
    with messenger.connect() as admin:
        admin.execute(f"ALTER TABLE users ALTER CONSTRAINT users_country_fkey {when}")  # type: ignore[arg-type]
        try:
            for request in (
                query("DELETE FROM regions WHERE code = 'ZZ'"),
                query("BEGIN; DELETE FROM regions WHERE code = 'ZZ'; COMMIT"),
                parse("DELETE FROM regions WHERE code = 'ZZ'") + bind() + execute() + SYNC,
            ):
                admin.execute("INSERT INTO regions VALUES ('ZZ', 'nowhere')")
                with Wire(house.ports.sites[SHANGHAI]).login(house, LI) as fresh:  # a check is printed once a session
                    assert errors(ask(fresh, request)) == []
                    assert errors(ask(fresh, query("DELETE FROM regions WHERE code = 'JP'"))) == ["23503"]
                assert admin.execute("SELECT FROM regions WHERE code = 'ZZ'").fetchone() is None
        finally:
            admin.execute("ALTER TABLE users ALTER CONSTRAINT users_country_fkey NOT DEFERRABLE")


def test_masks_and_filters_in_a_strict_session(house: House) -> None:
    """What goes up is the narrowed text, and that is what is compared."""
    with house.connect(SATO) as connection:
        assert connection.execute("SELECT phone FROM users WHERE id = %s", (1,), prepare=True).fetchone()
        assert psycopg.ClientCursor(connection).execute("SELECT phone FROM users WHERE id = 1").fetchone()


# ------------------------------------------------------------------------------------------------------------- its role


def test_a_role_that_logs_trees_is_refused_at_start_and_at_login(
    messenger: Database, house: House, tmp_path: Path
) -> None:
    with messenger.connect() as admin:
        admin.execute("ALTER ROLE sekisho_engineer RESET log_min_messages")
        try:
            with pytest.raises(ConfigError, match="ALTER ROLE sekisho_engineer SET log_min_messages = panic"):
                House(tmp_path, messenger, strict=True).start()
            with pytest.raises(psycopg.OperationalError, match="would reach the server's log"):
                house.connect(LI)
        finally:
            admin.execute("ALTER ROLE sekisho_engineer SET log_min_messages = panic")
    house.connect(LI).close()
