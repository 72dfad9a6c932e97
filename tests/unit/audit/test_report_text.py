from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.damage import Bad, BadKind, TornTail
from gateway.audit.record import completion_entry, session_entry
from gateway.audit.report_text import entry_text, exit_code, plain, verify_text
from gateway.audit.verify import Report, verify
from gateway.errors import Reason
from gateway.model import Door
from tests.unit.audit.chains import START_NS, lay, repeat, sample_lines, segment_name


def _bad(kind: BadKind) -> Bad:
    return Bad(writer="gw", segment="gw.00000000.jsonl", line=3, seq=2, kind=kind, explanation="it is so")


def test_whole() -> None:
    report = Report(entries=1, segments=1, writers=2)
    assert verify_text(report) == (
        "whole: 1 entry in 1 segment by 2 writers; every entry is chained to the one before it"
    )
    assert exit_code(report) == 0


def test_broken_names_the_first_bad_entry(tmp_path: Path) -> None:
    lines = sample_lines()
    del lines[0][4]
    report = verify(lay(tmp_path, lines))
    first, second = verify_text(report).splitlines()
    assert first == "BROKEN: 4 entries found good before the first bad one"
    assert second == f"  deleted: {segment_name(0)} line 5 (entry 4): entry 4 is missing before entry 5"
    assert exit_code(report) == 1


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        (BadKind.EMPTY, 3, "NOT JUDGED"),
        (BadKind.UNREADABLE, 3, "NOT JUDGED"),
        (BadKind.FUTURE_VERSION, 4, "NOT JUDGED"),
        (BadKind.CUT, 5, "CUT"),
        (BadKind.TORN_UNMARKED, 5, "CUT"),
        (BadKind.KEY_UNKNOWN, 6, "NOT JUDGED"),
        (BadKind.CLOCK_BACK, 7, "whole, but the clock went back"),
    ],
)
def test_what_is_wrong_alone_has_a_code_of_its_own(kind: BadKind, code: int, text: str) -> None:
    report = Report(entries=0, segments=0, writers=0, bad=(_bad(kind),))
    assert exit_code(report) == code
    assert verify_text(report).startswith(text)
    both = Report(entries=0, segments=0, writers=0, bad=(_bad(kind), _bad(BadKind.SWAPPED)))
    assert exit_code(both) == 1


def test_heads_and_pruned_segments_are_told() -> None:
    text = verify_text(Report(entries=8, segments=1, writers=1, heads=2, signed=7, pruned=3))
    assert "pruned: 3 segments" in text
    assert "2 heads speak for 7 of these entries" in text


@pytest.mark.parametrize(("marked", "word"), [(True, "marked when"), (False, "to be marked when")])
def test_torn_tails_are_told(marked: bool, word: str) -> None:
    torn = TornTail(segment="gw.00000000.jsonl", line=9, size=11, sha256="", marked=marked)
    text = verify_text(Report(entries=8, segments=1, writers=1, torn_tails=(torn,)))
    assert f"gw.00000000.jsonl line 9, 11 bytes, left by a crash; {word}" in text


def test_entries_in_words() -> None:
    assert entry_text(repeat(0)) == "2024-11-21 14:40:00.000Z  repeat      d0  of d0"
    done = completion_entry("d1", at_ns=START_NS, session="s1", rows=3, sqlstate="57014", duration_us=812)
    assert entry_text(done) == "2024-11-21 14:40:00.000Z  completion  d1  3 rows  57014  812 us"
    event = session_entry("login_refused", at_ns=START_NS, door=Door.POSTGRES, reason=Reason.TOKEN_EXPIRED)
    assert entry_text(event) == "2024-11-21 14:40:00.000Z  event       login_refused  postgres  token_expired"


def test_decision_in_words() -> None:
    entry: dict = {
        "kind": "decision",
        "at_us": START_NS // 1000,
        "decision_id": "d1",
        "effect": "deny",
        "reason": "policy_denied",
        "person": "Li Wei",
        "principal": {"id": "i#li"},
        "location": {"countries": []},
        "employer": {"entity": "line-cn"},
        "datasource": "messenger",
        "statement": {"text": "SELECT\n$1"},
        "findings": [{"rule": "appi.28"}, {"rule": "notice"}],
    }
    assert entry_text(entry) == (
        "2024-11-21 14:40:00.000Z  decision    d1  DENY  policy_denied  Li Wei  in unknown  of line-cn  messenger  "
        "SELECT $1  rules appi.28,notice"
    )


def test_what_a_client_says_cannot_move_the_cursor() -> None:
    text = entry_text({"kind": "event", "event": "\x1b[2J\rsession_open\u202e"})
    assert text.isprintable()


@pytest.mark.parametrize("at", [None, "x", -1, 10**30, 1.5, True])
def test_odd_times_do_not_stop_the_reading(at: object) -> None:
    assert "odd" in entry_text({"kind": "odd", "at_us": at})  # type: ignore[dict-item]


def test_reading_in_words() -> None:
    entry: dict = {
        "kind": "decision",
        "action": "audit.read",
        "at_us": 0,
        "decision_id": "d7",
        "effect": "allow",
        "reason": "allowed",
        "principal": {"id": "os#sekisho"},
        "location": {"countries": []},
        "reading": {"what": "decisions", "entity": "line-cn", "principal": None},
        "attribution": {"asked": "audit tail: everything"},
    }
    words = "d7  ALLOW  allowed  os#sekisho  reads decisions about line-cn (audit tail: everything)"
    assert entry_text(entry).endswith(words)
    assert plain("a\x1b[2Kb") == "a [2Kb"
