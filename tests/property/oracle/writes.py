"""INSERT, UPDATE, DELETE and MERGE, and queries with such statements in their WITH."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.property.oracle.expressions import Outputs, Scope, Source
from tests.property.oracle.queries import Queries
from tests.property.oracle.relations import Relation

_CONSTRAINTS = ("app.users", "app.messages", "app.images", "app.stickers", "app.regions", "app.notes")


class Statements(Queries):
    """Writes statements of every kind."""

    def __init__(self, chance: random.Random, major: int, *, size: int = 40) -> None:
        super().__init__(chance, major, size=size)
        self.plain_returning = False
        self.writable = [r for r in self.relations if r.written]

    def statement(self) -> str:
        """One statement."""
        way = self.chance.randrange(100)
        if way < 62:
            text, _ = self.select(top=True)
            return text
        if way < 67:
            return self._modifying_cte()
        if not self.maybe(15):
            return self._write()
        self.tag("WITH before a write")
        way = self.chance.randrange(3)  # MERGE takes no recursive one
        return self._with(None) + (self._insert, self._update, self._delete)[way](returning=self.maybe(40))[0]

    def _write(self) -> str:
        way = self.chance.randrange(4 if self.major >= 15 else 3)
        return (self._insert, self._update, self._delete, self._merge)[way](returning=self.maybe(40))[0]

    def _modifying_cte(self) -> str:
        self.tag("data-modifying CTE")
        way = self.chance.randrange(3)
        self.plain_returning = True
        text, outputs = (self._insert, self._update, self._delete)[way](returning=True)
        self.known.append(Source("changed", outputs))
        body, _ = self.select()
        reads = self.maybe(60)
        shown = ", ".join(f"changed.{n}" for n, _ in outputs)
        return f"WITH changed AS ({text}) " + (
            f"SELECT {shown} FROM changed" if reads or body.startswith("WITH") else body
        )

    # --- parts ------------------------------------------------------------------------------------------------------

    def _target(self) -> Relation:
        return self.writable[self.chance.randrange(len(self.writable))]

    def _returning(self, scope: Scope, *, wanted: bool, write: str) -> tuple[str, Outputs]:
        if not wanted:
            return "", []
        self.tag("RETURNING")
        parts, outputs = [], []
        for i in range(1 + self.chance.randrange(3)):
            kind = self.one(*"iitd")
            text = self.expression(kind, scope)
            if self.major >= 18 and write and self.maybe(20):
                self.tag("RETURNING old/new")
                same = [n for n, k in scope.sources[0].columns if k == kind]
                if same:
                    text = f"{self.one('old', 'new')}.{self.one(*same)}"
            parts.append(f"{text} AS r{i}")
            outputs.append((f"r{i}", kind))
        if self.maybe(12) and not self.plain_returning:
            self.tag("RETURNING *")
            return " RETURNING *", outputs
        return f" RETURNING {', '.join(parts)}", outputs

    def _set(self, relation: Relation, scope: Scope, alias: str) -> str:
        columns = [(n, k) for n, k in relation.columns if n not in relation.generated and k in "itnd"]
        chosen = self.chance.sample(columns, min(len(columns), 1 + self.chance.randrange(2)))
        if len(chosen) == 2 and self.maybe(40):
            self.tag("SET (…) =")
            names = ", ".join(n for n, _ in chosen)
            if self.maybe(60):
                return f"({names}) = ({self.subselect([k for _, k in chosen], scope, single=True)})"
            return f"({names}) = ROW({', '.join(self.expression(k, scope) for _, k in chosen)})"
        return ", ".join(
            f"{n} = {'DEFAULT' if self.maybe(8) and not relation.view else self.expression(k, scope)}"
            for n, k in chosen
        )

    def _inserted(self, relation: Relation) -> Sequence[tuple[str, str]]:
        columns = [(n, k) for n, k in relation.columns if n not in relation.generated]
        count = max(1, len(columns) - self.chance.randrange(3))
        return columns[:count] if self.maybe(70) else self.chance.sample(columns, count)

    # --- statements -------------------------------------------------------------------------------------------------

    def _insert(self, *, returning: bool) -> tuple[str, Outputs]:
        self.tag("INSERT")
        relation = self._target()
        alias = self.alias()
        columns = self._inserted(relation)
        listed = ", ".join(n for n, _ in columns)
        head = f"INSERT INTO {relation.name} AS {alias} ({listed})"
        if self.maybe(50):
            self.tag("INSERT … SELECT")
            body, _ = self.select([k for _, k in columns])
            source = f" {body}"
        elif self.maybe(10):
            source, head = " DEFAULT VALUES", f"INSERT INTO {relation.name} AS {alias}"
        else:
            source = f" VALUES ({', '.join(self.expression(k, Scope()) for _, k in columns)})"
        target = Scope([Source(alias, relation.columns, table=not relation.view)])
        conflict = ""
        if relation.key and relation.name in _CONSTRAINTS and self.maybe(45):
            conflict = self._conflict(relation, alias)
        tail, outputs = self._returning(target, wanted=returning and relation.name != "app.ruled", write="insert")
        return f"{head}{source}{conflict}{tail}", outputs or [("r0", "i")]

    def _conflict(self, relation: Relation, alias: str) -> str:
        self.tag("ON CONFLICT")
        where = self.one(f" ({relation.key})", f" ON CONSTRAINT {relation.name.partition('.')[2]}_pkey")
        if "CONSTRAINT" in where:
            self.tag("ON CONSTRAINT")
        if self.maybe(30):
            return f" ON CONFLICT{self.one('', where)} DO NOTHING"
        scope = Scope([Source(alias, relation.columns, table=True), Source("excluded", relation.columns)])
        condition = f" WHERE {self.expression('b', scope)}" if self.maybe(40) else ""
        return f" ON CONFLICT{where} DO UPDATE SET {self._set(relation, scope, alias)}{condition}"

    def _update(self, *, returning: bool) -> tuple[str, Outputs]:
        self.tag("UPDATE")
        relation = self._target()
        alias = self.alias()
        only = "ONLY " if self.maybe(8) and not relation.view else ""
        scope = Scope([Source(alias, relation.columns, table=not relation.view)])
        source = ""
        if self.maybe(40):
            self.tag("UPDATE … FROM")
            inner = Scope()
            source = self.sources(inner)
            scope.sources += inner.sources
        where = f" WHERE {self.expression('b', scope)}" if self.maybe(70) else ""
        values = self._set(relation, scope, alias)
        tail, outputs = self._returning(scope, wanted=returning, write="update")
        return f"UPDATE {only}{relation.name} AS {alias} SET {values}{source}{where}{tail}", outputs or [("r0", "i")]

    def _delete(self, *, returning: bool) -> tuple[str, Outputs]:
        self.tag("DELETE")
        relation = self._target()
        alias = self.alias()
        scope = Scope([Source(alias, relation.columns, table=not relation.view)])
        source = ""
        if self.maybe(40):
            self.tag("DELETE … USING")
            inner = Scope()
            source = self.sources(inner).replace(" FROM ", " USING ", 1)
            scope.sources += inner.sources
        where = f" WHERE {self.expression('b', scope)}" if self.maybe(80) else ""
        tail, outputs = self._returning(scope, wanted=returning, write="delete")
        return f"DELETE FROM {relation.name} AS {alias}{source}{where}{tail}", outputs or [("r0", "i")]

    def _merge(self, *, returning: bool) -> tuple[str, Outputs]:
        self.tag("MERGE")
        relation = self._target()
        while relation.name == "app.ruled" or (relation.view and self.major < 17):
            relation = self._target()
        alias = self.alias()
        target = Source(alias, relation.columns, table=not relation.view)
        inner = Scope()
        source = self._item(inner, lateral=False)
        both = Scope([target, *inner.sources])
        on = self._equal([target], inner.sources[0]) or "true"
        if self.maybe(30):
            on = f"{on} AND {self.expression('b', both)}"
        arms = []
        if self.maybe(80):
            condition = f" AND {self.expression('b', both)}" if self.maybe(40) else ""
            action = self.one(f"UPDATE SET {self._set(relation, both, alias)}", "DELETE", "DO NOTHING")
            arms.append(f" WHEN MATCHED{condition} THEN {action}")
        if self.maybe(50) or not arms:
            columns = self._inserted(relation)
            values = ", ".join(self.expression(k, inner) for _, k in columns)
            condition = f" AND {self.expression('b', inner)}" if self.maybe(30) else ""
            listed = ", ".join(n for n, _ in columns)
            arms.append(f" WHEN NOT MATCHED{condition} THEN INSERT ({listed}) VALUES ({values})")
        if self.major >= 17 and self.maybe(25):
            self.tag("BY SOURCE")
            action = self.one("DELETE", f"UPDATE SET {self._set(relation, Scope([target]), alias)}")
            arms.append(f" WHEN NOT MATCHED BY SOURCE THEN {action}")
        tail: str = ""
        outputs: Outputs = []
        if self.major >= 17:
            tail, outputs = self._returning(both, wanted=returning, write="")
        return f"MERGE INTO {relation.name} AS {alias} USING {source} ON {on}{''.join(arms)}{tail}", outputs
