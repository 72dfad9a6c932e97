"""A rule that names a relation makes its datasource's sessions strict: at start, and while the gateway runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import LI, TANAKA
from gateway.demo.database import Database
from gateway.errors import ConfigError
from gateway.links import watch
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, errors, events, execute, parse, query, rows, until
from tests.packs import RULE, add_naming_rule, copy_policies

pytestmark = pytest.mark.integration

HARMLESS = "CREATE OR REPLACE VIEW listed AS SELECT id, name FROM stickers"
TELLING = "CREATE OR REPLACE VIEW listed AS SELECT id, phone AS name FROM users"
SHANGHAI = "shanghai-office"
WHY = "a relation named by house-reports (public.moderation_queue)"
REPORTS = "SELECT state FROM moderation_queue WHERE id = 1"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "INTERVAL", 0.02)


@pytest.fixture
def level(messenger: Database) -> Iterator[Callable[[str], None]]:
    """Sets both roles' log_min_messages; afterwards they are quiet, as other tests want them."""

    def become(to: str) -> None:
        with messenger.connect() as admin:
            for role in ("sekisho_engineer", "sekisho_moderator"):
                admin.execute(f"ALTER ROLE {role} SET log_min_messages = {to}")  # type: ignore[arg-type]

    become("panic")
    yield become
    become("panic")


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return copy_policies(tmp_path / "policies")


@pytest.fixture
def view(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    """An administrator, and a view that shows nothing personal."""
    with messenger.connect() as admin:
        admin.execute(HARMLESS)  # type: ignore[arg-type]
        admin.execute("GRANT SELECT ON listed TO sekisho_engineer")
        yield admin
        admin.execute("DROP VIEW listed")


def settings(policies: Path) -> dict[str, Any]:
    return {"policy": {"directory": str(policies)}}


def gauges(house: House) -> tuple[float, float]:
    """Strict, and set aside."""
    labels = {"datasource": "messenger"}
    return house.metric("sekisho_strict_sessions", **labels), house.metric("sekisho_strict_set_aside", **labels)


def ask(wire: Wire, request: bytes) -> tuple[list[str], int]:
    wire.send(request)
    messages = wire.until(b"Z")
    return errors(messages), rows(messages)


# ------------------------------------------------------------------------------------------------------------ at start


def test_the_sessions_are_strict_from_the_start(
    new_house: Callable[..., House],
    policies: Path,
    level: Callable[[str], None],
    view: psycopg.Connection[Any],
) -> None:
    """A view that changes between two statements, long before the catalogs are looked at again: it is judged anew."""
    add_naming_rule(policies)
    house = new_house(settings(policies), epoch_interval_ms=60_000)
    assert gauges(house) == (1, 0)
    with Wire(house.ports.sites[SHANGHAI]).login(house, LI) as wire:
        harmless = ask(wire, query("SELECT name FROM listed WHERE id = 1"))
        assert harmless[0] == []
        assert harmless[1] == 1
        view.execute(TELLING)  # type: ignore[arg-type]
        assert ask(wire, query("SELECT name FROM listed WHERE id = 1")) == (["42501"], 0)
    assert events(house, "session_open")[-1]["detail"] == WHY


def test_the_rule_decides(new_house: Callable[..., House], policies: Path, level: Callable[[str], None]) -> None:
    add_naming_rule(policies)
    house = new_house(settings(policies))
    with house.connect(LI) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege, match="moderation team"):
        connection.execute(REPORTS)
    with house.connect(TANAKA) as connection:
        assert connection.execute(REPORTS).fetchall()


def test_roles_that_log_trees_stop_the_start_and_it_says_what_to_do(
    messenger: Database, tmp_path: Path, policies: Path, level: Callable[[str], None]
) -> None:
    add_naming_rule(policies, mode="shadow")
    level("warning")
    (tmp_path / "house").mkdir()
    with pytest.raises(ConfigError) as caught:
        House(tmp_path / "house", messenger, settings(policies)).start()
    assert len(caught.value.problems) == 2
    for words in (WHY, "ALTER ROLE sekisho_engineer SET log_min_messages = panic", "strict: false to go without"):
        assert words in caught.value.problems[0]


def test_configuration_may_say_no_and_that_is_told_everywhere(
    new_house: Callable[..., House],
    policies: Path,
    level: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    add_naming_rule(policies)
    level("warning")
    house = new_house(settings(policies), strict=False)
    assert gauges(house) == (0, 1)
    assert [(one.levelname, one.message) for one in caplog.records].count(("WARNING", "strict_set_aside")) == 1
    with house.connect(LI) as connection:
        assert connection.execute("SELECT name FROM stickers WHERE id = 1").fetchone()
    assert events(house, "session_open")[-1]["detail"] == f"strict: false in the configuration, despite {WHY}"


def test_without_such_a_rule_nothing_is_strict(new_house: Callable[..., House], level: Callable[[str], None]) -> None:
    level("warning")
    house = new_house()
    assert gauges(house) == (0, 0)
    with house.connect(LI) as connection:
        assert connection.execute("SELECT name FROM stickers WHERE id = 1").fetchone()
    assert events(house, "session_open")[-1]["detail"] == ""


# ------------------------------------------------------------------------------------------------------ while it runs

AFTERWARDS = {
    "simple": query("SELECT 1"),
    "extended": parse("SELECT 1") + bind() + execute() + SYNC,
    "prepared": bind("s") + execute() + SYNC,
    "portal": execute("p") + SYNC,
    "end": query("COMMIT"),
}


@pytest.mark.parametrize("how", AFTERWARDS)
def test_a_session_that_was_open_before_ends_at_its_next_statement(
    new_house: Callable[..., House], policies: Path, level: Callable[[str], None], quick: None, how: str
) -> None:
    """In a transaction, prepared or bound before: whatever it is, it was judged while it need not be strict."""
    house = new_house(settings(policies))
    with Wire(house.ports.sites[SHANGHAI]).login(house, LI) as wire, house.connect(LI) as idle:
        wire.send(query("BEGIN"))
        wire.until(b"Z")
        prepared = parse("SELECT name FROM stickers", "s") + bind("s", "p") + execute("p", 1) + SYNC
        assert ask(wire, prepared)[0] == []

        add_naming_rule(policies)
        until(lambda: gauges(house) == (1, 0))
        wire.send(AFTERWARDS[how])
        fields = wire.fatal()
        assert fields["C"] == "57P01"
        assert fields["M"] == f"terminating connection: this session must be strict by now ({WHY}): connect again"
        assert fields["H"] == "Reason: session_outdated"

        with pytest.raises(psycopg.errors.AdminShutdown, match=RULE):
            idle.execute("SELECT 1")
    with house.connect(LI) as fresh:
        assert fresh.execute("SELECT 1").fetchone() == (1,)
    opened = events(house, "session_open")
    assert [entry["detail"] for entry in opened] == ["", "", WHY]
    until(lambda: [entry["reason"] for entry in events(house, "session_close")][:2] == ["session_outdated"] * 2)


def test_roles_that_log_trees_are_told_when_the_rule_comes(
    new_house: Callable[..., House],
    policies: Path,
    level: Callable[[str], None],
    quick: None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The rule is in force; until the roles are quiet no session begins."""
    caplog.set_level(logging.ERROR)
    level("warning")
    house = new_house(settings(policies))
    add_naming_rule(policies)
    until(lambda: any(record.message == "strict_sessions_refused" for record in caplog.records))
    (told,) = (record for record in caplog.records if record.message == "strict_sessions_refused")
    assert len(vars(told)["problems"]) == 2
    with pytest.raises(psycopg.OperationalError, match="would reach the server's log"):
        house.connect(LI)
    level("panic")
    house.connect(LI).close()


def test_a_catalog_that_comes_to_know_the_relation_makes_it_strict(
    new_house: Callable[..., House], policies: Path, level: Callable[[str], None], quick: None
) -> None:
    add_naming_rule(policies, relations=["public.archive"])
    house = new_house(settings(policies))
    assert gauges(house) == (0, 0)
    with house.connect(LI) as connection:
        connection.execute("SELECT 1")
        catalog = house.layout.registry / "catalog.yaml"
        catalog.write_text(catalog.read_text() + "      public.archive: {about: nobody}\n")
        until(lambda: gauges(house) == (1, 0))
        with pytest.raises(psycopg.errors.AdminShutdown):
            connection.execute("SELECT 1")
