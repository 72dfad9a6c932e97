"""The walk: from an analysed query to every column, function, operator and type it touches.

The walk asks and answers by reference. Every clause is walked once with the use its position has; a ``VAR`` asks its
range table entry for a column, and the entry answers: a relation notes it, a join or a GROUP entry walks the expression
its alias stands for, a sub-query or common table expression walks the output in question, with the asker's use. So a
column read three levels down for an outer WHERE is a predicate, whatever it is called on the way.

Outputs that nobody asked for are walked too: the server may evaluate them, and asks for privileges on them. Inside a
view, plain columns that nobody asked for are left out; anything more than a plain column is walked even there, because
a function in it may run (HAZARDS: an unread ``set_config`` column did). What it would show, nobody sees: a function
that does no more than print a definition does no harm there.
"""

from __future__ import annotations

from gateway.sql.calls import ROW_READERS, is_next_number, judge_call
from gateway.sql.catalog import Catalog
from gateway.sql.codes import IncompleteCode
from gateway.sql.limits import is_catalog_row, printed_of, relations_of
from gateway.sql.privileges import claim_privileges
from gateway.sql.references import reference_problem
from gateway.sql.scope import (
    CTE,
    DELETE,
    GROUP,
    INSERT,
    JOIN,
    MERGE,
    RELATION,
    SELECT,
    SUBQUERY,
    UPDATE,
    Scope,
    compares_rows,
    open_scope,
    passes_on,
)
from gateway.sql.targets import check_target
from gateway.sql.touched import Touched, Use
from gateway.sql.tree.node import Node, Role, Value

_OUTPUT = int(Use.OUTPUT)
_PREDICATE = int(Use.PREDICATE)
_ARRANGE = int(Use.ARRANGE)
_UNSEEN = int(Use.UNSEEN)

_NODES = int(Role.NODES)
# Compiled code has no recursion limit that would save the stack: a chain of references can be longer than a tree deep.
_MAX_DEPTH = 500

_NOTHING = "7"  # MERGE's DO NOTHING, as a command
_DO_UPDATE = "2"  # ON CONFLICT's action
_NUMBERING = frozenset((INSERT, UPDATE, MERGE))  # commands whose defaults may take a sequence's next number
_EXISTS = "0"  # kind of a sub-select
_SCALAR = frozenset(("4", "6"))  # those of one value, or of an array
_PARAMETERS = frozenset(("0", "2", "3"))  # of the client, of a sub-select, of UPDATE … SET (a, b) = (…)


class Walker:
    """One statement's walk."""

    __slots__ = ("catalog", "depth", "early", "scopes", "sublinks", "touched")

    def __init__(self, catalog: Catalog, touched: Touched) -> None:
        self.catalog = catalog
        self.touched = touched
        self.depth = 0
        self.early = False  # in FROM or a condition of it: before it is certain which rows pass
        self.scopes: list[Scope] = []
        self.sublinks: dict[int, Scope] = {}  # identity of a sub-query's node -> its scope

    def statement(self, query: Node) -> None:
        """Walk one top-level query."""
        self.scopes.clear()
        self.sublinks.clear()
        if query.name != "QUERY":
            self.touched.refuse(IncompleteCode.COMMAND_REFUSED, f"{query.name} in place of a query")
            return
        scope = open_scope(query, None, self.scopes, self.touched, view=False)
        scope.solid = scope.command == SELECT
        self._body(scope)
        self._all_outputs(scope, _OUTPUT)
        for inner in self.scopes:  # grows while it is walked
            self._unasked_outputs(inner)
        for inner in self.scopes:
            claim_privileges(inner, self.touched)

    # --- query levels ---------------------------------------------------------------------------------------------

    def _body(self, scope: Scope) -> None:
        """Every clause of a query but its outputs, then the bodies inside it."""
        query = scope.query
        if scope.command not in (SELECT, UPDATE, INSERT, DELETE, MERGE):
            self.touched.refuse(IncompleteCode.COMMAND_REFUSED, "a command that is no query")
            return
        self._target(scope)
        joins = query.node("jointree")
        if joins is not None:
            self._join(scope, joins)
        self._parts(query, ("havingQual", "limitOffset", "limitCount", "mergeJoinCondition"), scope)
        for field in ("groupClause", "windowClause", "distinctClause", "sortClause"):
            for part in query.nodes(field):
                self.expression(part, scope, _ARRANGE)
        for part in query.nodes("withCheckOptions"):
            self.expression(part, scope, _PREDICATE)
        for place, entry in enumerate(scope.table, 1):
            self._entry(scope, place, entry)
        for inner in scope.ctes.values():
            self._body(inner)
        for inner in scope.children.values():
            self._body(inner)
        self._arranged_outputs(scope)

    def _target(self, scope: Scope) -> None:
        """The relation that INSERT, UPDATE, DELETE or MERGE writes, and the columns it gives values to."""
        query = scope.query
        place = query.number("resultRelation")
        if scope.command == SELECT:
            if place:
                self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "SELECT with a target")
            return
        entry = scope.entry(place)
        if entry is None or entry.text("rtekind") != RELATION:
            self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "a target that is no relation")
            return
        self.touched.target(entry.text("relid"))
        conflict = query.node("onConflict")
        if scope.command == MERGE:
            for action in query.nodes("mergeActionList"):
                self._parts(action, ("qual",), scope)
                self._write(scope, entry, action.text("commandType"), action.nodes("targetList"))
        else:
            self._write(scope, entry, scope.command, query.nodes("targetList"))
        if conflict is not None:
            # Columns of its row that was not inserted (excluded) count as the target's: the server asks to read those.
            self.expression(conflict, scope, _PREDICATE)
            if not conflict.present("arbiterElems"):
                # A constraint by name, or any at all: whether a key exists is told without a column being named.
                self.touched.column(entry.text("relid"), 0, _PREDICATE, with_children=False)
            self._parts(conflict, ("onConflictWhere",), scope)
            if conflict.text("action") == _DO_UPDATE:
                self._write(scope, entry, UPDATE, conflict.nodes("onConflictSet"))

    def _write(self, scope: Scope, entry: Node, command: str, values: list[Node]) -> None:
        """One way in which a command writes its target."""
        if command == _NOTHING:
            return
        oid = entry.text("relid")
        check_target(self.catalog, self.touched, oid, command)
        written: set[int] = set()
        for target in () if command == DELETE else values:
            if target.text("resjunk") != "true":
                written.add(target.number("resno"))
                self.touched.written(oid, target.number("resno"), with_children=command != INSERT)
            self.expression(target, scope, _OUTPUT)
        if command == UPDATE:
            self.touched.changed(oid, written, with_children=entry.text("inh") == "true")

    def _parts(self, node: Node, fields: tuple[str, ...], scope: Scope) -> None:
        """Clauses that decide which rows count."""
        for field in fields:
            part = node.node(field) if node.has(field) else None
            if part is not None:
                self.expression(part, scope, _PREDICATE)

    def _join(self, scope: Scope, node: Node) -> None:
        """FROM and WHERE: references to range table entries, joins, and their conditions."""
        if node.name == "RANGETBLREF":
            entry = scope.entry(node.number("rtindex"))
            if entry is None:
                self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "FROM names no range table entry")
            elif entry.text("rtekind") == RELATION:
                self.touched.relation(entry.text("relid"), with_children=entry.text("inh") == "true")
            return
        use = _PREDICATE
        if node.name == "JOINEXPR":
            parts = [node.node("larg"), node.node("rarg")]
            if node.present("usingClause"):
                use = _ARRANGE
        elif node.name == "FROMEXPR":
            parts = list(node.nodes("fromlist"))
        else:
            self.touched.refuse(IncompleteCode.NODE_UNKNOWN, f"{node.name} in FROM")
            return
        for part in parts:
            if part is not None:
                self._join(scope, part)
        condition = node.node("quals")
        if condition is not None:
            was, self.early = self.early, True
            self.expression(condition, scope, use)
            self.early = was

    def _entry(self, scope: Scope, place: int, entry: Node) -> None:
        """What a range table entry evaluates whoever asks: functions, VALUES, samples, row security."""
        kind = entry.text("rtekind")
        if kind == GROUP:
            for part in entry.nodes("groupexprs"):
                self.expression(part, scope, _ARRANGE)
            use = _PREDICATE
        else:
            use = _PREDICATE if kind == RELATION else _OUTPUT
        was, self.early = self.early, True
        self._fields(entry, scope, use)
        self.early = was

    # --- outputs --------------------------------------------------------------------------------------------------

    def _output(self, scope: Scope, number: int, use: int) -> None:
        """Somebody uses an output of a query."""
        if use == _UNSEEN and not scope.view and not passes_on(scope.outputs.get(number)):
            use = _OUTPUT  # an error in what the client wrote himself may show what nobody else sees
        new = use & ~scope.produced.get(number, 0)
        if not new:
            return
        scope.produced[number] = scope.produced.get(number, 0) | new
        for leaf in scope.leaves:
            self._ask(scope, leaf, number, new)
        entry = scope.outputs.get(number)
        if entry is None:
            self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, f"output {number} of a sub-query")
            return
        self.expression(entry, scope, new)

    def _all_outputs(self, scope: Scope, use: int) -> None:
        for number, entry in scope.outputs.items():
            # An output that exists only to be sorted or grouped by is not shown.
            if entry.text("resjunk") != "true":
                self._output(scope, number, use)

    def _arranged_outputs(self, scope: Scope) -> None:
        """Outputs that ORDER BY, GROUP BY, DISTINCT or a window refer to, and what set operations compare."""
        for number, entry in scope.outputs.items():
            if entry.text("ressortgroupref") != "0":
                self._output(scope, number, _ARRANGE)
        operations = scope.query.node("setOperations")
        if operations is not None:
            self.expression(operations, scope, _ARRANGE)
            if compares_rows(operations):
                self._all_outputs(scope, _ARRANGE)

    def _unasked_outputs(self, scope: Scope) -> None:
        for number, entry in scope.outputs.items():
            if number in scope.produced:
                continue
            if not (scope.view and passes_on(entry)):
                self._output(scope, number, _UNSEEN)

    # --- references -----------------------------------------------------------------------------------------------

    def _variable(self, node: Node, scope: Scope, use: int) -> None:
        problem = self.catalog.type_problem(node.text("vartype"), converted=False)
        if problem is not None:
            self.touched.refuse(*problem)
        home = scope.above(node.number("varlevelsup"))
        if home is None:
            self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "a column of a query level that does not exist")
            return
        was, self.early = self.early, self.early or not scope.solid
        self._ask(home, node.number("varno"), node.number("varattno"), use)
        self.early = was

    def _ask(self, scope: Scope, place: int, number: int, use: int) -> None:
        """A column of a range table entry is used; number 0 is all of them."""
        entry = scope.entry(place)
        if entry is None:
            self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "a column of no range table entry")
            return
        key = (place, number)
        known = scope.asked.get(key, 0)
        new = use & ~known
        if not new:
            return
        self._deeper()
        kind = entry.text("rtekind")
        limits = relations_of(self.catalog, scope, place) if self._is_late(scope, new) else None
        if limits is None:
            scope.asked[key] = known | new  # what was asked with limits is asked again where there are none
        if kind == RELATION:
            children = entry.text("inh") == "true"
            self.touched.column(entry.text("relid"), number, new, with_children=children, limits=limits)
        elif kind == SUBQUERY:
            self._ask_query(scope.children.get(place), number, new)
        elif kind == CTE:
            home = scope.above(entry.number("ctelevelsup"))
            self._ask_query(None if home is None else home.ctes.get(entry.text("ctename")), number, new)
        elif kind == JOIN:
            self._ask_alias(entry.items("joinaliasvars"), scope, number, new)
        elif kind == GROUP:
            self._ask_alias(entry.items("groupexprs"), scope, number, new)
        # Functions, VALUES and table functions were walked whole.
        self.depth -= 1

    def _ask_query(self, inner: Scope | None, number: int, use: int) -> None:
        if inner is None:
            self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "a sub-query that does not exist")
        elif number == 0:
            self._all_outputs(inner, use)
        else:
            self._output(inner, number, use)

    def _ask_alias(self, expressions: list[Value], scope: Scope, number: int, use: int) -> None:
        if number < 0 or number > len(expressions):
            self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, f"column {number} of a join")
            return
        for part in expressions if number == 0 else [expressions[number - 1]]:
            if isinstance(part, Node):
                self.expression(part, scope, use)

    # --- expressions ----------------------------------------------------------------------------------------------

    def expression(self, node: Node, scope: Scope, use: int) -> None:
        """Any node below a clause."""
        name = node.name
        if name == "VAR":
            self._variable(node, scope, use)
            return
        if name == "QUERY":
            self.touched.refuse(IncompleteCode.NODE_UNKNOWN, "QUERY in place of an expression")
            return
        if name == "SUBLINK":
            self._sublink(node, scope, use)
        elif name == "FUNCEXPR" and scope.command in _NUMBERING and is_next_number(self.catalog, node):
            return
        elif name == "FUNCEXPR" and node.text("funcid") in self.catalog.calls:
            self._call(node, scope, use)
            return
        elif name == "NEXTVALUEEXPR" and scope.command not in _NUMBERING:
            self.touched.refuse(IncompleteCode.NODE_UNKNOWN, "NEXTVALUEEXPR outside of a write")
        elif name == "PARAM" and node.text("paramkind") not in _PARAMETERS:
            self.touched.refuse(IncompleteCode.NODE_UNKNOWN, "PARAM of an unknown kind")
        self._fields(node, scope, use)

    def _fields(self, node: Node, scope: Scope, use: int) -> None:
        """The fields that the node's table names as worth a look."""
        self._deeper()
        values = node.values
        for index, role in node.shape.checks:
            value = values[index]
            if value is None:
                continue
            if isinstance(value, Node):
                self.expression(value, scope, use)
            elif role == _NODES and isinstance(value, list):
                self._list(value, scope, use)
            else:
                problem = reference_problem(self.catalog, value, role)
                if problem is not None and not (use == _UNSEEN and self._only_shows(value)):
                    self.touched.refuse(*problem)
        self.depth -= 1

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise RecursionError

    def _only_shows(self, value: Value) -> bool:
        return isinstance(value, str) and value in self.catalog.shows

    def _list(self, values: list[Value], scope: Scope, use: int) -> None:
        for value in values:
            if isinstance(value, Node):
                self.expression(value, scope, use)
            elif isinstance(value, list):
                self._list(value, scope, use)

    def _sublink(self, node: Node, scope: Scope, use: int) -> None:
        query = node.node("subselect")
        if query is None or query.name != "QUERY":
            self.touched.refuse(IncompleteCode.REFERENCE_UNRESOLVED, "a sub-select without a query")
            return
        inner = self.sublinks.get(id(query))
        if inner is None:
            inner = open_scope(query, scope, self.scopes, self.touched, view=scope.view)
            scalar = node.text("subLinkType") in _SCALAR and inner.command == SELECT
            inner.solid = scalar and self._is_late(scope, use)
            self.sublinks[id(query)] = inner
            self._body(inner)
        # EXISTS shows no output; the ones that are no plain columns are walked with the rest that nobody asked for.
        if node.text("subLinkType") != _EXISTS:
            self._all_outputs(inner, use)

    def _call(self, node: Node, scope: Scope, use: int) -> None:
        """A function whose arguments decide."""
        name, arguments = self.catalog.calls[node.text("funcid")], node.nodes("args")
        limits = None
        if arguments and self._is_late(scope, use):
            limits = printed_of(self.catalog, scope, name, arguments[0])
        judge_call(self.touched, node, seen=use != _UNSEEN, limits=limits)
        reader = name in ROW_READERS
        for argument in arguments:
            if not (reader and is_catalog_row(self.touched, argument, scope)):
                self.expression(argument, scope, use)

    def _is_late(self, scope: Scope, use: int) -> bool:
        """Whether what stands here is computed of rows that passed, and of no others: see `limits`."""
        return scope.solid and not self.early and not use & ~(_OUTPUT | _ARRANGE)
