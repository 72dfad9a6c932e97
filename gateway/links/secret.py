"""A secret in a file."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import ConfigError


def secret(path: Path) -> str:
    """The first line of a secret's file. Raises ConfigError."""
    try:
        found = path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}"]) from error
    if not found:
        raise ConfigError([f"{path}: its first line is empty"])
    return found
