"""Functions that may be called or not by what they are given: printers of definitions, settings, numbers of sequences.

On the allow-list they stand as refused, so that no other way to one of them (an operator, an aggregate) is open; only a
plain call comes here, and only constants that stand in it can make it harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.sql.codes import SET_CONFIG, IncompleteCode, Problem
from gateway.sql.definitions import prints
from gateway.sql.literals import read_datum
from gateway.sql.settings import SETTABLE, VALUES
from gateway.sql.tree.node import Node

if TYPE_CHECKING:
    from gateway.sql.catalog import Catalog
    from gateway.sql.touched import Touched  # which knows the catalog that is made with this

_FROM_CLIENT: Final = "0"  # kind of a parameter
# ``set_config`` says a value without the grammar's checks, so those whose values matter are left out.
_BY_FUNCTION: Final = SETTABLE - frozenset(VALUES)
_NUMBERS: Final = frozenset(("nextval", "currval"))
_SEQUENCE: Final = "S"

# They are given rows of catalogs whole, and look at the type and its modifier alone.
ROW_READERS: Final = frozenset(("_pg_truetypid", "_pg_truetypmod"))


def judged_by_arguments(schema: str, identity: str) -> str | None:
    """The name of a function of the server's own that is judged here, or None."""
    name = identity.partition("(")[0]
    if schema == "information_schema":
        return name if name in ROW_READERS else None
    if schema != "pg_catalog":
        return None
    if identity == "set_config(text, text, boolean)" or name in _NUMBERS:
        return name
    return prints(identity)


def is_next_number(catalog: Catalog, call: Node) -> bool:
    """``nextval`` of a named sequence: in an INSERT, what a serial column's default is."""
    if call.text("funcid") not in catalog.sequences:
        return False
    arguments = call.nodes("args")
    return len(arguments) == 1 and arguments[0].name == "CONST"


def judge_call(touched: Touched, call: Node, *, seen: bool, limits: frozenset[str] | None = None) -> None:
    """Refuse a FUNCEXPR of a function in ``catalog.calls`` that may not stand.

    ``seen``: what it gives back is; ``limits``: relations whose definitions alone it can be given.
    """
    name = touched.catalog.calls[call.text("funcid")]
    arguments = [_plain(argument) for argument in call.nodes("args")]
    first = _oid(arguments[0]) if arguments else None
    problem: Problem | None = None
    if name == SET_CONFIG:
        problem = None if touched.assigns else _setting_problem(arguments)
    elif name in _NUMBERS:
        problem = _number_problem(touched, name, first)
    elif seen and name not in ROW_READERS:
        problem = touched.catalog.definitions.call_problem(name, first, touched.catalog.relations.keys(), limits)
    if problem is not None:
        touched.refuse(*problem)


def _number_problem(touched: Touched, name: str, oid: str | None) -> Problem | None:
    """To take a sequence's next number is to write it, and everybody else sees that it moved; else it is a read."""
    relation = None if oid is None else touched.catalog.relations.get(oid)
    if oid is None or relation is None or relation.kind != _SEQUENCE:
        return IncompleteCode.FUNCTION_REFUSED, f"function {name}: of a sequence that is not written out"
    touched.number(oid, taken=name == "nextval")
    return None


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
