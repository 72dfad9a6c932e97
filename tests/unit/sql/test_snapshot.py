"""The snapshot's SQL on real servers, as a role without rights."""

from __future__ import annotations

import pytest

from gateway.sql.snapshot import SNAPSHOT_QUERIES


@pytest.mark.parametrize("name", SNAPSHOT_QUERIES)
def test_an_ordinary_role_may_ask_and_gets_text(plain, name):
    rows = plain.execute(SNAPSHOT_QUERIES[name]).fetchall()
    assert rows or name == "event_triggers"  # the schema has none: see test_creating
    assert all(value is None or isinstance(value, str) for row in rows[:50] for value in row)
