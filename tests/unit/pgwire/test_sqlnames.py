"""Names in SQL text: ours in their places, what they stand for, and what a session knows after each answer.

The places come with the judgement, so these texts are read by the real gate.
"""

from __future__ import annotations

import pytest

from gateway.errors import Reason
from gateway.naming import NameKind, Naming
from gateway.pgwire.actions import Completed, Judge, Judgement, Named, Refused, ToClient, ToServer
from gateway.pgwire.session import Session
from gateway.pgwire.sqlnames import may_name
from gateway.sql.gate import inspect
from tests.unit.pgwire.playbook import (
    BOUND,
    CLOSED,
    FLUSH,
    PARSED,
    SYNC,
    Client,
    Judged,
    Server,
    bind,
    close,
    complete,
    describe,
    error,
    execute,
    parse,
    play,
    query,
    ready,
    row,
    words,
)


def judged(ticket: object, text: str, *, sent: str | None = None) -> Judged:
    """Allowed, with what the gate says of the text's names."""
    naming = Naming(tuple(statement.use for statement in inspect(text, max_bytes=10_000)))
    return Judged(ticket, text=sent, naming=naming)


def asked(text: str, *types: int, executes: bool = True, ticket: object = None, fresh: bool = False) -> Judge:
    return Judge(text, types, executes, ticket, fresh)


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("SELECT 1", False),
        ("SELECT closed, moved, preparent FROM t", False),
        ("select fetched", False),
        ("FeTcH k", True),
        ("EXPLAIN (ANALYZE)EXECUTE p", True),
        ("SELECT 1;/**/close k", True),
        ("DEALLOCATE ALL", True),
        ("SELECT a FROM t FETCH FIRST ROW ONLY", True),
        ("declare\tc cursor for select 1", True),
        ("Prepare p AS SELECT 1", True),
        ("MOVE 1 IN k", True),
    ],
)
def test_which_texts_may_use_names(text: str, may: bool) -> None:
    assert may_name(text) is may


PREPARE = "PREPARE p(int) AS SELECT $1"


def prepared(*more: object, names_limit: int = 100) -> Session:
    """A session in which SQL prepared p, as gw_1."""
    return play(
        Client(query(PREPARE)),
        asked(PREPARE),
        judged("t1", PREPARE),
        ToServer(query('PREPARE "gw_1"(int) AS SELECT $1')),
        Server(complete("PREPARE") + ready()),
        Completed("t1", 0, "00000"),
        ToClient(complete("PREPARE") + ready()),
        *more,  # type: ignore[arg-type]
        names_limit=names_limit,
    )


def test_what_sql_prepared_is_executed_by_sql_and_bound_by_the_protocol() -> None:
    prepared(
        Client(query("EXECUTE p(7); ")),
        asked("EXECUTE p(7); "),
        judged("t2", "EXECUTE p(7); "),
        ToServer(query('EXECUTE "gw_1"(7); ')),
        Server(row() + complete("SELECT 1") + ready()),
        Completed("t2", 1, "00000"),
        ToClient(row() + complete("SELECT 1") + ready()),
        Client(describe("S", "p") + bind("", "p", b"7") + execute() + SYNC),
        ToServer(describe("S", "gw_1") + bind("", "gw_1", b"7")),
        asked("SELECT $1", 23),  # the text inside, with the types that PREPARE declared
        Judged("t3"),
        ToServer(execute() + SYNC),
    )


def test_what_the_protocol_prepared_is_executed_and_dropped_by_sql() -> None:
    play(
        Client(parse("s", "SELECT 2", 25) + SYNC),
        Judge("SELECT 2", (25,), False),
        Judged("t1"),
        ToServer(parse("gw_1", "SELECT 2", 25) + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(query("EXECUTE s; DEALLOCATE s; EXECUTE s")),
        asked("EXECUTE s; DEALLOCATE s; EXECUTE s"),
        judged("t2", "EXECUTE s; DEALLOCATE s; EXECUTE s"),
        ToServer(query('EXECUTE "gw_1"; DEALLOCATE "gw_1"; EXECUTE "gw_2"')),
        Server(row() + complete("SELECT 1") + complete("DEALLOCATE")),
        ToClient(row() + complete("SELECT 1") + complete("DEALLOCATE")),
        Server(error("26000", 'prepared statement "gw_2" does not exist') + ready()),
        Completed("t2", 1, "26000"),
        ToClient(error("26000", 'prepared statement "s" does not exist') + ready()),
        Client(bind("", "s") + SYNC),
        ToServer(bind("", "gw_3") + SYNC),  # it is gone: nothing answers to this name
    )


def test_a_statement_of_a_text_that_was_not_reached_changed_nothing() -> None:
    text = "DEALLOCATE p; PREPARE p AS SELECT 5; SELECT 1/0; DEALLOCATE p"
    prepared(
        Client(query(text)),
        asked(text),
        judged("t2", text),
        ToServer(query('DEALLOCATE "gw_1"; PREPARE "gw_2" AS SELECT 5; SELECT 1/0; DEALLOCATE "gw_2"')),
        Server(complete("DEALLOCATE") + complete("PREPARE") + error("22012", "division by zero") + ready()),
        Completed("t2", 0, "22012"),
        ToClient(complete("DEALLOCATE") + complete("PREPARE") + error("22012", "division by zero") + ready()),
        Client(bind("", "p") + execute() + SYNC),
        ToServer(bind("", "gw_2")),
        asked("SELECT 5"),
    )


def test_a_name_in_use_is_the_servers_to_complain_of() -> None:
    again = "PREPARE p AS SELECT 6"
    prepared(
        Client(query(again)),
        asked(again),
        judged("t2", again),
        ToServer(query('PREPARE "gw_1" AS SELECT 6')),
        Server(error("42P05", 'prepared statement "gw_1" already exists') + ready()),
        Completed("t2", 0, "42P05"),
        ToClient(error("42P05", 'prepared statement "p" already exists') + ready()),
        Client(bind("", "p") + execute() + SYNC),
        ToServer(bind("", "gw_1")),
        asked("SELECT $1", 23),
    )


def test_places_in_errors_are_the_clients() -> None:
    there, here = (words({"S": "ERROR", "V": "ERROR", "C": "22P02", "M": "?", "P": place}) for place in ("16", "11"))
    prepared(
        Client(query("EXECUTE p('é')")),
        asked("EXECUTE p('é')"),
        judged("t2", "EXECUTE p('é')"),
        ToServer(query("EXECUTE \"gw_1\"('é')")),
        Server(there + ready()),
        Completed("t2", 0, "22P02"),
        ToClient(here + ready()),
    )


def test_what_a_name_stands_for_is_waited_for() -> None:
    prepared(
        Client(parse("", "SELECT 1") + SYNC + query("DEALLOCATE p") + query("EXECUTE p(1)")),
        Judge("SELECT 1", (), False),
        Judged("t2"),
        ToServer(parse("", "SELECT 1") + SYNC + FLUSH),
        Server(PARSED),
        ToClient(PARSED),
        Server(ready()),
        ToClient(ready()),
        asked("DEALLOCATE p"),
        judged("t3", "DEALLOCATE p"),
        ToServer(query('DEALLOCATE "gw_1"') + FLUSH),
        Server(complete("DEALLOCATE") + ready()),
        Completed("t3", 0, "00000"),
        ToClient(complete("DEALLOCATE") + ready()),
        asked("EXECUTE p(1)"),
        judged("t4", "EXECUTE p(1)"),
        ToServer(query('EXECUTE "gw_2"(1)')),
    )


def test_a_message_that_uses_a_name_waits_for_the_query_that_may_make_it() -> None:
    other = "PREPARE q AS SELECT 1"
    prepared(
        Client(query(other) + bind("", "q") + SYNC),
        asked(other),
        judged("t2", other),
        ToServer(query('PREPARE "gw_2" AS SELECT 1') + FLUSH),
        Server(error("25P02", "aborted") + ready("E")),
        Completed("t2", 0, "25P02"),
        ToClient(error("25P02", "aborted") + ready("E")),
        ToServer(bind("", "gw_3") + SYNC),  # it was not made
    )


DECLARE = "DECLARE k CURSOR WITH HOLD FOR SELECT 1"


def test_a_cursor_is_a_portal_and_a_held_one_outlives_the_transaction() -> None:
    play(
        Client(query(DECLARE)),
        asked(DECLARE),
        judged("t1", DECLARE),
        ToServer(query('DECLARE "gw_1" CURSOR WITH HOLD FOR SELECT 1')),
        Server(complete("DECLARE CURSOR") + ready()),
        Completed("t1", 0, "00000"),
        ToClient(complete("DECLARE CURSOR") + ready()),
        Client(execute("k", 2) + close("P", "k") + SYNC),
        asked("SELECT 1"),
        Judged("t2"),
        ToServer(execute("gw_1", 2) + close("P", "gw_1") + SYNC),
        Server(row() + complete("SELECT 1") + CLOSED + ready()),
        Completed("t2", 1, "00000"),
        ToClient(row() + complete("SELECT 1") + CLOSED + ready()),
        Client(query("FETCH k")),
        asked("FETCH k"),
        judged("t3", "FETCH k"),
        ToServer(query('FETCH "gw_2"')),
        Server(error("34000", 'cursor "gw_2" does not exist') + ready()),
        Completed("t3", 0, "34000"),
        ToClient(error("34000", 'cursor "k" does not exist') + ready()),
    )


def test_a_held_cursor_that_went_with_its_transaction_makes_room() -> None:
    other = "DECLARE l CURSOR WITH HOLD FOR SELECT 2"
    play(
        Client(query(DECLARE)),
        asked(DECLARE),
        judged("t1", DECLARE),
        ToServer(query('DECLARE "gw_1" CURSOR WITH HOLD FOR SELECT 1')),
        Server(complete("DECLARE CURSOR") + ready("T")),
        ToClient(complete("DECLARE CURSOR") + ready("T")),
        Completed("t1", 0, "00000"),
        Client(query("ROLLBACK")),
        asked("ROLLBACK"),
        Judged("t2"),
        ToServer(query("ROLLBACK")),
        Server(complete("ROLLBACK") + ready()),
        Completed("t2", 0, "00000"),
        ToClient(complete("ROLLBACK") + ready()),
        Client(query("CLOSE k")),
        asked("CLOSE k"),
        judged("t3", "CLOSE k"),
        ToServer(query('CLOSE "gw_1"')),
        Server(error("34000", 'cursor "gw_1" does not exist') + ready()),
        Completed("t3", 0, "34000"),
        ToClient(error("34000", 'cursor "k" does not exist') + ready()),
        Client(query(other)),
        asked(other),
        judged("t4", other),
        ToServer(query('DECLARE "gw_2" CURSOR WITH HOLD FOR SELECT 2')),
        names_limit=1,
    )


def test_too_many_names_made_by_sql() -> None:
    text = "PREPARE a AS SELECT 1; PREPARE b AS SELECT 2"
    session = prepared(Client(query(text)), asked(text), names_limit=2)
    actions = session.judged(Judgement("t2", naming=judged("t2", text).naming))
    assert actions == [Refused(Reason.LIMIT_EXCEEDED), ToServer(query("gw_2"))]
    actions = session.server_data(error("42601", 'syntax error at or near "gw_2"') + ready())
    assert any(isinstance(one, ToClient) and b"C54000\0" in one.data for one in actions)


def test_a_prepared_text_is_prepared_again_when_its_name_stands_for_something_else() -> None:
    """asyncpg keeps ``EXECUTE p`` prepared; the client hears nothing of it."""
    prepared(
        Client(parse("e", "EXECUTE p(1)") + SYNC),
        Judge("EXECUTE p(1)", (), False),
        judged("t2", "EXECUTE p(1)"),
        ToServer(parse("gw_2", 'EXECUTE "gw_1"(1)') + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(query("DEALLOCATE p; PREPARE p AS SELECT 9")),
        asked("DEALLOCATE p; PREPARE p AS SELECT 9"),
        judged("t3", "DEALLOCATE p; PREPARE p AS SELECT 9"),
        ToServer(query('DEALLOCATE "gw_1"; PREPARE "gw_3" AS SELECT 9')),
        Server(complete("DEALLOCATE") + complete("PREPARE") + ready()),
        Completed("t3", 0, "00000"),
        ToClient(complete("DEALLOCATE") + complete("PREPARE") + ready()),
        Client(bind("", "e") + execute() + SYNC),
        ToServer(parse("gw_4", 'EXECUTE "gw_3"(1)') + close("S", "gw_2") + bind("", "gw_4")),
        asked("EXECUTE p(1)"),  # without a ticket: decided again
        judged("t4", "EXECUTE p(1)"),
        ToServer(execute() + SYNC),
        Server(PARSED + CLOSED + BOUND + row() + complete("SELECT 1") + ready()),
        Completed("t4", 1, "00000"),
        ToClient(BOUND + row() + complete("SELECT 1") + ready()),
        Client(bind("", "e") + execute() + SYNC),
        ToServer(bind("", "gw_4")),
        asked("EXECUTE p(1)", ticket="t4"),
    )


def test_what_the_names_of_a_judged_text_stand_for() -> None:
    session = prepared()
    (judge,) = session.client_data(query("EXECUTE p(1)"))
    assert isinstance(judge, Judge)
    assert judge.names is not None
    assert judge.names(NameKind.STATEMENT, "p") == Named("SELECT $1", (23,))
    assert judge.names(NameKind.STATEMENT, "P") is None
    assert judge.names(NameKind.CURSOR, "p") is None


def test_a_cursor_stands_for_what_was_sent_in_its_place_and_when() -> None:
    sent = "DECLARE k CURSOR WITH HOLD FOR SELECT NULL"
    session = play(
        Client(query(DECLARE)),
        asked(DECLARE),
        judged("t1", DECLARE, sent=sent),
        ToServer(query('DECLARE "gw_1" CURSOR WITH HOLD FOR SELECT NULL')),
        Server(complete("DECLARE CURSOR") + ready()),
        Completed("t1", 0, "00000"),
        ToClient(complete("DECLARE CURSOR") + ready()),
    )
    (judge,) = session.client_data(query("FETCH k"))
    assert isinstance(judge, Judge)
    assert judge.names is not None
    assert judge.names(NameKind.CURSOR, "k") == Named("SELECT 1", (), "SELECT NULL", "t1")


def test_names_longer_than_the_server_keeps_are_one() -> None:
    text = "DEALLOCATE " + "n" * 70
    play(
        Client(parse("n" * 69, "SELECT 1") + SYNC),
        Judge("SELECT 1", (), False),
        Judged("t1"),
        ToServer(parse("gw_1", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(query(text)),
        asked(text),
        judged("t2", text),
        ToServer(query('DEALLOCATE "gw_1"')),
    )


def test_an_execute_says_what_its_cursor_was_opened_under() -> None:
    session = play(
        Client(query(DECLARE)),
        asked(DECLARE),
        judged("t1", DECLARE),
        ToServer(query('DECLARE "gw_1" CURSOR WITH HOLD FOR SELECT 1')),
        Server(complete("DECLARE CURSOR") + ready()),
        Completed("t1", 0, "00000"),
        ToClient(complete("DECLARE CURSOR") + ready()),
    )
    (judge,) = session.client_data(execute("k"))
    assert isinstance(judge, Judge)
    assert (judge.ticket, judge.opened, judge.names) == (None, "t1", None)
