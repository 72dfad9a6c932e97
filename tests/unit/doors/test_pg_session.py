"""The shell of a session: what it does with the answers of the desk, and who has to wait."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.demo.characters import SATO
from gateway.doors.pg_session import _judgement
from gateway.doors.pg_ticket import Ticket
from gateway.errors import Reason
from gateway.model import Complaint
from gateway.needs import Outcome
from tests.houses import Analyses, House
from tests.integration.postgres_wire import SYNC, Wire, bind, execute, parse, query, rows, until
from tests.worlds import Bench


def test_a_denial_becomes_an_error_of_the_statement():
    outcome = Outcome(reason=Reason.TWIN_TIMEOUT, message="m", detail="d", hint="h", sqlstate="58000")
    judgement = _judgement(outcome, 1)
    assert judgement.ticket is None
    assert judgement.instead == {
        "S": "ERROR",
        "V": "ERROR",
        "C": "58000",
        "M": "m",
        "D": "d",
        "H": "h",
        "R": "twin_timeout",
    }


def test_a_complaint_keeps_the_servers_words():
    complaint = Complaint(sqlstate="42703", fields=(("S", "ERROR"), ("C", "42703"), ("M", "no"), ("P", "8")))
    judgement = _judgement(Outcome(reason=Reason.SERVER_COMPLAINT, complaint=complaint, sqlstate="42703"), 1)
    assert judgement.instead == {"S": "ERROR", "C": "42703", "M": "no", "P": "8"}


def test_an_outcome_without_a_decision_is_never_a_ticket():
    for reason in (Reason.ALLOWED, Reason.INTERNAL):
        judgement = _judgement(Outcome(reason=reason, sqlstate="58000"), 1)
        assert judgement.ticket is None
        assert judgement.instead is not None


GUARDED = [
    ("SELECT phone FROM users", True, False),
    ("SELECT count(*) FROM users", True, False),
    ("SELECT s.name FROM stickers s, users", True, False),
    ("UPDATE users SET name = 'n' WHERE id = 1", True, True),
    ("WITH gone AS (DELETE FROM users WHERE id = -1 RETURNING 1) SELECT * FROM gone", True, True),
    ("SELECT name FROM stickers; SELECT phone FROM users", True, True),
    ("COPY users (id, name) FROM STDIN", True, True),
    ("EXPLAIN SELECT phone FROM users", True, True),
    ("UPDATE stickers SET price_yen = 1", False, False),
    ("SELECT relname FROM pg_class", False, False),
    ("COMMIT", False, False),
]


@pytest.mark.parametrize(("text", "guarded", "lasting"), GUARDED)
def test_what_touches_a_relation_about_people_is_guarded(
    analyses: Analyses, text: str, guarded: bool, lasting: bool
) -> None:
    """Whichever of its columns is named; and a write until the transaction ends."""
    bench = Bench(analyses)
    judgement = _judgement(bench.decide(bench.ask("sato", "tokyo-hq", text)), 1)
    assert judgement.instead is None
    assert (judgement.guarded, judgement.lasting) == (guarded, lasting)


def test_what_was_let_through_without_being_understood_is_guarded(analyses: Analyses) -> None:
    """As rules in shadow mode do."""
    bench = Bench(analyses)
    outcome = bench.decide(bench.ask("sato", "tokyo-hq", "SELECT name FROM stickers"))
    assert outcome.standing is not None
    understood = outcome.standing.understanding
    unclear = replace(understood, statement=replace(understood.statement, complete=False))
    judgement = _judgement(replace(outcome, standing=replace(outcome.standing, understanding=unclear)), 1)
    assert judgement.guarded


def test_a_ticket_is_of_one_execution(house: House):
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        before = len(house.entries())
        wire.send(parse("SELECT id FROM stickers WHERE id < 4", "s"))
        wire.send((bind("s") + execute()) * 3 + SYNC)
        assert rows(wire.until(b"Z")) == 9
        until(lambda: len(house.entries()) == before + 6)
    entries = house.entries()[before : before + 6]
    assert sorted(one["kind"] for one in entries) == ["completion"] * 3 + ["decision"] + ["repeat"] * 2
    assert len({one["decision_id"] for one in entries}) == 3
    assert Ticket.__slots__


def test_what_is_sent_while_a_decision_is_awaited_waits_its_turn(house: House):
    """Many statements in one write, each about people, so that each entry is synced: answered in turn."""
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.send(b"".join(query(f"SELECT {number}, name FROM users WHERE id = 1") for number in range(100)))
        for number in range(100):
            answer = wire.until(b"Z")
            (row,) = [body for kind, body in answer if kind == b"D"]
            assert row[6:].startswith(str(number).encode())


def test_a_client_that_sends_and_does_not_read_is_made_to_wait(house: House):
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        wire.socket.settimeout(0.5)
        sent = 0
        big = query("SELECT repeat('x', 100000)")
        try:
            for _ in range(2000):
                wire.send(big)
                sent += 1
        except TimeoutError:
            pass
        wire.socket.settimeout(20)
        for _ in range(min(sent, 20)):
            assert rows(wire.until(b"Z")) == 1
