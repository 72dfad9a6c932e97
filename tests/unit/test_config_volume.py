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
        {"host": "127.0.0.1", "tls": False},
        {"host": "::1", "tls": False, "port": 6380, "database": 2},
        {"host": "localhost", "tls": False},
        {"host": "redis.internal", "ca": "ca.pem", "username": "sekisho", "password_file": "password"},
        {"host": "redis.internal", "password_file": "password", "key_file": "key", "prefix": "eu"},
    ],
)
def test_stores_that_can_be_shared(tmp_path, settings):
    assert problems(tmp_path, volume(**settings)) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "volume.redis.host: missing"),
        (
            {"host": "redis.internal", "tls": False},
            "volume.redis.tls: without TLS Redis is reached on a loopback address only: whoever changes counts lifts "
            "limits",
        ),
        ({"host": "127.0.0.1", "tls": False, "ca": "ca.pem"}, "volume.redis.ca: is never looked at without `tls`"),
        ({"host": "a.b", "username": "me"}, "volume.redis.password_file: missing, and a `username` is given"),
        ({"host": "a.b", "port": 0}, "volume.redis.port: 0 is out of range: 1 to 65535"),
        ({"host": "a.b", "timeout_ms": 1}, "volume.redis.timeout_ms: 1 is out of range: 10 to 60000"),
        (
            {"host": "a.b", "prefix": "a{b}"},
            "volume.redis.prefix: must not have braces in it: Redis would tear an employer's keys apart",
        ),
    ],
)
def test_stores_that_cannot(tmp_path, settings, problem):
    assert problems(tmp_path, volume(**settings)) == [problem]
