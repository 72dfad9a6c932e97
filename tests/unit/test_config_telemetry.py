"""Where traces go."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_config_rules import BASE, problems

HERE = "http://127.0.0.1:4318/v1/traces"


def traces(**settings: Any) -> dict[str, Any]:
    return {**BASE, "traces": settings}


@pytest.mark.parametrize(
    "settings",
    [
        {"url": HERE},
        {"url": "https://collector.internal:4318/v1/traces", "per_million": 0, "token_file": "token", "ca": "ca.pem"},
        {"url": HERE, "resource": ["deployment.environment.name=production", "k8s.pod.name=a=b"]},
    ],
)
def test_receivers_that_can_be_told(tmp_path, settings):
    assert problems(tmp_path, traces(**settings)) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "traces.url: missing"),
        (
            {"url": "http://collector.internal:4318/v1/traces"},
            "traces.url: http is for a loopback address only: whoever is on the way reads who is denied, and when",
        ),
        ({"url": HERE, "per_million": 1_000_001}, "traces.per_million: 1000001 is out of range: 0 to 1000000"),
        (
            {"url": HERE, "resource": ["No Name=1"]},
            "traces.resource[0]: `No Name=1` is no `name=value` with a name of small letters, digits, `_` and `.`",
        ),
        (
            {"url": HERE, "resource": ["a=b", "service.name=other"]},
            "traces.resource[1]: `service.name` is said by the gateway itself",
        ),
    ],
)
def test_what_is_none_is_told(tmp_path, settings, problem):
    assert problems(tmp_path, traces(**settings)) == [problem]
