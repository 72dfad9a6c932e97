"""A session whose search_path is moved, by playbook: what waits, what is asked, what becomes of the answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Reason
from gateway.pgwire.actions import Close, Completed, Judge, ToClient, ToServer
from gateway.search_path import PathDeed, PathState
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
    error,
    execute,
    parse,
    play,
    query,
    ready,
    row,
    setting,
)

SET = "SET search_path = b"


def question(statement: int, ending: bytes = SYNC) -> ToServer:
    """What the server is asked, under two names of ours."""
    own, portal = f"gw_{statement}", f"gw_{statement + 1}"
    asked = parse(own, "SHOW search_path") + bind(portal, own) + execute(portal)
    return ToServer(asked + close("P", portal) + close("S", own) + ending)


def answer(path: str, ending: bytes | None = None) -> Server:
    said = PARSED + BOUND + row(path.encode()) + complete("SHOW") + CLOSED + CLOSED
    return Server(said + (ready() if ending is None else ending))


def judge(text: str, executes: bool = True, path: str | None = None, *rest: Any, settled: bool = True) -> Judge:
    state = PathState.SETTLED if settled else PathState.OPEN
    return replace(Judge(text, (), executes, *rest), path=path, path_state=state)


MOVING = (
    Client(query(SET)),
    judge(SET),
    Judged("t", path=PathDeed.SETS),
    ToServer(query(SET)),
    Server(complete("SET") + ready()),
    Completed("t", 0, "00000"),
    ToClient(complete("SET") + ready()),
)


def test_outside_a_transaction_it_is_asked_once_and_settled():
    play(
        *MOVING,
        Client(query("A")),
        question(1),
        answer("b"),
        judge("A", path="b"),
        Judged("u"),
        ToServer(query("A")),
        Server(complete("SELECT 0") + ready()),
        Completed("u", 0, "00000"),
        ToClient(complete("SELECT 0") + ready()),
        Client(query("B")),
        judge("B", path="b"),
    )


def test_back_where_the_session_began_nothing_is_said_of_it():
    play(*MOVING, Client(query("A")), question(1), answer("public"), judge("A"))


def test_in_a_transaction_it_stays_open_until_its_end_is_seen():
    play(
        *MOVING[:4],
        Server(complete("SET") + ready("T")),
        Completed("t", 0, "00000"),
        ToClient(complete("SET") + ready("T")),
        Client(query("A")),
        question(1),
        answer("b", ready("T")),
        judge("A", path="b", settled=False),
        Judged("u"),
        ToServer(query("A")),
        Server(complete("SELECT 0") + ready("T")),
        Completed("u", 0, "00000"),
        ToClient(complete("SELECT 0") + ready("T")),
        Client(query("ROLLBACK")),
        judge("ROLLBACK", path="b", settled=False),
        Judged("v", path=PathDeed.ENDS),
        ToServer(query("ROLLBACK")),
        Server(complete("ROLLBACK") + ready()),
        Completed("v", 0, "00000"),
        ToClient(complete("ROLLBACK") + ready()),
        Client(query("B")),
        question(3),
        answer("public"),
        judge("B"),
        splits=False,
    )


def test_the_end_of_a_transaction_that_did_not_touch_it_asks_nothing():
    play(
        Client(query("COMMIT")),
        judge("COMMIT"),
        Judged("t", path=PathDeed.ENDS),
        ToServer(query("COMMIT")),
        Server(complete("COMMIT") + ready()),
        Completed("t", 0, "00000"),
        ToClient(complete("COMMIT") + ready()),
        Client(query("A")),
        judge("A"),
    )


def test_within_a_batch_it_is_asked_without_ending_it():
    play(
        Client(parse("", SET) + bind("", "") + execute() + parse("", "A")),
        judge(SET, executes=False),
        Judged("t", path=PathDeed.SETS),
        ToServer(parse("", SET) + bind("", "")),
        judge(SET, True, None, "t", True),
        Judged("t", path=PathDeed.SETS),
        ToServer(execute() + FLUSH),
        Server(PARSED + BOUND + complete("SET")),
        Completed("t", 0, "00000"),
        ToClient(PARSED + BOUND + complete("SET")),
        question(1, FLUSH),
        answer("b", b""),
        judge("A", executes=False, path="b", settled=False),
        splits=False,
    )


def test_what_was_prepared_under_another_path_is_judged_before_it_is_bound():
    play(
        Client(parse("s", "A")),
        judge("A", executes=False),
        Judged("t"),
        ToServer(parse("gw_1", "A")),
        Server(PARSED),
        ToClient(PARSED),
        *MOVING,
        Client(bind("", "s")),
        question(2),
        answer("b"),
        judge("A", executes=False, path="b"),
        Judged(None, {"S": "ERROR", "V": "ERROR", "C": "42501", "M": "no"}),
        ToServer(bind("", "gw_4")),
        splits=False,
    )


def test_in_a_failed_transaction_nobody_is_asked():
    play(
        *MOVING[:4],
        Server(error("22012", "division by zero") + ready("E")),
        Completed("t", 0, "22012"),
        ToClient(error("22012", "division by zero") + ready("E")),
        Client(query("ROLLBACK")),
        judge("ROLLBACK", settled=False),
        splits=False,
    )


@pytest.mark.parametrize(
    "said",
    [
        PARSED + BOUND + complete("SHOW") + CLOSED + CLOSED + ready(),
        PARSED + BOUND + row(b"a") + row(b"b"),
        PARSED + BOUND + row(b"a")[:-1],
        error("57014", "canceling statement due to user request"),
    ],
    ids=["no row", "two rows", "half a row", "an error"],
)
def test_who_cannot_be_asked_is_not_served(said):
    session = play(*MOVING, Client(query("A")), question(1), splits=False)
    actions = session.server_data(said)
    if said.endswith(row(b"a")[:-1]):
        actions += session.server_data(b"b" + row(b"c"))
    assert [type(one) for one in actions if not isinstance(one, ToClient)] == [Close]
    (ended,) = (one for one in actions if isinstance(one, Close))
    assert ended.reason in (Reason.PINNED_SETTING_CHANGED, Reason.MESSAGE_REFUSED)


def test_a_report_of_the_server_is_believed_only_where_something_moved_it():
    said = setting("search_path", "b")
    answered = complete("SET") + said + ready()
    play(*MOVING[:4], Server(answered), Completed("t", 0, "00000"), ToClient(answered), splits=False)
    unasked = Close(Reason.PINNED_SETTING_CHANGED, "search_path changed")
    play(Client(query("A")), judge("A"), Judged("t"), ToServer(query("A")), Server(said), unasked, splits=False)
