"""Configuration of the http door's parts."""

from __future__ import annotations

from pathlib import Path

from gateway.config_http import AdminToken, Trino


def test_what_has_no_default_is_named() -> None:
    assert AdminToken(name="ann", file=Path("token")).name == "ann"
    assert Trino(issuer="https://id.example", datasource="lake").datasource == "lake"
