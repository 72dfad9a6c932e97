"""SELECT in all its parts: joins, sub-queries, common table expressions, set operations, grouping, windows, order."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.property.oracle.aggregates import Aggregates
from tests.property.oracle.expressions import Outputs, Scope, Source
from tests.property.oracle.relations import RELATIONS, Relation

_SHARED = (
    ("app.users", "id"),
    ("app.messages", "id"),
    ("app.images", "id"),
    ("app.stickers", "id"),
    ("app.ruled", "id"),
)


class Queries(Aggregates):
    """Writes queries; ``select`` gives the text and what it shows."""

    def __init__(self, chance: random.Random, major: int, *, size: int = 40) -> None:
        super().__init__(chance, major, size=size)
        self.depth = 0
        self.known: list[Source] = []  # common table expressions in sight
        self.relations = [r for r in RELATIONS if r.since <= major]

    # --- whole queries ----------------------------------------------------------------------------------------------

    def subselect(self, kinds: list[str], outer: Scope, *, single: bool = False) -> str:
        if self.depth > 3 or self.left < 0:
            return "SELECT " + ", ".join(self.literal(kind) for kind in kinds)
        text, _ = self.select(kinds, outer)
        return f"SELECT q.* FROM ({text}) AS q LIMIT 1" if single else text

    def select(
        self, kinds: Sequence[str] | None = None, outer: Scope | None = None, *, top: bool = False
    ) -> tuple[str, Outputs]:
        """A query with outputs of the kinds, or of any."""
        self.depth += 1
        self.left -= 2
        before = len(self.known)
        if kinds is None:
            kinds = [self.one(*"iittttndbyj") for _ in range(1 + self.chance.randrange(4))]
        text = self._with(outer) if self.maybe(18) else ""
        match self.chance.randrange(12):
            case 0 | 1 if self.depth < 5:
                body, outputs = self._set_operation(kinds, outer)
            case 2 if not outer or not outer.sources:
                body, outputs = self._values(kinds)
            case 3 if top and self.maybe(30):
                self.tag("TABLE")
                body, outputs = f"TABLE {self._relation().name}", []
            case _:
                body, outputs = self._plain(kinds, outer, top=top and not text)
        del self.known[before:]
        self.depth -= 1
        return text + body, outputs

    def _values(self, kinds: Sequence[str]) -> tuple[str, Outputs]:
        self.tag("VALUES")
        rows = ", ".join(
            "(" + ", ".join(self.expression(kind, Scope()) for kind in kinds) + ")"
            for _ in range(1 + self.chance.randrange(2))
        )
        return f"VALUES {rows}", [(f"column{i}", kind) for i, kind in enumerate(kinds, 1)]

    def _set_operation(self, kinds: Sequence[str], outer: Scope | None) -> tuple[str, Outputs]:
        self.tag("set operation")
        allowed = [kind if kind not in "y" else "t" for kind in kinds]
        left, outputs = self.select(allowed, outer)
        right, _ = self.select(allowed, outer)
        operation = self.one("UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL")
        text = f"({left}) {operation} ({right})"
        if self.maybe(30):
            self.tag("ORDER BY position")
            text += f" ORDER BY {1 + self.chance.randrange(len(kinds))}"
        return text, outputs

    def _with(self, outer: Scope | None) -> str:
        self.tag("CTE")
        parts, recursive = [], False
        for _ in range(1 + self.chance.randrange(2)):
            name = self.alias().replace("a", self.one("w", "w", "w", "users"))
            if self.maybe(25):
                recursive = True
                body, columns = self._recursive(name, outer)
                parts.append(body)
            else:
                body, columns = self.select(None, outer)
                listed = ""
                if self.maybe(40):
                    columns = [(f"c{i}", kind) for i, (_, kind) in enumerate(columns)]
                    listed = f"({', '.join(n for n, _ in columns)})"
                hint = self.one("", "", "MATERIALIZED ", "NOT MATERIALIZED ")
                parts.append(f"{name}{listed} AS {hint}({body})")
            self.known.append(Source(name, columns))
        return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(parts)} "

    def _recursive(self, name: str, outer: Scope | None) -> tuple[str, Outputs]:
        self.tag("recursive CTE")
        relation = self._relation(plain=True)
        inner = Scope([Source("z", relation.columns, table=True)], outer)
        start = f'SELECT 1, ({self.expression("t", inner)})::text COLLATE "C" FROM {relation.name} AS z'
        step_scope = Scope([Source("r", (("n", "i"), ("v", "t"))), Source("z", relation.columns, table=True)], outer)
        word = self.one("UNION", "UNION ALL")
        condition = self.expression("b", Scope([Source("z", relation.columns, table=True)]))
        join = self.one("JOIN", "LEFT JOIN") if word == "UNION" else "JOIN"
        step = (
            f'SELECT r.n + 1, ({self.column("t", step_scope) or "r.v"})::text COLLATE "C" FROM {name} AS r '
            f"{join} {relation.name} AS z ON {condition} WHERE r.n < 3"
        )
        extra, columns = "", [("n", "i"), ("v", "t")]
        if self.major >= 14 and self.maybe(40):
            self.tag("SEARCH/CYCLE")
            extra = self.one(" SEARCH DEPTH FIRST BY n SET ord", " CYCLE n SET looped USING path")
        return f"{name}(n, v) AS ({start} {word} {step}){extra}", columns

    # --- one level --------------------------------------------------------------------------------------------------

    def _plain(self, kinds: Sequence[str], outer: Scope | None, *, top: bool) -> tuple[str, Outputs]:
        scope = Scope(outer=outer)
        source = self.sources(scope)
        where = f" WHERE {self.expression('b', scope)}" if self.maybe(55) else ""
        way = self.chance.randrange(10)
        if way < 2:
            return self._grouped(kinds, scope, source + where)
        if way == 2 and "j" not in kinds:
            outputs = [(f"o{i}", kind) for i, kind in enumerate(kinds)]
            listed = ", ".join(f"{self.aggregate(kind, scope)} AS {n}" for n, kind in outputs)
            return f"SELECT {listed}{source}{where}", outputs
        named, tail = "", ""
        if self.maybe(10):
            self.tag("WINDOW")
            named, tail = "w", f" WINDOW w AS ({self.window_definition(scope)})"
        shown: list[str] = []
        outputs = []
        for i, kind in enumerate(kinds):
            name = self.one(f"o{i}", f"o{i}", f"phone{i}")
            text = self.window(kind, scope, named) if self.maybe(12) else self.expression(kind, scope)
            shown.append(f"{text} AS {name}")
            outputs.append((name, kind))
        if top and source and self.maybe(12):
            self.tag("*")
            names = [s.name for s in scope.sources]
            star = self.one("*", f"{self.one(*names)}.*", self.one(*names), f"ARRAY[{self.one(*names)}]")
            if not star.endswith("*"):
                self.tag("whole row")
            tail = f" WHERE {self.expression('b', scope)}" if self.maybe(50) else ""
            tail += self._limit() if self.maybe(30) else ""
            tail += self._lock(scope) if self.maybe(20) else ""
            return f"SELECT {star}{source}{tail}", outputs
        distinct, order = "", ""
        plain = not any(" OVER " in s for s in shown) and not tail
        if self.maybe(15):
            position = 1 + self.chance.randrange(len(kinds))
            if kinds[position - 1] in "itnd" and self.maybe(50):
                self.tag("DISTINCT ON")
                key = f"abs({self.expression('i', scope)})"
                distinct, order = f"DISTINCT ON ({key}) ", f" ORDER BY {key}, {self.expression('t', scope)}"
            else:
                self.tag("DISTINCT")
                distinct = "DISTINCT "
        if not order and self.maybe(35):
            order = self._order(kinds, outputs, scope, distinct=bool(distinct))
        limit = self._limit() if self.maybe(25) else ""
        lock = ""
        if top and plain and not distinct and source and scope.sources and self.maybe(12):
            lock = self._lock(scope)
        return f"SELECT {distinct}{', '.join(shown)}{source}{where}{tail}{order}{limit}{lock}", outputs

    def _order(self, kinds: Sequence[str], outputs: Outputs, scope: Scope, *, distinct: bool) -> str:
        position = self.chance.randrange(len(kinds))
        way = self.chance.randrange(3)
        if way == 0 or distinct:
            self.tag("ORDER BY position")
            return f" ORDER BY {position + 1}{self.one('', ' DESC', ' NULLS FIRST')}"
        if way == 1:
            self.tag("ORDER BY name")
            return f" ORDER BY {outputs[position][0]}"
        self.tag("ORDER BY expression")
        using = self.one("", "", " DESC NULLS LAST", " USING <")
        return f" ORDER BY coalesce({self.expression('i', scope)}, 0){using}, 1"

    def _limit(self) -> str:
        self.tag("LIMIT")
        return self.one(" LIMIT 2", " LIMIT 10 OFFSET 1", " FETCH FIRST 3 ROWS ONLY", " LIMIT (SELECT 2)")

    def _lock(self, scope: Scope) -> str:
        tables = [s.name for s in scope.sources if s.table]
        if not tables:
            return ""
        self.tag("FOR UPDATE")
        wait = self.one("", "", " SKIP LOCKED", " NOWAIT")
        return f" FOR {self.one('UPDATE', 'SHARE', 'NO KEY UPDATE', 'KEY SHARE')} OF {self.one(*tables)}{wait}"

    def _grouped(self, kinds: Sequence[str], scope: Scope, source: str) -> tuple[str, Outputs]:
        self.tag("GROUP BY")
        keys: list[tuple[str, str]] = []
        for kind in kinds:
            key = self.column(kind, Scope(scope.sources)) if kind in "itnd" and self.maybe(60) else None
            if key is not None:
                keys.append((key, kind))
        shown: list[str] = []
        outputs: Outputs = []
        used = list(keys)
        for i, kind in enumerate(kinds):
            name = f"g{i}"
            taken = next((k for k in used if k[1] == kind), None)
            if taken is not None:
                used.remove(taken)
                text = taken[0] if self.maybe(70) or kind != "t" else f"lower({taken[0]})"
            else:
                text = self.aggregate(kind, scope)
            shown.append(f"{text} AS {name}")
            outputs.append((name, kind))
        group = ""
        names = list(dict.fromkeys(key for key, _ in keys))
        if names:
            match self.chance.randrange(6):
                case 0:
                    self.tag("GROUPING SETS")
                    group = f" GROUP BY GROUPING SETS (({', '.join(names)}), ({names[0]}), ())"
                case 1:
                    self.tag("GROUPING SETS")
                    group = f" GROUP BY {self.one('ROLLUP', 'CUBE')} ({', '.join(names)})"
                case _:
                    group = f" GROUP BY {', '.join(names)}"
        having = ""
        if self.maybe(40):
            self.tag("HAVING")
            condition = self.one("count(*) > 0", self.aggregate("b", scope), f"{self.aggregate('i', scope)} > 0")
            having = f" HAVING {condition}"
        order = f" ORDER BY {1 + self.chance.randrange(len(kinds))}" if self.maybe(30) and "j" not in kinds else ""
        return f"SELECT {', '.join(shown)}{source}{group}{having}{order}", outputs

    # --- FROM -------------------------------------------------------------------------------------------------------

    def sources(self, scope: Scope) -> str:
        """`` FROM …``, its sources added to the scope; sometimes nothing."""
        if self.maybe(4):
            self.tag("no FROM")
            return ""
        items = [self._joined(scope)]
        while self.maybe(18) and len(items) < 3:
            items.append(self._item(scope, lateral=True))
        return f" FROM {', '.join(items)}"

    def _joined(self, scope: Scope) -> str:
        if self.maybe(12) and self.depth < 4:
            return self._named_join(scope)
        before = list(scope.sources)
        text = self._item(scope, lateral=False)
        while self.maybe(35) and self.left > 0:
            kind = self.one(
                "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN", "NATURAL JOIN", "NATURAL LEFT JOIN"
            )
            self.tag("NATURAL JOIN" if "NATURAL" in kind else kind)
            if "NATURAL" in kind:
                text += self._natural(scope, kind)
                continue
            left = [s for s in scope.sources if s not in before]
            text += f" {kind} {self._item(scope, lateral=kind in ('JOIN', 'LEFT JOIN', 'CROSS JOIN'))}"
            right = scope.sources[-1]
            if kind == "CROSS JOIN":
                continue
            condition = self._equal(left, right)
            if kind != "FULL JOIN" and (condition is None or self.maybe(40)):
                condition = self.expression("b", Scope([s for s in scope.sources if s not in before]))
            text += f" ON {condition or 'true'}"
        return text

    def _natural(self, scope: Scope, kind: str) -> str:
        """A relation that shares one name with what stands there: all its other columns get names of their own."""
        relation = self._relation(plain=True)
        name = self.alias()
        # All columns get names of their own but one.
        left = [n for s in scope.sources for n, _ in s.columns]
        columns = [(f"{name}_{n}", k) for n, k in relation.columns]
        if left.count(left[0]) == 1:
            same = next((i for i, (_, k) in enumerate(relation.columns) if k == scope.sources[0].columns[0][1]), None)
            if same is not None and scope.sources[0].columns[0][1] in "itd":
                columns[same] = (left[0], columns[same][1])
        listed = ", ".join(n for n, _ in columns)
        scope.sources.append(Source(name, columns))
        return f" {kind} {relation.name} AS {name}({listed})"

    def _equal(self, left: Sequence[Source], right: Source) -> str | None:
        for kind in self.chance.sample("itd", 3):
            here = [f"{s.name}.{n}" for s in left for n, k in s.columns if k == kind]
            there = [f"{right.name}.{n}" for n, k in right.columns if k == kind]
            if here and there:
                return f"{self.one(*here)} = {self.one(*there)}"
        return None

    def _named_join(self, scope: Scope) -> str:
        """Two tables joined by a column of the same name, seen through the join's own name, or their own."""
        self.tag("USING")
        (first, column), (second, _) = self.chance.sample(_SHARED, 2)
        a, b, joined = self.alias(), self.alias(), self.alias()
        kind = self.one("JOIN", "LEFT JOIN", "FULL JOIN", "RIGHT JOIN")
        text = f"{first} AS {a} {kind} {second} AS {b} USING ({column})"
        columns = {r.name: r.columns for r in self.relations}
        if self.maybe(50):
            self.tag("join alias")
            rest = [c for t in (first, second) for c in columns[t] if c[0] != column]
            names = [n for n, _ in rest]
            # The whole is nameable; of the columns those whose name is the only one.
            unique = [c for c in rest if names.count(c[0]) == 1]
            scope.sources.append(Source(joined, [(column, "i"), *unique], row=True))
            return f"({text}) AS {joined}"
        if self.major >= 14 and self.maybe(40):
            self.tag("join using alias")
            scope.sources.append(Source(joined, [(column, "i")], row=True))
            text += f" AS {joined}"
        scope.sources.append(Source(a, columns[first], table=True))
        scope.sources.append(Source(b, columns[second], table=True))
        return text

    def _relation(self, *, plain: bool = False) -> Relation:
        while True:
            found = self.relations[self.chance.randrange(len(self.relations))]
            if not (plain and found.view):
                return found

    def _item(self, scope: Scope, *, lateral: bool) -> str:
        name = self.alias()
        around = Scope(list(scope.sources), scope.outer)
        match self.chance.randrange(16):
            case 0 | 1 if self.depth < 4 and self.left > 0:
                word = "LATERAL " if lateral and self.maybe(60) else ""
                if word:
                    self.tag("LATERAL")
                self.tag("derived table")
                body, outputs = self.select(None, around if word else scope.outer)
                if self.maybe(30):
                    outputs = [(f"x{i}", kind) for i, (_, kind) in enumerate(outputs)]
                    scope.sources.append(Source(name, outputs))
                    return f"{word}({body}) AS {name}({', '.join(n for n, _ in outputs)})"
                scope.sources.append(Source(name, outputs))
                return f"{word}({body}) AS {name}"
            case 2 | 3 if self.known:
                cte = self.known[self.chance.randrange(len(self.known))]
                self.tag("CTE read")
                scope.sources.append(Source(name, cte.columns))
                return f"{cte.name} AS {name}"
            case 4:
                return self._function(name, scope, around if lateral else Scope(outer=scope.outer))
            case 5 if self.maybe(50):
                self.tag("VALUES")
                scope.sources.append(Source(name, (("v1", "i"), ("v2", "t"))))
                return f"(VALUES (1, 'a'), (2, {self.expression('t', Scope())})) AS {name}(v1, v2)"
        relation = self._relation()
        self.tag("view" if relation.view else "table")
        columns: Sequence[tuple[str, str]] = relation.columns
        if self.maybe(15):
            self.tag("column aliases")
            columns = [(f"k{i}", kind) for i, (_, kind) in enumerate(columns)]
            scope.sources.append(Source(name, columns, table=not relation.view))
            return f"{relation.name} AS {name}({', '.join(n for n, _ in columns)})"
        scope.sources.append(Source(name, columns, table=not relation.view))
        if relation.view:
            return f"{relation.name} AS {name}"
        only = ""
        if self.maybe(8):
            self.tag("ONLY")
            only = "ONLY "
        sample = ""
        if self.maybe(4):
            self.tag("TABLESAMPLE")
            sample = " TABLESAMPLE bernoulli(90) REPEATABLE (7)"
        return f"{only}{relation.name} AS {name}{sample}"

    def _function(self, name: str, scope: Scope, around: Scope) -> str:
        self.tag("function in FROM")
        row = self.rowed(around)
        choices = ["series", "unnest", "rows"]
        if row is not None:
            choices += ["each", "each", "record"]
        if self.major >= 17:
            choices.append("json_table")
        match self.one(*choices):
            case "series":
                scope.sources.append(Source(name, (("n", "i"),)))
                return f"generate_series(1, {self.expression('i', around)} % 5) AS {name}(n)"
            case "unnest":
                scope.sources.append(Source(name, (("u", "t"), ("nr", "i"))))
                return f"unnest(ARRAY[{self.expression('t', around)}, 'q']) WITH ORDINALITY AS {name}(u, nr)"
            case "rows":
                self.tag("ROWS FROM")
                scope.sources.append(Source(name, (("n", "i"), ("u", "t"))))
                return (
                    f"ROWS FROM (generate_series(1, 2), unnest(ARRAY[{self.expression('t', around)}])) AS {name}(n, u)"
                )
            case "each":
                scope.sources.append(Source(name, (("key", "t"), ("value", "t"))))
                return f"jsonb_each_text(to_jsonb({row})) AS {name}"
            case "record":
                scope.sources.append(Source(name, (("id", "i"), ("phone", "t"))))
                return f"json_to_record(row_to_json({row})) AS {name}(id int, phone text)"
            case _:
                self.tag("JSON_TABLE")
                scope.sources.append(Source(name, (("a", "i"), ("p", "t"))))
                listed = "a int PATH '$.a', p text PATH '$.p'"
                return f"JSON_TABLE({self.expression('j', around)}, '$' COLUMNS ({listed})) AS {name}"
