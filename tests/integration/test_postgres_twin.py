"""The analysis twin under trouble, seen by a person at the postgres door: every answer says what is the matter.

Locks that others hold, statements that would make the session differ from the twin's, sessions of the twin that are
ended, a server that is gone, many at once, and one who asks without end.
"""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from gateway.demo.characters import KIM, LI, SATO, Character
from gateway.demo.database import Database
from tests.houses import House
from tests.integration.postgres_wire import new_entries, until

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[Any]
NUMBERS = itertools.count(1)


def unknown(table: str = "stickers") -> str:
    """A text that nobody asked before, of no known shape."""
    return f"SELECT count(*) AS n{next(NUMBERS)} FROM {table}"


def refusal(connection: Connection, text: str) -> tuple[str | None, str, str]:
    """(SQLSTATE, reason, detail) of a statement that is denied."""
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(text)
    detail = str(caught.value.diag.message_detail)
    reason = next((line.removeprefix("Reason: ") for line in detail.splitlines() if line.startswith("Reason: ")), "")
    return caught.value.sqlstate, reason, detail


def passes(connection: Connection, text: str) -> bool:
    try:
        connection.execute(text)
    except psycopg.Error:
        return False
    return True


@contextmanager
def locked(database: Database, table: str, mode: str = "ACCESS EXCLUSIVE") -> Iterator[None]:
    with database.connect() as admin, admin.transaction():
        admin.execute(f"LOCK TABLE {table} IN {mode} MODE")  # type: ignore[arg-type]
        yield


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database to stop."""
    database = Database(tmp_path_factory.mktemp("own"))
    database.start()
    yield database
    database.stop()


# ------------------------------------------------------------------------------------------------------------- locks


def test_a_table_that_somebody_locks_is_told_by_its_name_and_everything_else_goes_on(
    new_house: Callable[..., House], messenger: Database
) -> None:
    house = new_house()
    with house.connect(SATO) as connection, house.connect(KIM) as other:
        with locked(messenger, "stickers"):
            before = len(house.entries())
            state, reason, detail = refusal(connection, unknown())
            assert (state, reason) == ("58000", "twin_timeout")
            assert "waiting for a lock on stickers" in detail
            began = time.monotonic()
            assert refusal(other, unknown("public.regions, stickers"))[:2] == ("58000", "twin_timeout")
            assert time.monotonic() - began < 0.4, "nobody waits for it a second time"
            assert connection.execute(unknown("regions")).fetchone() == (5,)
            entries = [one for one in new_entries(house, before) if one["kind"] == "refusal"]
            assert [one["reason"] for one in entries] == ["twin_timeout"] * 2
            assert "waiting for a lock on stickers" in entries[0]["detail"]
        until(lambda: passes(connection, unknown()))
    assert house.metric("sekisho_denials_total", door="postgres", layer="none", rule="none", reason="twin_timeout") >= 2


def test_an_alter_table_that_waits_holds_up_its_table_only(
    new_house: Callable[..., House], messenger: Database
) -> None:
    house = new_house()
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE stickers%'"
    with (
        house.connect(SATO) as connection,
        messenger.connect() as reader,
        messenger.connect() as owner,
        ThreadPoolExecutor(1) as thread,
    ):
        with reader.transaction():
            reader.execute("SELECT 1 FROM stickers")
            altering = thread.submit(owner.execute, "ALTER TABLE stickers ALTER COLUMN name SET DEFAULT 'Bear'")
            with messenger.connect() as admin:
                until(lambda: admin.execute(waits).fetchone())
            assert refusal(connection, unknown())[:2] == ("58000", "twin_timeout")
            assert connection.execute(unknown("regions")).fetchone() == (5,)
        altering.result(10)
        until(lambda: passes(connection, unknown()))
        owner.execute("ALTER TABLE stickers ALTER COLUMN name DROP DEFAULT")


def test_a_lock_of_ones_own_is_refused_unless_it_is_a_readers(house: House) -> None:
    """The twin would wait for its own client for ever, so the strong ones do not get as far as the server."""
    with house.connect(SATO) as connection:
        for mode in ("", "IN ACCESS EXCLUSIVE MODE", "IN EXCLUSIVE MODE", "IN SHARE MODE", "IN ROW EXCLUSIVE MODE"):
            connection.execute("BEGIN")
            state, _, detail = refusal(connection, f"LOCK TABLE stickers {mode}")
            assert (state, "LOCK" in detail) == ("42501", True), detail
            connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE stickers IN ACCESS SHARE MODE")
        assert connection.execute(unknown()).rowcount == 1
        connection.execute("COMMIT")


def test_locks_that_statements_take_do_not_stop_the_twin(house: House) -> None:
    with house.connect(SATO) as connection, house.connect(KIM) as other:
        connection.execute("BEGIN")
        connection.execute("UPDATE stickers SET price_yen = price_yen WHERE id = 1")
        connection.execute("SELECT id FROM stickers WHERE id = 2 FOR UPDATE")
        connection.execute("INSERT INTO feature_flags (key, enabled) VALUES ('t-twin', true)")
        for one in (connection, other):
            assert one.execute(unknown()).rowcount == 1
            assert one.execute(f"UPDATE stickers SET price_yen = 1 + {next(NUMBERS)} - 1 WHERE id = -1").rowcount == 0
        connection.execute("ROLLBACK")


# --------------------------------------------------------------------------------------- a session unlike the twin's

DIVERGES = [
    ("SET search_path = pg_temp, public", "setting_refused"),
    ("SET LOCAL search_path TO pg_temp_1", "setting_refused"),
    ("SELECT set_config('search_path', 'pg_temp, public', false)", "setting_refused"),
    ("SELECT set_config('search_path', name, false) FROM stickers", "setting_refused"),
    ("SELECT set_config('search_path', 'other', false), name FROM stickers", "setting_refused"),
    ("CREATE TEMP TABLE stickers (id int, name text)", "kind_refused"),
    ("CREATE TEMP TABLE mine AS SELECT 1", "kind_refused"),
    ("SELECT 1 AS x INTO TEMP mine", "kind_refused"),
    ("CREATE TABLE fresh (id int)", "kind_refused"),
    ("ALTER TABLE stickers ADD COLUMN more int", "kind_refused"),
    ("CREATE OR REPLACE VIEW shown AS SELECT phone FROM users", "kind_refused"),
    ("DROP TABLE stickers", "kind_refused"),
    ("TRUNCATE stickers", "kind_refused"),
    ("SET ROLE sekisho_moderator", "setting_refused"),
]


@pytest.mark.parametrize(("text", "code"), DIVERGES)
def test_what_would_make_a_session_differ_from_the_twins_is_refused(house: House, text: str, code: str) -> None:
    with house.connect(SATO) as connection:
        before = len(house.entries())
        connection.execute("BEGIN")
        assert refusal(connection, text)[0] == "42501"
        connection.execute("ROLLBACK")
        (entry,) = [one for one in new_entries(house, before, "decision") if one["reason"] == "statement_incomplete"]
        assert entry["statement"]["incomplete"] == code
        assert connection.execute(unknown()).rowcount == 1


# ------------------------------------------------------------------------------------------------------------ losses


def _twins(admin: Connection) -> int:
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sekisho twin'"
    return len(admin.execute(ended).fetchall())


def test_sessions_of_the_twin_that_are_ended_are_opened_again(own: Database, new_house: Callable[..., House]) -> None:
    house = new_house(database=own)
    with house.connect(SATO) as connection, own.connect() as admin:
        for _ in range(3):
            assert connection.execute(unknown()).rowcount == 1
            assert _twins(admin) >= 1
            until(lambda: passes(connection, unknown()), seconds=20)
        assert readiness(house) == 200


def readiness(house: House) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", house.ports.http, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()


def test_without_its_server_statements_are_denied_and_the_gateway_stays_ready(
    own: Database, new_house: Callable[..., House]
) -> None:
    """Seen from the grpc and http doors' side, too: their callers have no server session to lose."""
    house = new_house(database=own)
    with house.connect(SATO) as connection:
        assert connection.execute(unknown()).rowcount == 1
        assert own._process is not None
        own._process.send_signal(signal.SIGINT)
        own._process.wait(30)
        try:
            until(lambda: house.metric("sekisho_twin_up", datasource="messenger") == 0)
            status, document = authorize(house, SATO, unknown())
            assert (status, document["reason"], document["effect"]) == (503, "twin_unavailable", "deny"), document
            assert readiness(house) == 200
        finally:
            own._launch(own._installation())
            own._wait()
    until(lambda: house.metric("sekisho_twin_up", datasource="messenger") == 1, seconds=20)
    assert authorize(house, SATO, unknown())[1]["reason"] == "allowed"


def authorize(house: House, who: Character, text: str) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", house.ports.http, timeout=10)
    body = json.dumps({"datasource": "messenger", "statement": {"sql": text}, "address": "192.0.2.10"})
    try:
        connection.request(
            "POST",
            "/v1/authorize",
            body,
            {"Authorization": f"Bearer {house.token(who)}", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


# --------------------------------------------------------------------------------------------------------- many


def test_unknown_statements_of_many_at_once_each_get_their_own_answer(house: House) -> None:
    def work(number: int) -> list[tuple[Any, ...]]:
        with house.connect((SATO, KIM)[number % 2]) as connection:
            return [
                connection.execute(f"SELECT {number} AS a{next(NUMBERS)}, {turn} FROM regions LIMIT 1").fetchone()  # type: ignore[misc]
                for turn in range(20)
            ]

    with ThreadPoolExecutor(6) as threads:
        found = list(threads.map(work, range(6)))
    assert found == [[(number, turn) for turn in range(20)] for number in range(6)]


def test_one_who_asks_without_end_is_slowed_down_and_the_others_are_not(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"unknown_per_second": 20, "unknown_burst": 10, "unknown_waiting": 3}})
    stop = threading.Event()

    def abuse(_: int) -> tuple[int, list[str]]:
        done, words = 0, []
        with house.connect(LI) as connection:
            while not stop.is_set():
                try:
                    connection.execute(unknown("regions"))
                    done += 1
                except psycopg.Error as error:
                    words.append(f"{error.sqlstate} {error.diag.message_detail}")
        return done, words

    with ThreadPoolExecutor(6) as threads, house.connect(SATO) as connection:
        abusers = [threads.submit(abuse, number) for number in range(6)]
        refused = lambda: house.metric(  # noqa: E731
            "sekisho_denials_total", door="postgres", layer="none", rule="none", reason="limit_exceeded"
        )
        try:
            until(lambda: refused() >= 2)
            began = time.monotonic()
            for _ in range(8):
                connection.execute(unknown("regions"))
            mine = time.monotonic() - began
        finally:
            stop.set()
        found = [one.result(20) for one in abusers]
        seconds = time.monotonic() - began + 5
    assert mine < 2
    assert sum(done for done, _ in found) < 10 + 20 * seconds
    words = [detail for _, details in found for detail in details]
    assert "3 statements of yours wait to be analysed already" in words[0]
    assert "try again in 1 s" in words[0]
    assert {one.partition(" ")[0] for one in words} == {"54000"}
    assert "Reason: limit_exceeded" in words[0]
    refusals = [one for one in house.entries("refusal") if one["reason"] == "limit_exceeded"]
    assert len(refusals) == len(words)
    assert {one["sqlstate"] for one in refusals} == {"54000"}


REFUSED = {
    "by its kind": "NOTIFY a{}",
    "by a setting": "SET a.b{} = 1",
    "unparsable": "SELEC {}",
    "with a name of the session's": "PREPARE p{} AS CREATE TABLE t (a int)",
    "let through, for comparison": "SELECT 1 AS a{}",
}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("why", REFUSED)
def test_texts_that_are_refused_are_counted_as_others_are(
    new_house: Callable[..., House], messenger: Database, why: str, strict: bool
) -> None:
    """The gate has to read them first; a thousand a second would keep everybody else waiting."""
    if strict:
        with messenger.connect() as admin:
            admin.execute("ALTER ROLE sekisho_engineer SET log_min_messages = panic")
            admin.execute("ALTER ROLE sekisho_moderator SET log_min_messages = panic")
    house = new_house({"limits": {"unknown_per_second": 4, "unknown_burst": 2}}, strict=strict)
    with house.connect(LI) as connection:
        began = time.monotonic()
        for number in range(5):
            with suppress(psycopg.Error):
                connection.execute(REFUSED[why].format(f"{number}"), prepare=False)  # type: ignore[arg-type]
        took = time.monotonic() - began
        began = time.monotonic()
        with house.connect(SATO) as other:
            other.execute("SELECT 1")
        assert time.monotonic() - began < 2
    assert took >= 0.35
    assert house.metric("sekisho_unknown_delayed_total") >= 2


def test_a_long_text_is_read_in_a_process_of_its_own_and_answered_alike(new_house: Callable[..., House]) -> None:
    house = new_house()
    numbers = ", ".join(map(str, range(15_000)))
    with house.connect(SATO) as connection:
        connection.execute("SELECT 1")
        for text in (f"SELECT count(*) FROM stickers WHERE id IN ({numbers})", f"/* {numbers} */ TABLE regions"):
            assert connection.execute(text).rowcount in (1, 5)
        state, _, detail = refusal(connection, f"CREATE TABLE x AS SELECT 1 FROM stickers WHERE id IN ({numbers})")
        assert state == "42501", detail
        with pytest.raises(psycopg.errors.UndefinedColumn) as caught:
            connection.execute(f"SELECT count(*), nope FROM stickers WHERE id IN ({numbers})")
        assert caught.value.diag.statement_position == "18"
        assert connection.execute(unknown()).rowcount == 1
