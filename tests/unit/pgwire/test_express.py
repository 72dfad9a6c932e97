"""The fast lane: what it takes, what it leaves to the other one, and that nobody could tell afterwards.

Random conversations through both lanes are in tests/property/test_pgwire_session.py.
"""

from __future__ import annotations

import pytest

from gateway.pgwire.actions import Completed, Judge, Judgement, ToClient, ToServer
from gateway.pgwire.express import MORE, NOT_HERE
from gateway.pgwire.guard import Guard
from gateway.pgwire.session import Session
from gateway.pgwire.strict import Approver
from tests.unit.pgwire import playbook as wire

TEXT = "SELECT n FROM t WHERE n = $1"
RUN = wire.bind("", "s", b"7") + wire.execute() + wire.SYNC
DESCRIBED = wire.bind("", "s", b"7") + wire.describe("P", "") + wire.execute() + wire.SYNC
OURS = wire.bind("", "gw_1", b"7")
ANSWER = wire.BOUND + wire.row() * 2 + wire.complete("SELECT 2")


def prepared(text: str = TEXT, name: str = "s", **judgement: object) -> Session:
    """A session with one statement that has been executed once."""
    session = wire.new_session()
    (judge,) = session.client_data(wire.parse(name, text) + wire.SYNC)
    assert isinstance(judge, Judge)
    session.judged(Judgement("first", **judgement))  # type: ignore[arg-type]
    session.server_data(wire.PARSED + wire.ready())
    (judge,) = [one for one in session.client_data(run(name)) if isinstance(one, Judge)]
    session.judged(Judgement("first", **judgement))  # type: ignore[arg-type]
    session.server_data(ANSWER)  # where it may be a COPY, only now the Sync goes on
    session.server_data(wire.ready())
    assert session.idle
    return session


def run(name: str) -> bytes:
    return wire.bind("", name, b"7") + wire.execute() + wire.SYNC


def test_a_known_statement_is_one_look_and_one_write():
    session = prepared()
    assert session.enter(RUN) == "first"
    assert session.waiting
    assert session.go("second", Guard.NONE, None) == OURS + wire.execute() + wire.SYNC
    assert session.rest() is None
    assert not session.waiting
    assert session.running
    assert session.answered(ANSWER + wire.ready()) == 2
    assert session.idle
    assert session.enter(DESCRIBED) == "second"
    assert session.go("third", Guard.NONE, None) == OURS + wire.describe("P", "") + wire.execute() + wire.SYNC
    assert session.answered(wire.BOUND + wire.COLUMNS) == MORE
    assert session.answered(wire.row() * 3) == MORE
    assert session.answered(wire.row() + wire.complete("SELECT 4") + wire.ready()) == 4
    assert session.idle


def test_the_unnamed_statement_goes_as_it_came():
    session = prepared(name="")
    assert session.enter(run("")) == "first"
    assert session.go("second", Guard.NONE, None) == run("")
    assert session.answered(wire.BOUND + wire.complete("UPDATE 5") + wire.ready()) == 5


def test_a_query_is_taken_as_a_text():
    session = wire.new_session()
    assert session.enter(wire.query("SELECT 1")) == "SELECT 1"
    assert session.go("t", Guard.NONE, None) == wire.query("SELECT 1")
    assert session.answered(wire.COLUMNS + wire.row() + wire.complete("SELECT 1") + wire.ready()) == 1
    assert session.enter(wire.query("SELECT 2")) == "SELECT 2"
    assert session.go("t", Guard.POSITIONS, "SELECT 3") == wire.query("SELECT 3")
    assert session.answered(wire.complete("SET") + wire.ready("T")) == 0
    assert not session.idle


@pytest.mark.parametrize(
    "chunk",
    [
        RUN[:-1],
        RUN + wire.FLUSH,
        RUN + RUN,
        wire.bind("", "s", b"7") + wire.execute("", 5) + wire.SYNC,
        wire.bind("p", "s", b"7") + wire.execute("p") + wire.SYNC,
        wire.bind("", "unknown") + wire.execute() + wire.SYNC,
        wire.bind("", "s", b"7") + wire.describe("S", "s") + wire.execute() + wire.SYNC,
        wire.bind("", "s", b"7") + wire.execute() + wire.FLUSH,
        wire.query("SELECT 1") + wire.SYNC,
        wire.query("SELECT 1")[:-1] + b"x",
        wire.query("SELECT \0 1"),
        wire.parse("x", "SELECT 1") + wire.SYNC,
        b"B\xff\xff\xff\xff" + RUN[5:],
        b"B" + RUN[1:8] + b"\xff" * (len(RUN) - 8),
        b"Q",
        wire.TERMINATE,
    ],
)
def test_what_is_not_exactly_that_is_left_alone(chunk: bytes):
    session = prepared()
    assert session.enter(chunk) is None
    assert not session.waiting


def test_a_bind_of_another_shape_is_a_protocol_error_of_the_other_lane():
    session = prepared()
    broken = bytearray(RUN)
    broken[12] = 0xFF  # more values than there are
    assert session.enter(bytes(broken)) is None


def test_only_a_session_at_rest():
    session = prepared()
    session.client_data(wire.FLUSH + wire.SYNC)
    assert session.enter(RUN) is None  # an answer is due
    session.server_data(wire.ready())
    session.client_data(RUN[:3])
    assert session.enter(RUN[3:]) is None  # the beginning came before
    assert isinstance(session.client_data(RUN[3:])[-1], Judge)
    assert session.enter(RUN) is None  # a judgement is awaited


def test_never_in_a_strict_session():
    class Nobody:
        def same(self, ticket: object, tree: str) -> bool:
            return True

        covers = same

    approver: Approver = Nobody()
    session = wire.new_session(approver=approver)
    assert session.enter(wire.query("SELECT 1")) is None


@pytest.mark.parametrize("text", ["COPY t TO STDOUT", "SELECT 'copy'"])
def test_a_copy_is_not_for_this_lane(text: str):
    """What follows it would be taken for data."""
    assert prepared(text).enter(RUN) is None


def test_the_first_execution_is_covered_by_the_entry_of_its_parse():
    session = wire.new_session()
    session.client_data(wire.parse("s", TEXT) + wire.SYNC)
    session.judged(Judgement("first"))
    session.server_data(wire.PARSED + wire.ready())
    assert session.enter(RUN) is None


def test_back_is_as_if_it_had_never_entered():
    session = prepared()
    session.enter(RUN)
    assert session.client_data(wire.query("SELECT 1")[:7]) == []  # more comes meanwhile
    actions = session.back()
    assert actions == [ToServer(OURS), Judge(TEXT, (), True, "first")]
    assert session.judged(Judgement(None, wire.DENIED)) == [ToServer(wire.execute("gw_2") + wire.SYNC)]


def test_what_came_meanwhile_follows():
    session = prepared()
    session.enter(RUN)
    assert session.client_data(RUN + wire.query("SELECT 1")) == []
    session.go("second", Guard.NONE, None)
    assert session.rest() == [ToServer(OURS), Judge(TEXT, (), True, "second")]
    assert [type(one) for one in session.judged(Judgement("third"))] == [ToServer, Judge]
    actions = session.server_data(ANSWER + wire.ready() + ANSWER + wire.ready())
    assert [one for one in actions if isinstance(one, Completed)] == [
        Completed("second", 2, "00000"),
        Completed("third", 2, "00000"),
    ]


@pytest.mark.parametrize("seen", range(4))
def test_another_answer_finds_the_ledger_as_it_would_have_been(seen: int):
    """An error at each place of the answer, with the names that the client knows."""
    parts = [wire.BOUND, wire.COLUMNS, wire.row()][:seen]
    session = prepared()
    session.enter(DESCRIBED)
    session.go("second", Guard.NONE, None)
    for part in parts:
        assert session.answered(part) == MORE
    refused = wire.error("22012", "no gw_1 here")
    assert session.answered(refused + wire.ready()) == NOT_HERE
    actions = session.server_data(refused + wire.ready())
    if seen == 0:
        assert b"no s here" in b"".join(one.data for one in actions if isinstance(one, ToClient))
    rows = 1 if seen == 3 else 0
    told = [Completed("second", rows, "22012")] if seen >= 2 else [Completed(None, 0, "22012")]
    assert [one for one in actions if isinstance(one, Completed)] == (told if seen >= 2 else [])
    assert session.idle


def test_a_query_that_fails_is_guarded_and_told():
    session = wire.new_session()
    session.enter(wire.query("SELECT 1"))
    session.go("t", Guard.WORDS, None)
    actions = session.server_data(wire.error("22012", "of +81 90") + wire.ready())
    assert Completed("t", 0, "22012") in actions
    assert not any(b"+81" in one.data for one in actions if isinstance(one, ToClient))


def test_a_row_that_is_cut_goes_the_other_way():
    session = prepared()
    session.enter(RUN)
    session.go("second", Guard.NONE, None)
    data = ANSWER + wire.ready()
    assert session.answered(data[:20]) == NOT_HERE
    through = session.server_data(data[:20])
    assert session.answered(data[20:]) == NOT_HERE
    through += session.server_data(data[20:])
    assert b"".join(one.data for one in through if isinstance(one, ToClient)) == data
    assert Completed("second", 2, "00000") in through


@pytest.mark.parametrize(
    "answer",
    [
        wire.setting("TimeZone", "UTC") + ANSWER + wire.ready(),
        wire.notice("n") + ANSWER + wire.ready(),
        wire.BOUND + wire.complete("DEALLOCATE ALL") + wire.ready(),
        wire.BOUND + wire.SUSPENDED + wire.ready(),
        wire.BOUND + wire.EMPTY + wire.ready(),
        ANSWER + wire.ready() + wire.ready(),
        ANSWER,
        ANSWER + wire.complete("SELECT 2") + wire.ready(),
        wire.row() + ANSWER + wire.ready(),
        wire.BOUND + b"D\0\0\0\x02",
    ],
)
def test_an_answer_that_is_anything_else_is_left_alone(answer: bytes):
    session = prepared()
    session.enter(RUN)
    session.go("second", Guard.NONE, None)
    assert session.answered(answer) == NOT_HERE
    assert session.running


def test_a_write_about_people_guards_until_the_transaction_ends():
    session = prepared()
    session.enter(RUN)
    session.go("second", Guard.WORDS | Guard.LASTING, None)
    assert session.answered(wire.BOUND + wire.complete("INSERT 0 1") + wire.ready("T")) == 1
    session.enter(wire.query("COMMIT"))
    session.go("t", Guard.NONE, None)
    actions = session.server_data(wire.error("23505", "of +81 90") + wire.ready())
    assert not any(b"+81" in one.data for one in actions if isinstance(one, ToClient))


def test_in_a_transaction_the_portal_lives_on():
    session = prepared()
    session.enter(RUN)
    session.go("second", Guard.NONE, None)
    assert session.answered(ANSWER + wire.ready("T")) == 2
    actions = session.client_data(wire.execute())
    assert actions == [Judge(TEXT, (), True, "second")]


def test_a_query_ends_the_unnamed_statement_and_portal():
    session = prepared(name="")
    session.enter(run(""))
    session.go("second", Guard.NONE, None)
    session.answered(ANSWER + wire.ready("T"))
    session.enter(wire.query("SELECT 1"))
    session.go("t", Guard.NONE, None)
    assert session.answered(wire.COLUMNS + wire.row() + wire.complete("SELECT 1") + wire.ready("T")) == 1
    assert session.enter(run("")) is None
    assert not any(isinstance(one, Judge) for one in session.client_data(wire.execute()))


def test_the_bytes_of_rows_are_those_of_the_last_answer_alone():
    session = prepared()
    for rows in (2, 5):
        session.enter(DESCRIBED)
        session.go("again", Guard.NONE, None)
        assert session.answered(wire.BOUND + wire.COLUMNS + wire.row()) == MORE
        end = wire.complete(f"SELECT {rows}") + wire.ready()
        assert session.answered(wire.row() * (rows - 1) + end) == rows
        assert session.answered_bytes == rows * len(wire.row())


def test_what_went_by_here_counts_where_the_other_lane_ends_it():
    session = prepared()
    session.enter(RUN)
    session.go("second", Guard.NONE, None)
    assert session.answered(wire.BOUND + wire.row() * 2) == MORE
    assert session.answered(wire.row()[:4]) == NOT_HERE
    actions = session.server_data(wire.row() + wire.complete("SELECT 3") + wire.ready())
    assert [(one.rows, one.row_bytes) for one in actions if isinstance(one, Completed)] == [(3, 3 * len(wire.row()))]
