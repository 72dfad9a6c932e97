"""Types that a text may name without the server being asked: those of ``pg_catalog`` whose OID never changed.

A name without a schema is found in ``pg_catalog`` first only where no ``search_path`` says otherwise, so the schema is
written into the text that goes on (``inserts``): what the server reads there is what was judged here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

CATALOG: Final = "pg_catalog"
UNKNOWN: Final = 705  # the server works out what it is, as for a parameter without a type

# name -> (OID, OID of its array). Their input functions look nothing up and run nobody's code.
_TYPES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "bool": (16, 1000),
        "bytea": (17, 1001),
        "char": (18, 1002),
        "name": (19, 1003),
        "int8": (20, 1016),
        "int2": (21, 1005),
        "int4": (23, 1007),
        "text": (25, 1009),
        "oid": (26, 1028),
        "json": (114, 199),
        "float4": (700, 1021),
        "float8": (701, 1022),
        "unknown": (UNKNOWN, 0),
        "macaddr": (829, 1040),
        "inet": (869, 1041),
        "cidr": (650, 651),
        "bpchar": (1042, 1014),
        "varchar": (1043, 1015),
        "date": (1082, 1182),
        "time": (1083, 1183),
        "timestamp": (1114, 1115),
        "timestamptz": (1184, 1185),
        "interval": (1186, 1187),
        "timetz": (1266, 1270),
        "bit": (1560, 1561),
        "varbit": (1562, 1563),
        "numeric": (1700, 1231),
        "uuid": (2950, 2951),
        "jsonb": (3802, 3807),
    }
)
_NAMES: Final[Mapping[int, str]] = MappingProxyType(
    {
        oid: f'{CATALOG}."{name}"{suffix}'
        for name, oids in _TYPES.items()
        for oid, suffix in zip(oids, ("", "[]"), strict=True)
        if oid not in (0, UNKNOWN)
    }
)
NUMBERS: Final = frozenset({"int2", "int4", "int8", "float4", "float8", "numeric", "oid"})


def type_name(oid: int) -> str | None:
    """How a type is written in any text, if it is one of these."""
    return _NAMES.get(oid)


def plain_type(node: Mapping[str, Any]) -> tuple[str, int] | None:
    """(name, OID) of the parser's ``TypeName``, if it is one of these."""
    names = [str(part.get("String", {}).get("sval", "")) for part in node.get("names", [])]
    if node.get("setof") or node.get("pct_type") or not names:
        return None
    if len(names) > 2 or (len(names) == 2 and names[0] != CATALOG):
        return None
    if any("A_Const" not in modifier for modifier in node.get("typmods", [])):
        return None
    single, array = _TYPES.get(names[-1], (0, 0))
    oid = array if node.get("arrayBounds") else single
    return (names[-1], oid) if oid else None


def qualified(node: Mapping[str, Any]) -> tuple[Mapping[str, Any], int | None]:
    """The ``TypeName`` with its schema, and the byte of the text before which the schema is to be written."""
    if len(node["names"]) > 1:
        return node, None
    return {**node, "names": [{"String": {"sval": CATALOG}}, *node["names"]]}, int(node.get("location", 0))
