"""For how long entries are kept, by whose data they are about."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.retention import YEAR_US, Period, Periods, SegmentUnreadable, kept_until
from gateway.audit.segments import list_segments
from tests.unit.audit.chains import START_NS, WRITER, forge, lay, sample_lines

TABLE = [Period("us", ("US",), 10), Period("jp", ("JP",), 3), Period("other", (), 2)]


def _decision(session: str = "s", **data: object) -> dict:
    return {"kind": "decision", "session": session, "data": {"about_people": True, "subject_known": True, **data}}


@pytest.mark.parametrize(
    ("entry", "regime"),
    [
        (_decision(subject_countries=["JP"]), "jp"),
        (_decision(subject_countries=["JP", "US"]), "us"),
        (_decision(subject_countries=["FR"]), "other"),
        (_decision(subject_countries=["FR"], subject_known=False), "us"),
        (_decision(subject_countries=[]), "us"),
        (_decision(about_people=False, subject_countries=[]), "other"),
        ({"kind": "decision"}, "us"),
        ({"kind": "repeat", "session": "never seen"}, "us"),
        ({"kind": "event"}, "other"),
        ({"kind": "of a later version"}, "us"),
        ({}, "us"),
    ],
)
def test_what_an_entry_falls_under(entry: dict, regime: str) -> None:
    assert Periods(TABLE).of(entry).regime == regime


def test_what_follows_in_a_session_is_kept_as_long_as_its_decisions() -> None:
    periods = Periods(TABLE)
    periods.of(_decision("one", subject_countries=["JP"]))
    assert periods.of({"kind": "repeat", "session": "one"}).regime == "jp"
    periods.of(_decision("one", subject_countries=["US"]))
    periods.of(_decision("one", subject_countries=["JP"]))
    assert periods.of({"kind": "completion", "session": "one"}).regime == "us"
    assert periods.of({"kind": "completion", "session": "two"}).regime == "us"


def test_without_a_table_everything_is_kept() -> None:
    assert Periods([]).of({"kind": "event"}).years >= 1000


def test_a_segment_is_kept_as_long_as_any_entry_in_it(tmp_path: Path) -> None:
    lines = sample_lines()
    segments = list_segments(lay(tmp_path, lines))[WRITER]
    known = kept_until(segments[0], Periods(TABLE))
    latest = START_NS // 1000 + (len(lines[0]) - 2) * 1000  # the head, then a millisecond for each
    assert known.until_us == latest + 10 * YEAR_US  # repeats of a session that nobody has seen
    stone = known.tombstone
    assert (stone.first_seq, stone.last_seq, stone.entries) == (0, len(lines[0]) - 1, len(lines[0]))
    assert stone.bytes == segments[0].path.stat().st_size
    assert (stone.from_us, stone.until_us) == (START_NS // 1000, latest)


def test_what_is_broken_is_not_judged(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][3] = forge(lines[0][3], session="another")
    lines[1] = []
    segments = list_segments(lay(tmp_path, lines))[WRITER]
    for segment in segments[:2]:
        with pytest.raises(SegmentUnreadable):
            kept_until(segment, Periods(TABLE))
