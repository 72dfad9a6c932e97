"""Strict sessions by playbook: asked, hidden, compared. Notices are as servers 15 and 18 wrote them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.errors import PolicyUnavailable, Reason
from gateway.pgwire.actions import Analysed, Close, Completed, Judge, Judgement, ToClient, ToServer
from gateway.pgwire.frames import encode
from tests.unit.pgwire.playbook import (
    BOUND,
    CLOSED,
    COLUMNS,
    DENIED,
    FLUSH,
    PARAMETERS,
    PARSED,
    SYNC,
    Asked,
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
    notice,
    parse,
    play,
    query,
    ready,
    row,
    syntax_error,
    words,
)


@dataclass(frozen=True)
class Approves:
    """A ticket is the tree that was judged; ``x+`` covers x."""

    def same(self, ticket: object, tree: str) -> bool:
        return ticket == tree

    def covers(self, ticket: object, tree: str) -> bool:
        return ticket in (tree, f"{tree}+")


def tree(text: str = "A") -> bytes:
    """As print.c writes it."""
    fields = ("SLOG", "VLOG", "C00000", "Mrewritten parse tree:", f"D{text}", "Fprint.c", "L83", "Relog_node_display")
    return encode(b"N", b"".join(field.encode() + b"\0" for field in fields) + b"\0")


def strict(*script: object, **options: object) -> None:
    play(*script, approver=Approves(), **options)  # type: ignore[arg-type]


CHANGED = words(
    {
        "S": "ERROR",
        "V": "ERROR",
        "C": "0A000",
        "M": "cached plan must not change result type",
        "D": "What this statement means has changed since it was prepared.",
        "H": "Prepare it again.",
        "R": "RevalidateCachedQuery",
    }
)
SELECT = "SELECT 1"
QUESTION = (Client(query(SELECT)), Judge(SELECT, (), True), Asked(SELECT), ToServer(parse("", SELECT) + FLUSH))
PREPARED = (  # under gw_1, with the ticket A
    Client(parse("s", SELECT)),
    Judge(SELECT, (), False),
    Asked(SELECT),
    ToServer(parse("gw_1", SELECT) + FLUSH),
    Server(tree() + PARSED),
    Analysed(("A",), None, False),
    Judged("A"),
    ToClient(PARSED),
)


def test_a_query_is_asked_about_in_the_transaction_that_runs_it():
    strict(
        *QUESTION,
        Server(tree() + PARSED),
        Analysed(("A",), None, False),
        Judged("A"),
        ToServer(query(SELECT)),
        Server(tree() + COLUMNS + row() + complete("SELECT 1") + ready()),
        ToClient(COLUMNS + row() + complete("SELECT 1") + ready()),
        Completed("A", 1, "00000"),
    )


def test_several_statements_are_asked_about_one_by_one():
    both = "SELECT 1; SELECT 2"
    strict(
        Client(query(both)),
        Judge(both, (), True),
        Asked("SELECT 1"),
        ToServer(parse("", "SELECT 1") + FLUSH),
        Server(tree() + PARSED),
        Analysed(("A",), None, False),
        Asked(" SELECT 2"),
        ToServer(parse("", " SELECT 2") + FLUSH),
        Server(tree("B") + PARSED),
        Analysed(("B",), None, False),
        Judged("A+"),
        ToServer(query(both)),
        Server(tree() + row() + complete("SELECT 1") + tree() + row() + complete("SELECT 1") + ready()),
        ToClient((row() + complete("SELECT 1")) * 2 + ready()),
        Completed("A+", 2, "00000"),
    )


def test_a_denied_query_is_substituted():
    strict(
        *QUESTION,
        Server(tree() + PARSED),
        Analysed(("A",), None, False),
        Judged(instead=DENIED),
        ToServer(query("gw_1")),
        Server(syntax_error("gw_1") + ready()),
        ToClient(words(DENIED) + ready()),
    )


def test_a_complaint_about_a_query_is_its_answer():
    """The server ignores everything up to Sync: one of ours, whose answer ends the Query."""
    fields = {"S": "ERROR", "V": "ERROR", "C": "42703", "M": "no such column", "P": "1", "R": "scanner_yyerror"}
    strict(
        *QUESTION,
        Server(error("42703", "no such column")),
        Analysed((), fields, False),
        Judged(instead=DENIED),
        ToClient(words(DENIED)),
        ToServer(SYNC),
        Server(ready("E")),
        ToClient(ready("E")),
        Client(query(SELECT)),
        Judge(SELECT, (), True),
    )


def test_nothing_of_what_is_not_approved_comes_out():
    strict(
        *QUESTION,
        Server(tree() + PARSED),
        Analysed(("A",), None, False),
        Judged("A"),
        ToServer(query(SELECT)),
        Server(tree() + COLUMNS + row() + tree("nested") + row() + complete("SELECT 2") + ready()),
        ToClient(COLUMNS + row()),
        Close(Reason.MEANING_CHANGED, "what runs is not what was judged"),
    )


def test_what_a_client_would_not_hear_it_does_not_hear():
    hidden = encode(b"N", b"SPROTOKOLL\0VLOG\0C00000\0Mduration: 1 ms\0\0") + encode(b"N", b"SDEBUG\0VDEBUG1\0Mx\0\0")
    shown = notice("hello") + encode(b"N", b"SINFO\0VINFO\0C00000\0Mx\0\0")
    strict(Server(hidden + shown + hidden), ToClient(shown))


def test_a_session_that_is_not_strict_hears_everything():
    play(Server(tree()), ToClient(tree()))


def test_a_parse_that_is_asked_about_is_there_already():
    strict(
        *PREPARED,
        Client(bind("", "s") + execute() + SYNC),
        ToServer(bind("", "gw_1") + FLUSH),
        Server(BOUND),
        ToClient(BOUND),
        Judge(SELECT, (), True, "A", True),
        Judged("A"),
        ToServer(execute() + SYNC),
        Server(row() + complete("SELECT 1") + ready()),
        ToClient(row() + complete("SELECT 1") + ready()),
        Completed("A", 1, "00000"),
    )


@pytest.mark.parametrize("name", ["", "s"])
def test_a_denied_parse_leaves_nothing_at_the_server(name: str):
    own = name and "gw_1"
    gone = close("S", own) if name else b""
    strict(
        Client(parse(name, SELECT)),
        Judge(SELECT, (), False),
        Asked(SELECT),
        ToServer(parse(own, SELECT) + FLUSH),
        Server(tree() + PARSED),
        Analysed(("A",), None, False),
        Judged(instead=DENIED),
        ToServer(gone + parse("gw_3" if name else "", "gw_2" if name else "gw_1")),
        Server((CLOSED if name else b"") + syntax_error("gw_2" if name else "gw_1")),
        ToClient(words(DENIED)),
        Client(bind("", name) + SYNC),
        ToServer(SYNC),
        Server(ready()),
        ToClient(ready()),
        Client(bind("", name)),
        ToServer(bind("", "gw_4" if name else "gw_2")),
    )


def test_a_complaint_about_a_parse_is_its_answer():
    strict(
        Client(parse("", SELECT) + bind("", "") + execute() + SYNC),
        Judge(SELECT, (), False),
        Asked(SELECT),
        ToServer(parse("", SELECT) + FLUSH),
        Server(error("42703", "?")),
        Analysed((), {"S": "ERROR", "V": "ERROR", "C": "42703", "M": "?", "P": "1", "R": "scanner_yyerror"}, False),
        Judged(instead=DENIED),
        ToClient(words(DENIED)),
        ToServer(SYNC),
        Server(ready()),
        ToClient(ready()),
    )


def test_what_stands_for_a_text_is_asked_about_under_a_name_of_its_own():
    text = "EXPLAIN SELECT 1"
    strict(
        Client(parse("", text)),
        Judge(text, (), False),
        Asked(" SELECT 1"),
        ToServer(parse("gw_1", " SELECT 1") + close("S", "gw_1") + FLUSH),
        Server(tree() + PARSED + CLOSED),
        Analysed(("A",), None, False),
        Judged("utility"),
        ToServer(parse("", text)),
        Server(tree("utility") + PARSED),
        ToClient(PARSED),
    )


def test_a_tree_at_bind_is_judged_before_execute():
    strict(
        *PREPARED,
        Client(bind("", "s") + execute() + SYNC),
        ToServer(bind("", "gw_1") + FLUSH),
        Server(tree("B") + BOUND),
        ToClient(BOUND),
        Judge(SELECT, (), True, None, True),
        Asked(SELECT),
        ToServer(parse("gw_2", SELECT) + close("S", "gw_2") + FLUSH),
        Server(tree("B") + PARSED + CLOSED),
        Analysed(("B",), None, False),
        Judged("B"),
        ToServer(execute() + SYNC),
        Server(row() + complete("SELECT 1") + ready()),
        ToClient(row() + complete("SELECT 1") + ready()),
        Completed("B", 1, "00000"),
    )


def test_a_tree_at_bind_that_is_not_the_one_judged_then():
    """A plan was made of something else than is asked about now: it does not run."""
    strict(
        *PREPARED,
        Client(bind("", "s") + execute() + SYNC),
        ToServer(bind("", "gw_1") + FLUSH),
        Server(tree("B") + BOUND),
        ToClient(BOUND),
        Judge(SELECT, (), True, None, True),
        Judged("A"),
        ToServer(execute("gw_2") + SYNC),
        Completed("A", 0, "0A000"),
        Server(error("34000", 'portal "gw_2" does not exist') + ready()),
        ToClient(CHANGED + ready()),
    )


def test_a_tree_at_describe_is_judged_before_execute_and_the_old_one_is_good_again():
    strict(
        *PREPARED,
        Client(describe("S", "s") + bind("", "s") + SYNC),
        ToServer(describe("S", "gw_1") + bind("", "gw_1") + SYNC),
        Server(PARAMETERS + tree("B") + COLUMNS + BOUND + ready()),
        ToClient(PARAMETERS + COLUMNS + BOUND + ready()),
        Client(bind("", "s") + execute()),
        ToServer(bind("", "gw_1") + FLUSH),
        Server(tree("A") + BOUND),
        ToClient(BOUND),
        Judge(SELECT, (), True, "A", True),
    )


def test_a_tree_at_sync_belongs_to_no_statement():
    strict(
        Client(SYNC),
        ToServer(SYNC),
        Server(tree("None")),
        Close(Reason.MEANING_CHANGED, "what runs is not what was judged"),
    )


def test_a_tree_over_the_limit_is_not_kept():
    strict(
        *QUESTION,
        Server(tree("x" * 101) + tree() + PARSED),
        Analysed((), None, True),
        tree_bytes=100,
    )


def test_what_is_judged_waits_for_everything_before_it():
    strict(
        Client(SYNC + query(SELECT)),
        ToServer(SYNC + FLUSH),
        Server(ready()),
        ToClient(ready()),
        Judge(SELECT, (), True),
    )


def test_a_session_can_be_asked_only_while_it_waits_for_a_judgement():
    def refused(session: object) -> None:
        with pytest.raises(PolicyUnavailable):
            session.ask(SELECT, ())  # type: ignore[attr-defined]

    refused(new_session())
    session = new_session(approver=Approves())
    refused(session)
    session.client_data(query(SELECT))
    session.ask(SELECT, ())
    session.server_data(error("42703", "?"))
    refused(session)  # the server would not hear
    session.judged(Judgement(None, DENIED))
    refused(session)
