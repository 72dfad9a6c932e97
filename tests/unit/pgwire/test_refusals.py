"""What drivers act upon in a session's own words."""

from __future__ import annotations

import pytest

from gateway.pgwire.refusals import CHANGED, OUTDATED, TOO_MANY, name_taken


@pytest.mark.parametrize("fields", [OUTDATED, CHANGED])
def test_a_driver_that_keeps_statements_prepares_this_one_again(fields):
    """pgjdbc and others look for the routine or the words of PostgreSQL's own error."""
    assert (fields["C"], fields["R"]) == ("0A000", "RevalidateCachedQuery")
    assert fields["M"] == "cached plan must not change result type"


def test_each_says_why():
    assert OUTDATED["D"] != CHANGED["D"]
    assert "limits.statements" in TOO_MANY["H"]
    assert name_taken(b"s\xff")["M"] == 'prepared statement "s\ufffd" already exists'
