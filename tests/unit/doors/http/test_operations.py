"""The table is what is served: no path beside it, none of it missing."""

from __future__ import annotations

from gateway.doors.http.app import create_app
from gateway.doors.http.operations import OPERATIONS
from tests.unit.doors.test_requests import ScriptedDesk


def test_the_application_serves_the_table_and_nothing_else() -> None:
    rules = {
        (rule.rule, method)
        for rule in create_app(ScriptedDesk()).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
    }
    assert rules == {(one.path, one.method) for one in OPERATIONS}


def test_every_operation_has_words_for_a_person() -> None:
    for one in OPERATIONS:
        assert one.summary.endswith("."), one.path
