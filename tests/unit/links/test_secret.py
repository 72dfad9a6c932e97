"""Secrets in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.links.secret import secret


def test_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(b"open sesame\r\nsecond\n")
    assert secret(path) == "open sesame"


@pytest.mark.parametrize(
    ("content", "why"), [(b"\nx", "its first line is empty"), (b"\xff", "cannot be read: not UTF-8")]
)
def test_none(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "s"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=why):
        secret(path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        secret(tmp_path / "none")
