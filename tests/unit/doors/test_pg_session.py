"""The shell of a session: what it does with the answers of the desk, and who has to wait."""

from __future__ import annotations

from gateway.demo.characters import SATO
from gateway.doors.pg_session import Ticket, _judgement
from gateway.errors import Reason
from gateway.model import Complaint
from gateway.needs import Outcome
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, execute, parse, query, rows, until


def test_a_denial_becomes_an_error_of_the_statement():
    outcome = Outcome(reason=Reason.TWIN_TIMEOUT, message="m", detail="d", hint="h", sqlstate="58000")
    judgement = _judgement(outcome, 1)
    assert judgement.ticket is None
    assert judgement.instead == {"S": "ERROR", "V": "ERROR", "C": "58000", "M": "m", "D": "d", "H": "h"}


def test_a_complaint_keeps_the_servers_words():
    complaint = Complaint(sqlstate="42703", fields=(("S", "ERROR"), ("C", "42703"), ("M", "no"), ("P", "8")))
    judgement = _judgement(Outcome(reason=Reason.SERVER_COMPLAINT, complaint=complaint, sqlstate="42703"), 1)
    assert judgement.instead == {"S": "ERROR", "C": "42703", "M": "no", "P": "8"}


def test_an_outcome_without_a_decision_is_never_a_ticket():
    for reason in (Reason.ALLOWED, Reason.INTERNAL):
        judgement = _judgement(Outcome(reason=reason, sqlstate="58000"), 1)
        assert judgement.ticket is None
        assert judgement.instead is not None


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
