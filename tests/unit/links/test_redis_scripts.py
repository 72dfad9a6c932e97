"""Scripts of a real Redis: the arithmetic is this gateway's, and a count is hardly ever too low."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from gateway.facts.tally import rows_within
from gateway.links.redis_scripts import COUNT, EXTEND, RESERVE, SETTLE
from tests.redis_server import PASSWORD, RedisServer, redis

__all__ = ["redis"]
pytestmark = pytest.mark.needs("redis-server")

KIND = "user.name|JP|person"
MONTH = 24_322


@pytest.fixture(scope="module")
def client(redis: RedisServer) -> Iterator[Any]:
    with Redis(host="127.0.0.1", port=redis.port, password=PASSWORD) as connection:
        yield connection


def reserve(client: Any, key: str, most: int, *, per_row: int = 1, last: int = -1) -> list[int]:
    bound = {"kinds": [KIND], "first": MONTH - 12, "most": most, "per_row": per_row, "once": 0}
    asked = {"id": "1", "keep": False, "lasts": 1000, "month": MONTH, "last": last, "bounds": [bound]}
    return client.eval(RESERVE, 1, key, json.dumps({**asked, "per_row": {KIND: per_row}, "once": {}}))


def settle(client: Any, key: str, *numbers: int) -> None:
    hashes = [f"{number:016x}" for number in numbers]
    for start in range(0, len(hashes), 1000):
        values = [{"kinds": [KIND], "hashes": hashes[start : start + 1000]}]
        asked = {"id": "", "adds": {}, "values": values, "month": MONTH, "kept": 60_000, "told": 60_000}
        assert client.eval(SETTLE, 1, key, json.dumps(asked)) == 1


def test_row_limits_are_those_of_this_gateway(client: Any) -> None:
    for free in (*range(1, 200), 1000, 4095, 4096, 100_000, 999_999, 10**9):
        assert reserve(client, "{rows}", free) == [1, rows_within(free, 1, None)]
    assert reserve(client, "{rows}", 100, per_row=3) == [1, rows_within(100, 3, None)]
    assert reserve(client, "{rows}", 100, last=70) == [1, 70]
    assert reserve(client, "{rows}", 60, last=70) == [1, 60]
    assert reserve(client, "{rows}", 0) == [0, 0, 0, 0]


@pytest.mark.parametrize("people", [1, 12, 100, 1000, 20_000])
def test_counts_are_hardly_ever_too_low(client: Any, people: int) -> None:
    drawn = random.Random(people)
    settle(client, f"{{people-{people}}}", *(drawn.getrandbits(60) for _ in range(people)))
    asked = {"kinds": [KIND], "month": MONTH, "first": MONTH - 12, "year": MONTH - 10}
    ((kind, subjects, year, rows),) = client.eval(COUNT, 1, f"{{people-{people}}}", json.dumps(asked))
    assert (kind, rows) == (KIND.encode(), 0)
    assert people <= subjects == year <= people * 1.06 + 1


def test_what_is_not_reserved_is_not_made_so_by_a_renewal(client: Any) -> None:
    assert client.eval(EXTEND, 1, "{nobody}", json.dumps({"ids": ["1"], "lasts": 1000})) == 1
    assert client.hgetall("{nobody}:r") == {}


def test_everything_ends_by_itself(client: Any) -> None:
    settle(client, "{ends}", 1, 2, 3)
    assert all(client.pttl(key) > 0 for key in client.keys("{ends}*"))
