"""Statements through the postgres door: what passes, what a denial looks like, and that everything else is native."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from gateway.audit.verify import verify
from gateway.demo.characters import KIM, LI, SATO
from gateway.demo.database import Database
from gateway.metrics import AnswerSource
from tests.houses import House
from tests.integration.postgres_wire import new_entries, until

pytestmark = pytest.mark.integration

Connection = psycopg.Connection[Any]

# The engineer's role has no privilege on it, and li may not read it: 42501 with and without a gateway between.
DENIED = "SELECT state FROM moderation_queue WHERE id = 1"
FLAG = "INSERT INTO feature_flags (key, enabled) VALUES ('{}', true)"


@pytest.fixture(autouse=True)
def no_flags_left(messenger: Database) -> Iterator[None]:
    yield
    with messenger.connect() as connection:
        connection.execute("DELETE FROM feature_flags WHERE key LIKE 't-%'")
        connection.execute("DELETE FROM stickers WHERE id > 12")


def flags(messenger: Database) -> int:
    with messenger.connect() as connection:
        return connection.execute("SELECT count(*) FROM feature_flags WHERE key LIKE 't-%'").fetchone()[0]  # type: ignore[index,no-any-return]


# ------------------------------------------------------------------------------------------------ allowed and denied

WRITES = [
    ("SELECT name FROM stickers WHERE id = 1", 1),
    ("INSERT INTO stickers (id, name, price_yen) VALUES (900, 'Test', 1)", 1),
    ("UPDATE stickers SET price_yen = 2 WHERE id > 12", 0),
    ("DELETE FROM stickers WHERE id = -1", 0),
    ("TABLE feature_flags", 4),
    ("WITH gone AS (DELETE FROM stickers WHERE id = -1 RETURNING id) SELECT count(*) FROM gone", 1),
]
DENIALS = [
    "SELECT name FROM users WHERE id = 1",
    "SELECT count(*) FROM users",
    "INSERT INTO users (name, phone, email, country) VALUES ('n', 'p', 'e', 'JP')",
    "UPDATE users SET name = 'n' WHERE id = 1",
    "DELETE FROM users WHERE id = 1",
    "INSERT INTO stickers (name, price_yen) SELECT name, 1 FROM users",
    "UPDATE stickers SET name = (SELECT phone FROM users LIMIT 1)",
    "DELETE FROM stickers WHERE name IN (SELECT name FROM users)",
    "WITH u AS (SELECT * FROM users) SELECT 1 FROM u",
]


@pytest.mark.parametrize("prepare", [False, True], ids=["unnamed", "named"])
@pytest.mark.parametrize(("text", "count"), WRITES)
def test_what_is_allowed_passes_in_the_extended_protocol(house: House, text: str, count: int, prepare: bool) -> None:
    with house.connect(LI) as connection:
        assert connection.execute(text, prepare=prepare).rowcount == count


@pytest.mark.parametrize(("text", "count"), WRITES)
def test_what_is_allowed_passes_in_the_simple_protocol(house: House, text: str, count: int) -> None:
    with house.connect(LI, cursor_factory=psycopg.ClientCursor) as connection:
        assert connection.execute(text).rowcount == count


@pytest.mark.parametrize("how", ["simple", "unnamed", "named", "binary"])
@pytest.mark.parametrize("text", DENIALS)
def test_a_denial_says_why_and_the_session_lives(house: House, text: str, how: str) -> None:
    factory = psycopg.ClientCursor if how == "simple" else psycopg.Cursor
    with house.connect(LI, cursor_factory=factory) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(text, prepare=how == "named", binary=how == "binary")
        said = caught.value.diag
        assert (said.severity, said.severity_nonlocalized, said.sqlstate) == ("ERROR", "ERROR", "42501")
        assert str(said.message_primary).startswith("access denied: ")
        detail = str(said.message_detail)
        assert "Rule: jp-appi-28 (law)" in detail
        assert 'Fact: employer.chain[1].country = "CN"' in detail
        assert "APPI Art. 28" in detail
        assert said.message_hint
        decision = re.search(r"^Decision: (d-\S+)$", detail, re.MULTILINE)
        assert decision is not None
        entry = next(one for one in house.entries("decision") if one["decision_id"] == decision[1])
        assert (entry["effect"], entry["reason"], entry["door"]) == ("deny", "policy_denied", "postgres")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        assert connection.execute("SELECT count(*) FROM regions").fetchone() == (5,)


@pytest.fixture
def loud(messenger: Database) -> Iterator[None]:
    """The role's statements may reach the server's log, also where a strict house was before."""
    with messenger.connect() as admin:
        quiet = admin.execute(
            "SELECT rolconfig IS NOT NULL FROM pg_roles WHERE rolname = 'sekisho_engineer'"
        ).fetchone()
        admin.execute("ALTER ROLE sekisho_engineer RESET log_min_messages")
        yield
        if quiet == (True,):
            admin.execute("ALTER ROLE sekisho_engineer SET log_min_messages = panic")


@pytest.mark.usefixtures("loud")
def test_nothing_of_a_denied_statement_reaches_the_client_session(house: House, messenger: Database) -> None:
    with house.connect(LI) as connection, messenger.connect() as admin:
        admin.execute("ALTER SYSTEM SET log_statement = 'all'")
        admin.execute("SELECT pg_reload_conf()")
        try:
            until(lambda: connection.execute("SELECT 'by now'").fetchone() and "by now" in messenger.log_tail())
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT phone AS never_seen FROM users")
            connection.execute("SELECT 'after-the-denial'")
            tail = until(lambda: "after-the-denial" in messenger.log_tail() and messenger.log_tail())
        finally:
            admin.execute("ALTER SYSTEM RESET log_statement")
            admin.execute("SELECT pg_reload_conf()")
    assert "never_seen" not in tail
    assert "sekisho_" in tail, "the nonce, where the statement would have been"


# ------------------------------------------------------------------------ native: the same driver, straight and through


def _transaction(connection: Connection, note: Callable[[object], None]) -> None:
    for text in ("BEGIN", FLAG.format("t-1"), DENIED, "SELECT 1", FLAG.format("t-2"), "COMMIT", "SELECT 1"):
        note(_try(connection, text))


def _savepoint(connection: Connection, note: Callable[[object], None]) -> None:
    texts = (
        "BEGIN",
        FLAG.format("t-1"),
        "SAVEPOINT a",
        DENIED,
        "SELECT 1",
        "ROLLBACK TO a",
        FLAG.format("t-2"),
        "COMMIT",
    )
    for text in texts:
        note(_try(connection, text))


def _several_at_once(connection: Connection, note: Callable[[object], None]) -> None:
    cursor = psycopg.ClientCursor(connection)
    for text in (
        f"{FLAG.format('t-1')}; {DENIED}; {FLAG.format('t-2')}",
        "BEGIN",
        f"{FLAG.format('t-3')}; {DENIED}; COMMIT",
        "SELECT 1",
        "ROLLBACK",
        f"{FLAG.format('t-4')}; SELECT 1",
    ):
        try:
            cursor.execute(text)
            note((cursor.statusmessage, cursor.rowcount))
        except psycopg.Error as error:
            note(error.sqlstate)


def _pipeline(connection: Connection, note: Callable[[object], None]) -> None:
    cursors = []
    try:
        with connection.pipeline():
            for text in (FLAG.format("t-1"), DENIED, FLAG.format("t-2")):  # the error may be there before the last
                cursors.append(connection.execute(text))
    except psycopg.Error as error:
        note((type(error).__name__, error.sqlstate))
    note(cursors[0].statusmessage)


def _pipeline_with_syncs(connection: Connection, note: Callable[[object], None]) -> None:
    with connection.pipeline() as pipeline:
        for text in (FLAG.format("t-1"), DENIED, FLAG.format("t-2"), FLAG.format("t-3")):
            cursor = connection.execute(text)
            try:
                pipeline.sync()
                note(cursor.statusmessage)
            except psycopg.Error as error:
                note((type(error).__name__, error.sqlstate))


def _pipeline_in_a_transaction(connection: Connection, note: Callable[[object], None]) -> None:
    try:
        with connection.transaction(), connection.pipeline():
            for text in (FLAG.format("t-1"), DENIED, FLAG.format("t-2")):
                connection.execute(text)
    except psycopg.Error as error:
        note((type(error).__name__, error.sqlstate))


def _executemany(connection: Connection, note: Callable[[object], None]) -> None:
    with connection.cursor() as cursor:
        insert = "INSERT INTO feature_flags (key, enabled) VALUES (%s, %s)"
        cursor.executemany(insert, [("t-1", True), ("t-2", False)])
        note(cursor.rowcount)
        for parameters in ([(1,), (2,)],):
            try:
                cursor.executemany("UPDATE moderation_queue SET state = 'open' WHERE id = %s", parameters)
            except psycopg.Error as error:
                note(error.sqlstate)
        try:
            cursor.executemany(
                "INSERT INTO feature_flags (key, enabled) VALUES (%s, %s)", [("t-3", True), ("t-1", True)]
            )
        except psycopg.Error as error:
            note(error.sqlstate)


def _prepared(connection: Connection, note: Callable[[object], None]) -> None:
    for number in range(3):
        note(_try(connection, "SELECT name FROM stickers WHERE id = %s", (number + 1,), prepare=True))
        note(_try(connection, DENIED, prepare=True))
    note(_try(connection, "SELECT count(*) FROM stickers WHERE id = %s", ("x",), prepare=True))
    note(_try(connection, "SELECT count(*) FROM stickers WHERE id = %s", (None,), prepare=True))


def _rollback_forgets_statements(connection: Connection, note: Callable[[object], None]) -> None:
    connection.prepare_threshold = 0
    connection.autocommit = False
    for _ in range(3):
        note(_try(connection, "SELECT name FROM stickers WHERE id = %s", (1,)))
        note(_try(connection, DENIED))
        note(_try(connection, "SELECT name FROM stickers WHERE id = %s", (1,)))
        connection.rollback()  # psycopg sends DEALLOCATE ALL
    connection.autocommit = True


def _sql_errors(connection: Connection, note: Callable[[object], None]) -> None:
    cursor = psycopg.ClientCursor(connection)
    texts = (
        "SELECT nmae FROM stickers",
        "SELECT * FROM nowhere",
        "SELECT no_such_function(1)",
        "SELECT 1/0",
        "SELECT 'ä', nmae FROM stickers",
        "INSERT INTO regions (code, name) VALUES ('JP', 'again')",
        "INSERT INTO stickers (name, price_yen) VALUES (NULL, 1)",
        "SELECT 'x'::int",
    )
    for text in texts:
        try:
            cursor.execute(text)
            note(cursor.fetchall())
        except psycopg.Error as error:
            said = error.diag
            note((said.sqlstate, said.severity, said.message_primary, said.statement_position))


def _empty(connection: Connection, note: Callable[[object], None]) -> None:
    for text in ("", ";", " -- nothing\n", "/* nothing */ ; ;"):
        for factory in (psycopg.Cursor, psycopg.ClientCursor):
            cursor = factory(connection).execute(text)
            assert cursor.pgresult is not None
            note((psycopg.pq.ExecStatus(cursor.pgresult.status).name, cursor.statusmessage, cursor.rowcount))


def _several_results(connection: Connection, note: Callable[[object], None]) -> None:
    cursor = psycopg.ClientCursor(connection).execute(
        "SELECT 1; SELECT 'two', NULL; UPDATE stickers SET name = name WHERE id < 3"
    )
    while True:
        note((cursor.statusmessage, cursor.fetchall() if cursor.description else None))
        if not cursor.nextset():
            break


TYPES = sql.SQL(
    "SELECT NULL::int4, 1::int2, 2::int8, 1.5::float8, 12.30::numeric, true, 'text'::text, 'c'::varchar, "
    "'\\x00ff'::bytea, DATE '2024-02-29', TIMESTAMPTZ '2024-02-29 12:00+00', INTERVAL '1 day', "
    "'{{1,2},{3,NULL}}'::int[], '{\"a\": 1}'::jsonb, '00000000-0000-0000-0000-000000000001'::uuid, '10.0.0.1'::inet"
)


def _types(connection: Connection, note: Callable[[object], None]) -> None:
    for binary in (False, True):
        cursor = connection.execute(TYPES, binary=binary)
        note([column.type_code for column in cursor.description or ()])
        note(cursor.fetchall())
    parameters = (None, 7, "x", b"\x00\xff", [1, None], 2.5, True)
    note(
        connection.execute(
            "SELECT %s::int, %s::int8, %s::text, %b::bytea, %s::int[], %s::float8, %s::bool", parameters
        ).fetchall()
    )


def _cursor_in_the_server(connection: Connection, note: Callable[[object], None]) -> None:
    result = connection.pgconn.exec_params(b"SELECT id FROM stickers ORDER BY id", [])
    note((result.ntuples, result.command_status))


SCENES = [
    _transaction,
    _savepoint,
    _several_at_once,
    _pipeline,
    _pipeline_with_syncs,
    _pipeline_in_a_transaction,
    _executemany,
    _prepared,
    _rollback_forgets_statements,
    _sql_errors,
    _empty,
    _several_results,
    _types,
    _cursor_in_the_server,
]


def _try(connection: Connection, text: str, parameters: Any = None, **options: Any) -> object:
    status = connection.info.transaction_status
    try:
        cursor = connection.execute(text, parameters, **options)
        return (status.name, cursor.statusmessage, cursor.fetchall() if cursor.description else None)
    except psycopg.Error as error:
        return (status.name, type(error).__name__, error.sqlstate)


@pytest.mark.parametrize("scene", SCENES, ids=[scene.__name__.strip("_") for scene in SCENES])
def test_everything_else_is_as_without_a_gateway(
    house: House, messenger: Database, scene: Callable[[Connection, Callable[[object], None]], None]
) -> None:
    played: list[tuple[list[object], int, str]] = []
    for connect in (lambda: messenger.connect("sekisho_engineer"), lambda: house.connect(LI)):
        notes: list[object] = []
        with connect() as connection:
            scene(connection, notes.append)
            status = connection.info.transaction_status.name
            connection.execute("SELECT 1")  # usable afterwards
        played.append((notes, flags(messenger), status))
        with messenger.connect() as admin:
            admin.execute("DELETE FROM feature_flags WHERE key LIKE 't-%'")
    native, through = played
    assert through == native


def _together(connection: Connection, *texts: str) -> None:
    with connection.pipeline():
        for text in texts:
            connection.execute(text)


def test_a_denied_statement_in_a_pipeline_leaves_no_row(house: House, messenger: Database) -> None:
    """What the comparison above rests on, said in figures."""
    with house.connect(LI) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            _together(connection, FLAG.format("t-1"), "SELECT phone FROM users", FLAG.format("t-2"))
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert flags(messenger) == 0


def test_a_denied_statement_in_a_transaction_aborts_it(house: House, messenger: Database) -> None:
    with house.connect(LI) as connection:
        connection.execute("BEGIN")
        connection.execute(FLAG.format("t-1"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT phone FROM users")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
        with pytest.raises(psycopg.errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        assert connection.execute("COMMIT").statusmessage == "ROLLBACK"
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert flags(messenger) == 0


def test_a_text_of_several_statements_is_denied_as_a_whole(house: House, messenger: Database) -> None:
    """As a text with a syntax error would be: not even its BEGIN happens. Natively the first statements run."""
    with house.connect(LI) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            psycopg.ClientCursor(connection).execute(f"BEGIN; {FLAG.format('t-1')}; SELECT phone FROM users; COMMIT")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert flags(messenger) == 0


SYNTAX_ERRORS = [
    "SELEC 1",
    "SELECT name,, price_yen FROM stickers",
    "SELECT 1 +",
    "SELECT 'unfinished",
    "SELECT 'ä', nmae, FROM x",
]


@pytest.mark.parametrize("text", SYNTAX_ERRORS)
def test_a_syntax_error_is_the_servers_own(house: House, messenger: Database, text: str) -> None:
    found = []
    for connect in (lambda: messenger.connect("sekisho_engineer"), lambda: house.connect(LI)):
        with connect() as connection, pytest.raises(psycopg.Error) as caught:
            psycopg.ClientCursor(connection).execute(text)
        said = caught.value.diag
        found.append((said.sqlstate, said.message_primary, said.statement_position))
    assert found[1] == found[0]
    assert found[0][0] == "42601"


def test_positions_in_a_text_of_several_statements(house: House, messenger: Database) -> None:
    text = "SELECT 'ä'; SELECT nmae FROM stickers"
    found = []
    for connect in (lambda: messenger.connect("sekisho_engineer"), lambda: house.connect(LI)):
        with connect() as connection, pytest.raises(psycopg.errors.UndefinedColumn) as caught:
            psycopg.ClientCursor(connection).execute(text)
        found.append(caught.value.diag.statement_position)
    assert found == ["20", "20"]


# --------------------------------------------------------------------------------------------------- size and limits


def test_a_large_result(house: House) -> None:
    text = "SELECT n, 'row ' || n, NULL::text FROM generate_series(1, 100000) AS n"
    with house.connect(SATO) as connection:
        for binary in (False, True):
            got = connection.execute(text, binary=binary).fetchall()
            assert len(got) == 100_000
            assert got[0] == (1, "row 1", None)
            assert got[-1] == (100_000, "row 100000", None)
    completion = until(lambda: [one for one in house.entries("completion") if one["rows"] == 100_000])[-1]
    assert completion["sqlstate"] is None


def test_a_large_row_and_a_large_parameter(house: House) -> None:
    with house.connect(SATO) as connection:
        text = "ä" * 2_000_000
        assert connection.execute("SELECT %s::text || '!'", (text,)).fetchone() == (text + "!",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT " + "1+" * 30_000 + "1", "text_too_deep"),
        ("SELECT 1" + " UNION ALL SELECT 1" * 20_000, "text_too_long"),
        ("SELECT 1 /* " + "x" * 140_000 + " */", "text_too_long"),
    ],
    ids=["additions", "unions", "comment"],
)
@pytest.mark.parametrize("protocol", ["simple", "extended"])
def test_a_statement_over_a_limit_is_denied_with_its_own_reason(
    house: House, text: str, code: str, protocol: str
) -> None:
    factory = psycopg.ClientCursor if protocol == "simple" else psycopg.Cursor
    with house.connect(LI, cursor_factory=factory) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute(text.encode())
        assert f'statement.incomplete = "{code}"' in str(caught.value.diag.message_detail)
        assert connection.execute("SELECT 1").fetchone() == (1,)


# -------------------------------------------------------------------------------------------------------- the record


def test_the_record_of_a_session(house: House) -> None:
    before = len(house.entries())
    with house.connect(KIM) as connection:
        connection.execute("SELECT currency FROM payments WHERE id <= %s", (3,), prepare=True)
        connection.execute("SELECT currency FROM payments WHERE id <= %s", (4,), prepare=True)
        connection.execute("SELECT currency FROM payments WHERE id <= %s", (5,), prepare=True)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT phone FROM users")
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1/0")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            connection.execute("SELECT nmae FROM stickers")
    until(lambda: [one for one in new_entries(house, before, "event") if one["event"] == "session_close"])
    entries = new_entries(house, before)
    opened, closed = entries[0], entries[-1]
    assert (opened["event"], closed["event"]) == ("session_open", "session_close")
    assert {one["session"] for one in entries} == {opened["session"]}
    kinds = [(one["kind"], one.get("effect"), one.get("rows"), one.get("sqlstate")) for one in entries[1:-1]]
    assert kinds == [
        ("decision", "allow", None, None),  # Parse, and the first Execute under it
        ("completion", None, 3, None),
        ("repeat", None, None, None),
        ("completion", None, 4, None),
        ("repeat", None, None, None),
        ("completion", None, 5, None),
        ("decision", "deny", None, None),
        ("decision", "allow", None, None),
        ("completion", None, 0, "22012"),
        ("refusal", "deny", None, "42703"),
    ]
    decision, _, repeat = entries[1:4]
    assert repeat["of"] == decision["decision_id"]
    assert decision["principal"]["id"] == opened["principal_id"]
    assert decision["cross_border"] is True
    assert "payments" in decision["statement"]["text"]
    completions = [one for one in entries if one["kind"] == "completion"]
    assert [one["decision_id"] for one in completions[:2]] == [decision["decision_id"], repeat["decision_id"]]
    report = verify(house.layout.record)
    assert report.ok, report


def test_metrics_count_what_happened(house: House) -> None:
    def decisions(effect: str) -> float:
        told = {"door": "postgres", "effect": effect, "mode": "enforce"}
        return sum(house.metric("sekisho_decisions_total", **told, source=source) for source in AnswerSource)

    def counted() -> tuple[float, ...]:
        return (
            decisions("allow"),
            decisions("deny"),
            house.metric("sekisho_completions_total", door="postgres", result="ok"),
            house.metric("sekisho_rows_total", door="postgres"),
            house.metric("sekisho_logins_total", method="token", result="allowed"),
            house.metric(
                "sekisho_cross_border_accesses_total", origin="CN", subject="JP", data_type="user.name", effect="deny"
            ),
            house.metric("sekisho_undisclosed_destinations_total"),
            house.metric("sekisho_record_wait_seconds_count", durability="synced"),
        )

    before = counted()
    with house.connect(LI) as connection:
        assert house.metric("sekisho_sessions", door="postgres") >= 1
        connection.execute("SELECT name FROM stickers")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT name FROM users")
    until(lambda: house.metric("sekisho_sessions", door="postgres") == 0)
    # Parse and Execute are two looks at an allowed statement, and one at a denied one
    allowed, denied, ended, rows, logins, crossed, undisclosed, waited = (
        now - then for now, then in zip(counted(), before, strict=True)
    )
    assert (denied, ended, rows, logins) == (1, 1, 12, 1)
    assert (crossed, undisclosed) == (1, 1)
    assert waited >= 1
    assert allowed >= 1
