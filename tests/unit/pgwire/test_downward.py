"""The server's messages: relayed chunk by chunk, and a server out of step ends the session."""

from __future__ import annotations

from struct import pack

import pytest

from gateway.errors import Reason
from gateway.pgwire import downward
from gateway.pgwire.actions import Close, Completed, Judge, Judgement, ToClient, ToServer
from gateway.pgwire.frames import encode
from tests.unit.pgwire.playbook import (
    BOUND,
    CLOSED,
    COLUMNS,
    DENIED,
    EMPTY,
    NO_DATA,
    PARAMETERS,
    PARSED,
    SUSPENDED,
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
    new_session,
    notice,
    parse,
    play,
    query,
    ready,
    row,
    setting,
    syntax_error,
)

OUT_OF_STEP = Close(Reason.MESSAGE_REFUSED, "the server's answers are out of step with the messages sent")
UNASKED = Close(Reason.MESSAGE_REFUSED, "the server sent a row nobody asked for")


def _asked(text: str = "SELECT 1"):
    return (
        Client(query(text)),
        Judge(text, (), executes=True),
        Judged("t"),
        ToServer(query(text)),
    )


# ------------------------------------------------------------------------------------------------------------ step


@pytest.mark.parametrize("answer", [PARSED, BOUND, CLOSED, SUSPENDED, EMPTY, NO_DATA, COLUMNS, PARAMETERS, ready()])
def test_an_answer_nobody_waits_for_ends_the_session(answer):
    play(Server(notice("hello") + answer), OUT_OF_STEP, ToClient(notice("hello")), Server(notice("hello")))


def test_a_completion_nobody_waits_for_ends_the_session():
    play(Server(complete("SELECT 1")), OUT_OF_STEP)


SENT = {
    "parse": (parse("", "SELECT 1"), "P", {"1"}),
    "bind": (bind("", "none"), "B", {"2"}),
    "describe": (describe("S", "none"), "D", {"t", "T", "n"}),
    "execute": (execute("none"), "E", {"D", "C", "s", "I"}),
    "close": (close("S", "none"), "C", {"3"}),
    "sync": (SYNC, "S", {"Z"}),
    "query": (query("SELECT 1"), "Q", {"T", "D", "C", "I", "s", "Z"}),
}
ANSWERS = {
    "1": PARSED,
    "2": BOUND,
    "3": CLOSED,
    "t": PARAMETERS,
    "T": COLUMNS,
    "n": NO_DATA,
    "D": row(),
    "C": complete("SELECT 1"),
    "s": SUSPENDED,
    "I": EMPTY,
    "Z": ready(),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("sent", SENT)
def test_each_message_has_its_own_answers_and_no_other(sent, answer):
    """One step for every pair of the table."""
    message, _, allowed = SENT[sent]
    session = new_session()
    if isinstance(session.client_data(message)[-1], Judge):
        session.judged(Judgement("t"))
    actions = session.server_data(ANSWERS[answer])
    ended = [one for one in actions if isinstance(one, Close)]
    if answer in allowed or (sent == "query" and answer == "n"):
        assert ended == []
        assert ToClient(ANSWERS[answer]) in actions
    else:
        assert [one.reason for one in ended] == [Reason.MESSAGE_REFUSED]
        assert not any(isinstance(one, ToClient) for one in actions)


@pytest.mark.parametrize("kind", sorted(set(range(256)) - set(b"123TntDCIsZENSGHdc")))
def test_a_message_without_an_entry_ends_the_session(kind):
    """COPY in both directions (W), notifications (A), authentication (R K) and function results (V) included."""
    refused = Close(Reason.MESSAGE_REFUSED, f"the server sent a message of type {chr(kind)!r}")
    play(*_asked(), Server(encode(bytes([kind]), b"body")), refused)


@pytest.mark.parametrize("kind", [b"G", b"H", b"d", b"c"])
@pytest.mark.parametrize("text", ["SELECT 1", "COPY t TO STDOUT"])
def test_copy_nobody_asked_for_ends_the_session(kind, text):
    session = new_session()
    session.client_data(query(text))
    session.judged(Judgement("t"))
    actions = session.server_data(encode(kind, b"\0\0\0"))
    ended = [one.reason for one in actions if isinstance(one, Close)]
    assert ended == ([] if text.startswith("COPY") and kind in (b"G", b"H") else [Reason.MESSAGE_REFUSED])


def test_copy_out_is_relayed_and_its_rows_are_the_tags():
    data = encode(b"H", b"\0\0\0") + encode(b"d", b"head\n") + encode(b"d", b"1\n") + encode(b"c")
    play(
        Client(query("COPY t TO STDOUT")),
        Judge("COPY t TO STDOUT", (), executes=True),
        Judged("t1"),
        ToServer(query("COPY t TO STDOUT")),
        Server(data + complete("COPY 1") + ready()),
        ToClient(data + complete("COPY 1") + ready()),
        Completed("t1", 1, "00000"),
    )


def test_rows_of_a_copy_that_fails_are_those_that_came():
    data = encode(b"H", b"\0\0\0") + encode(b"d", b"1\n") + encode(b"d", b"2\n") + error("22012", "division by zero")
    play(
        Client(query("COPY t TO STDOUT")),
        Judge("COPY t TO STDOUT", (), executes=True),
        Judged("t1"),
        ToServer(query("COPY t TO STDOUT")),
        Server(data + ready()),
        ToClient(data + ready()),
        Completed("t1", 2, "22012"),
    )


@pytest.mark.parametrize("answer", [COLUMNS, complete("SELECT 1"), EMPTY, ready(), row()])
def test_a_substitute_that_does_not_fail_ends_the_session(answer):
    play(
        Client(query("SELECT phone")),
        Judge("SELECT phone", (), executes=True),
        Judged(instead=DENIED),
        ToServer(query("gw_1")),
        Server(answer),
        UNASKED if answer == row() else OUT_OF_STEP,
    )


def test_a_row_when_only_a_sync_is_on_its_way():
    play(Client(SYNC), ToServer(SYNC), Server(row()), UNASKED)


# ---------------------------------------------------------------------------------------------------------- relaying


def test_notices_and_settings_may_come_at_any_time():
    extra = notice("a") + setting("application_name", "x") + setting("TimeZone", "Asia/Tokyo")
    answer = extra + COLUMNS + extra + row() + extra + complete("SELECT 1") + extra + ready() + extra
    play(*_asked(), Server(answer), Completed("t", 1, "00000"), ToClient(answer), splits=False)


def test_an_error_between_statements_is_the_servers_goodbye():
    gone = error("57P01", "terminating connection due to administrator command")
    play(Server(gone), ToClient(gone))


def test_an_error_at_sync_is_relayed_and_nothing_is_skipped():
    deferred = error("23503", "violates foreign key constraint")
    play(
        Client(SYNC),
        ToServer(SYNC),
        Server(deferred + ready()),
        ToClient(deferred + ready()),
        Client(query("SELECT 1")),
        Judge("SELECT 1", (), executes=True),
    )


def test_an_error_without_sqlstate_completes_as_internal():
    """PgBouncer CVE-2026-6666."""
    bare = encode(b"E", b"SERROR\0Mno code\0\0")
    play(*_asked(), Server(bare + ready()), Completed("t", 0, "XX000"), ToClient(bare + ready()))


def test_a_row_split_across_many_chunks_is_relayed_chunk_by_chunk():
    session = new_session()
    session.client_data(query("SELECT 1"))
    session.judged(Judgement("t"))
    big = row(b"x" * 3_000_000)
    relayed = []
    for at in range(0, len(big), 65_536):
        chunk = big[at : at + 65_536]
        (action,) = session.server_data(chunk)
        assert isinstance(action, ToClient)
        relayed.append(action.data)
        assert len(session._downward._tail) == 0  # rows are never gathered
    assert b"".join(relayed) == big
    assert session.server_data(complete("SELECT 1") + ready())[0] == Completed("t", 1, "00000")


def test_a_chunk_of_whole_rows_is_relayed_as_the_object_it_is():
    session = new_session()
    session.client_data(query("SELECT 1"))
    session.judged(Judgement("t"))
    (action,) = session.server_data(chunk := row() * 100)
    assert isinstance(action, ToClient)
    assert action.data == chunk


@pytest.mark.parametrize("kind", [b"N", b"E", b"T", b"x"])
def test_another_message_over_the_limit_ends_the_session_at_its_header(kind):
    play(
        *_asked(),
        Server(notice("before") + kind + pack("!I", downward.MAX_SERVER_MESSAGE_BYTES)),
        Close(Reason.MESSAGE_TOO_LARGE, "a message of the server is over the limit"),
        ToClient(notice("before")),
    )


@pytest.mark.parametrize("length", [0, 3])
@pytest.mark.parametrize("kind", [b"N", b"D", b"Z"])
def test_an_impossible_length_ends_the_session(kind, length):
    play(
        *_asked(),
        Server(kind + pack("!I", length) + bytes(4)),
        Close(Reason.MESSAGE_MALFORMED, "a message of the server has an impossible length"),
    )


# ------------------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_encoding", "SJIS"),
        ("standard_conforming_strings", "off"),
        ("search_path", "evil, public"),
        ("session_authorization", "postgres"),
        ("is_superuser", "on"),
    ],
)
def test_a_change_of_a_pinned_setting_ends_the_session_before_what_follows_is_relayed(name, value):
    play(
        *_asked(),
        Server(complete("SET") + setting(name, value) + ready()),
        Close(Reason.PINNED_SETTING_CHANGED, f"{name} changed"),
        ToClient(complete("SET")),
    )


def test_a_pinned_setting_said_again_is_no_change():
    same = setting("client_encoding", "UTF8") + setting("standard_conforming_strings", "on")
    play(*_asked("RESET ALL"), Server(same), ToClient(same))


# ----------------------------------------------------------------------------------------------------------- rewording


def test_only_the_fields_of_the_denial_are_said():
    provoked = error("42601", 'syntax error at or near "gw_1"', H="look at gw_1", D="near gw_1")
    play(
        Client(query("SELECT phone")),
        Judge("SELECT phone", (), executes=True),
        Judged(instead=DENIED),
        ToServer(query("gw_1")),
        Server(provoked),
        ToClient(encode(b"E", b"SERROR\0VERROR\0C42501\0Mnot for you\0Drule r1\0Hdecision d-1\0\0")),
    )


def test_an_error_that_quotes_the_nonce_of_another_statement_is_not_taken_for_a_denial():
    play(
        *_asked("SELECT 'gw_1'"),
        Server(syntax_error("gw_1") + ready()),
        Completed("t", 0, "42601"),
        ToClient(syntax_error("gw_1") + ready()),
    )


@pytest.mark.parametrize(
    ("tag", "sent", "rows"),
    [
        ("SELECT 5", 5, 5),
        ("INSERT 0 7", 0, 7),
        ("UPDATE 3", 0, 3),
        ("DELETE 3", 3, 3),
        ("MERGE 2", 0, 2),
        ("FETCH 4", 4, 4),
        ("BEGIN", 0, 0),
        ("EXPLAIN", 6, 6),
        ("SELECT 1", 9, 9),
        ("INSERT 0 " + "9" * 5000, 2, 2),
        ("", 1, 1),
    ],
)
def test_rows_of_a_completion(tag, sent, rows):
    answer = row() * sent + complete(tag) + ready()
    play(*_asked(), Server(answer), Completed("t", rows, "00000"), ToClient(answer), splits=len(answer) < 1000)


def test_a_suspended_portal_reports_what_flowed_each_time():
    session = new_session()
    session.client_data(parse("", "SELECT 1"))
    session.judged(Judgement("t"))
    session.client_data(bind("", "") + execute("", 2))
    session.judged(Judgement("t"))
    session.client_data(execute("", 2))
    session.judged(Judgement("u"))
    actions = session.server_data(PARSED + BOUND + row() * 2 + SUSPENDED + row() + complete("SELECT 1"))
    assert actions[:2] == [Completed("t", 2, "00000"), Completed("u", 1, "00000")]
