"""Limits on how many people's data goes out, for a caller that tells what did: reserved before, counted when told."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.demo.characters import LI, SATO, Character
from gateway.demo.settings import DATASOURCE
from tests.golden.test_door_cases import places as places
from tests.houses import House
from tests.integration.test_postgres_subjects import crowd as crowd
from tests.integration.test_postgres_subjects import limit
from tests.integration.test_postgres_subjects import limited as limited

pytestmark = pytest.mark.integration
SQL = "SELECT name FROM crowd.patients"


def post(house: House, path: str, document: Any, who: Character = SATO) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", house.ports.http, timeout=20)
    try:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {house.token(who)}"}
        connection.request("POST", path, json.dumps(document), headers)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


def test_what_a_caller_promises_to_tell_is_reserved_and_then_counted(
    limited: Callable[..., House], places: dict[str, str]
) -> None:
    house = limited(limit(50))
    question = {"datasource": DATASOURCE, "statement": {"sql": SQL}, "address": places[SATO.site]}
    question["supported_obligations"] = ["row_limit"]

    def rows_left(**more: Any) -> tuple[str, str, int | None]:
        _, told = post(house, "/v1/authorize", {**question, **more})
        limits = [duty["rows"] for duty in told["obligations"] if duty["kind"] == "row_limit"]
        return told["decision_id"], told["reason"], limits[0] if limits else None

    assert rows_left()[1] == "obligation_unsupported", "nobody would tell what went out"
    first, reason, rows = rows_left(completes=True)
    assert (reason, rows) == ("allowed", 50)
    assert rows_left(completes=True)[1] == "volume_exceeded", "all of it is reserved until it is told"
    assert post(house, "/v1/complete", {"decision_id": first, "rows": 20}, LI)[0] == 404, "it is not theirs"
    assert post(house, "/v1/complete", {"decision_id": first, "rows": 20, "bytes": 300, "subjects": 20})[0] == 200
    assert post(house, "/v1/complete", {"decision_id": first, "rows": 0})[0] == 404, "it is told once"
    second, reason, rows = rows_left(completes=True)
    assert (reason, rows) == ("allowed", 30)
    (told,) = house.entries("completion")
    assert (told["decision_id"], told["rows"], told["bytes"], told["subjects"]) == (first, 20, 300, 20)
    assert house.metric("sekisho_completions_total", door="http", result="ok") == 1
    assert second != first
