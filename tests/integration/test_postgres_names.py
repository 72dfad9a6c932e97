"""SQL's own names through the postgres door: PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, MOVE, CLOSE, and the two
namespaces that they share with the protocol. Scenes are played past the gateway as well, and must end the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.demo.characters import KIM, LI, SATO
from gateway.demo.database import Database
from gateway.pgwire.frames import encode
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
        (Q, "EXPLAIN (COSTS off) EXECUTE guessed(3)"),
        (Q, "EXPLAIN EXECUTE wrong(1)"),
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


TEXTS = [
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "SELECT 1/0",
    "DEALLOCATE ALL",
    "CLOSE ALL",
    *(
        form.format(name)
        for name in ("a", "b")
        for form in (
            "PREPARE {} AS SELECT 'first'",
            "PREPARE {} AS SELECT 2, 'second'",
            "EXECUTE {}",
            "DEALLOCATE {}",
            "DECLARE {} CURSOR FOR SELECT n FROM generate_series(1, 5) n",
            "DECLARE {} SCROLL CURSOR WITH HOLD FOR SELECT 'x' || n FROM generate_series(1, 5) n",
            "FETCH 2 FROM {}",
            "MOVE 1 IN {}",
            "CLOSE {}",
        )
    ),
]
STEPS = st.one_of(
    st.tuples(st.sampled_from([Q, "params"]), st.sampled_from(TEXTS)),
    st.lists(st.sampled_from(TEXTS), min_size=2, max_size=4).map(lambda texts: (Q, "; ".join(texts))),
    st.tuples(st.sampled_from(["run", "describe", "describe portal"]), st.sampled_from(["a", "b"])),
    st.tuples(st.just("prepare"), st.sampled_from(["a", "b"]), st.sampled_from(["SELECT 3", *TEXTS])),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(STEPS, min_size=4, max_size=14))
def test_whatever_is_done_with_names_ends_as_without_a_gateway(
    house: House, messenger: Database, steps: list[Step]
) -> None:
    """But for two things: what the protocol prepared and SQL executes by name must be a query, and that a name is in
    use is said of a Parse even where the server would say first that the transaction is aborted.
    """
    with house.connect(LI) as connection:
        found = _play(connection, steps)
    with messenger.connect("sekisho_engineer") as connection:
        native = _play(connection, steps)
    for one, other in zip(found, native, strict=True):
        if one != other and one[2:] and one[-3] == b"42501":
            return  # from here on the two differ
        if one != other and (one[0], one[-3], other[-3]) == ("prepare", b"42P05", b"25P02"):
            continue
        assert one == other, steps


def test_one_namespace_with_the_messages_of_the_protocol(house: House) -> None:
    """A cursor is a portal: Describe, Execute, Close; and a portal is what FETCH fetches from."""
    with Wire(house.ports.sites["shanghai-office"]).login(house, LI) as wire:
        wire.send(query(f"BEGIN; DECLARE k CURSOR FOR {NAMES}"))
        assert errors(wire.until(b"Z")) == []
        wire.send(encode(b"D", b"Pk\0") + execute("k", 3) + execute("k") + SYNC)
        answer = wire.until(b"Z")
        assert [kind for kind, _ in answer if kind != b"D"] == [b"T", b"s", b"C", b"Z"]
        assert rows(answer) == 4
        wire.send(encode(b"C", b"Pk\0") + SYNC)
        wire.until(b"Z")
        wire.send(query("FETCH k"))
        assert errors(wire.until(b"Z")) == ["34000"]
        wire.send(query("ROLLBACK"))
        wire.until(b"Z")
        wire.send(query("BEGIN"))
        wire.until(b"Z")
        wire.send(parse(NAMES) + bind("", "pp") + execute("pp", 1) + SYNC)
        assert rows(wire.until(b"Z")) == 1
        wire.send(query("FETCH ALL FROM pp; CLOSE pp"))
        answer = wire.until(b"Z")
        assert (errors(answer), rows(answer)) == ([], 3)


def test_a_pipeline_in_one_write(house: House) -> None:
    """What a name stands for is waited for, in a pipeline as anywhere else."""
    whole = b"".join(
        (
            parse(f"PREPARE p AS {NAMES}") + bind() + execute(),
            parse("EXECUTE p") + bind() + execute() + SYNC,
            query("DEALLOCATE p") + query("PREPARE p AS SELECT 1") + query("EXECUTE p"),
            parse("EXECUTE p", "e") + bind("e") + execute() + SYNC,
            query("PREPARE q AS SELECT 1/0; PREPARE r AS SELECT 2") + query("EXECUTE q") + query("EXECUTE r"),
        )
    )
    with Wire(house.ports.sites["shanghai-office"]).login(house, LI) as wire:
        wire.send(whole)
        found = [wire.until(b"Z") for _ in range(8)]
    assert [(errors(answer), rows(answer)) for answer in found] == [
        ([], 4),
        ([], 0),
        ([], 0),
        ([], 1),
        ([], 1),
        ([], 0),
        (["22012"], 0),
        ([], 1),
    ]


def _columns(entry: Any) -> set[str]:
    """Columns an entry of the record names, in whatever use."""
    return {column for columns in entry["statement"]["columns"].values() for column in columns}


DENIALS = [
    "PREPARE p AS SELECT phone FROM users",
    "PREPARE p(int) AS UPDATE stickers SET name = (SELECT phone FROM users WHERE id = $1)",
    "DECLARE k CURSOR WITH HOLD FOR SELECT phone FROM users",
]


@pytest.mark.parametrize("text", DENIALS)
def test_what_a_name_is_given_to_is_judged_as_itself(house: House, text: str) -> None:
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        before = len(house.entries())
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(text)
        assert "jp-appi-28" in str(caught.value.diag.message_detail)
        (entry,) = new_entries(house, before, "decision")
        assert entry["statement"]["complete"]
        assert "public.users.phone" in _columns(entry)
        for gone in ("EXECUTE p", "FETCH k"):
            with pytest.raises((psycopg.errors.InvalidSqlStatementName, psycopg.errors.InvalidCursorName)):
                connection.execute(gone)


EXPRESSIONS = {
    "EXECUTE d(1 + 1, lower('AB') || 'c')": (2, "abc"),
    "EXECUTE d(length('four'), ARRAY['x', 'y']::text)": (4, "{x,y}"),
    "EXECUTE d(2.4::numeric, current_date::text IS NULL)": (2, "false"),
    "EXECUTE d(CASE WHEN true THEN 7 END, 'a' /* , ( */)": (7, "a"),
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_execute_is_given_expressions(house: House, text: str) -> None:
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("PREPARE d(int, text) AS SELECT $1, $2")
        assert connection.execute(text).fetchone() == EXPRESSIONS[text]  # type: ignore[arg-type]
        plan = connection.execute(f"EXPLAIN {text}").fetchall()  # type: ignore[arg-type]
        assert "Result" in plan[0][0]


EXPRESSIONS_REFUSED = {
    "EXECUTE d(1, set_config('search_path', 'public', false))": "set_config of search_path",
    "EXECUTE d(pg_advisory_lock(1)::text::int, '')": "function pg_advisory_lock",
    "EXECUTE d(1, query_to_xml('SELECT phone FROM users', true, true, '')::text)": "function query_to_xml",
    "EXECUTE d(1, (SELECT phone FROM users LIMIT 1))": "EXECUTE with anything but constants",
    "EXECUTE d(1, pg_read_file('/etc/passwd'))": "function pg_read_file",
    "EXECUTE u(1 + 1)": "EXECUTE with expressions is let through only where PREPARE declares types",
}


@pytest.mark.parametrize("text", EXPRESSIONS_REFUSED)
def test_expressions_are_judged_too(house: House, text: str) -> None:
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("PREPARE d(int, text) AS SELECT $1, $2")
        connection.execute("PREPARE u AS SELECT $1::int")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="house-statement-understood") as caught:
            connection.execute(text)  # type: ignore[arg-type]
        assert EXPRESSIONS_REFUSED[text] in str(caught.value)


def test_a_mistake_in_an_expression_is_the_servers_to_complain_of(house: House) -> None:
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("PREPARE d(int, text) AS SELECT $1, $2")
        for text, error in (
            ("EXECUTE d(1, a)", psycopg.errors.UndefinedColumn),
            ("EXECUTE d(lowr('x'), '')", psycopg.errors.UndefinedFunction),
            ("EXECUTE d(1 + 1, 'a', 'b' || 'c')", psycopg.errors.InsufficientPrivilege),
        ):
            with pytest.raises(error):
                connection.execute(text)  # type: ignore[arg-type]


REFUSED = [
    "EXECUTE p(now())",
    "EXECUTE p((SELECT phone FROM users LIMIT 1))",
    "EXECUTE p(1::text)",
    "PREPARE q(users) AS SELECT 1",
    "CREATE TABLE t AS EXECUTE p",
    "UPDATE stickers SET name = 'x' WHERE CURRENT OF k",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_be_judged_is_refused(house: House, text: str) -> None:
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("PREPARE p AS SELECT $1")
        before = len(house.entries())
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(text)
        assert "house-statement-understood" in str(caught.value.diag.message_detail)
        (entry,) = new_entries(house, before, "decision")
        assert (entry["reason"], entry["statement"]["complete"]) == ("statement_incomplete", False)


def test_a_prepared_utility_is_not_executed_by_name(house: House) -> None:
    """What it does would be seen by nobody."""
    with house.connect(LI) as connection:
        for number, text in enumerate(("COPY stickers TO STDOUT", "DEALLOCATE ALL", "EXPLAIN SELECT 1", "FETCH k")):
            connection.pgconn.prepare(b"s%d" % number, text.encode())
            result = connection.pgconn.exec_(b"EXECUTE s%d" % number)
            assert result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) == b"42501", text


def test_the_record_says_what_was_fetched(house: House) -> None:
    with house.connect(SATO, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("BEGIN")
        connection.execute("DECLARE k CURSOR FOR SELECT id, phone FROM users ORDER BY id")
        before = len(house.entries())
        assert len(connection.execute("FETCH 3 FROM k").fetchall()) == 3
        until(lambda: new_entries(house, before, "completion"))
        (entry,) = new_entries(house, before, "decision")
        assert entry["statement"]["kind"] == "fetch"
        assert entry["statement"]["effect"] == "read"
        assert entry["statement"]["text"] == "FETCH 3 FROM k"
        assert _columns(entry) == {"public.users.id", "public.users.phone"}
        (completion,) = new_entries(house, before, "completion")
        assert completion["rows"] == 3
        connection.execute("ROLLBACK")


def test_a_revoked_principal_fetches_no_more(new_house: Callable[..., House]) -> None:
    house = new_house()
    path: Path = house.layout.registry / "people.yaml"
    with house.connect(KIM, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("PREPARE p AS SELECT currency FROM payments")
        connection.execute("DECLARE k CURSOR WITH HOLD FOR SELECT currency FROM payments")
        assert connection.execute("FETCH k").rowcount == 1
        whole = path.read_text()
        before, kim, after = whole.partition("    subject: kim\n")
        path.write_text(before + kim + after.replace("\n        from: ", "\n        to: 2026-01-01\n        from: ", 1))
        until(lambda: not _may(connection, "MOVE 0 IN k"), seconds=5)
        for text in ("FETCH k", "EXECUTE p", "MOVE 1 IN k"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                connection.execute(text)
            assert "the registry of people" in str(caught.value.diag.message_hint)
        path.write_text(whole)
        until(lambda: _may(connection, "MOVE 0 IN k"), seconds=5)
        assert connection.execute("FETCH k").rowcount == 1


def _may(connection: psycopg.Connection[Any], text: str) -> bool:
    try:
        connection.execute(text)
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def test_a_view_replaced_between_prepare_and_execute(house: House, view: psycopg.Connection[Any]) -> None:
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        until(lambda: _may(connection, "SELECT name FROM shown WHERE id = 1"))
        connection.execute("PREPARE p AS SELECT name FROM shown WHERE id = 1")
        assert connection.execute("EXECUTE p").fetchall() == [("Bowing bear",)]
        connection.execute("DECLARE k CURSOR WITH HOLD FOR SELECT name FROM shown ORDER BY id")
        replaced(house, view)
        for text in ("EXECUTE p", "FETCH k"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                connection.execute(text)
            assert "jp-appi-28" in str(caught.value.diag.message_detail)


def test_an_open_cursor_serves_what_it_was_opened_for(house: House, view: psycopg.Connection[Any]) -> None:
    """The view shows nothing personal by now; the cursor still holds the phone numbers, and the record says so."""
    replaced(house, view)
    with house.connect(SATO, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("DECLARE k CURSOR WITH HOLD FOR SELECT name FROM shown")
        before = epoch(house)
        view.execute("CREATE OR REPLACE VIEW shown AS SELECT id, name FROM stickers")
        until(lambda: epoch(house) not in (before, None))
        seen(house)
        entries = len(house.entries())
        assert connection.execute("FETCH k").rowcount == 1
        (entry,) = new_entries(house, entries, "decision")
        assert "public.users.phone" in _columns(entry)


def test_the_protocol_fetches_what_a_cursor_was_opened_for(house: House, view: psycopg.Connection[Any]) -> None:
    replaced(house, view)
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(query("DECLARE k CURSOR WITH HOLD FOR SELECT name FROM shown"))
        assert errors(wire.until(b"Z")) == []
        before = epoch(house)
        view.execute("CREATE OR REPLACE VIEW shown AS SELECT id, name FROM stickers")
        until(lambda: epoch(house) not in (before, None))
        entries = len(house.entries())
        for _ in range(2):
            wire.send(execute("k", 1) + SYNC)
            assert rows(wire.until(b"Z")) == 1
        first, second = (one for one in new_entries(house, entries) if one["kind"] in ("decision", "repeat"))
        assert "public.users.phone" in _columns(first)
        assert second["kind"] == "repeat"


def test_sql_names_count_towards_the_limit(new_house: Callable[..., House]) -> None:
    house = new_house({"limits": {"statements": 3}})
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute("PREPARE a AS SELECT 1; PREPARE b AS SELECT 2")
        connection.execute("DECLARE k CURSOR WITH HOLD FOR SELECT 3")
        for text in ("PREPARE c AS SELECT 4", "DECLARE l CURSOR WITH HOLD FOR SELECT 5"):
            with pytest.raises(psycopg.errors.ProgramLimitExceeded):
                connection.execute(text)
        connection.execute("CLOSE k; DEALLOCATE a")
        connection.execute("PREPARE c AS SELECT 4")
        assert connection.execute("EXECUTE c").fetchone() == (4,)


# ------------------------------------------------------------------------------------------------------------- drivers


def test_psycopgs_server_side_cursors(house: House) -> None:
    with house.connect(LI, autocommit=False) as connection:
        with connection.cursor("named") as cursor:
            cursor.itersize = 2
            cursor.execute("SELECT name FROM stickers WHERE id <= %s ORDER BY id", (5,))
            assert cursor.description is not None
            assert [column.name for column in cursor.description] == ["name"]
            assert len(list(cursor)) == 5
        with connection.cursor("scrolls", scrollable=True, withhold=True) as cursor:
            cursor.execute("SELECT id FROM stickers ORDER BY id")
            cursor.scroll(4)
            assert cursor.fetchone() == (5,)
            connection.commit()
            cursor.scroll(-2)
            assert cursor.fetchmany(2) == [(4,), (5,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.cursor("other") as cursor:
            cursor.execute("SELECT phone FROM users")
        connection.rollback()


async def _names(connection: Any, note: Callable[[object], None]) -> None:
    note(await connection.execute("PREPARE p(int) AS SELECT name FROM stickers WHERE id = $1"))
    for number in (1, 2, 1):
        note([tuple(row) for row in await connection.fetch(f"EXECUTE p({number})")])
    for turn in range(3):
        async with connection.transaction():
            await connection.execute(f"DECLARE k CURSOR FOR SELECT {turn} + n FROM generate_series(1, 9) n")
            for _ in range(2):  # asyncpg keeps the statement prepared, over the cursors
                note([tuple(row) for row in await connection.fetch("FETCH 2 FROM k")])
    note(await connection.execute("DEALLOCATE p"))
    try:
        await connection.fetch("EXECUTE p(1)")
    except asyncpg.PostgresError as error:
        note((error.sqlstate, str(error)))
    note(await connection.execute("PREPARE p(int) AS SELECT 'other', $1"))
    note([tuple(row) for row in await connection.fetch("EXECUTE p(3)")])


def test_asyncpg_is_as_without_a_gateway(house: House, messenger: Database) -> None:
    async def play(where: dict[str, Any]) -> list[object]:
        notes: list[object] = []
        connection = await asyncpg.connect(**where)
        try:
            await _names(connection, notes.append)
        finally:
            await connection.close()
        return notes

    assert asyncio.run(play(options(house, LI))) == asyncio.run(play(straight(messenger)))


def test_psql_fetches_in_portions(psql: Path, house: House) -> None:
    script = """
        SELECT id FROM stickers ORDER BY id;
        SELECT phone FROM users;
        PREPARE p AS SELECT 'prepared';
        EXECUTE p;
        DEALLOCATE p;
        EXECUTE p;
    """
    done = run(psql, house, LI, script, "-v", "FETCH_COUNT=5")
    assert done.stdout.split() == [*map(str, range(1, 13)), "PREPARE", "prepared", "DEALLOCATE"]
    assert done.stderr.count("access denied") == 1
    assert 'prepared statement "p" does not exist' in done.stderr


def test_psql_of_18_binds_what_sql_prepared(messenger: Database, house: House) -> None:
    psql = Path(messenger._installation()) / "bin" / "psql"
    script = (
        "PREPARE one AS SELECT name FROM stickers WHERE id = $1;\n"
        "\\bind_named one 1 \\g\nEXECUTE one(2);\n\\close_prepared one\nEXECUTE one(1);\n"
        "SELECT 2 + $1::int \\parse two\nEXECUTE two(3);\nDEALLOCATE two;\n\\bind_named two 1 \\g\n"
    )
    done = run(psql, house, LI, script)
    assert done.stdout.split() == ["PREPARE", "Bowing", "bear", "Sleepy", "cat", "5", "DEALLOCATE"]
    assert done.stderr.count("does not exist") == 2
