"""Limits of a session, and what ends it from outside: told with its SQLSTATE and its reason, recorded, counted."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.demo.characters import KIM, LI, SATO, Character
from gateway.demo.database import Database
from gateway.pgwire.messages import decode_fields
from tests.houses import House
from tests.integration.postgres_wire import (
    ACTIVE,
    FLUSH,
    SYNC,
    Wire,
    bind,
    bystander,
    errors,
    events,
    execute,
    parse,
    query,
    rows,
    until,
)

pytestmark = pytest.mark.integration

ENDLESS = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, {}) b"


def enter(house: House, who: Character = SATO) -> Wire:
    return Wire(house.ports.sites[who.site]).login(house, who)


def ended(house: House, reason: str) -> bool:
    """Recorded once, and counted once."""
    until(lambda: [entry["reason"] for entry in events(house, "session_close")].count(reason) == 1)
    return house.metric("sekisho_sessions_closed_total", reason=reason) == 1


# --------------------------------------------------------------------------------------------------------------- time


def test_an_idle_session_is_ended(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"idle_timeout_ms": 700}})
    with enter(house) as wire, enter(house, LI) as open_:
        open_.send(query("BEGIN"))
        open_.until(b"Z")
        for _ in range(3):
            wire.send(query("SELECT 1"))
            assert rows(wire.until(b"Z")) == 1
        began = time.monotonic()
        fields = wire.fatal()
        assert time.monotonic() - began > 0.6
        assert (fields["C"], fields["H"]) == ("57P05", "Reason: idle_timeout")
        assert fields["M"] == "terminating connection due to idle-session timeout"
        open_.send(query("COMMIT"))
        assert errors(open_.until(b"Z")) == [], "it was not idle"
    assert ended(house, "idle_timeout")


@pytest.mark.parametrize("failed", [False, True])
def test_one_that_idles_in_a_transaction_is_ended(
    new_house: Callable[..., House], messenger: Database, failed: bool
) -> None:
    house = new_house({"limits": {"idle_in_transaction_timeout_ms": 300}})
    with bystander(house, LI), enter(house) as wire, messenger.connect() as admin:
        wire.send(query("BEGIN"))
        wire.until(b"Z")
        wire.send(query("UPDATE stickers SET price_yen = price_yen WHERE id = 1"))
        wire.until(b"Z")
        if failed:
            wire.send(query("SELECT nothing"))
            wire.until(b"Z")
        fields = wire.fatal()
        assert (fields["C"], fields["H"]) == ("25P03", "Reason: idle_in_transaction_timeout")
        admin.execute("SET lock_timeout = '5s'")
        admin.execute("UPDATE stickers SET price_yen = price_yen WHERE id = 1")  # its lock is gone
    assert ended(house, "idle_in_transaction_timeout")


@pytest.mark.parametrize("extended", [False, True])
def test_a_statement_that_takes_too_long_is_cancelled(new_house: Callable[..., House], extended: bool) -> None:
    house = new_house({"limits": {"statement_timeout_ms": 400}})
    text = ENDLESS.format(60_000 + extended)
    with bystander(house, LI), enter(house) as wire:
        for _ in range(2):
            wire.send(parse(text) + bind() + execute() + SYNC if extended else query(text))
            messages = wire.until(b"Z")
            (fields,) = [decode_fields(body) for kind, body in messages if kind == b"E"]
            assert (fields["S"], fields["C"], fields["D"]) == ("ERROR", "57014", "Reason: statement_timeout")
            assert fields["M"] == "canceling statement due to statement timeout"
        wire.send(query("SELECT 1"))
        assert rows(wire.until(b"Z")) == 1, "the session lives"
    labels = {"door": "postgres", "layer": "none", "rule": "none", "reason": "statement_timeout"}
    assert house.metric("sekisho_denials_total", **labels) == 2
    until(lambda: [entry["sqlstate"] for entry in house.entries("completion")].count("57014") == 2)


def test_a_statement_that_does_not_end_when_cancelled_ends_its_session(
    new_house: Callable[..., House], messenger: Database
) -> None:
    """A server that waits to write hears no cancel request: the client reads none of its rows."""
    house = new_house({"limits": {"statement_timeout_ms": 300, "cancel_timeout_ms": 300}})
    text = "SELECT repeat('z', 1000000) FROM generate_series(1, 1001)"
    with bystander(house, LI), enter(house) as wire:
        wire.send(query(text))
        assert ended(house, "statement_timeout")
        with messenger.connect() as admin:
            until(lambda: admin.execute(ACTIVE, (text,)).fetchone() is None)


# ------------------------------------------------------------------------------------------------------------ sessions


def test_one_principal_does_not_get_all_seats(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"sessions_per_principal": 2}})
    with house.connect(SATO), house.connect(SATO) as second:
        with Wire(house.ports.sites["tokyo-hq"]) as wire:
            wire.startup("sato")
            wire.password(house.token(SATO))
            fields = wire.fatal()
        assert (fields["C"], fields["H"]) == ("53300", "Reason: too_many_sessions")
        assert house.metric("sekisho_logins_total", method="token", result="too_many_sessions") == 1
        assert [entry["reason"] for entry in events(house, "login_refused")] == ["too_many_sessions"]
        house.connect(LI).close()
        second.close()
        until(lambda: house.metric("sekisho_sessions", door="postgres") == 1)
        house.connect(SATO).close()


# --------------------------------------------------------------------------------------------------------- kill-switch


@pytest.fixture
def switch(new_house: Callable[..., House]) -> tuple[House, Callable[[str], None]]:
    """A house, and what puts a block into its registry."""
    house = new_house()
    path: Path = house.layout.registry / "entities.yaml"
    whole = path.read_text()
    assert "\nblocks:\n" in whole

    def throw(block: str) -> None:
        path.write_text(whole.replace("\nblocks:\n", f"\nblocks:\n  - {{{block}}}\n") if block else whole)

    return house, throw


PLUS = "id: stop, entity: line-plus, from: 2020-01-01"


@pytest.mark.parametrize("busy", ["idle", "in a transaction", "running", "between rows", "waiting for a lock"])
def test_a_block_ends_the_open_sessions_of_whom_it_stops(
    switch: tuple[House, Callable[[str], None]], messenger: Database, busy: str
) -> None:
    house, throw = switch
    text = ENDLESS.format(50_000)
    with contextlib.ExitStack() as stack:
        stack.enter_context(bystander(house, SATO))
        wire = stack.enter_context(enter(house, KIM))
        admin = stack.enter_context(messenger.connect())
        if busy == "in a transaction":
            wire.send(query("BEGIN"))
            wire.until(b"Z")
        elif busy == "running":
            wire.send(query(text))
        elif busy == "between rows":
            wire.send(query("SELECT repeat('k', 3000) FROM generate_series(1, 100000000)"))
        elif busy == "waiting for a lock":
            stack.enter_context(admin.transaction())
            admin.execute("UPDATE feature_flags SET enabled = enabled")
            wire.send(query("UPDATE feature_flags SET enabled = enabled"))
        throw(PLUS)
        began = time.monotonic()
        last = b""
        while data := wire.socket.recv(1 << 20):
            last = (last + data)[-2000:]
        assert time.monotonic() - began < 4  # two seconds are promised; the rest is the machine's
        place = last.rindex(b"SFATAL")
        fields = decode_fields(last[place:])
        assert (fields["C"], fields["H"]) == ("28000", "Reason: principal_blocked")
        assert fields["M"] == "terminating connection: access is blocked (stop)"
    assert ended(house, "principal_blocked")
    with messenger.connect() as admin:
        asked = "SELECT FROM pg_stat_activity WHERE state = 'active' AND usename = 'sekisho_engineer'"
        until(lambda: admin.execute(asked).fetchone() is None)


def test_a_transaction_that_only_a_missing_sync_keeps_open(
    new_house: Callable[..., House], messenger: Database
) -> None:
    """The server's last word on the transaction was that there is none."""
    house = new_house({"limits": {"idle_in_transaction_timeout_ms": 300}})
    with enter(house) as wire, messenger.connect() as admin:
        wire.send(parse("UPDATE stickers SET price_yen = price_yen WHERE id = 1") + bind() + execute() + FLUSH)
        assert wire.until(b"C", b"E")[-1][0] == b"C"
        assert wire.fatal()["C"] == "25P03"
        admin.execute("SET lock_timeout = '5s'")
        admin.execute("UPDATE stickers SET price_yen = price_yen WHERE id = 1")


def test_a_block_in_its_own_file(new_house: Callable[..., House]) -> None:
    house = new_house()
    with bystander(house, SATO), enter(house, KIM) as wire:
        (house.layout.registry / "blocks.yaml").write_text("blocks:\n- {id: now, entity: line-plus}\n")
        assert wire.fatal()["M"] == "terminating connection: access is blocked (now)"


def test_one_person_is_stopped_by_a_command(new_house: Callable[..., House]) -> None:
    """Kim is; Tanaka, of the same employer, is not. What is lifted is lifted at once, too."""
    house = new_house()

    def sekisho(*arguments: str) -> None:
        done = CliRunner().invoke(main, [*arguments, "--config", str(house.layout.config)])
        assert done.exit_code == 0, done.output

    with bystander(house, SATO), enter(house, KIM) as wire:
        sekisho("block", "kim", "--reason", "token stolen")
        assert wire.fatal()["M"] == "terminating connection: access is blocked (admin-1)"
    with pytest.raises(psycopg.OperationalError, match=r"access is blocked \(admin-1\)"):
        house.connect(KIM)
    sekisho("unblock", "admin-1")
    until(lambda: _may_enter(house))
    said = [entry["detail"] for entry in house.entries("event") if entry["event"] in ("block", "unblock")]
    assert said == ["admin-1: principal https://id.line.example#kim: token stolen"] * 2


def _may_enter(house: House) -> bool:
    try:
        house.connect(KIM).close()
    except psycopg.OperationalError:
        return False
    return True


def test_whoever_is_blocked_does_not_log_in(switch: tuple[House, Callable[[str], None]]) -> None:
    house, throw = switch
    house.connect(KIM).close()
    throw(PLUS)

    def refused() -> dict[str, str] | None:
        with Wire(house.ports.sites[KIM.site]) as wire:
            wire.startup("kim")
            wire.password(house.token(KIM))
            last = wire.until(b"Z", b"E")[-1]
            return decode_fields(last[1]) if last[0] == b"E" else None

    fields = until(refused)
    assert (fields["C"], fields["H"]) == ("28000", "Reason: principal_blocked")
    house.connect(SATO).close()
    throw("")
    until(lambda: refused() is None)


def test_a_block_of_a_country(switch: tuple[House, Callable[[str], None]]) -> None:
    house, throw = switch
    with bystander(house, SATO), enter(house, LI) as wire:
        throw("id: cn, country: CN, from: 2020-01-01")
        assert wire.fatal()["H"] == "Reason: principal_blocked"


def test_another_profile_ends_the_session_at_its_next_statement(new_house: Callable[..., House]) -> None:
    """Its server's role was chosen when it began; what another employer may do has another role."""
    profiles: list[dict[str, Any]] = [
        {"name": "engineer", "role": "sekisho_engineer", "groups": ["engineer"], "entities": ["line-jp"]},
        {"name": "moderator", "role": "sekisho_moderator", "groups": ["engineer", "moderator"]},
    ]
    house = new_house(profiles=profiles)
    path: Path = house.layout.registry / "people.yaml"
    with bystander(house, LI), enter(house, SATO) as wire:
        whole = path.read_text()
        before, sato, after = whole.partition("    subject: sato\n")
        path.write_text(before + sato + after.replace("- entity: line-jp", "- entity: line-plus", 1))

        def outdated() -> bool:
            wire.send(query("SELECT count(*) FROM regions"))
            messages = wire.until(b"Z")
            return messages[-1][0] == b"E" and decode_fields(messages[-1][1])["H"] == "Reason: session_outdated"

        until(outdated)
        house.connect(SATO).close()


def test_a_location_that_changed_counts_at_the_next_statement(new_house: Callable[..., House]) -> None:
    house = new_house()
    path: Path = house.layout.registry / "networks.yaml"
    with enter(house, SATO) as wire:

        def answer() -> list[str]:
            wire.send(query("SELECT phone FROM users WHERE id = 1"))
            return errors(wire.until(b"Z"))

        assert answer() == []
        path.write_text(path.read_text().replace("{id: tokyo-hq, country: JP", "{id: tokyo-hq, country: CN"))
        until(lambda: answer() == ["42501"])
        wire.send(query("SELECT 1"))
        assert rows(wire.until(b"Z")) == 1
