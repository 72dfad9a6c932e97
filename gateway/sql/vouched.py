"""Which functions may appear: the classified list of the server's own, read once from ``data/functions.txt``.

The list is by identity, name and argument types, so an overload that a new version or an extension adds is refused
until somebody has looked at it. What is not in ``pg_catalog`` or ``information_schema`` is never on the list.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from gateway.sql.codes import IncompleteCode

UNCLASSIFIED = "not classified"
_RAW = "takes or gives the raw form of a value, or an internal argument"
_SHOWN = frozenset(
    {
        "prints a stored definition, which may hold literals about people",
        "shows samples or counts taken from the data",
    }
)


@cache
def classified() -> Mapping[str, str | None]:
    """Identity -> None where the function may be used, else why not. Built-ins stand under their bare name."""
    text = resources.files("gateway.sql").joinpath("data").joinpath("functions.txt").read_text(encoding="utf-8")
    found: dict[str, str | None] = {}
    reason: str | None = UNCLASSIFIED
    for line in text.split("\n"):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            head, _, sentence = line.partition("] ")
            reason = None if head.startswith("[allow ") else sentence
        else:
            found[line] = reason
    return MappingProxyType(found)


def refusal(schema: str, identity: str) -> tuple[IncompleteCode, str] | None:
    """Why a function may not be used, or None where it may. ``identity`` is ``name(types)`` without the schema."""
    name = identity.partition("(")[0]
    if schema == "pg_catalog":
        key = identity
    elif schema == "information_schema":
        key = f"{schema}.{identity}"
    else:
        shown = f"{schema}.{name}" if schema else name
        return IncompleteCode.FUNCTION_REFUSED, f"function {shown}: nobody vouches for it in the registry"
    reason = classified().get(key, UNCLASSIFIED)
    if reason is None:
        return None
    return IncompleteCode.FUNCTION_REFUSED, f"function {name}: {reason}"


def computes(identity: str) -> bool:
    """Whether a function of ``pg_catalog`` may stand where no statement calls it: as part of an aggregate or a type."""
    return classified().get(identity, UNCLASSIFIED) in (None, _RAW)


def only_shows(identity: str) -> bool:
    """Whether a function of ``pg_catalog`` is refused for what it gives back alone: unseen, it does no harm."""
    return classified().get(identity) in _SHOWN
