"""How the gateway is reached: what is refused here already, and what a call carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.client import Settings


@pytest.mark.parametrize(
    "settings",
    [
        {"address": "sekisho.example:8443", "plaintext": True},
        {"address": "192.0.2.1:8443", "plaintext": True},
        {"address": "127.0.0.1:8443", "certificate": Path("a.pem")},
        {"address": "nowhere"},
        {"address": "127.0.0.1:8443", "plaintext": True, "timeout": 0},
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"plaintext|together|host:port|timeout"):
        Settings(**{"plaintext": settings["address"] == "nowhere", **settings})


def test_a_token_is_made_for_each_call() -> None:
    tokens = iter(("one", "two"))
    settings = Settings(address="127.0.0.1:1", plaintext=True, token=lambda: next(tokens))
    assert [settings.metadata, settings.metadata] == [(("authorization", f"Bearer {one}"),) for one in ("one", "two")]
    assert Settings(address="127.0.0.1:1").metadata == ()
