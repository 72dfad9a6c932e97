"""What psql, drivers and pg_dump ask by themselves must be answered: it is the first thing users complain of."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bypass import golden, report
from tests.bypass.run import HERE, open_stage, run_housekeeping
from tests.majors import on_other_majors, require_major

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CORPUS: Path = HERE / "housekeeping.jsonl"
SERVERS = on_other_majors((18, "wheel"), (15, "debian"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("major", "origin"), SERVERS, ids=lambda value: str(value))
def test_what_was_answered_once_is_answered(major: int, origin: str) -> None:
    require_major(major, origin)
    known = golden.read_answered(major)
    assert known
    with open_stage(major, origin) as stage:
        answers = run_housekeeping(stage, CORPUS, set())
    answered = {one.id for one in answers if one.word in ("allowed", "rejected")}
    lost = [f"{one.id} ({one.client}): {one.reason}" for one in answers if one.id in set(known) - answered]
    assert not lost, report.housekeeping(answers)
