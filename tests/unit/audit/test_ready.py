"""Texts made at once are those that the chain would make of the same entries."""

from __future__ import annotations

import pytest

from gateway.audit.chain import canonical
from gateway.audit.ready import Completions, Repeats
from gateway.audit.record import completion_entry, repeat_entry

SESSIONS = ("s-0011", 'a "quoted" one', "関所")


@pytest.mark.parametrize("session", SESSIONS)
@pytest.mark.parametrize("age", [None, 0, 1234])
@pytest.mark.parametrize("hashed", ["", "0f" * 32])
def test_a_repeat(session, age, hashed):
    entry = repeat_entry("d-2", of="d-1", at_ns=5_000_001, session=session, epoch_age_ms=age, statement_hash=hashed)
    assert Repeats("d-1", session).text("d-2", 5_000, age, hashed) == canonical(entry)


@pytest.mark.parametrize("session", SESSIONS)
def test_a_completion(session):
    entry = completion_entry("d-2", at_ns=7_000, session=session, rows=3, sent_bytes=96, sqlstate=None, duration_us=12)
    assert Completions(session).text("d-2", 7, 12, 3, 96) == canonical(entry)
