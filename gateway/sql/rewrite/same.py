"""Two analysed trees are the same statement, but for relations that a stand-in stands in for.

Node by node, field by field: what is not listed here as a place, a bookkeeping field or a replaced entry must be equal.
The stand-in has the relation's columns in order, so every reference to it keeps its number, counted without dropped
columns. Types, modifiers and collations of references must be equal: so is what the client is told about the result.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from gateway.sql.catalog import Catalog
from gateway.sql.rewrite.refused import RewriteRefused
from gateway.sql.rewrite.standin import Standin
from gateway.sql.scope import JOIN, RELATION, SELECT, SUBQUERY
from gateway.sql.tree.fields import GRAMMARS
from gateway.sql.tree.node import Node, Value
from gateway.sql.tree.reader import TreeRefused, read_tree

# Places in the text, and what the server keeps for printing statements or checking privileges.
_PLACES: Final = frozenset({"location", "list_start", "list_end", "stmt_location", "stmt_len"})
_KEPT: Final = frozenset(
    {"hasRowSecurity", "perminfoindex", "resorigtbl", "resorigcol", "joinleftcols", "joinrightcols"}
)
_NO_MATTER: Final = _PLACES | _KEPT
_RECORD: Final = "2249"
_DIFFERS: Final = "the server understands the rewritten statement otherwise than the original"


def one_query(trees: Sequence[str], catalog: Catalog) -> Node:
    """The one query that the server made of a statement that reads. Raises RewriteRefused."""
    grammar = GRAMMARS.get(catalog.major)
    if grammar is None:
        raise RewriteRefused("trees of this server version are not known")
    try:
        queries = [query for text in trees for query in read_tree(text, grammar)]
    except TreeRefused as refused:
        raise RewriteRefused(f"the analysed tree cannot be read: {refused.detail}") from None
    if len(queries) != 1 or queries[0].name != "QUERY" or queries[0].text("commandType") != SELECT:
        raise RewriteRefused("only statements that read, and do nothing besides, can be masked, filtered or limited")
    return queries[0]


def view_of(entry: Node) -> str | None:
    """The OID of the view that a range table entry was, or None."""
    if entry.text("rtekind") != SUBQUERY:
        return None
    if entry.has("relid"):
        return entry.text("relid") if entry.text("relid") != "0" else None
    inner = entry.node("subquery")
    for one in () if inner is None else inner.nodes("rtable"):  # before 16 the view's query kept it
        if one.text("rtekind") == RELATION and one.text("relkind") == "v":
            return one.text("relid")
    return None


def views(value: Value) -> Iterator[tuple[str, Node]]:
    """The views that the statement itself reads, with what the server made of them; not the views inside those."""
    waiting: list[Value] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Node):
            view = view_of(one) if one.has("rtekind") else None
            inner = one.node("subquery") if view is not None else None
            if view is not None and inner is not None:
                yield view, inner
            else:
                waiting += one.values


class Same:
    """One comparison. ``check`` raises RewriteRefused at the first difference."""

    def __init__(
        self,
        standins: Mapping[str, Standin],
        references: Mapping[str, Node],
        *,
        guarded: Collection[str],
        harmless: Collection[str],
    ) -> None:
        """``references``: what the server made of each stand-in alone; ``guarded``: what must not be read as it is.

        ``harmless``: views that read such relations, but nothing masked comes out of them or matters in them.
        """
        self._standins = standins
        self._references = references
        self._guarded = frozenset(guarded)
        self._harmless = frozenset(harmless)
        self._levels: list[dict[int, Mapping[int, int]]] = []  # per query: place -> column number -> output number
        self._inside = False  # a stand-in: compared with its reference, without replacements

    def check(self, original: Node, rewritten: Node, *, but: frozenset[str] = frozenset()) -> None:
        """Compare two queries; the fields ``but`` of the outermost ones are the caller's."""
        self._query(original, rewritten, but)

    def expression(self, original: Node, rewritten: Node) -> None:
        """Compare two expressions that refer to no column."""
        self._node(original, rewritten)

    def _query(self, a: Node, b: Node, but: frozenset[str] = frozenset()) -> None:
        if a.shape is not b.shape:
            raise RewriteRefused(_DIFFERS)
        table_a, table_b = a.nodes("rtable"), b.nodes("rtable")
        if len(table_a) != len(table_b):
            raise RewriteRefused(_DIFFERS)
        if not self._inside and a.text("commandType") != SELECT:
            raise RewriteRefused("a statement that writes cannot be masked, filtered or limited")
        replaced = [None if self._inside else self._standin(entry) for entry in table_a]
        self._levels.append(
            {place: standin.positions for place, standin in enumerate(replaced, 1) if standin is not None}
        )
        for entry_a, entry_b, standin in zip(table_a, table_b, replaced, strict=True):
            if standin is None:
                self._entry(entry_a, entry_b)
            else:
                self._replaced(entry_a, entry_b, standin)
        for field, one, other in zip(a.shape.fields, a.values, b.values, strict=True):
            if field in _NO_MATTER or field in but or field == "rtable":
                continue
            if field == "rteperminfos":
                self._values(self._permissions(a), self._permissions(b), field)
            elif field == "targetList":
                self._targets(a.nodes(field), b.nodes(field))
            else:
                self._values(one, other, field)
        self._levels.pop()

    def _targets(self, a: list[Node], b: list[Node]) -> None:
        for target in a:
            expression = target.node("expr")
            if expression is not None and expression.name == "VAR" and expression.text("varattno") == "0":
                if self._position(expression) is not None:
                    raise RewriteRefused(
                        "a whole row of a masked or filtered relation cannot be shown; name its columns"
                    )
        self._values(list(a), list(b), "targetList")

    def _standin(self, entry: Node) -> Standin | None:
        """What must stand in for an entry of the original. Raises where it should be and there is none."""
        if entry.text("rtekind") == RELATION:
            oid = entry.text("relid")
            standin = self._standins.get(oid)
            if standin is None and oid in self._guarded:
                raise RewriteRefused("a relation to be masked or filtered is read in a way that cannot be rewritten")
            return standin
        view = view_of(entry)
        return None if view is None else self._standins.get(view)

    def _replaced(self, a: Node, b: Node, standin: Standin) -> None:
        """An entry of the original, and the stand-in in its place."""
        query = b.node("subquery") if b.text("rtekind") == SUBQUERY else None
        if query is None or view_of(b) is not None or b.text("security_barrier") != "false":
            raise RewriteRefused("a relation to be masked or filtered is not replaced in the rewritten statement")
        if not standin.view and (a.text("inh") != "true" or a.present("tablesample")):
            raise RewriteRefused("ONLY and TABLESAMPLE of a masked or filtered relation cannot be rewritten")
        if b.present("securityQuals") or a.text("eref") != b.text("eref") or a.text("lateral") != b.text("lateral"):
            raise RewriteRefused(_DIFFERS)
        if a.text("inFromCl") != b.text("inFromCl"):
            raise RewriteRefused(_DIFFERS)
        levels, self._levels, self._inside = self._levels, [], True
        self._query(self._references[standin.oid], query)
        self._levels, self._inside = levels, False

    def _entry(self, a: Node, b: Node) -> None:
        if a.shape is not b.shape:
            raise RewriteRefused(_DIFFERS)
        if not self._inside and view_of(a) in self._harmless:
            levels, self._levels, self._inside = self._levels, [], True
            self._fields(a, b)
            self._levels, self._inside = levels, False
        else:
            self._fields(a, b)

    def _fields(self, a: Node, b: Node) -> None:
        definitions = "joinaliasvars" if a.text("rtekind") == JOIN else ""
        for field, one, other in zip(a.shape.fields, a.values, b.values, strict=True):
            if field in _NO_MATTER:
                continue
            if field == definitions:
                self._definitions(a.items(field), b.items(field))
            else:
                self._values(one, other, field)

    def _definitions(self, a: list[Value], b: list[Value]) -> None:
        """What the columns of a join stand for. A column nobody reads may be blank, and then of another type."""
        if len(a) != len(b):
            raise RewriteRefused(_DIFFERS)
        for one, other in zip(a, b, strict=True):
            if isinstance(one, Node) and isinstance(other, Node) and one.name == other.name == "VAR":
                self._variable(one, other, typed=False)
            else:
                self._values(one, other, "joinaliasvars")

    def _values(self, a: Value, b: Value, field: str) -> None:
        if isinstance(a, Node):
            if not isinstance(b, Node):
                raise RewriteRefused(f"{_DIFFERS} ({field})")
            self._node(a, b)
        elif isinstance(a, list):
            if not isinstance(b, list) or len(a) != len(b):
                raise RewriteRefused(f"{_DIFFERS} ({field})")
            for one, other in zip(a, b, strict=True):
                if field != "aggargtypes" or other != _RECORD:  # the arguments themselves are compared too
                    self._values(one, other, field)
        elif a != b and _unwrapped(a) != _unwrapped(b):
            raise RewriteRefused(f"{_DIFFERS} ({field})")

    def _node(self, a: Node, b: Node) -> None:
        if a.shape is not b.shape:
            raise RewriteRefused(f"{_DIFFERS} ({a.name})")
        if a.name == "QUERY":
            self._query(a, b)
        elif a.name == "VAR":
            self._variable(a, b, typed=True)
        else:
            for field, one, other in zip(a.shape.fields, a.values, b.values, strict=True):
                if field not in _NO_MATTER:
                    self._values(one, other, field)

    def _variable(self, a: Node, b: Node, *, typed: bool) -> None:
        positions = self._position(a)
        number, other = a.number("varattno"), b.number("varattno")
        whole_row = positions is not None and number == 0
        if positions is not None and number != 0:
            number = positions.get(number, 0)
            if number <= 0:
                raise RewriteRefused("system columns of a masked or filtered relation cannot be shown")
        if number != other:
            raise RewriteRefused(_DIFFERS)
        for field, one, two in zip(a.shape.fields, a.values, b.values, strict=True):
            if field in _PLACES or field in ("varattno", "varattnosyn"):
                continue
            if field in ("vartype", "vartypmod", "varcollid"):
                if not typed and positions is not None:
                    continue
                if whole_row and field == "vartype" and two == _RECORD:
                    continue
            if one != two:
                raise RewriteRefused(f"{_DIFFERS} ({field})")

    def _position(self, variable: Node) -> Mapping[int, int] | None:
        """Where the columns went, if the reference is to a replaced entry."""
        level = len(self._levels) - 1 - variable.number("varlevelsup")
        if level < 0:
            raise RewriteRefused(_DIFFERS)
        return self._levels[level].get(variable.number("varno"))

    def _permissions(self, query: Node) -> list[Value]:
        """What privileges are checked, but for what the stand-ins stand in for."""
        skipped = frozenset() if self._inside else self._standins.keys()
        return [one for one in query.nodes("rteperminfos") if one.text("relid") not in skipped]


def _unwrapped(word: Value) -> Value:
    """A word without the line breaks that the server's printing put in place of spaces."""
    return word.replace("\n", " ") if isinstance(word, str) else word
