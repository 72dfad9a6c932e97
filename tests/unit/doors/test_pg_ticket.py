"""A ticket, and when it may be used for another execution."""

from __future__ import annotations

import pytest

from gateway.doors.pg_ticket import Judged, Ticket
from tests.houses import Analyses
from tests.worlds import Bench


@pytest.mark.parametrize(("whole", "usable"), [(None, True), (True, True), (False, False)])
def test_what_only_stood_in_is_judged_each_time(analyses: Analyses, whole: bool | None, usable: bool) -> None:
    bench = Bench(analyses)
    standing = bench.decide(bench.ask("sato", "tokyo-hq", "SELECT name FROM stickers")).standing
    assert standing is not None
    facts = standing.understanding.statement
    judged = None if whole is None else Judged(frozenset(), facts, whole, False)
    assert Ticket(standing, "d-1", 1, judged).usable is usable
    assert not hasattr(Ticket(standing, "d-1", 1), "__dict__"), "one is made for every statement"
