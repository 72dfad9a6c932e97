"""Which engine decides, and where it may be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_config_rules import BASE, problems

OPA = {"url": "http://127.0.0.1:8181"}


def policy(**settings: Any) -> dict[str, Any]:
    return {**BASE, "policy": settings}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"engine": "embedded", "timeout_ms": 200},
        {"engine": "opa", "opa": OPA},
        {"engine": "opa", "opa": {"url": "https://opa.internal:8181/prefix", "ca": "ca.pem", "token_file": "token"}},
    ],
)
def test_engines_that_can_be_asked(tmp_path, settings):
    assert problems(tmp_path, policy(**settings)) == []


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"engine": "wasm"}, "policy.engine: `wasm` is not one of embedded, opa"),
        ({"timeout_ms": 1}, "policy.timeout_ms: 1 is out of range: 10 to 60000"),
        ({"engine": "opa"}, "policy.opa: missing, and `engine` is `opa`"),
        ({"opa": OPA}, "policy.engine: is `embedded`, so the OPA named would never be asked"),
        (
            {"engine": "opa", "opa": {"url": "http://opa.internal:8181"}},
            "policy.opa.url: http is for a loopback address only: whoever changes answers on their way could allow "
            "everybody everything",
        ),
        ({"engine": "opa", "opa": {"url": "opa.internal"}}, "policy.opa.url: `opa.internal` is no https address"),
        (
            {"engine": "opa", "opa": {"url": "https://me:secret@opa.internal"}},
            "policy.opa.url: no user or password in an address",
        ),
    ],
)
def test_engines_that_cannot(tmp_path, settings, problem):
    assert problems(tmp_path, policy(**settings)) == [problem]
