"""What an SQLSTATE means, in words that hold no data: PostgreSQL's own names (``data/sqlstates.txt``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

_UNKNOWN: Final = "error"


@cache
def conditions() -> Mapping[str, str]:
    """SQLSTATE (``23505``) or its class (``23``) -> words."""
    text = resources.files("gateway.pgwire").joinpath("data").joinpath("sqlstates.txt").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            code, _, words = line.partition(" ")
            found[code.strip("[]")] = words
    return MappingProxyType(found)


def condition(sqlstate: str) -> str:
    """Words for an SQLSTATE: its own, else those of its class, else that it is an error."""
    known = conditions()
    return known.get(sqlstate) or known.get(sqlstate[:2], _UNKNOWN)
