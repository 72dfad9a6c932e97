"""One line of every kind that a record holds, as the chain makes them."""

from __future__ import annotations

from gateway.audit.chain import GENESIS, canonical, link
from gateway.audit.follow import Line
from gateway.audit.record import (
    Entry,
    Event,
    completion_entry,
    decision_entry,
    refusal_entry,
    repeat_entry,
    session_entry,
)
from gateway.errors import Reason
from gateway.model import Door, Peer
from tests.unit.audit.test_record import AT_NS, AT_US, DECISION, PRINCIPAL, UNDERSTANDING

WRITER = "gateway"
TEXT = "SELECT phone FROM users WHERE name = $1 \\ \t '\u3042'"


def entries() -> list[Entry]:
    def event(name: Event) -> Entry:
        return session_entry(
            name,
            at_ns=AT_NS,
            session="s1",
            door=Door.POSTGRES,
            peer=Peer(address="192.0.2.7"),
            principal_id="https://id.example#li",
            datasource="messenger",
            method="token",
            detail="\x00\n",
        )

    return [
        {"kind": "segment_head", "schema_version": 1, "at_us": AT_US, "writer": WRITER, "segment": 0},
        event(Event.GATEWAY_START),
        event(Event.SESSION_OPEN),
        decision_entry(UNDERSTANDING, DECISION, at_ns=AT_NS, session="s1", statement=TEXT, statement_hash="ab" * 32),
        repeat_entry("d2", of="d1", at_ns=AT_NS + 5_000, session="s1"),
        completion_entry("d2", at_ns=AT_NS, session="s1", rows=3, sqlstate=None, duration_us=4_000),
        completion_entry("d2", at_ns=AT_NS, session="s1", rows=None, sqlstate="57014", duration_us=1),
        refusal_entry(
            "d3",
            at_ns=AT_NS,
            session="s1",
            door=Door.POSTGRES,
            datasource="messenger",
            profile="engineer",
            principal=PRINCIPAL,
            reason=Reason.ENGINE_TIMEOUT,
            detail="\ud800",
        ),
        event(Event.LOGIN_REFUSED),
        event(Event.SESSION_CLOSE),
        event(Event.BLOCK),
    ]


def lines() -> list[Line]:
    """A chain of them, and one that somebody has put there who is not of us."""
    found, prev = [], GENESIS
    for seq, entry in enumerate(entries()):
        raw, digest = link(canonical(entry), seq, prev)
        found.append(Line(WRITER, seq, digest, raw))
        prev = digest
    return [*found, Line(WRITER, len(found), "f" * 64, b'not "JSON"\\\t\x00\xff\n')]
