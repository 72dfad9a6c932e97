"""The admin port over a real gateway: by whom, in the record before it acts, and who guesses is not listened to."""

from __future__ import annotations

import http.client
import json
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.config_load import load
from gateway.demo.characters import SATO
from gateway.demo.database import Database
from gateway.doors.http.admin import WRONG_PER_MINUTE, WrongTokens
from gateway.errors import ConfigError
from tests.houses import House, distinct_ports

TOKEN = "a" * 40


@pytest.fixture(scope="module")
def administered(messenger: Database) -> Iterator[tuple[House, int]]:
    """One gateway for all, drained in the end."""
    (port,) = distinct_ports(1)
    with tempfile.TemporaryDirectory(prefix="sekisho-admin-") as directory:
        tokens = write_tokens(Path(directory), ann=TOKEN, bob="b" * 40, short="s" * 31)
        settings = {"listeners": {"admin": {"address": f"127.0.0.1:{port}", "tokens": tokens}}}
        house = House(Path(directory), messenger, settings).start()
        yield house, port
        house.stop()


def write_tokens(folder: Path, **tokens: str) -> list[dict[str, str]]:
    for name, token in tokens.items():
        (folder / name).write_text(f"{token}\n")
    return [{"name": name, "file": str(folder / name)} for name in tokens]


def call(
    port: int, method: str, path: str, document: Any = None, token: str = TOKEN, source: str = "127.0.0.1"
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10, source_address=(source, 0))
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        content = None
        if document is not None:
            content, headers["Content-Type"] = json.dumps(document), "application/json"
        connection.request(method, f"/v1/admin/{path}", content, headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def until_ended(connection: psycopg.Connection[Any]) -> None:
    for _ in range(1000):
        connection.execute("SELECT count(*) FROM users")


def test_who_pulls_the_kill_switch_is_in_the_record_and_sessions_end(administered: tuple[House, int]) -> None:
    house, port = administered
    assert call(port, "GET", "status")[1]["ready"] is True
    with house.connect(SATO) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        status, made = call(port, "POST", "block", {"name": "JP", "reason": "drill"}, token="b" * 40)
        assert (status, made["country"], made["by"]) == (200, "JP", "admin:bob")
        with pytest.raises(psycopg.Error):
            until_ended(connection)
    assert [one["id"] for one in call(port, "GET", "status")[1]["blocks"]] == [made["id"]]
    assert call(port, "POST", "unblock", {"id": made["id"]})[0] == 200
    assert call(port, "POST", "unblock", {"id": made["id"]})[0] == 400
    noted = [
        (one["event"], one["principal_id"], one["detail"]) for one in house.entries("event") if one["principal_id"]
    ]
    assert ("block", "admin:bob", f"block: {made['id']}: country JP: drill") in noted
    assert ("admin", "admin:ann", "status") in noted
    assert house.metric("sekisho_admin_calls_total", call="block", result="ok") == 1


NOT_BLOCKED = (
    ({"name": "nobody at all", "reason": "x"}, "no country, and no entity or person"),
    ({"name": "JP"}, "reason is missing"),
    ({"name": "JP", "reason": "x", "until": "2020-01-01"}, "until has come"),
    ({"name": "JP", "reason": "x", "until": "soon"}, "until must be a day"),
    ({"name": "ZZ", "reason": "x"}, "no ISO 3166-1"),
    ({"name": "JP", "reason": "x", "colour": 1}, "unknown key"),
)


def test_what_cannot_be_blocked_is_told(administered: tuple[House, int]) -> None:
    _, port = administered
    for document, named in NOT_BLOCKED:
        status, told = call(port, "POST", "block", document)
        assert status == 400, document
        assert named in told["detail"]
    assert call(port, "GET", "status")[1]["blocks"] == []


def test_who_guesses_is_not_listened_to_for_a_minute(administered: tuple[House, int]) -> None:
    house, port = administered
    guesser = partial(call, port, source="127.0.0.9")
    assert guesser("GET", "status", token="")[1]["reason"] == "token_missing"
    assert guesser("GET", "status", token="s" * 31)[0] == 401, "too short to be anybody's"
    for number in range(WRONG_PER_MINUTE - 1):
        assert guesser("POST", "drain", token=f"{number}" * 40)[1]["reason"] == "password_wrong"
    assert guesser("GET", "status")[0] == 429, "right or not"
    assert call(port, "GET", "status")[0] == 200, "of somebody else"
    assert house.metric("sekisho_admin_calls_total", call="drain", result="refused") == WRONG_PER_MINUTE - 1
    assert house.application is not None
    assert house.application.desk.draining is False
    assert [one["reason"] for one in house.entries("event")].count("password_wrong") == WRONG_PER_MINUTE


def reloaded(port: int, holds: Callable[[list[str]], bool]) -> bool:
    """Whether a reload tells so; a machine with much to do may need to be asked again."""
    return any(holds(call(port, "POST", "reload")[1]["data"]["registry"]["problems"]) for _ in range(5))


def test_a_reload_tells_what_is_in_force(administered: tuple[House, int]) -> None:
    house, port = administered
    people = house.layout.registry / "people.yaml"
    good = people.read_text()
    people.write_text("people: [")
    assert reloaded(port, lambda problems: problems != [])
    people.write_text(good)
    assert reloaded(port, lambda problems: problems == [])


def test_addresses_that_guess_are_told_apart() -> None:
    wrong = WrongTokens()
    for _ in range(WRONG_PER_MINUTE):
        wrong.add("192.0.2.1", 100.0)
    assert wrong.too_many("192.0.2.1", 120.0)
    assert not wrong.too_many("192.0.2.1", 161.0)
    assert not wrong.too_many("192.0.2.2", 120.0)


def test_the_port_is_for_this_machine_unless_it_has_tls(tmp_path: Path) -> None:
    settings = {"listeners": {"admin": {"address": "0.0.0.0:9902", "tokens": write_tokens(tmp_path, ann=TOKEN)}}}
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house", None, settings)
    with pytest.raises(ConfigError, match=r"listeners\.admin\.tls: needed"):
        load(house.layout.config, {})


def test_draining_takes_nobody_in_and_lets_sessions_end(administered: tuple[House, int]) -> None:
    house, port = administered
    with house.connect(SATO, autocommit=False) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert call(port, "POST", "drain")[0] == 202
        with pytest.raises(psycopg.OperationalError):
            house.connect(SATO)
        assert connection.execute("SELECT 2").fetchone() == (2,), "a transaction ends in peace"
    assert call(port, "GET", "status")[1]["ready"] is False
