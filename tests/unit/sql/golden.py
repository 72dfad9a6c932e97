"""The golden trees, read once: what real servers printed, and the catalog rows those trees refer to."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from gateway.sql.catalog import Catalog

TREES = Path(__file__).parents[2] / "golden" / "trees"
MAJORS = (13, 14, 15, 16, 17, 18)
MAX_BYTES = 8 * 1024 * 1024


@cache
def cases() -> dict[str, Any]:
    """Name -> statement and expected facts, the same for every major."""
    return json.loads((TREES / "cases.json").read_text())


@cache
def _file(major: int) -> dict[str, Any]:
    return json.loads((TREES / f"pg{major}.json").read_text())


@cache
def catalog(major: int) -> Catalog:
    """The catalog the trees of a major refer to."""
    return Catalog.from_rows(major, _file(major)["rows"])


def rows(major: int) -> dict[str, Any]:
    """The rows that catalog was made from."""
    return _file(major)["rows"]


def trees(major: int, name: str) -> list[str]:
    """What a server of that major printed for a case."""
    return _file(major)["trees"][name]


def every() -> list[tuple[int, str]]:
    """Every major with every case it knows."""
    return [(major, name) for major in MAJORS for name in _file(major)["trees"]]
