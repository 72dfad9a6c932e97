"""SQL of ClickHouse and Trino -> what it touches, by sqlglot, which is not what these databases parse it with.

Such a parser misses a quarter to a half of the attacks on one that believes it. So the text is first held to what every
lexer reads alike (no comments, no backslashes, no odd characters); then every node of the tree must be on a list, and a
function, table function or clause that is not is refused. A column without its table counts for every table it may be
of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.model import ColumnUseKind
from gateway.routes.codes import RouteCode
from gateway.routes.found import Found
from gateway.routes.request import Unread

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

MAX_TEXT: Final = 65_536
_MAX_NODES: Final = 5_000
# What two lexers read alike: strings without escapes, quoted names that are plain. They are cut out; in the rest there
# are no comments (which may be hints), parameters, heredocs, quotes of one dialect only, prefixes of strings.
_ALIKE: Final = re.compile(r"(?<![\w'\"])(?:'(?:[^'\\\x00-\x1f]|'')*'|\"[A-Za-z_][A-Za-z0-9_]*\")(?![\w'\"])")
_TWO_READINGS: Final = re.compile(r"--|/\*|[\\#$@`'\"{};?]|[^\t\n\r\x20-\x7e]")
_CLAUSES: Final = frozenset(
    "Select Union Intersect Except With CTE Subquery From Join Where Group Having Order Ordered Limit Offset Table "
    "TableAlias Alias Column Identifier Star Literal Boolean Null Paren Tuple And Or Not EQ NEQ GT GTE LT LTE Is In "
    "Between Like ILike Add Sub Mul Div IntDiv Mod Neg DPipe Distinct Exists Case If Cast DataType".split()
)
_FUNCTIONS: Final = frozenset(
    "Count Sum Avg Min Max Lower Upper Length Trim Substring Coalesce Nullif Abs Round Floor Ceil Concat "
    "CurrentDate CurrentTimestamp Year Month Day".split()
)
_KNOWN: Final = _CLAUSES | _FUNCTIONS
# Parts that a node may have; of nodes that are not here, any. No USING and no NATURAL, which name columns without
# saying whose; no names of columns beside an alias, which may swap them; no recursion, no LIMIT BY, no IN of a table.
_PARTS: Final = {
    name: frozenset(parts.split())
    for name, parts in {
        "Alias": "this alias",
        "CTE": "this alias",
        "Column": "this table",
        "Distinct": "expressions",
        "From": "this",
        "Group": "expressions",
        "Having": "this",
        "In": "this expressions query",
        "Join": "this side kind on",
        "Limit": "expression",
        "Offset": "expression",
        "Order": "expressions",
        "Ordered": "this desc nulls_first",
        "Select": "expressions distinct from from_ joins where group having order limit offset with with_",
        "Star": "",
        "Subquery": "this alias",
        "Table": "this db catalog alias",
        "TableAlias": "this",
        "Union": "this expression distinct order limit offset with with_",
        "Intersect": "this expression distinct order limit offset with with_",
        "Except": "this expression distinct order limit offset with with_",
        "Where": "this",
        "With": "expressions",
    }.items()
}
# Where a column stands says what for; in a list of results it is shown.
_COMPARED: Final = frozenset({"Where", "Having", "Join", "Limit", "Offset"})
_ARRANGED: Final = frozenset({"Group", "Order", "Distinct"})


@dataclass(frozen=True, slots=True)
class Dialect:
    """One database's SQL."""

    name: str  # as sqlglot knows it
    folds: bool  # names are the same in upper and lower case
    group_by_alias: bool  # GROUP BY may name a result
    levels: int  # how many names, at most, one of a table has


CLICKHOUSE: Final = Dialect("clickhouse", folds=False, group_by_alias=True, levels=2)
TRINO: Final = Dialect("trino", folds=True, group_by_alias=False, levels=3)


def read_sql(text: str, dialect: Dialect, schema: str) -> Found:
    """What one SELECT touches. ``schema``: what a table's name begins with unless the text says. Raises Unread."""
    if not text.strip():
        raise Unread(RouteCode.SQL_UNREADABLE, "no SQL")
    if len(text) > MAX_TEXT:
        raise Unread(RouteCode.SQL_UNREADABLE, f"longer than {MAX_TEXT} characters")
    text = text.strip().removesuffix(";")
    if ";" in _ALIKE.sub(" x ", text):
        raise Unread(RouteCode.SQL_SEVERAL, "a semicolon inside")
    if _TWO_READINGS.search(_ALIKE.sub(" x ", text)):
        raise Unread(RouteCode.SQL_UNREADABLE, "comments, escapes and unusual quotes may be read in two ways")
    tree = _parsed(text, dialect)
    _listed(tree)
    return _Reading(dialect, schema).read(tree)


def _parsed(text: str, dialect: Dialect) -> exp.Expr:
    import sqlglot  # not before: it takes its time and memory, and most gateways have no such route
    from sqlglot.errors import SqlglotError

    try:
        found = sqlglot.parse(text, read=dialect.name)
    except (SqlglotError, RecursionError):
        raise Unread(RouteCode.SQL_UNREADABLE, f"it does not parse as SQL of {dialect.name}") from None
    if len(found) != 1 or found[0] is None:
        raise Unread(RouteCode.SQL_SEVERAL, "one statement is expected")
    return found[0]


def _listed(tree: exp.Expr) -> None:
    """Raises Unread for whatever is not on a list."""
    from sqlglot import exp

    if not isinstance(tree, exp.Select | exp.SetOperation):
        raise Unread(RouteCode.SQL_REFUSED, f"{type(tree).__name__}: only SELECT is let through")
    for number, node in enumerate(tree.walk()):
        name = type(node).__name__
        if number > _MAX_NODES:
            raise Unread(RouteCode.SQL_UNREADABLE, "too many parts")
        if isinstance(node, exp.Func) and name not in _KNOWN:
            called = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
            raise Unread(RouteCode.SQL_FUNCTION_REFUSED, f"{called[:64]}()")
        if name not in _KNOWN:
            raise Unread(RouteCode.SQL_REFUSED, name)
        _parts(node)


def _parts(node: exp.Expr) -> None:
    """Raises Unread for parts of a listed node that are no nodes of their own, or change what it means."""
    from sqlglot import exp

    name = type(node).__name__
    given = {key for key, value in node.args.items() if value not in (None, False, [], "")}
    if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
        raise Unread(RouteCode.SQL_FUNCTION_REFUSED, "a table function")
    odd = given - _PARTS.get(name, given)
    if isinstance(node, exp.Join) and not {node.kind, node.side} <= {
        "",
        "INNER",
        "OUTER",
        "CROSS",
        "LEFT",
        "RIGHT",
        "FULL",
    }:
        odd.add(f"kind {node.kind}")
    if isinstance(node, exp.CTE) and not isinstance(node.this, exp.Select | exp.SetOperation):
        odd.add("a value")  # ClickHouse's `WITH phone AS id`
    # An alias within an expression is a name that ClickHouse knows everywhere, also where a column is meant.
    if isinstance(node, exp.Alias) and not (isinstance(node.parent, exp.Select) and node.arg_key == "expressions"):
        odd.add("an expression inside")
    if odd:
        raise Unread(RouteCode.SQL_REFUSED, f"{name} with {', '.join(sorted(odd))}")


@dataclass(frozen=True, slots=True)
class _Reading:
    """Resolves the names of one statement."""

    dialect: Dialect
    schema: str

    def read(self, tree: exp.Expr) -> Found:
        from sqlglot.errors import SqlglotError
        from sqlglot.optimizer.scope import traverse_scope

        found = Found()
        try:
            scopes = traverse_scope(tree)
        except SqlglotError:
            raise Unread(RouteCode.SQL_UNREADABLE, "its names cannot be told apart") from None
        for scope in scopes:
            self._scope(scope, found)
        return found

    def _scope(self, scope: Scope, found: Found) -> None:
        from sqlglot import exp

        for relation in self._tables(scope):
            found.relation(relation)
        results = {self._folded(one.alias) for one in getattr(scope.expression, "selects", ()) if one.alias}
        for column in _own_columns(scope):
            use, clause = _use(column)
            if isinstance(column.this, exp.Star):
                self._star(scope, column.table, found)
                continue
            name = self._folded(column.name)
            if not column.table and name in results and self._may_name_result(clause):
                continue  # what it stands for is looked at where it is made
            for relation in self._owners(scope, column):
                found.column(relation, name, use)
        for star in _bare_stars(scope.expression):
            if not isinstance(star.parent, exp.Count):
                self._star(scope, "", found)

    def _may_name_result(self, clause: str) -> bool:
        return clause == "Order" or (clause == "Group" and self.dialect.group_by_alias)

    def _star(self, scope: Scope, table: str, found: Found) -> None:
        from sqlglot import exp

        for name, source in scope.sources.items():
            if isinstance(source, exp.Table) and (not table or self._folded(name) == self._folded(table)):
                found.whole(self._relation(source))

    def _owners(self, scope: Scope, column: exp.Column) -> Iterator[str]:
        """The relations that a column may be of; none where a query inside gives it, which is looked at."""
        from sqlglot import exp

        wanted, name = self._folded(column.table), self._folded(column.name)
        where: Scope | None = scope
        while where is not None:
            given = False
            for alias, source in where.sources.items():
                if wanted and self._folded(alias) != wanted:
                    continue
                if isinstance(source, exp.Table):
                    yield self._relation(source)
                    given = given or bool(wanted)
                else:
                    given = given or bool(wanted) or self._gives(source, name)
            if given or where.is_derived_table or where.is_cte:  # these see nothing of what is around them
                return
            where = where.parent
        if wanted:
            raise Unread(RouteCode.NAME_REFUSED, "a column of a table that the statement does not name")

    def _gives(self, source: Scope, name: str) -> bool:
        """Whether a query inside has a result of this name."""
        results = getattr(source.expression, "selects", ())
        return any(one.is_star or self._folded(one.alias_or_name) == name for one in results)

    def _tables(self, scope: Scope) -> Iterator[str]:
        from sqlglot import exp

        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                yield self._relation(source)

    def _relation(self, table: exp.Table) -> str:
        """A table's whole name: the levels that the text leaves out are the route's."""
        given = [self._folded(part) for part in (table.catalog, table.db, table.name) if part]
        default = self.schema.split(".")
        if len(given) > self.dialect.levels or len(default) != self.dialect.levels - 1:
            raise Unread(RouteCode.NAME_REFUSED, "a table's name has too many parts")
        return ".".join([*default[: self.dialect.levels - len(given)], *given])

    def _folded(self, name: str) -> str:
        return name.lower() if self.dialect.folds else name


def _own_columns(scope: Scope) -> Iterator[exp.Column]:
    """Columns of a scope itself, not of those inside."""
    from sqlglot import exp

    for node in scope.walk():
        if isinstance(node, exp.Column):
            yield node


def _bare_stars(tree: exp.Expr) -> Iterator[exp.Expr]:
    from sqlglot import exp

    for one in getattr(tree, "selects", ()):
        star = one.unalias()
        if isinstance(star, exp.Star):
            yield star


def _use(column: exp.Expr) -> tuple[ColumnUseKind, str]:
    """What a column is used for, and in which clause it stands."""
    node = column.parent
    while node is not None:
        name = type(node).__name__
        if name in _COMPARED:
            return ColumnUseKind.PREDICATE, name
        if name in _ARRANGED:
            return ColumnUseKind.ARRANGE, name
        if name in ("Select", "Union", "Intersect", "Except"):
            break
        node = node.parent
    return ColumnUseKind.OUTPUT, "Select"
