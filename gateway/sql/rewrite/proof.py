"""``prove``: the server's trees show that the rewritten statement does what was meant, or it is refused.

Three things are shown, all from what the server made of the texts, none from how they were cut:

1. each stand-in, analysed alone, reads its one relation under our name, shows every column in order, unmasked ones as
   they are, masked ones as an expression of that column only (of nothing at all for ``null``), filters and fences where
   a filter is owed, and is complete by the same allow-lists as any statement;
2. the rewritten tree is the original tree with the relations replaced by exactly these stand-ins (see ``same``), so no
   relation under obligation is read anywhere else, whatever it is called there;
3. the row limit is there and lets no more rows through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.sql.catalog import Catalog
from gateway.sql.facts import read_facts
from gateway.sql.rewrite.lineage import Lineage, relations
from gateway.sql.rewrite.plan import Rewritten
from gateway.sql.rewrite.refused import RewriteRefused
from gateway.sql.rewrite.same import Same, one_query, view_of, views
from gateway.sql.rewrite.standin import BLANK, PLAIN, Output, Standin
from gateway.sql.scope import RELATION, SELECT, SUBQUERY
from gateway.sql.tree.node import Node, Value

_WRONG: Final = "the sub-select that masks is not what was written"
_INT8: Final = "20"
_LEAST: Final = "1"
_NO_COLUMN: Final = frozenset({"null", "constant"})  # methods that show nothing of the value
_EMPTY: Final = (
    "cteList groupClause groupingSets havingQual windowClause distinctClause sortClause limitCount rowMarks "
    "setOperations"
).split()
# Where a node says which type its value has.
_TYPES: Final = {
    "VAR": "vartype",
    "CONST": "consttype",
    "FUNCEXPR": "funcresulttype",
    "OPEXPR": "opresulttype",
    "RELABELTYPE": "resulttype",
    "COERCEVIAIO": "resulttype",
    "ARRAYCOERCEEXPR": "resulttype",
    "CASEEXPR": "casetype",
    "CASE": "casetype",
}


def prove(
    rewritten: Rewritten,
    *,
    original: Sequence[str],
    changed: Sequence[str],
    references: Mapping[str, Sequence[str]],
    catalog: Catalog,
    max_tree_bytes: int,
) -> None:
    """Raises RewriteRefused unless everything is shown.

    ``original`` and ``changed`` are the trees of the statement as it arrived and as rewritten; ``references`` those of
    each of ``rewritten.references``. All of one catalog epoch, with the same parameter types.
    """
    if sum(map(len, changed)) > max_tree_bytes:
        raise RewriteRefused("the rewritten statement's analysed tree is larger than the limit")
    alone: dict[str, Node] = {}
    for oid, standin in rewritten.standins.items():
        trees = references.get(standin.text, ())
        hashes = any(output.shown == "hash" for output in standin.outputs)
        allowing = catalog.for_masks() if hashes else catalog
        facts = read_facts("select", trees, allowing, max_tree_bytes=max_tree_bytes)
        if not facts.complete:
            raise RewriteRefused(f"a mask or row filter uses what is not let through: {facts.detail}")
        alone[oid] = one_query(trees, catalog)
        _check_standin(alone[oid], standin)
        if standin.view:
            _check_view(alone[oid], standin, rewritten, catalog)
        else:
            _check_relations(alone[oid], standin, rewritten, catalog)
    before, after = one_query(original, catalog), one_query(changed, catalog)
    guarded = {oid for oid in relations(before) if not rewritten.duties.of(oid).none}
    lineage = Lineage(catalog, rewritten.duties)
    harmless = set()
    for oid, query in views(before):
        if oid in rewritten.standins or guarded.isdisjoint(relations(query)):
            continue
        if lineage.of_view(query, _name(catalog, oid)):
            raise RewriteRefused(f"the view {_name(catalog, oid)} shows a masked column and is not replaced")
        harmless.add(oid)
    but = frozenset() if rewritten.limit is None else frozenset({"limitCount", "limitOption"})
    same = Same(rewritten.standins, alone, guarded=guarded, harmless=harmless)
    same.check(before, after, but=but)
    if rewritten.limit is not None:
        _check_limit(same, before.node("limitCount"), after, rewritten.limit)


def _check_standin(query: Node, standin: Standin) -> None:
    """A stand-in's own tree: one entry, ours; every column in its place; a filter and its fence, or neither."""
    table = query.nodes("rtable")
    if query.text("commandType") != SELECT or len(table) != 1:
        raise RewriteRefused(_WRONG)
    entry = table[0]
    if entry.text("alias") != standin.nonce:
        raise RewriteRefused(_WRONG)
    if standin.view:
        if entry.text("rtekind") != SUBQUERY or view_of(entry) != standin.oid:
            raise RewriteRefused(_WRONG)
    elif entry.text("rtekind") != RELATION or entry.text("relid") != standin.oid or entry.text("inh") != "true":
        raise RewriteRefused(_WRONG)
    joins = query.node("jointree")
    sources = [] if joins is None else joins.nodes("fromlist")
    if joins is None or [one.name for one in sources] != ["RANGETBLREF"] or sources[0].text("rtindex") != "1":
        raise RewriteRefused(_WRONG)
    if joins.present("quals") != standin.filtered or query.present("limitOffset") != standin.filtered:
        raise RewriteRefused(_WRONG)
    if any(query.present(field) for field in _EMPTY):
        raise RewriteRefused(_WRONG)
    targets = query.nodes("targetList")
    if len(targets) != len(standin.outputs):
        raise RewriteRefused(_WRONG)
    for place, (target, output) in enumerate(zip(targets, standin.outputs, strict=True), 1):
        if (
            target.number("resno") != place
            or target.text("resjunk") != "false"
            or target.text("ressortgroupref") != "0"
        ):
            raise RewriteRefused(_WRONG)
        _check_output(target.node("expr"), output)


def _check_output(expression: Node | None, output: Output) -> None:
    """One column of a stand-in, by how it is shown."""
    if expression is None:
        raise RewriteRefused(_WRONG)
    seen = list(_of_interest(expression))
    if any(node.name != "VAR" for node in seen):
        raise RewriteRefused(_WRONG)  # a parameter or a sub-select
    if any(
        (node.text("varno"), node.number("varattno"), node.text("varlevelsup")) != ("1", output.number, "0")
        for node in seen
    ):
        raise RewriteRefused(_WRONG)  # another column
    if output.shown == PLAIN:
        if expression.name != "VAR":
            raise RewriteRefused(_WRONG)
    elif output.shown in (BLANK, "null"):
        if seen or not _is_null(expression):
            raise RewriteRefused(_WRONG)
    elif output.shown in _NO_COLUMN and not _only_asks_for_null(expression):
        raise RewriteRefused(_WRONG)
    elif expression.name == "VAR":
        raise RewriteRefused(_WRONG)
    if output.shown != BLANK and _type_of(expression) != output.type:
        raise RewriteRefused(f"the mask of {output.name} has another type than the column")


def _is_null(expression: Node) -> bool:
    """True for a NULL constant below nothing but conversions: every function of a length is strict."""
    first: Node | None = expression
    while first is not None and first.name != "CONST":
        if first.name == "FUNCEXPR":
            arguments = first.nodes("args")
            first = arguments[0] if arguments else None
        elif first.has("arg"):
            first = first.node("arg")
        else:
            return False
    return first is not None and first.text("constisnull") == "true"


def _only_asks_for_null(expression: Node) -> bool:
    """True where the column stands nowhere but in one IS NULL: a constant tells no more than that."""
    asked = [node for node in _nodes(expression) if node.name == "NULLTEST"]
    below = [node for test in asked for node in _nodes(test) if node.name == "VAR"]
    return len(below) == len([node for node in _nodes(expression) if node.name == "VAR"])


def _check_relations(query: Node, standin: Standin, rewritten: Rewritten, catalog: Catalog) -> None:
    """Besides its own relation a stand-in's filter may read others, as long as nothing is owed at those."""
    for oid in relations(query):
        relation = catalog.relations.get(oid)
        if oid == standin.oid:
            continue
        if relation is None or relation.kind not in "rp" or not rewritten.duties.of(oid).none:
            raise RewriteRefused("a row filter asks a relation that is itself masked or filtered, or is no table")


def _check_view(query: Node, standin: Standin, rewritten: Rewritten, catalog: Catalog) -> None:
    """Every output of the view that is a masked column is masked in the stand-in, in the same way."""
    for oid, inner in views(query):
        methods = Lineage(catalog, rewritten.duties).of_view(inner, _name(catalog, oid))
        shown = {place: output.shown for place, output in enumerate(standin.outputs, 1)}
        if any(shown.get(place) != method for place, method in methods.items()):
            raise RewriteRefused(f"the view {_name(catalog, oid)} shows a masked column that is not masked")


def _name(catalog: Catalog, oid: str) -> str:
    relation = catalog.relations.get(oid)
    return f"with OID {oid}" if relation is None else relation.full_name


def _check_limit(same: Same, before: Node | None, after: Node, rows: int) -> None:
    """The limit of the rewritten statement: a number not above ours, or the lesser of its own and ours."""
    found = after.node("limitCount")
    if found is None or after.text("limitOption") not in ("0", "LIMIT_OPTION_COUNT"):
        raise RewriteRefused("the row limit is not there")
    own = _number(found)
    if own is not None:
        if own > rows or (before is None and own != rows):
            raise RewriteRefused("the row limit is not the one asked for")
        return
    if found.name in ("MINMAXEXPR", "MINMAX") and found.text("op") == _LEAST and before is not None:
        arguments = found.nodes("args")
        if len(arguments) == 2 and _number(arguments[1]) == rows:
            same.expression(before, arguments[0])
            return
    raise RewriteRefused("the row limit is not the one asked for")


def _number(node: Node) -> int | None:
    """An int8 constant, from its bytes; also the int4 that the server widens for ``FETCH FIRST ROW ONLY``."""
    if node.name == "FUNCEXPR" and node.text("funcid") == "481":  # int8(int4)
        arguments = node.nodes("args")
        return _number(arguments[0]) if len(arguments) == 1 and arguments[0].text("consttype") == "23" else None
    if node.name != "CONST" or node.text("constisnull") == "true" or node.text("consttype") not in (_INT8, "23"):
        return None
    octets = bytes(int(word) % 256 for word in node.text("constvalue").partition("[")[2].rstrip("] \n").split())
    # A datum is printed as the server's machine holds it. Read the wrong way round a limit is huge or negative.
    readings = [int.from_bytes(octets, order, signed=True) for order in ("little", "big")]
    return min((one for one in readings if one >= 0), default=None)


def _type_of(expression: Node) -> str:
    if expression.name in ("COLLATEEXPR", "COLLATE"):
        inner = expression.node("arg")
        return "" if inner is None else _type_of(inner)
    field = _TYPES.get(expression.name)
    return "" if field is None else expression.text(field)


def _of_interest(expression: Node) -> Iterator[Node]:
    """Every node that reaches beyond constants: columns, parameters, sub-selects."""
    return (node for node in _nodes(expression) if node.name in ("VAR", "PARAM", "SUBLINK", "QUERY"))


def _nodes(value: Value) -> Iterator[Node]:
    waiting: list[Value] = [value]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Node):
            yield one
            waiting += one.values
