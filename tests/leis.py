"""Identifiers of legal entities for registries that tests make."""

from __future__ import annotations

_VALUES = str.maketrans({chr(ord("A") + place): str(10 + place) for place in range(26)})


def with_check_digits(stem: str) -> str:
    """The identifier of 18 characters (ISO 17442: the number that its letters and digits make is 1 modulo 97)."""
    return f"{stem}{98 - int(f'{stem}00'.translate(_VALUES)) % 97:02d}"
