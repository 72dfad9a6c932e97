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
    words,
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


@pytest.mark.parametrize("severity", ["FATAL", "PANIC", "ERROR"])
def test_the_servers_own_farewell_is_known(severity):
    said = words({"S": severity, "V": severity, "C": "57P01", "M": "terminating connection"})
    between = play(Server(said), ToClient(said))
    within = play(*_asked(), Server(said), ToClient(said), Completed("t", 0, "57P01"))
    assert between.farewell is within.farewell is (severity != "ERROR")


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


class Looker:
    """Looks at rows, whole or not."""

    def __init__(self, whole: bool) -> None:
        self.whole = whole
        self.seen: list[bytes] = []
        self.cut = 0

    def rows(self, data: bytes, start: int, counted: int) -> None:
        for _ in range(counted):
            end = start + 1 + int.from_bytes(data[start + 1 : start + 5], "big")
            if end > len(data):
                self.cut += 1
            else:
                self.seen.append(data[start:end])
            start = end


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("step", [1, 2, 7, 64, 4096])
def test_rows_that_somebody_looks_at_are_all_seen_and_none_is_changed(whole, step):
    looker = Looker(whole)
    session = new_session()
    assert session.client_data(query("SELECT id")) == [Judge("SELECT id", (), executes=True)]
    session.judged(Judgement("t", watch=looker))
    every = [row(b"%d" % number + b"x" * number) for number in range(60)]
    data = COLUMNS + b"".join(every) + complete("SELECT 60") + ready()
    actions = [one for at in range(0, len(data), step) for one in session.server_data(data[at : at + step])]
    assert b"".join(one.data for one in actions if isinstance(one, ToClient)) == data
    assert [one for one in actions if isinstance(one, Completed)] == [Completed("t", 60, "00000")]
    assert len(looker.seen) + looker.cut == 60
    if whole:
        assert looker.seen == every


def test_a_row_too_long_to_be_gathered_is_relayed_unseen():
    looker = Looker(True)
    session = new_session()
    session.client_data(query("SELECT id"))
    session.judged(Judgement("t", watch=looker))
    long = row(b"x" * 70_000)
    first = session.server_data(COLUMNS + long[:1000])
    assert sum(len(one.data) for one in first if isinstance(one, ToClient)) == len(COLUMNS) + 1000
    assert (looker.cut, looker.seen) == (1, [])


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


# ----------------------------------------------------------------------------------------------------------- guarded

LEAK = "+81-90-5550-0001"
UNIQUE = error(
    "23505", f"duplicate key {LEAK}", D=f"Key (phone)=({LEAK}) already exists.", t="users", n="users_phone_key"
)
UNIQUE_SAID = words(
    {"S": "ERROR", "V": "ERROR", "C": "23505", "M": "unique violation", "P": "1", "t": "users", "n": "users_phone_key"}
)
RAISED = encode(b"N", f"SNOTICE\0VNOTICE\0C00000\0Mphone is {LEAK}\0WPL/pgSQL function\0\0".encode())
RAISED_SAID = encode(b"N", b"SNOTICE\0VNOTICE\0C00000\0Msuccessful completion\0\0")
PLAIN = error("22012", "division by zero", W=f"of {LEAK}")
PLAIN_SAID = words({"S": "ERROR", "V": "ERROR", "C": "22012", "M": "division by zero", "P": "1"})


def _query(text: str, judged: Judged):
    return Client(query(text)), Judge(text, (), executes=True), judged, ToServer(query(judged.text or text))


READ, WRITE = Judged("t", guarded=True), Judged("t", guarded=True, lasting=True)


def test_errors_and_notices_of_a_guarded_statement_lose_what_may_quote_data():
    play(
        *_query("SELECT phone::int FROM users", READ),
        Server(RAISED + COLUMNS + RAISED + row() + UNIQUE + RAISED + ready()),
        ToClient(RAISED_SAID + COLUMNS + RAISED_SAID + row() + UNIQUE_SAID + RAISED_SAID + ready()),
        Completed("t", 1, "23505"),
        *_query("SELECT 1/0", Judged("u")),
        Server(RAISED + PLAIN + ready()),
        ToClient(RAISED + PLAIN + ready()),
        Completed("u", 0, "22012"),
    )


def test_in_the_extended_protocol_each_message_of_a_guarded_statement_is_guarded():
    """An error at Bind quotes a parameter, one of the planner values of the statistics."""
    for failing, (before, after) in enumerate([("", "BDE"), ("1", "DE"), ("12", "E"), ("12n", "")]):
        session = new_session()
        session.client_data(parse("s", "SELECT phone::int FROM users"))
        session.judged(Judgement("t", guarded=True))
        session.client_data(bind("p", "s") + describe("P", "p") + execute("p") + SYNC)
        session.judged(Judgement("t", guarded=True))
        answers = b"".join({"1": PARSED, "2": BOUND, "n": NO_DATA}[one] for one in before)
        actions = session.server_data(answers + RAISED + UNIQUE + ready())
        assert ToClient(answers + RAISED_SAID + UNIQUE_SAID + ready()) in actions, (failing, after)


def test_a_prepared_statement_and_its_portals_stay_guarded():
    session = new_session()
    session.client_data(parse("s", "SELECT phone::int FROM users") + SYNC)
    session.judged(Judgement("t", guarded=True))
    session.server_data(PARSED + ready())
    for sent in (describe("S", "s"), bind("", "s"), bind("p", "s") + close("P", "p"), close("S", "s")):
        session.client_data(sent + SYNC)
        actions = session.server_data((BOUND if b"p\0s" in sent else b"") + UNIQUE + ready())
        assert ToClient((BOUND if b"p\0s" in sent else b"") + UNIQUE_SAID + ready()) in actions, sent


def test_what_was_decided_last_counts():
    session = new_session()
    session.client_data(parse("s", "SELECT phone::int FROM users") + SYNC)
    session.judged(Judgement("t"))
    session.server_data(PARSED + ready())
    session.client_data(bind("", "s") + execute() + SYNC)
    session.judged(Judgement("t", guarded=True))  # its table has a label now
    assert ToClient(BOUND + UNIQUE_SAID + ready()) in session.server_data(BOUND + UNIQUE + ready())
    session.client_data(bind("", "s") + SYNC)
    assert ToClient(UNIQUE_SAID + ready()) in session.server_data(UNIQUE + ready())


def test_in_a_pipeline_only_the_guarded_statement_is_guarded():
    play(
        Client(query("SELECT phone FROM users") + query("SELECT 1/0")),
        Judge("SELECT phone FROM users", (), executes=True),
        READ,
        ToServer(query("SELECT phone FROM users")),
        Judge("SELECT 1/0", (), executes=True),
        Judged("u"),
        ToServer(query("SELECT 1/0")),
        Server(RAISED + UNIQUE + ready() + RAISED + PLAIN + ready() + RAISED),
        Completed("t", 0, "23505"),
        Completed("u", 0, "22012"),
        ToClient(RAISED_SAID + UNIQUE_SAID + ready() + RAISED + PLAIN + ready() + RAISED),
    )


def test_a_denial_keeps_its_words_beside_guarded_statements():
    play(
        *_query("UPDATE users SET name = 'n'", WRITE),
        Server(complete("UPDATE 1") + ready("T")),
        Completed("t", 1, "00000"),
        ToClient(complete("UPDATE 1") + ready("T")),
        Client(query("SELECT body FROM messages")),
        Judge("SELECT body FROM messages", (), executes=True),
        Judged(instead=DENIED),
        ToServer(query("gw_1")),
        Server(syntax_error("gw_1") + ready("E")),
        ToClient(words(DENIED) + ready("E")),
    )


def test_after_a_guarded_write_everything_is_guarded_until_the_transaction_ends():
    """A deferred constraint is checked at COMMIT, which is no statement about people."""
    play(
        *_query("UPDATE users SET phone = 'x'", WRITE),
        Server(complete("UPDATE 1") + ready("T")),
        Completed("t", 1, "00000"),
        ToClient(complete("UPDATE 1") + ready("T")),
        *_query("ROLLBACK TO a", Judged("s")),
        Server(complete("ROLLBACK") + ready("T")),
        Completed("s", 0, "00000"),
        ToClient(complete("ROLLBACK") + ready("T")),
        *_query("COMMIT", Judged("u")),
        Server(RAISED + UNIQUE + ready("I")),
        Completed("u", 0, "23505"),
        ToClient(RAISED_SAID + UNIQUE_SAID + ready("I")),
        *_query("SELECT 1/0", Judged("v")),
        Server(PLAIN + RAISED + ready("I")),
        Completed("v", 0, "22012"),
        ToClient(PLAIN + RAISED + ready("I")),
    )


@pytest.mark.parametrize("status", ["T", "E"])
def test_a_guarded_write_may_be_anywhere_in_a_query(status):
    """BEGIN; UPDATE …; SAVEPOINT a; SELECT 1/0 fails, and ROLLBACK TO a brings the transaction back."""
    session = new_session()
    session.client_data(query("BEGIN; UPDATE …"))
    session.judged(Judgement("t", guarded=True, lasting=True))
    session.server_data(complete("BEGIN") + (PLAIN if status == "E" else complete("UPDATE 1")) + ready(status))
    session.client_data(query("COMMIT"))
    session.judged(Judgement("u"))
    assert ToClient(UNIQUE_SAID + ready()) in session.server_data(UNIQUE + ready())


def test_after_a_guarded_read_the_rest_of_the_transaction_keeps_its_words():
    play(
        *_query("SELECT phone FROM users", READ),
        Server(complete("SELECT 0") + ready("T")),
        Completed("t", 0, "00000"),
        ToClient(complete("SELECT 0") + ready("T")),
        *_query("SELECT 1/0", Judged("u")),
        Server(PLAIN + ready("E")),
        Completed("u", 0, "22012"),
        ToClient(PLAIN + ready("E")),
    )


def _executed(session, judgement: Judgement, text: str = "UPDATE users SET phone = 'x'") -> None:
    session.client_data(parse("", text))
    session.judged(judgement)
    session.client_data(bind("", "") + execute())
    session.judged(judgement)


def test_a_guarded_write_is_checked_at_sync():
    session = new_session()
    _executed(session, Judgement("t", guarded=True, lasting=True))
    session.client_data(SYNC)
    before = PARSED + BOUND + complete("UPDATE 1")
    assert ToClient(before + RAISED_SAID + UNIQUE_SAID + ready()) in session.server_data(
        before + RAISED + UNIQUE + ready()
    )
    session.client_data(SYNC)
    assert ToClient(PLAIN + ready()) in session.server_data(PLAIN + ready())


def test_a_sync_before_a_guarded_write_does_not_unguard_what_follows_it():
    """Both are on their way when the first ReadyForQuery says that no transaction is open."""
    session = new_session()
    session.client_data(SYNC)
    _executed(session, Judgement("t", guarded=True, lasting=True))
    _executed(session, Judgement("u"), "SELECT 1")
    session.client_data(SYNC)
    before = ready("I") + PARSED + BOUND + SUSPENDED
    assert ToClient(before + UNIQUE_SAID + ready()) in session.server_data(before + UNIQUE + ready())


def test_a_guarded_write_that_failed_leaves_nothing_to_guard():
    session = new_session()
    session.client_data(query("BEGIN"))
    session.judged(Judgement("b"))
    _executed(session, Judgement("t", guarded=True, lasting=True))
    session.client_data(SYNC + query("SELECT 1"))
    session.judged(Judgement("u"))
    aborted = error("25P02", "current transaction is aborted, commands ignored until end of transaction block")
    answer = complete("BEGIN") + ready("T") + PARSED + BOUND + UNIQUE + ready("E") + aborted + ready("E")
    assert ToClient(answer.replace(UNIQUE, UNIQUE_SAID)) in session.server_data(answer)


def test_the_servers_goodbye_within_a_guarded_transaction_is_guarded():
    play(
        *_query("UPDATE users SET phone = 'x'", WRITE),
        Server(complete("UPDATE 1") + ready("T") + error("57P01", LEAK) + RAISED),
        Completed("t", 1, "00000"),
        ToClient(
            complete("UPDATE 1")
            + ready("T")
            + words({"S": "ERROR", "V": "ERROR", "C": "57P01", "M": "admin shutdown", "P": "1"})
            + RAISED_SAID
        ),
    )


def test_copy_of_a_bad_row_is_guarded():
    text = "COPY users FROM STDIN"
    asked = encode(b"G", b"\0\0\0")
    bad = error("22P02", f"invalid input {LEAK}", W=f"COPY users, line 1, column id: {LEAK}", c="id")
    said = words({"S": "ERROR", "V": "ERROR", "C": "22P02", "M": "invalid text representation", "P": "1", "c": "id"})
    play(
        *_query(text, WRITE),
        Server(asked),
        ToClient(asked),
        Client(encode(b"d", b"x\n") + encode(b"c")),
        ToServer(encode(b"d", b"x\n") + encode(b"c")),
        Server(bad + ready()),
        Completed("t", 0, "22P02"),
        ToClient(said + ready()),
    )


def test_a_malformed_error_of_a_guarded_statement_becomes_the_smallest_one():
    play(
        *_query("SELECT phone FROM users", READ),
        Server(encode(b"E", f"M{LEAK}".encode()) + ready()),
        Completed("t", 0, "XX000"),
        ToClient(words({"S": "ERROR", "V": "ERROR", "C": "XX000", "M": "internal error"}) + ready()),
    )


def test_positions_in_a_text_that_the_client_did_not_write_go():
    """And names of ours become the client's, as in every error that keeps its words."""
    whole = error("22012", "division by zero in gw_1", p="9", q="SELECT 1/0", H="hint")
    fields = {
        "S": "ERROR",
        "V": "ERROR",
        "C": "22012",
        "M": "division by zero in s",
        "H": "hint",
        "R": "scanner_yyerror",
    }
    session = new_session()
    session.client_data(parse("s", "SELECT 1/n FROM t") + SYNC)
    session.judged(Judgement("t", text="SELECT 1/n FROM (SELECT NULL::int AS n FROM t) t"))
    assert ToClient(words(fields) + ready()) in session.server_data(whole + ready())
    play(
        *_query("SELECT 1", Judged("t", text="SELECT 1 LIMIT 5")),
        Server(whole + ready()),
        Completed("t", 0, "22012"),
        ToClient(words({**fields, "M": "division by zero in gw_1"}) + ready()),
    )
