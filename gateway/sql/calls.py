"""Functions that may be called or not depending on what they are given: printers of definitions, ``set_config``.

On the allow-list they stand as refused, so that no other way to one of them (an operator, an aggregate) is open; only a
plain call comes here, and only constants that stand in it can make it harmless.
"""

from __future__ import annotations

from typing import Final

from gateway.sql.catalog import Catalog, Problem
from gateway.sql.codes import IncompleteCode
from gateway.sql.literals import read_datum
from gateway.sql.settings import SETTABLE
from gateway.sql.tree.node import Node

_FROM_CLIENT: Final = "0"  # kind of a parameter
# ``set_config`` says a value without the grammar's checks, so one whose values matter is left out.
_BY_FUNCTION: Final = SETTABLE - {"client_encoding"}


def call_problem(catalog: Catalog, call: Node) -> Problem | None:
    """Why a FUNCEXPR of a function in ``catalog.calls`` may not stand, or None."""
    name = catalog.calls[call.text("funcid")]
    arguments = [_plain(argument) for argument in call.nodes("args")]
    if name == "set_config":
        return _setting_problem(arguments)
    first = arguments[0] if arguments else None
    return catalog.definitions.call_problem(name, None if first is None else _oid(first), catalog.relations.keys())


def _plain(node: Node) -> Node:
    """The expression below conversions that change no bits."""
    while node.name == "RELABELTYPE":
        inner = node.node("arg")
        if inner is None:
            break
        node = inner
    return node


def _oid(node: Node) -> str | None:
    """The OID that a constant is, or None."""
    if node.name != "CONST" or node.text("consttype") not in ("26", "2205"):
        return None
    data = read_datum(node.text("constvalue"))
    return None if data is None else str(int.from_bytes(data[:4], "little"))


def _setting_problem(arguments: list[Node]) -> Problem | None:
    """The setting is named by a constant and harmless; its value is written out or the client's own, never computed."""
    name = ""
    if len(arguments) == 3 and arguments[0].name == "CONST" and arguments[0].text("consttype") == "25":
        data = read_datum(arguments[0].text("constvalue"))
        name = "" if data is None else data[4:].decode("utf-8", "replace").lower()
    if name not in _BY_FUNCTION:
        return IncompleteCode.SETTING_REFUSED, f"set_config of {name}" if name.isidentifier() else "set_config"
    for argument in arguments[1:]:
        given = argument.name == "CONST" or (argument.name == "PARAM" and argument.text("paramkind") == _FROM_CLIENT)
        if not given:
            return IncompleteCode.SETTING_REFUSED, f"set_config of {name} with a computed value"
    return None
