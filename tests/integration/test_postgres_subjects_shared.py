"""Two gateways on one Redis: a limit is one for both, and without Redis what needs a count is denied, at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from gateway.demo.characters import SATO
from tests.houses import House
from tests.integration.test_postgres_subjects import crowd, ids, limit, limited
from tests.redis_server import RedisServer, redis

__all__ = ["crowd", "limited", "redis"]
pytestmark = [pytest.mark.integration, pytest.mark.needs("redis-server")]


@pytest.fixture
def two(limited: Callable[..., House], redis: RedisServer, request: pytest.FixtureRequest) -> tuple[House, House]:
    shared = {**redis.settings, "prefix": request.node.name, "timeout_ms": 1000}
    key = redis.folder / "key"
    key.write_text("k" * 64)
    volume = {"redis": {**shared, "key_file": str(key)}}
    return limited(limit(60), volume=volume), limited(limit(60), volume=volume)


def test_ten_sessions_of_two_gateways_never_pass_it_together(two: tuple[House, House]) -> None:
    def read(number: int) -> int:
        count = 0
        with two[number % 2].connect(SATO) as connection:
            for turn in range(3):
                low = number * 40 + turn * 10
                sql = f"SELECT id, name FROM crowd.patients WHERE id > {low} AND id <= {low + 10}"
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    count += len(ids(connection, sql))
        return count

    with ThreadPoolExecutor(10) as pool:
        found = sum(pool.map(read, range(10)))
    assert 50 <= found <= 60


def test_one_person_read_through_both_is_one(two: tuple[House, House]) -> None:
    sql = "SELECT id, name FROM crowd.patients WHERE id <= 20 ORDER BY id"
    with two[0].connect(SATO) as first, two[1].connect(SATO) as second:
        for connection in (first, second, first):
            assert len(ids(connection, sql)) == 20
        assert len(ids(second, "SELECT id, name FROM crowd.patients WHERE id > 100")) in (39, 40)


def test_without_redis_it_is_denied_at_once_and_nothing_else_is(two: tuple[House, House], redis: RedisServer) -> None:
    house = two[0]
    with house.connect(SATO) as connection:
        assert len(ids(connection, "SELECT id, name FROM crowd.patients WHERE id < 4")) == 3
        with redis.stalled():
            began = time.monotonic()
            with pytest.raises(psycopg.Error) as caught:
                connection.execute("SELECT id, name FROM crowd.patients WHERE id < 4")
            assert time.monotonic() - began < 10
            assert caught.value.sqlstate == "58000"
            assert "volume_unavailable" in (caught.value.diag.message_detail or "")
            assert ids(connection, "SELECT id FROM stickers WHERE id = 1") == [1]
            assert house.metric("sekisho_volume_up") == 0
        assert len(ids(connection, "SELECT id, name FROM crowd.patients WHERE id < 4")) == 3
    assert house.metric("sekisho_volume_up") == 1
    assert house.metric("sekisho_volume_failures_total") >= 1
