"""What both directions know: bytes for the server become one action, in their place among the others."""

from __future__ import annotations

from gateway.pgwire.actions import Judge, ToServer
from gateway.pgwire.ledger import Expectation, Sent
from gateway.pgwire.shared import Shared


def test_messages_are_gathered_into_one_action_until_something_else_comes():
    shared = Shared()
    shared.send(b"a", Expectation(Sent.PARSE))
    shared.send(b"b")
    shared.flush()
    judge = Judge("SELECT 1", (), True)
    shared.actions.append(judge)
    shared.send(b"c", Expectation(Sent.SYNC))
    assert shared.take() == [ToServer(b"ab"), judge, ToServer(b"c")]
    assert [one.kind for one in shared.ledger.queue] == [Sent.PARSE, Sent.SYNC]
    assert shared.take() == []


def test_a_new_session_is_idle_and_open():
    shared = Shared()
    assert (shared.status, shared.skipping, shared.closed, shared.batch) == (b"I", False, False, 0)
