"""The shape of a statement: its text with constants cut out where their value cannot change what the statement means.

Only constants that stand directly in a comparison, an IN list, VALUES or LIMIT/OFFSET are cut out, and each leaves its
lexical class behind (``g(1)``, ``g(1.5)`` and ``g('1')`` may be three functions, and so may ``= 1``, ``= 1.5`` and
``= '1'`` be three operators). Arguments of functions, ``ORDER BY 1``, casts and everything else stay as they are
written. A constant is cut only where the bytes at its place, read alone, are exactly the value that the parser says:
comments, continued strings, escapes, ``1_000`` and the like stay. Never a fingerprint: two meanings can share one.

The server finds out whether two expressions are the same when it groups and sorts (``SELECT a = 1 … GROUP BY a = 1``),
and then the value does matter: a statement with such a constant in one of those clauses has no shape.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

_COMPARISONS: Final = frozenset({"=", "<>", "!=", "<", ">", "<=", ">="})
_BETWEEN: Final = frozenset({"AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN"})
_NUMBER: Final = re.compile(rb"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?![0-9A-Za-z_.$\x80-\xff])")
_STRING: Final = re.compile(rb"'((?:[^'\\]|'')*)'(?!\s*')")
_MARK: Final = b"\0"  # no text that got this far holds one, so a cut cannot be confused with what is written
_INT4: Final = 2**31
_INT8: Final = 2**63
_DIGITS: Final = 19  # of the largest number that is no numeric: more are not worth a look

# Clauses whose expressions the server compares with others of the statement.
_COMPARED: Final = frozenset(
    {
        "groupClause",
        "sortClause",
        "distinctClause",
        "partitionClause",
        "orderClause",
        "agg_order",
        "agg_distinct",
        "infer",
    }
)
_LOOKED_AT: Final = _COMPARED | {"A_Expr", "valuesLists", "limitCount", "limitOffset"}
# No clause in them.
_LEAVES: Final = frozenset({"A_Const", "ColumnRef", "ParamRef", "RangeVar", "relation", "typeName", "name"})


def shape_of(encoded: bytes, statement: Mapping[str, Any], start: int, end: int) -> bytes | None:
    """The shape of ``encoded[start:end]``, of which ``statement`` is the parser's node; None where nothing is cut."""
    cuts: dict[int, tuple[int, bytes]] = {}
    constants = _constants(statement)
    if constants is None:
        return None
    for constant in constants:
        found = _cut(encoded, constant)
        if found is not None:
            cuts[found[0]] = found[1:]
    if not cuts:
        return None
    parts: list[bytes] = []
    at = start
    for place in sorted(cuts):
        stop, mark = cuts[place]
        if place < at or stop > end:
            return None  # the parser's places do not fit the text: nothing is concluded from them
        parts += (encoded[at:place], mark)
        at = stop
    parts.append(encoded[at:end])
    return b"".join(parts)


def _constants(statement: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    """The bodies of constants whose value does not matter; None where one stands in what is compared."""
    compared: list[Any] = []
    found = _below(statement, compared)
    return None if compared and _below(compared, None) else found


def _below(tree: Any, aside: list[Any] | None) -> list[Mapping[str, Any]]:
    """The constants in a tree; where ``aside`` is a list, clauses that are compared go there, not looked into."""
    found: list[Mapping[str, Any]] = []
    nodes: list[Any] = [tree]
    while nodes:
        node = nodes.pop()
        if type(node) is list:
            nodes += node
            continue
        if type(node) is not dict:
            continue
        for field, value in node.items():
            kind = type(value)
            if (kind is not dict and kind is not list) or field in _LEAVES:
                continue
            if field in _LOOKED_AT:
                if field == "A_Expr":
                    found += _operands(value)
                elif field == "valuesLists":
                    for row in value:
                        found += _direct(row)
                elif field in _COMPARED:
                    if aside is not None:
                        aside.append(value)
                        continue
                else:  # limitCount, limitOffset
                    found += _direct(value)
            nodes.append(value)
    return found


def _operands(expression: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    kind, names = expression["kind"], expression.get("name", ())
    operator = names[0].get("String", {}).get("sval") if len(names) == 1 else None
    if kind == "AEXPR_OP" and operator in _COMPARISONS:
        return _direct(expression.get("lexpr")) + _direct(expression.get("rexpr"))
    if kind == "AEXPR_IN" or kind in _BETWEEN:
        return _direct(expression.get("rexpr"))
    return []


def _direct(node: Any) -> list[Mapping[str, Any]]:
    """The constant that a node is, or those of the list that it is."""
    if not isinstance(node, dict):
        return []
    if "A_Const" in node:
        return [node["A_Const"]]
    items = node.get("List", {}).get("items", ())
    return [item["A_Const"] for item in items if isinstance(item, dict) and "A_Const" in item]


def _cut(encoded: bytes, constant: Mapping[str, Any]) -> tuple[int, int, bytes] | None:
    """(from, to, what stays) of a constant whose bytes read exactly as the parser's value."""
    place = constant.get("location", 0)
    if "sval" in constant:
        match = _STRING.match(encoded, place)
        value = constant["sval"].get("sval", "")
        if match is None or match[1].replace(b"''", b"'") != value.encode():
            return None
        return place, match.end(), _MARK + b"s"
    match = _NUMBER.match(encoded, place)
    if match is None:
        return None
    written = match[0].decode()
    if "ival" in constant:
        value = constant["ival"].get("ival", 0)
        return (place, match.end(), _MARK + b"i") if written == str(value) else None
    if "fval" in constant and constant["fval"].get("fval") == written:
        return place, match.end(), _MARK + _number_class(written)
    return None


def _number_class(written: str) -> bytes:
    """The type of a number that the parser did not keep as an integer, by the server's rules."""
    digits = written.lstrip("-").lstrip("0")
    if not written.lstrip("-").isdigit() or len(digits) > _DIGITS:
        return b"n"
    value = int(written)
    if -_INT4 <= value < _INT4:  # -2147483648: too large for an integer until its sign is seen
        return b"i"
    return b"l" if -_INT8 <= value < _INT8 else b"n"
