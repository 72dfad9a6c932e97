"""Sessions by playbook: judged, forwarded or substituted, relayed; the same however the bytes arrive."""

from __future__ import annotations

import pytest

from gateway.errors import Reason
from gateway.pgwire import session as session_module
from gateway.pgwire.actions import Close, Completed, Judge, Judgement, Leave, ToClient, ToServer
from gateway.pgwire.session import Session
from tests.unit.pgwire.playbook import (
    BOUND,
    CLOSED,
    COLUMNS,
    DENIED,
    FLUSH,
    NO_DATA,
    PARAMETERS,
    PARSED,
    SUSPENDED,
    SYNC,
    TERMINATE,
    Client,
    Judged,
    Server,
    bind,
    close,
    complete,
    describe,
    error,
    execute,
    new_session,
    parse,
    play,
    query,
    ready,
    row,
    syntax_error,
    words,
)

# --------------------------------------------------------------------------------------------------------- simple query


def test_a_query_goes_on_after_its_judgement_and_its_rows_come_back():
    answer = COLUMNS + row() + row() + complete("SELECT 2") + ready()
    play(
        Client(query("SELECT n FROM t")),
        Judge("SELECT n FROM t", (), executes=True),
        Judged("ticket"),
        ToServer(query("SELECT n FROM t")),
        Server(answer),
        Completed("ticket", 2, "00000"),
        ToClient(answer),
    )


def test_a_denied_query_is_substituted_and_the_error_it_provokes_is_reworded():
    play(
        Client(query("SELECT phone FROM users")),
        Judge("SELECT phone FROM users", (), executes=True),
        Judged(instead=DENIED),
        ToServer(query("gw_1")),
        Server(syntax_error("gw_1") + ready("E")),
        ToClient(words(DENIED) + ready("E")),
        Client(query("ROLLBACK")),
        Judge("ROLLBACK", (), executes=True),
        Judged("again"),
        ToServer(query("ROLLBACK")),
    )


def test_a_complaint_is_said_in_the_servers_own_words():
    complaint = {"S": "ERROR", "V": "ERROR", "C": "42703", "M": 'column "fone" does not exist', "P": "8"}
    play(
        Client(query("SELECT fone FROM users")),
        Judge("SELECT fone FROM users", (), executes=True),
        Judged(instead=complaint),
        ToServer(query("gw_1")),
        Server(syntax_error("gw_1") + ready()),
        ToClient(words(complaint) + ready()),
    )


def test_an_error_of_the_servers_own_is_relayed_untouched_and_completes_the_statement():
    own = error("22012", "division by zero")
    play(
        Client(query("SELECT 1/0")),
        Judge("SELECT 1/0", (), executes=True),
        Judged("t"),
        ToServer(query("SELECT 1/0")),
        Server(COLUMNS + row() + own + ready()),
        Completed("t", 1, "22012"),
        ToClient(COLUMNS + row() + own + ready()),
    )


def test_a_cancel_that_hits_the_substitute_is_relayed_as_it_is():
    cancelled = error("57014", "canceling statement due to user request")
    play(
        Client(query("SELECT 1")),
        Judge("SELECT 1", (), executes=True),
        Judged(instead=DENIED),
        ToServer(query("gw_1")),
        Server(cancelled + ready()),
        ToClient(cancelled + ready()),
    )


def test_rows_of_several_statements_in_one_query_are_added_up():
    answer = COLUMNS + row() * 3 + complete("SELECT 3") + COLUMNS + row() + complete("SELECT 1")
    answer += complete("INSERT 0 4") + complete("BEGIN") + ready("T")
    play(
        Client(query("a;b;c;BEGIN")),
        Judge("a;b;c;BEGIN", (), executes=True),
        Judged("t"),
        ToServer(query("a;b;c;BEGIN")),
        Server(answer),
        Completed("t", 8, "00000"),
        ToClient(answer),
    )


def test_an_error_in_the_second_statement_of_a_query_reports_the_rows_of_the_first_once():
    answer = COLUMNS + row() * 3 + complete("SELECT 3") + error("22012", "division by zero") + ready()
    play(
        Client(query("a;b")),
        Judge("a;b", (), executes=True),
        Judged("t"),
        ToServer(query("a;b")),
        Server(answer),
        Completed("t", 3, "22012"),
        ToClient(answer),
    )


def test_a_text_with_obligations_in_it_goes_on_in_place_of_the_clients():
    answer = COLUMNS + row() + complete("SELECT 1") + ready()
    play(
        Client(query("SELECT phone FROM t")),
        Judge("SELECT phone FROM t", (), executes=True),
        Judged("t", text="SELECT phone FROM (…) AS t"),
        ToServer(query("SELECT phone FROM (…) AS t")),
        Server(answer),
        Completed("t", 1, "00000"),
        ToClient(answer),
    )


# ---------------------------------------------------------------------------------------------------- extended protocol


def test_a_prepared_text_with_obligations_runs_only_while_they_are_the_same():
    masked, other = "SELECT masked", "SELECT masked otherwise"
    outdated = {
        "S": "ERROR",
        "V": "ERROR",
        "C": "0A000",
        "M": "cached plan must not change result type",
        "D": "Other masks, filters or limits are asked for now than when this statement was prepared.",
        "H": "Prepare it again.",
        "R": "RevalidateCachedQuery",
    }
    play(
        Client(parse("s", "SELECT phone") + bind("", "s") + execute() + SYNC),
        Judge("SELECT phone", (), executes=False),
        Judged("t1", text=masked),
        ToServer(parse("gw_1", masked) + bind("", "gw_1")),
        Judge("SELECT phone", (), executes=True, ticket="t1", fresh=True),
        Judged("t2", text=masked),
        ToServer(execute() + SYNC),
        Server(PARSED + BOUND + row() + complete("SELECT 1") + ready()),
        Completed("t2", 1, "00000"),
        ToClient(PARSED + BOUND + row() + complete("SELECT 1") + ready()),
        Client(bind("", "s") + execute() + SYNC),
        ToServer(bind("", "gw_1")),
        Judge("SELECT phone", (), executes=True, ticket="t2", fresh=False),
        Judged("t3", text=other),
        ToServer(execute("gw_2") + SYNC),
        Server(BOUND + error("34000", 'portal "gw_2" does not exist') + ready()),
        ToClient(BOUND + words(outdated) + ready()),
    )


def test_the_unnamed_statement_keeps_its_name_and_is_judged_at_parse_and_at_each_execute():
    play(
        Client(parse("", "SELECT $1", 23) + bind("", "", b"7") + describe("P", "") + execute() + SYNC),
        Judge("SELECT $1", (23,), executes=False),
        Judged("parsed"),
        ToServer(parse("", "SELECT $1", 23) + bind("", "", b"7") + describe("P", "")),
        Judge("SELECT $1", (23,), executes=True, ticket="parsed", fresh=True),
        Judged("executed"),
        ToServer(execute() + SYNC),
        Server(PARSED + BOUND + COLUMNS + row(b"7") + complete("SELECT 1") + ready()),
        Completed("executed", 1, "00000"),
        ToClient(PARSED + BOUND + COLUMNS + row(b"7") + complete("SELECT 1") + ready()),
        Client(bind("", "", None) + execute() + SYNC),
        ToServer(bind("", "", None)),
        Judge("SELECT $1", (23,), executes=True, ticket="executed", fresh=False),
    )


def test_names_become_ours_and_are_fresh_once():
    play(
        Client(parse("s", "SELECT 1") + describe("S", "s") + bind("p", "s") + execute("p", 1) + FLUSH),
        Judge("SELECT 1", (), executes=False),
        Judged("t1"),
        ToServer(parse("gw_1", "SELECT 1") + describe("S", "gw_1") + bind("gw_2", "gw_1")),
        Judge("SELECT 1", (), executes=True, ticket="t1", fresh=True),
        Judged("t2"),
        ToServer(execute("gw_2", 1) + FLUSH),
        Server(PARSED + PARAMETERS + COLUMNS + BOUND + row() + SUSPENDED),
        Completed("t2", 1, "00000"),
        ToClient(PARSED + PARAMETERS + COLUMNS + BOUND + row() + SUSPENDED),
        Client(execute("p", 1) + close("P", "p") + close("S", "s") + SYNC),
        Judge("SELECT 1", (), executes=True, ticket="t2", fresh=False),
        Judged("t3"),
        ToServer(execute("gw_2", 1) + close("P", "gw_2") + close("S", "gw_1") + SYNC),
        Server(complete("SELECT 0") + CLOSED + CLOSED + ready()),
        Completed("t3", 0, "00000"),
        ToClient(complete("SELECT 0") + CLOSED + CLOSED + ready()),
    )


def test_names_are_put_back_in_error_texts():
    def says(kind: str, name: str) -> bytes:
        return error("26000" if kind == "prepared statement" else "34000", f'{kind} "{name}" does not exist')

    play(
        Client(bind("", "gone") + SYNC + describe("S", "gone") + SYNC + execute("lost") + SYNC),
        ToServer(bind("", "gw_1") + SYNC + describe("S", "gw_2") + SYNC + execute("gw_3") + SYNC),
        Server(says("prepared statement", "gw_1") + ready()),
        ToClient(says("prepared statement", "gone") + ready()),
        Server(says("prepared statement", "gw_2") + ready()),
        ToClient(says("prepared statement", "gone") + ready()),
        Server(says("portal", "gw_3") + ready()),
        ToClient(says("portal", "lost") + ready()),
    )


def test_a_statement_the_server_lost_is_named_by_the_clients_name_at_bind():
    """DEALLOCATE ALL on its way: the Bind behind it names a statement that is gone when it arrives."""
    play(
        Client(parse("s", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged(),
        ToServer(parse("gw_1", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(query("DEALLOCATE ALL") + bind("p", "s") + SYNC),
        Judge("DEALLOCATE ALL", (), executes=True),
        Judged(),
        ToServer(query("DEALLOCATE ALL") + bind("gw_2", "gw_1") + SYNC),
        Server(
            complete("DEALLOCATE ALL") + ready() + error("26000", 'prepared statement "gw_1" does not exist') + ready()
        ),
        ToClient(
            complete("DEALLOCATE ALL") + ready() + error("26000", 'prepared statement "s" does not exist') + ready()
        ),
    )


@pytest.mark.parametrize("name", ["", "s"])
def test_a_denied_parse_fails_at_the_server_and_what_follows_is_skipped(name):
    own = "gw_2" if name else ""  # the nonce is made first
    play(
        Client(parse(name, "SELECT phone") + bind("", name) + execute() + SYNC),
        Judge("SELECT phone", (), executes=False),
        Judged(instead=DENIED),
        ToServer(
            parse(own, "gw_1") + bind("", "gw_3" if name else "gw_2") + execute("gw_4" if name else "gw_3") + SYNC
        ),
        Server(syntax_error("gw_1")),
        ToClient(words(DENIED)),
        Server(ready()),
        ToClient(ready()),
    )


def test_a_denied_execute_in_the_middle_of_a_pipeline():
    statements = parse("", "INSERT 1") + bind("", "") + execute()
    play(
        Client(statements + execute() + bind("", "") + execute() + SYNC),
        Judge("INSERT 1", (), executes=False),
        Judged("t1"),
        ToServer(parse("", "INSERT 1") + bind("", "")),
        Judge("INSERT 1", (), executes=True, ticket="t1", fresh=True),
        Judged("t2"),
        ToServer(execute()),
        Judge("INSERT 1", (), executes=True, ticket="t2"),
        Judged(instead=DENIED),
        ToServer(execute("gw_1") + bind("", "")),
        Judge("INSERT 1", (), executes=True, ticket="t2"),
        Judged("t3"),
        ToServer(execute() + SYNC),
        Server(PARSED + BOUND + complete("INSERT 0 1") + error("34000", 'portal "gw_1" does not exist') + ready()),
        Completed("t2", 1, "00000"),
        ToClient(PARSED + BOUND + complete("INSERT 0 1") + words(DENIED) + ready()),
    )


def test_after_an_error_everything_is_ignored_until_sync_query_and_flush_included():
    play(
        Client(bind("", "x") + FLUSH),
        ToServer(bind("", "gw_1") + FLUSH),
        Server(error("26000", 'prepared statement "gw_1" does not exist')),
        ToClient(error("26000", 'prepared statement "x" does not exist')),
        Client(query("SELECT 1") + FLUSH + parse("s", "SELECT 2") + execute() + SYNC),
        ToServer(SYNC),
        Server(ready()),
        ToClient(ready()),
        Client(query("SELECT 3")),
        Judge("SELECT 3", (), executes=True),
    )


@pytest.mark.parametrize("waits", [query("SELECT 1"), parse("", "SELECT 1"), parse("s", "SELECT 1")])
@pytest.mark.parametrize("judged", [Judged("t"), Judged(instead=DENIED)])
def test_an_error_that_comes_while_a_judgement_is_awaited_drops_the_statement(waits, judged):
    """The server ignores it; an answer to it would be waited for in vain, and the session would end out of step."""
    play(
        Client(bind("", "x") + FLUSH + waits + SYNC),
        ToServer(bind("", "gw_1") + FLUSH),
        Judge("SELECT 1", (), executes=waits[:1] == b"Q"),
        Server(error("26000", 'prepared statement "gw_1" does not exist')),
        ToClient(error("26000", 'prepared statement "x" does not exist')),
        judged,
        ToServer(SYNC),
        Server(ready()),
        ToClient(ready()),
        Client(bind("", "s") + SYNC),
        ToServer(bind("", "gw_2") + SYNC),
    )


def test_an_execute_dropped_while_it_is_judged():
    play(
        Client(parse("", "SELECT 1") + bind("", "") + execute() + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("t"),
        ToServer(parse("", "SELECT 1") + bind("", "")),
        Judge("SELECT 1", (), executes=True, ticket="t", fresh=True),
        Server(PARSED + error("22P02", "invalid input syntax")),
        ToClient(PARSED + error("22P02", "invalid input syntax")),
        Judged("u"),
        ToServer(SYNC),
        Server(ready()),
        ToClient(ready()),
    )


def test_nothing_is_forwarded_while_a_judgement_is_awaited():
    session = play(
        Client(parse("", "SELECT 1") + SYNC + query("SELECT 2")),
        Judge("SELECT 1", (), executes=False),
        Client(query("SELECT 3") + TERMINATE),
        Server(ready()[:0]),
    )
    assert session.waiting
    assert not session.idle


def test_a_session_that_ended_forwards_nothing_when_its_judgement_comes():
    play(
        Client(query("SELECT 1")),
        Judge("SELECT 1", (), executes=True),
        Server(b"\x00" * 8),
        Close(Reason.MESSAGE_MALFORMED, "a message of the server has an impossible length"),
        Judged("t"),
        Client(query("SELECT 2")),
        Server(ready()),
    )


def test_goodbye_comes_after_what_was_sent_before_it():
    play(
        Client(bind("", "") + SYNC + TERMINATE + query("SELECT 1")),
        ToServer(bind("", "gw_1") + SYNC),
        Leave(),
        Client(query("SELECT 1")),
    )


def test_a_judgement_nobody_asked_for_is_a_bug_of_the_door():
    with pytest.raises(RuntimeError, match="without a Judge"):
        new_session().judged(Judgement(None))


# ------------------------------------------------------------------------------------------------------------ the names


def test_a_taken_name_says_42p05_and_keeps_the_old_statement():
    taken = {"S": "ERROR", "V": "ERROR", "C": "42P05", "M": 'prepared statement "s" already exists'}
    play(
        Client(parse("s", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("t"),
        ToServer(parse("gw_1", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(parse("s", "SELECT 2") + SYNC),
        ToServer(parse("gw_3", "gw_2") + SYNC),
        Server(syntax_error("gw_2") + ready()),
        ToClient(words(taken) + ready()),
        Client(bind("", "s") + execute()),
        ToServer(bind("", "gw_1")),
        Judge("SELECT 1", (), executes=True, ticket="t", fresh=True),
    )


def test_a_name_whose_parse_is_not_answered_is_held_with_a_flush_or_the_answer_would_never_come():
    taken = {"S": "ERROR", "V": "ERROR", "C": "42P05", "M": 'prepared statement "s" already exists'}
    play(
        Client(parse("s", "SELECT 1") + parse("s", "SELECT 2") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("t"),
        ToServer(parse("gw_1", "SELECT 1") + FLUSH),
        Server(PARSED),
        ToClient(PARSED),
        ToServer(parse("gw_3", "gw_2") + SYNC),
        Server(syntax_error("gw_2") + ready()),
        ToClient(words(taken) + ready()),
    )


def test_a_held_message_is_ignored_when_the_answer_is_an_error():
    play(
        Client(parse("s", "SELECT x") + parse("s", "SELECT 2") + SYNC),
        Judge("SELECT x", (), executes=False),
        Judged("t"),
        ToServer(parse("gw_1", "SELECT x") + FLUSH),
        Server(error("42703", "no column x")),
        ToClient(error("42703", "no column x")),
        ToServer(SYNC),
        Server(ready()),
        ToClient(ready()),
        Client(parse("s", "SELECT 2") + SYNC),
        Judge("SELECT 2", (), executes=False),
    )


def test_a_taken_name_behind_deallocate_all_waits_for_it():
    play(
        Client(parse("s", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged(),
        ToServer(parse("gw_1", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(query("DEALLOCATE ALL") + parse("s", "SELECT 2") + SYNC),
        Judge("DEALLOCATE ALL", (), executes=True),
        Judged(),
        ToServer(query("DEALLOCATE ALL") + FLUSH),
        Server(complete("DEALLOCATE ALL") + ready()),
        ToClient(complete("DEALLOCATE ALL") + ready()),
        Judge("SELECT 2", (), executes=False),
        Judged(),
        ToServer(parse("gw_2", "SELECT 2") + SYNC),
    )


def test_deallocate_all_forgets_what_was_there_and_not_what_follows_in_the_pipeline():
    """PgBouncer #1535."""
    play(
        Client(parse("a", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("ta"),
        ToServer(parse("gw_1", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(parse("", "DEALLOCATE ALL") + bind("", "") + execute() + parse("b", "SELECT 2") + SYNC),
        Judge("DEALLOCATE ALL", (), executes=False),
        Judged("td"),
        ToServer(parse("", "DEALLOCATE ALL") + bind("", "")),
        Judge("DEALLOCATE ALL", (), executes=True, ticket="td", fresh=True),
        Judged("td"),
        ToServer(execute()),
        Judge("SELECT 2", (), executes=False),
        Judged("tb"),
        ToServer(parse("gw_2", "SELECT 2") + SYNC),
        Server(PARSED + BOUND + complete("DEALLOCATE ALL") + PARSED + ready()),
        Completed("td", 0, "00000"),
        ToClient(PARSED + BOUND + complete("DEALLOCATE ALL") + PARSED + ready()),
        # a is gone, b and the unnamed one are not
        Client(bind("", "a") + SYNC),
        ToServer(bind("", "gw_3") + SYNC),
        Server(error("26000", "?") + ready()),
        ToClient(error("26000", "?") + ready()),
        Client(bind("", "b") + bind("", "") + SYNC),
        ToServer(bind("", "gw_2") + bind("", "") + SYNC),
    )


def test_a_skipped_parse_and_a_skipped_close_never_happened():
    play(
        Client(parse("a", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("ta"),
        ToServer(parse("gw_1", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(bind("", "x") + close("S", "a") + parse("b", "SELECT 2") + parse("", "SELECT 3") + SYNC),
        ToServer(bind("", "gw_2") + close("S", "gw_1")),
        Judge("SELECT 2", (), executes=False),
        Judged("tb"),
        ToServer(parse("gw_3", "SELECT 2")),
        Judge("SELECT 3", (), executes=False),
        Judged("tc"),
        ToServer(parse("", "SELECT 3") + SYNC),
        Server(error("26000", "?") + ready()),
        ToClient(error("26000", "?") + ready()),
        Client(bind("", "a") + bind("", "b") + bind("", "") + SYNC),
        ToServer(bind("", "gw_1") + bind("", "gw_4") + bind("", "gw_5") + SYNC),
    )


def test_the_unnamed_statement_dies_with_a_query_unless_the_query_was_skipped():
    opened = (
        Client(parse("", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("t"),
        ToServer(parse("", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
    )
    play(
        *opened,
        Client(query("SELECT 2") + bind("", "") + SYNC),
        Judge("SELECT 2", (), executes=True),
        Judged(),
        ToServer(query("SELECT 2") + bind("", "gw_1") + SYNC),
    )
    play(
        *opened,
        Client(bind("", "x") + query("SELECT 2") + SYNC),
        ToServer(bind("", "gw_1")),
        Judge("SELECT 2", (), executes=True),
        Judged(),
        ToServer(query("SELECT 2") + SYNC),
        Server(error("26000", "?") + ready()),
        ToClient(error("26000", "?") + ready()),
        Client(bind("", "") + SYNC),
        ToServer(bind("", "") + SYNC),
    )


@pytest.mark.parametrize("denied", [False, True])
def test_the_unnamed_statement_dies_with_a_parse_that_fails(denied):
    play(
        Client(parse("", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("t"),
        ToServer(parse("", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(parse("", "SELECT x") + SYNC),
        Judge("SELECT x", (), executes=False),
        Judged(instead=DENIED) if denied else Judged("u"),
        ToServer(parse("", "gw_1" if denied else "SELECT x") + SYNC),
        Server((syntax_error("gw_1") if denied else error("42703", "no x")) + ready()),
        ToClient((words(DENIED) if denied else error("42703", "no x")) + ready()),
        Client(bind("", "") + SYNC),
        ToServer(bind("", "gw_2" if denied else "gw_1") + SYNC),
    )


def test_a_statement_is_never_taken_for_another_whose_parse_was_skipped():
    """A was prepared; B is parsed behind a message that fails, so the server skips it; then, in the next batch and
    before any answer, the unnamed statement is executed. The server would run A while B is judged and recorded."""
    play(
        Client(parse("", "SELECT A") + SYNC),
        Judge("SELECT A", (), executes=False),
        Judged("ta"),
        ToServer(parse("", "SELECT A") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(bind("", "fails") + parse("", "SELECT B") + SYNC + bind("", "") + execute() + SYNC),
        ToServer(bind("", "gw_1")),
        Judge("SELECT B", (), executes=False),
        Judged("tb"),
        ToServer(parse("", "SELECT B") + SYNC + FLUSH),  # held: which one it is hangs on answers to come
        Server(error("26000", "?") + ready()),
        ToClient(error("26000", "?") + ready()),
        ToServer(bind("", "")),
        Judge("SELECT A", (), executes=True, ticket="ta", fresh=True),
    )


def test_a_later_statement_survives_that_an_earlier_batch_is_undone():
    """The other way round: the undoing of a skipped Parse must not put an older statement in the place of a newer."""
    play(
        Client(parse("", "SELECT A") + SYNC),
        Judge("SELECT A", (), executes=False),
        Judged("ta"),
        ToServer(parse("", "SELECT A") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(bind("", "fails") + parse("", "SELECT B") + SYNC + parse("", "SELECT C") + SYNC),
        ToServer(bind("", "gw_1")),
        Judge("SELECT B", (), executes=False),
        Judged("tb"),
        ToServer(parse("", "SELECT B") + SYNC),
        Judge("SELECT C", (), executes=False),
        Judged("tc"),
        ToServer(parse("", "SELECT C") + SYNC),
        Server(error("26000", "?") + ready() + PARSED + ready()),
        ToClient(error("26000", "?") + ready() + PARSED + ready()),
        Client(bind("", "") + execute() + SYNC),
        ToServer(bind("", "")),
        Judge("SELECT C", (), executes=True, ticket="tc", fresh=True),
    )


def test_portals_die_with_their_transaction_and_live_inside_one():
    def batch(status: str) -> tuple:
        return (
            Client(parse("s", "SELECT 1") + bind("p", "s") + bind("", "s") + SYNC),
            Judge("SELECT 1", (), executes=False),
            Judged("t"),
            ToServer(parse("gw_1", "SELECT 1") + bind("gw_2", "gw_1") + bind("", "gw_1") + SYNC),
            Server(PARSED + BOUND + BOUND + ready(status)),
            ToClient(PARSED + BOUND + BOUND + ready(status)),
        )

    play(*batch("I"), Client(execute("p") + execute("") + SYNC), ToServer(execute("gw_3") + execute("gw_4") + SYNC))
    play(*batch("T"), Client(execute("p")), Judge("SELECT 1", (), executes=True, ticket="t", fresh=True))


def test_a_portal_bound_before_the_answer_to_the_last_sync_survives_that_answer():
    play(
        Client(parse("s", "SELECT 1") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("t"),
        ToServer(parse("gw_1", "SELECT 1") + SYNC),
        Server(PARSED + ready()),
        ToClient(PARSED + ready()),
        Client(SYNC + bind("p", "s")),
        ToServer(SYNC + bind("gw_2", "gw_1")),
        Server(ready()),
        ToClient(ready()),
        Client(execute("p")),
        Judge("SELECT 1", (), executes=True, ticket="t", fresh=True),
    )


def test_a_bound_portal_may_not_be_bound_again_and_the_server_says_so_by_the_clients_name():
    play(
        Client(parse("s", "SELECT 1") + bind("p", "s") + bind("p", "s") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged("t"),
        ToServer(parse("gw_1", "SELECT 1") + bind("gw_2", "gw_1") + bind("gw_2", "gw_1") + SYNC),
        Server(PARSED + BOUND + error("42P03", 'cursor "gw_2" already exists') + ready("E")),
        ToClient(PARSED + BOUND + error("42P03", 'cursor "p" already exists') + ready("E")),
    )


# ----------------------------------------------------------------------------------------------------------- its limits


def test_too_many_names_are_refused_before_they_are_judged_and_closing_one_makes_room():
    too_many = {
        "S": "ERROR",
        "V": "ERROR",
        "C": "54000",
        "M": "too many prepared statements and portals in this session",
        "D": "Reason: limit_exceeded",
        "H": "Close some of them, or ask the operator to raise limits.statements.",
    }
    play(
        Client(parse("a", "SELECT 1") + parse("b", "SELECT 2") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged(),
        ToServer(parse("gw_1", "SELECT 1") + parse("gw_3", "gw_2") + SYNC),
        Server(PARSED + syntax_error("gw_2") + ready()),
        ToClient(PARSED + words(too_many) + ready()),
        Client(bind("p", "a") + SYNC),
        ToServer(bind("", "gw_4") + SYNC),
        Server(error("26000", 'prepared statement "gw_4" does not exist') + ready()),
        ToClient(words(too_many) + ready()),
        Client(close("S", "a") + parse("b", "SELECT 2") + SYNC),
        ToServer(close("S", "gw_1")),
        Judge("SELECT 2", (), executes=False),
        Judged(),
        ToServer(parse("gw_5", "SELECT 2") + SYNC),
        names_limit=1,
    )


def test_the_unnamed_statement_needs_no_room():
    play(
        Client(parse("a", "SELECT 1") + parse("", "SELECT 2") + bind("", "") + SYNC),
        Judge("SELECT 1", (), executes=False),
        Judged(),
        ToServer(parse("gw_1", "SELECT 1")),
        Judge("SELECT 2", (), executes=False),
        Judged(),
        ToServer(parse("", "SELECT 2") + bind("", "") + SYNC),
        names_limit=1,
    )


def test_messages_on_their_way_are_bounded_and_the_rest_follows_when_answers_come():
    most, more = session_module.MAX_IN_FLIGHT, 7
    session = new_session(bulk_limit=1024 * 1024)
    (sent,) = session.client_data(SYNC * (most + more))
    assert sent == ToServer(SYNC * most + FLUSH)
    assert session.waiting
    answers = session.server_data(ready() * (most // 2))
    assert [type(one) for one in answers] == [ToClient, ToServer]
    assert answers[1] == ToServer(SYNC * more)
    assert not session.waiting
    session.server_data(ready() * (most - most // 2 + more))
    assert session.idle


def test_a_door_that_reads_on_while_a_judgement_is_awaited_does_not_fill_the_memory():
    session = new_session(bulk_limit=1000)
    session.client_data(query("SELECT 1"))
    assert session.client_data(b"x" * 1000) == []
    (ended,) = session.client_data(b"x" * (session_module.READ_AHEAD_BYTES + 1))
    assert ended == Close(Reason.LIMIT_EXCEEDED, "too much was sent ahead of an answer")
    assert session.judged(Judgement("t")) == []


def test_no_data_and_an_empty_query_complete_too():
    play(
        Client(parse("", "") + bind("", "") + describe("P", "") + execute() + SYNC),
        Judge("", (), executes=False),
        Judged("t"),
        ToServer(parse("", "") + bind("", "") + describe("P", "")),
        Judge("", (), executes=True, ticket="t", fresh=True),
        Judged("t"),
        ToServer(execute() + SYNC),
        Server(PARSED + BOUND + NO_DATA + b"I\0\0\0\4" + ready()),
        Completed("t", 0, "00000"),
        ToClient(PARSED + BOUND + NO_DATA + b"I\0\0\0\4" + ready()),
    )


# --------------------------------------------------------------------------------------------------------------- limits

LATE = words(
    {
        "S": "ERROR",
        "V": "ERROR",
        "C": "57014",
        "M": "canceling statement due to statement timeout",
        "D": "Reason: statement_timeout",
        "H": "It ran for longer than the gateway allows (limits.statement_timeout_ms).",
    }
)
CANCELLED = error("57014", "canceling statement due to user request")


def begun(*requests: bytes) -> Session:
    """A session with these on their way, each allowed."""
    session = new_session()
    for request in requests:
        actions = session.client_data(request)
        while any(isinstance(action, Judge) for action in actions):
            actions = session.judged(Judgement("t"))
    return session


def told(session: Session, data: bytes) -> bytes:
    return b"".join(one.data for one in session.server_data(data) if isinstance(one, ToClient))


def test_a_statement_that_is_cancelled_for_its_time_says_so():
    session = begun(query("SELECT 1"))
    session.overdue()
    assert told(session, CANCELLED + ready()) == LATE + ready()
    session.client_data(query("SELECT 2"))
    session.judged(Judgement("t"))
    assert told(session, CANCELLED + ready()) == CANCELLED + ready(), "its user cancelled the next one"


def test_a_pipeline_that_is_cancelled_for_its_time_says_so():
    """What the server has done already it tells only with what ends the pipeline."""
    one = parse("", "SELECT 1") + bind("", "") + execute() + SYNC
    session = begun(one, one)
    session.overdue()
    assert told(session, PARSED + BOUND + CANCELLED + ready()) == PARSED + BOUND + LATE + ready()
    assert told(session, PARSED + BOUND + CANCELLED + ready()) == PARSED + BOUND + CANCELLED + ready()


def test_another_error_in_its_last_moment_is_the_statements_own():
    session = begun(query("SELECT 1/0"))
    session.overdue()
    assert told(session, error("22012", "division by zero") + ready()) == error("22012", "division by zero") + ready()


def test_nothing_runs_that_could_be_overdue():
    session = new_session()
    assert session.answering is None
    session.overdue()


def test_what_is_answered_next_is_the_same_until_it_is_answered():
    session = begun(query("SELECT 1"))
    first = session.answering
    assert told(session, COLUMNS + row()) != b""
    assert session.answering is first is not None
    session.server_data(complete("SELECT 1") + ready())
    assert session.answering is None


def test_a_batch_without_its_sync_keeps_a_transaction_open():
    session = begun(parse("", "SELECT 1") + bind("", "") + execute() + FLUSH)
    session.server_data(PARSED + BOUND + row() + complete("SELECT 1"))
    assert (session.running, session.idle) == (False, False)
    session.client_data(SYNC)
    session.server_data(ready())
    assert session.idle


def test_how_much_of_a_row_is_to_come():
    session, whole = begun(query("SELECT 1")), row(b"x" * 100)
    session.server_data(COLUMNS + whole[:60])
    assert session.rest_of_row == len(whole) - 60
    session.server_data(whole[60:])
    assert session.rest_of_row == 0


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_the_bytes_of_rows_are_added_up_however_they_arrive(size: int) -> None:
    rows = row() * 3 + row(b"a longer one")
    answer = (
        COLUMNS + row() * 3 + complete("SELECT 3") + COLUMNS + row(b"a longer one") + complete("SELECT 1") + ready()
    )
    session = new_session()
    session.client_data(query("a;b"))
    session.judged(Judgement("t"))
    actions = [one for at in range(0, len(answer), size) for one in session.server_data(answer[at : at + size])]
    assert [(one.rows, one.row_bytes) for one in actions if isinstance(one, Completed)] == [(4, len(rows))]


def test_what_came_before_an_error_counts_too() -> None:
    session = new_session()
    session.client_data(query("SELECT 1/0"))
    session.judged(Judgement("t"))
    actions = session.server_data(COLUMNS + row() + error("22012", "division by zero") + ready())
    assert [one.row_bytes for one in actions if isinstance(one, Completed)] == [len(row())]
