"""To which relations the rows of a catalog are limited: ``WHERE r.ev_class = '16412'``, and what follows from that.

psql's ``\\d`` asks for the definitions of one table, by its OID. One literal in the way anywhere else need not stop
that: where it is certain that only rows of known relations reach the output, only their definitions count.

Certain means: equalities of OIDs that every row satisfies (in WHERE, in inner joins; those of an outer join for its
nullable side, whose columns are NULL otherwise), and an output of the statement itself or of a scalar sub-select in it.
There expressions are computed for rows that passed; inside of sub-selects in FROM, the planner may compute them before,
and an error in them would show what is then left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from gateway.sql.literals import read_datum
from gateway.sql.tree.node import Node

if TYPE_CHECKING:
    from gateway.sql.catalog import Catalog
    from gateway.sql.scope import Scope
    from gateway.sql.touched import Touched

_OID_EQUALS: Final = "607"  # pg_catalog.=(oid, oid)
_CHAR_EQUALS: Final = "92"  # pg_catalog.=("char", "char")
_OIDS: Final = frozenset(("26", "2205", "23"))  # oid, regclass, and an integer that is taken for one
_CHAR: Final = "18"
_WITHOUT_CONSTANTS: Final = frozenset("fpu")  # foreign, primary and unique keys: nothing but names
_INNER, _LEFT, _RIGHT = "0", "1", "3"

# Column of a catalog whose values are OIDs of objects -> the column that says to which relation each belongs.
OWNERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "pg_attrdef": "adrelid",
        "pg_constraint": "conrelid",
        "pg_index": "indrelid",
        "pg_rewrite": "ev_class",
        "pg_class": "oid",
        "pg_partitioned_table": "partrelid",
        "pg_policy": "polrelid",
        "pg_publication_rel": "prrelid",
        "pg_statistic_ext": "stxrelid",
        "pg_trigger": "tgrelid",
    }
)
# Functions that print -> the catalog and column their argument must come from.
OBJECTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "pg_get_constraintdef": ("pg_constraint", "oid"),
        "pg_get_indexdef": ("pg_index", "indexrelid"),
        "pg_get_ruledef": ("pg_rewrite", "oid"),
        "pg_get_triggerdef": ("pg_trigger", "oid"),
        "pg_get_viewdef": ("pg_class", "oid"),
        "pg_get_partkeydef": ("pg_class", "oid"),
        "pg_get_statisticsobjdef": ("pg_statistic_ext", "oid"),
        "pg_get_statisticsobjdef_columns": ("pg_statistic_ext", "oid"),
        "pg_get_statisticsobjdef_expressions": ("pg_statistic_ext", "oid"),
    }
)

Column = tuple[int, int]  # place in the range table, number


def relations_of(catalog: Catalog, scope: Scope, place: int) -> frozenset[str] | None:
    """The relations to which rows of a catalog at a place in FROM belong. None: whichever, or not known."""
    entry = scope.entry(place)
    if entry is None or not _is_relation(entry):
        return None
    relation = catalog.relations.get(entry.text("relid"))
    if relation is None or not relation.system or relation.name not in OWNERS or not scope.solid:
        return None
    numbers = {column.name: number for number, column in relation.columns.items()}
    if relation.name == "pg_constraint":
        kinds = values_of(scope, (place, numbers.get("contype", 0)))
        if kinds is not None and kinds <= _WITHOUT_CONSTANTS:
            return frozenset()
    found = values_of(scope, (place, numbers.get(OWNERS[relation.name], 0)))
    return found if found is not None and found <= catalog.relations.keys() else None


def printed_of(catalog: Catalog, scope: Scope, function: str, argument: Node) -> frozenset[str] | None:
    """The relations whose definitions a function can be given by this argument. None: whichever, or not known."""
    home = scope.above(argument.number("varlevelsup")) if argument.name == "VAR" else None
    if home is None or function not in OBJECTS:
        return None
    place, number = argument.number("varno"), argument.number("varattno")
    entry = home.entry(place)
    if entry is None or not _is_relation(entry):
        return None
    relation = catalog.relations.get(entry.text("relid"))
    column = None if relation is None else relation.columns.get(number)
    if relation is None or column is None or not relation.system or (relation.name, column.name) != OBJECTS[function]:
        return None
    return relations_of(catalog, home, place)


def is_catalog_row(touched: Touched, node: Node, scope: Scope) -> bool:
    """Whether an expression is a row of one of the server's own catalogs, whole."""
    home = scope.above(node.number("varlevelsup")) if node.name == "VAR" else None
    entry = None if home is None else home.entry(node.number("varno"))
    if entry is None or node.text("varattno") != "0" or not _is_relation(entry):
        return False
    relation = touched.relation(entry.text("relid"), with_children=False)
    return relation is not None and relation.system


def _is_relation(entry: Node) -> bool:
    return entry.text("rtekind") == "0"


def values_of(scope: Scope, column: Column) -> frozenset[str] | None:
    """What a column can be in rows that reach the outputs: OIDs, or letters of a "char". None: anything."""
    if not scope.solid:
        return None
    if scope.limits is None:
        scope.limits = _limits(scope)
    return scope.limits.get(column)


def _limits(scope: Scope) -> Mapping[Column, frozenset[str]]:
    equal: list[tuple[Node, Node, frozenset[int] | None]] = []
    joins = scope.query.node("jointree")
    if joins is not None:
        _equalities(joins, None, equal)
    found: dict[Column, frozenset[str]] = {}
    grown = True
    while grown:
        grown = False
        for left, right, only in equal:
            for this, other in ((left, right), (right, left)):
                column = _column(this)
                if column is None or column in found or (only is not None and column[0] not in only):
                    continue
                values = _values(other, scope, found)
                if values is not None:
                    found[column] = values
                    grown = True
    return found


def _equalities(
    node: Node, only: frozenset[int] | None, found: list[tuple[Node, Node, frozenset[int] | None]]
) -> frozenset[int]:
    """Add the equalities that hold below a node of FROM, with the places they say something of; None: all."""
    if node.name == "RANGETBLREF":
        return frozenset((node.number("rtindex"),))
    places: frozenset[int] = frozenset()
    if node.name == "FROMEXPR":
        for part in node.nodes("fromlist"):
            places |= _equalities(part, only, found)
    elif node.name == "JOINEXPR":
        sides = [_equalities(part, only, found) for part in (node.node("larg"), node.node("rarg")) if part is not None]
        places = frozenset().union(*sides)
        kind = node.text("jointype")
        if kind == _LEFT:
            only = sides[-1]
        elif kind == _RIGHT:
            only = sides[0]
        elif kind != _INNER:
            return places
    quals = node.node("quals")
    waiting = [quals] if quals is not None else []
    while waiting:
        one = waiting.pop()
        if one.name == "BOOLEXPR" and one.text("boolop") == "and":
            waiting += one.nodes("args")
        elif one.name == "OPEXPR" and one.text("opno") in (_OID_EQUALS, _CHAR_EQUALS):
            sides_of = [_plain(argument) for argument in one.nodes("args")]
            if len(sides_of) == 2:
                found.append((sides_of[0], sides_of[1], only))
    return places


def _plain(node: Node) -> Node:
    """The expression below conversions that change no bits."""
    while node.name == "RELABELTYPE":
        inner = node.node("arg")
        if inner is None:
            break
        node = inner
    return node


def _column(node: Node) -> Column | None:
    if node.name != "VAR" or node.text("varlevelsup") != "0":
        return None
    return node.number("varno"), node.number("varattno")


def _values(node: Node, scope: Scope, found: Mapping[Column, frozenset[str]]) -> frozenset[str] | None:
    """What the other side of an equality can be."""
    if node.name == "CONST":
        data = read_datum(node.text("constvalue"))
        if data is None:
            return None
        if node.text("consttype") in _OIDS:
            return frozenset((str(int.from_bytes(data[:4], "little")),))
        return frozenset((chr(data[0]),)) if node.text("consttype") == _CHAR else None
    if node.name != "VAR":
        return None
    column = node.number("varno"), node.number("varattno")
    if node.text("varlevelsup") == "0":
        return found.get(column)
    home = scope.above(node.number("varlevelsup"))
    return None if home is None else values_of(home, column)
