from __future__ import annotations

from pathlib import Path

from gateway.audit.holds import Hold, read_holds, standing
from gateway.audit.record import Entry, Event
from gateway.operators import noted

CASE = Hold(id="case-17", reason="a court")


def test_a_hold_stands_until_it_is_released(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    noted(tmp_path, Event.HOLD_ADDED, "a court", {"hold": CASE.fields()})
    assert read_holds(tmp_path) == {"case-17": CASE}
    noted(tmp_path, Event.HOLD_RELEASED, "settled", {"hold": CASE.fields()})
    assert read_holds(tmp_path) == {}


def test_a_hold_of_some_days_covers_what_touches_them() -> None:
    hold = Hold(id="x", reason="", from_us=100, until_us=200)
    assert [hold.covers(*times) for times in ((0, 99), (0, 100), (150, 160), (200, 300), (201, 300))] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert CASE.covers(0, 1)


def test_what_is_no_hold_is_none() -> None:
    entries: list[Entry] = [
        {"event": "hold_added"},
        {"event": "hold_added", "hold": {"id": 3}},
        {"event": "other", "hold": {"id": "x"}},
    ]
    assert standing(entries) == {}
    assert standing([{"event": "hold_added", "hold": {"id": "x", "from_us": "what"}}]) == {"x": Hold(id="x", reason="")}
