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


BUNDLE = {"url": "https://bundles.example/sekisho.tar.gz", "directory": "bundles", "key": "key.pem"}


def bundle(**changes: Any) -> dict[str, Any]:
    return policy(bundle={**BUNDLE, **changes})


@pytest.mark.parametrize("document", [bundle(), bundle(key=None, accept_unsigned=True, wait=0, poll_ms=50)])
def test_bundles_that_can_be_fetched(tmp_path, document):
    assert problems(tmp_path, document) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (bundle(key=None), "policy.bundle.key: missing: say whose signature counts, or `accept_unsigned: true`"),
        (bundle(accept_unsigned=True), "policy.bundle.accept_unsigned: is true, and a key is named: say which"),
        (
            bundle(url="http://bundles.example/"),
            "policy.bundle.url: http is for a loopback address only: whoever changes answers on their way could allow "
            "everybody everything",
        ),
        (
            bundle(algorithm="HS256"),
            "policy.bundle.algorithm: `HS256` is not one of ES256, ES384, ES512, PS256, PS384, PS512, RS256, RS384, "
            "RS512",
        ),
        (bundle(poll_ms=1), "policy.bundle.poll_ms: 1 is out of range: 50 to 3600000"),
        (policy(directory="packs", bundle=BUNDLE), "policy.directory: the bundle brings the packs: name one of them"),
    ],
)
def test_bundles_that_cannot(tmp_path, document, problem):
    assert problems(tmp_path, document) == [problem]


def test_what_is_still_to_be_fetched_need_not_be_there(tmp_path):
    (tmp_path / "key.pem").write_text("")
    document = bundle()
    for directory, found in (("bundles/current/registry", False), ("elsewhere", True)):
        document["registry"] = {"directory": directory, "delivery": "symlink"}
        told = problems(tmp_path, document, check_files=True)
        assert any("registry.directory" in one for one in told) is found
        assert not any("bundle" in one for one in told)
