"""Where people may be counted together."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_config_rules import BASE, problems


def volume(**settings: Any) -> dict[str, Any]:
    return {**BASE, "volume": {"redis": settings}}


@pytest.mark.parametrize(
    "settings",
    [
        {"address": "127.0.0.1:6379", "tls": False},
        {"address": "[::1]:6380", "tls": False, "database": 2},
        {"address": "localhost:6379", "tls": False},
        {"address": "redis.internal:6379", "ca": "ca.pem", "username": "sekisho", "password_file": "password"},
        {"address": "redis.internal:6379", "password_file": "password", "key_file": "key", "prefix": "eu"},
    ],
)
def test_stores_that_can_be_shared(tmp_path, settings):
    assert problems(tmp_path, volume(**settings)) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "volume.redis.address: missing"),
        (
            {"address": "redis.internal:6379", "tls": False},
            "volume.redis.tls: without TLS Redis is reached on a loopback address only: whoever changes counts lifts "
            "limits",
        ),
        (
            {"address": "127.0.0.1:6379", "tls": False, "ca": "ca.pem"},
            "volume.redis.ca: is never looked at without `tls`",
        ),
        ({"address": "a.b:6379", "username": "me"}, "volume.redis.password_file: missing, and a `username` is given"),
        ({"address": "a.b"}, "volume.redis.address: `a.b`: expected host:port, with a port up to 65535"),
        ({"address": "a.b:6379", "timeout_ms": 1}, "volume.redis.timeout_ms: 1 is out of range: 10 to 60000"),
        (
            {"address": "a.b:6379", "prefix": "a{b}"},
            "volume.redis.prefix: must not have braces in it: Redis would tear an employer's keys apart",
        ),
    ],
)
def test_stores_that_cannot(tmp_path, settings, problem):
    assert problems(tmp_path, volume(**settings)) == [problem]
