"""What changes under an open session: a view, the registry, the token's time. The next statement knows."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import KIM, LI
from gateway.demo.database import Database
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, errors, execute, parse, query, rows, until

pytestmark = pytest.mark.integration


@pytest.fixture
def view(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    """An administrator, and a view that shows nothing personal."""
    with messenger.connect() as admin:
        admin.execute("CREATE VIEW shown AS SELECT id, name FROM stickers")
        admin.execute("GRANT SELECT ON shown TO sekisho_engineer")
        yield admin
        admin.execute("DROP VIEW shown")


def epoch(house: House) -> Any:
    def read() -> Any:
        assert house.application is not None
        return house.application.desk._world.epoch("messenger")  # type: ignore[arg-type]

    return house.on_loop(read)


def replaced(house: House, admin: psycopg.Connection[Any]) -> None:
    """The view shows phone numbers now, and the gateway has had its look at the catalogs."""
    before = epoch(house)
    admin.execute("CREATE OR REPLACE VIEW shown AS SELECT id, phone AS name FROM users")
    until(lambda: epoch(house) not in (before, None))


def seen(house: House) -> None:
    until(lambda: epoch(house) is not None)


def test_a_view_replaced_under_a_prepared_statement(house: House, view: psycopg.Connection[Any]) -> None:
    with house.connect(LI) as connection:
        _first_look(house, connection)
        for _ in range(3):
            assert connection.execute("SELECT name FROM shown WHERE id = %s", (1,), prepare=True).fetchone() == (
                "Bowing bear",
            )
        replaced(house, view)
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute("SELECT name FROM shown WHERE id = %s", (1,), prepare=True)
        assert "jp-appi-28" in str(caught.value.diag.message_detail)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            psycopg.ClientCursor(connection).execute("SELECT name FROM shown WHERE id = 1")


def _first_look(house: House, connection: psycopg.Connection[Any]) -> None:
    """The view is new to the gateway as well."""

    def known() -> bool:
        try:
            connection.execute("SELECT name FROM shown WHERE id = 1", prepare=False)
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    until(known)


def test_a_view_replaced_between_parse_and_execute_and_under_a_portal(
    house: House, view: psycopg.Connection[Any]
) -> None:
    with house.connect(LI) as connection:
        _first_look(house, connection)
    with Wire(house.ports.sites["shanghai-office"]).login(house, LI) as wire:
        wire.send(parse("SELECT name FROM shown", "s") + SYNC)
        assert errors(wire.until(b"Z")) == []
        replaced(house, view)
        wire.send(bind("s") + execute() + SYNC)
        answer = wire.until(b"Z")
        assert (errors(answer), rows(answer)) == (["42501"], 0)


def test_a_portal_left_open(house: House, view: psycopg.Connection[Any]) -> None:
    """Its rows are of the old view, as the server promises; each Execute is asked about all the same."""
    with house.connect(LI) as connection:
        _first_look(house, connection)
    with Wire(house.ports.sites["shanghai-office"]).login(house, LI) as wire:
        wire.send(query("BEGIN"))
        wire.until(b"Z")
        wire.send(parse("SELECT n FROM generate_series(1, 9) n", "s") + bind("s", "p") + execute("p", 2) + SYNC)
        assert rows(wire.until(b"Z")) == 2
        before = epoch(house)
        view.execute("CREATE OR REPLACE VIEW shown AS SELECT id, phone AS name FROM users")
        until(lambda: epoch(house) not in (before, None))
        decisions = len(house.entries("decision"))
        wire.send(execute("p", 2) + SYNC)
        assert rows(wire.until(b"Z")) == 2
        assert len(house.entries("decision")) == decisions + 1


def test_a_dropped_column_is_the_servers_complaint(house: House, messenger: Database) -> None:
    with messenger.connect() as admin, house.connect(LI) as connection:
        admin.execute("ALTER TABLE feature_flags ADD COLUMN extra int")
        try:
            admin.execute("GRANT SELECT ON feature_flags TO sekisho_engineer")
            text = "SELECT extra FROM feature_flags WHERE key = %s"
            until(lambda: _allowed(connection, text))
            before = epoch(house)
        finally:
            admin.execute("ALTER TABLE feature_flags DROP COLUMN extra")
        until(lambda: epoch(house) not in (before, None))
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute(text, ("x",), prepare=True)


def _allowed(connection: psycopg.Connection[Any], text: str) -> bool:
    try:
        connection.execute(text, ("x",), prepare=True)
    except psycopg.Error:
        return False
    return True


def test_an_employment_that_ended_reaches_an_open_session(new_house: Callable[..., House]) -> None:
    house = new_house()
    path: Path = house.layout.registry / "people.yaml"
    text = "SELECT currency FROM payments WHERE id = %s"
    with house.connect(KIM) as connection:
        assert connection.execute(text, (1,), prepare=True).rowcount == 1
        whole = path.read_text()
        before, kim, after = whole.partition("    subject: kim\n")
        path.write_text(before + kim + after.replace("\n        from: ", "\n        to: 2026-01-01\n        from: ", 1))
        began = time.monotonic()
        until(lambda: not _may(connection, text), seconds=5)
        took = time.monotonic() - began
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(text, (1,), prepare=True)
        assert "the registry of people" in str(caught.value.diag.message_hint)
        path.write_text(whole)
        until(lambda: _may(connection, text), seconds=5)
    assert took < 3  # two seconds are promised; one is the machine's that tests run on
    revisions = {entry["registry_revision"] for entry in house.entries("decision")}
    assert len(revisions) == 2


def test_a_function_may_be_called_once_the_registry_vouches_for_it(
    new_house: Callable[..., House], messenger: Database
) -> None:
    house = new_house()
    path: Path = house.layout.registry / "catalog.yaml"
    make = "CREATE OR REPLACE FUNCTION initials(text) RETURNS text LANGUAGE sql AS '{}'"
    text = "SELECT initials(name) FROM stickers WHERE id = %s"
    with messenger.connect() as admin, house.connect(LI) as connection:
        admin.execute(make.format("SELECT left($1, 1)"))
        try:
            until(lambda: not _may(connection, text))
            whole = path.read_text()
            digest = hashlib.sha256(b"SELECT left($1, 1)").hexdigest()
            vouched = f"    vouched: {{functions: {{public.initials(text): {{source_sha256: {digest}}}}}}}\n"
            path.write_text(whole.replace("    tables:\n", f"{vouched}    tables:\n", 1))
            until(lambda: _may(connection, text), seconds=5)
            admin.execute(make.format("SELECT phone FROM users LIMIT 1"))
            until(lambda: not _may(connection, text), seconds=5)
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                connection.execute(text, (1,), prepare=True)
            assert "function_refused" in str(caught.value.diag.message_detail)
            admin.execute(make.format("SELECT left($1, 1)"))
            until(lambda: _may(connection, text), seconds=5)
            path.write_text(whole)
            until(lambda: not _may(connection, text), seconds=5)
        finally:
            admin.execute("DROP FUNCTION initials(text)")


def _may(connection: psycopg.Connection[Any], text: str) -> bool:
    try:
        connection.execute(text, (1,), prepare=True)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_a_registry_that_cannot_be_read_changes_nothing(
    new_house: Callable[..., House], caplog: pytest.LogCaptureFixture
) -> None:
    house = new_house()
    path: Path = house.layout.registry / "entities.yaml"
    with house.connect(KIM) as connection:
        assert connection.execute("SELECT currency FROM payments").rowcount > 0
        path.write_text(path.read_text() + "\nnonsense: [")
        until(lambda: "reload_refused" in caplog.text)
        assert connection.execute("SELECT currency FROM payments").rowcount > 0


def test_a_token_that_expires_during_a_session(new_house: Callable[..., House]) -> None:
    house = new_house()
    token = house.token(KIM, at=int(time.time()) - 100, ttl=92)  # ten seconds of leeway stand in the configuration
    with psycopg.connect(**house.parameters(KIM, password=token), autocommit=True) as connection:
        assert connection.execute("SELECT currency FROM payments WHERE id = %s", (1,), prepare=True).rowcount == 1
        until(lambda: not _authenticated(connection), seconds=20)
        with pytest.raises(psycopg.Error) as caught:
            connection.execute("SELECT currency FROM payments WHERE id = %s", (1,), prepare=True)
        assert "token_expired" in str(caught.value.diag.message_detail)


def _authenticated(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("SELECT currency FROM payments WHERE id = %s", (1,), prepare=True)
    except psycopg.Error as error:
        return error.sqlstate != "28000"
    return True
