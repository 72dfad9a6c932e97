"""Expressions of a kind over what is in scope: columns, whole rows, functions, sub-selects, windows, aggregates."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.property.oracle.everyday import LINES

Outputs = list[tuple[str, str]]

LITERALS = {
    "i": ("1", "2", "7", "0", "120"),
    "t": ("'JP'", "'a'", "'hanako'", "'+81%'", "'x y'", "''"),
    "n": ("1.5", "0.25", "1e3", "1200"),
    "d": ("date '2025-05-01'", "timestamptz '2025-01-01 00:00+00'", "date '2026-01-01'"),
    "b": ("true", "false"),
    "y": (r"'\x00ff'::bytea", "'abc'::bytea"),
    "j": ("""'{"a": 1}'::jsonb""", "'[1, 2]'::jsonb"),
}
KINDS = "itndbyj"
_SQL_TYPES = {"i": "int", "t": "text", "n": "numeric", "d": "timestamptz", "b": "boolean", "y": "bytea", "j": "jsonb"}


@dataclass(slots=True)
class Source:
    """Something in FROM: its name and columns."""

    name: str
    columns: Sequence[tuple[str, str]]
    row: bool = True  # its name alone is its whole row
    table: bool = False  # it has system columns


@dataclass(slots=True)
class Scope:
    """What can be named at a place: this level, and the levels around."""

    sources: list[Source] = field(default_factory=list)
    outer: Scope | None = None


class Expressions:
    """The part of the grammar below a clause. ``Queries`` adds the rest."""

    def __init__(self, chance: random.Random, major: int, *, size: int = 40) -> None:
        self.chance = chance
        self.major = major
        self.left = size
        self.features: set[str] = set()
        self.aliases = 0

    # --- drawing ----------------------------------------------------------------------------------------------------

    def one(self, *choices: str) -> str:
        return choices[self.chance.randrange(len(choices))]

    def maybe(self, percent: int) -> bool:
        return self.chance.randrange(100) < percent

    def tag(self, feature: str) -> None:
        self.features.add(feature)

    def alias(self) -> str:
        self.aliases += 1  # each name once
        return f"a{self.aliases}"

    # --- leaves -----------------------------------------------------------------------------------------------------

    def literal(self, kind: str) -> str:
        return self.one(*LITERALS[kind])

    def column(self, kind: str, scope: Scope) -> str | None:
        """A column of the kind, most often of this level."""
        level: Scope | None = scope
        if scope.outer is not None and self.maybe(20):
            level = scope.outer
            self.tag("correlated")
        while level is not None:
            found = [(s, name) for s in level.sources for name, k in s.columns if k == kind]
            if found:
                source, name = found[self.chance.randrange(len(found))]
                names = [n for s in level.sources for n, _ in s.columns]
                if level is scope and names.count(name) == 1 and self.maybe(15):
                    self.tag("bare name")
                    return name
                if source.row and self.maybe(1):
                    self.tag("field selection")
                    return f"({source.name}).{name}"
                return f"{source.name}.{name}"
            level = level.outer
        return None

    def rowed(self, scope: Scope) -> str | None:
        """A whole row."""
        names = [s.name for s in scope.sources if s.row]
        if not names:
            return None
        self.tag("whole row")
        return self.one(*names)

    # --- expressions ------------------------------------------------------------------------------------------------

    def expression(self, kind: str, scope: Scope) -> str:
        self.left -= 1
        if self.left < 0 or self.maybe(45):
            return self.column(kind, scope) or self.literal(kind)
        if self.maybe(15):
            return self._everyday(kind, scope)
        return getattr(self, f"_make_{kind}")(scope)

    def _everyday(self, kind: str, scope: Scope) -> str:
        template = self.one(*LINES[kind])
        name = re.search(r"[a-z]\w*(?=\()", template)
        self.tag(f"everyday: {name[0] if name else template[:20]}")
        return re.sub(
            r"\{([itndbyj])\}|\{\{|\}\}", lambda m: self.expression(m[1], scope) if m[1] else m[0][0], template
        )

    def _any(self, scope: Scope) -> str:
        return self.expression(self.one(*"itndb"), scope)

    def _common(self, kind: str, scope: Scope) -> str:
        """What there is of every kind."""
        e = self.expression
        match self.chance.randrange(7):
            case 0:
                self.tag("CASE")
                return f"CASE WHEN {e('b', scope)} THEN {e(kind, scope)} ELSE {e(kind, scope)} END"
            case 1:
                self.tag("COALESCE")
                return f"coalesce({e(kind, scope)}, {e(kind, scope)})"
            case 2:
                self.tag("scalar sub-select")
                return f"({self.subselect([kind], scope, single=True)})"
            case 3:
                self.tag("array")
                return f"(ARRAY[{e(kind, scope)}, {e(kind, scope)}])[{self.one('1', '2', 'NULL')}]"
            case 4:
                self.tag("cast")
                return f"({e(kind, scope)})::{_SQL_TYPES[kind]}" if kind != "n" else f"({e(kind, scope)})::float8"
            case 5:
                self.tag("CASE")
                return f"CASE {e('i', scope)} WHEN 1 THEN {e(kind, scope)} END"
            case _:
                if kind in "jyb":
                    return e(kind, scope)
                self.tag("NULLIF")
                return f"nullif({e(kind, scope)}, {e(kind, scope)})"

    def _make_i(self, scope: Scope) -> str:
        e = self.expression
        match self.chance.randrange(13):
            case 0:
                return f"length({e('t', scope)})"
            case 1:
                return f"({e('i', scope)} {self.one('+', '-', '*', '%')} {self.literal('i')})"
            case 2:
                return f"abs({e('i', scope)})"
            case 3:
                return f"extract({self.one('year', 'day', 'hour')} FROM {e('d', scope)})::int"
            case 4:
                return f"position({self.literal('t')} IN {e('t', scope)})"
            case 5:
                self.tag("cast")
                return f"round({e('n', scope)}::numeric)::int"
            case 6:
                return f"octet_length({e('y', scope)})"
            case 7:
                self.tag("GREATEST")
                return f"{self.one('greatest', 'least')}({e('i', scope)}, {e('i', scope)})"
            case 8:
                self.tag("array")
                return f"array_length(ARRAY({self.subselect(['t'], scope)}), 1)"
            case 9:
                row = self.rowed(scope)
                return f"num_nonnulls({row or 1}, {self._any(scope)})"
            case 10:
                self.tag("array")
                return f"array_position(ARRAY[{e('t', scope)}, 'a'], {self.literal('t')})"
            case _:
                return self._common("i", scope)

    def _make_t(self, scope: Scope) -> str:
        e = self.expression
        match self.chance.randrange(27):
            case 0:
                function = self.one("lower", "upper", "trim", "reverse", "md5", "initcap", "quote_literal")
                return f"{function}({e('t', scope)})"
            case 1:
                return f"({e('t', scope)} || {e('t', scope)})"
            case 2:
                return f"substr({e('t', scope)}, {self.literal('i')})"
            case 3:
                self.tag("cast")
                return f"({self._any(scope)})::text"
            case 4 | 5:
                row = self.rowed(scope)
                if row is None:
                    return self.literal("t")
                return self.one(
                    f"(row_to_json({row})->>'phone')",
                    f"({row})::text",
                    f"(to_jsonb({row})->>'id')",
                    f"to_json({row})::text",
                )
            case 6:
                return f"left({e('t', scope)}, 3)"
            case 7:
                return f"format('%s-%s', {e('t', scope)}, {e('i', scope)})"
            case 8:
                return f"concat_ws(',', {e('t', scope)}, {e('i', scope)}, {e('t', scope)})"
            case 9:
                self.tag("COLLATE")
                return f'({e("t", scope)} COLLATE "C")'
            case 10:
                return f"encode({e('y', scope)}, 'hex')"
            case 11:
                return f"to_char({e('d', scope)}, 'YYYY-MM')"
            case 12:
                return f"regexp_replace({e('t', scope)}, '[0-9]', '#', 'g')"
            case 13:
                self.tag("JSON")
                return f"({e('j', scope)} ->> {self.one(chr(39) + 'a' + chr(39), '0')})"
            case 14:
                self.tag("JSON")
                return f"(json_build_object('k', {e('t', scope)}) #>> '{{k}}')"
            case 15:
                self.tag("array")
                return f"array_to_string(ARRAY({self.subselect(['t'], scope)}), ',')"
            case 16:
                if self.major >= 17:
                    self.tag("SQL/JSON")
                    return f"JSON_VALUE({e('j', scope)}, '$.a')"
                return f"split_part({e('t', scope)}, '-', 1)"
            case 17:
                if self.major >= 16:
                    self.tag("SQL/JSON")
                    return f"JSON_OBJECT('k' : {e('t', scope)} RETURNING text)"
                return f"lpad({e('t', scope)}, 9)"
            case 18:
                self.tag("row")
                return f"(ROW({e('t', scope)}, {e('i', scope)}))::text"
            case 19:
                self.tag("GREATEST")
                return f"{self.one('greatest', 'least')}({e('t', scope)}, {e('t', scope)})"
            case 20:
                tables = [s.name for s in scope.sources if s.table]
                if not tables:
                    return self._common("t", scope)
                self.tag("system column")
                return f"{self.one(*tables)}.{self.one('ctid', 'tableoid', 'xmin')}::text"
            case 21:
                self.tag("VARIADIC")
                return f"concat(VARIADIC ARRAY[{e('t', scope)}, {e('t', scope)}])"
            case 22:
                self.tag("OVERLAY")
                return f"overlay({e('t', scope)} PLACING {e('t', scope)} FROM 2)"
            case 23:
                return f"(regexp_match({e('t', scope)}, '(.)'))[1]"
            case _:
                return self._common("t", scope)

    def _make_n(self, scope: Scope) -> str:
        e = self.expression
        match self.chance.randrange(6):
            case 0:
                self.tag("cast")
                return f"({e('i', scope)})::numeric"
            case 1:
                return f"({e('n', scope)} {self.one('+', '-', '*')} {self.literal('n')})"
            case 2:
                return f"{self.one('abs', 'ceil', 'floor')}({e('n', scope)})"
            case 3:
                return f"extract(epoch FROM {e('d', scope)})"
            case _:
                return self._common("n", scope)

    def _make_d(self, scope: Scope) -> str:
        e = self.expression
        match self.chance.randrange(8):
            case 0:
                return f"({e('d', scope)} + interval '1 day')"
            case 1:
                return f"date_trunc('month', {e('d', scope)})"
            case 2:
                self.tag("clock")
                return self.one("now()", "current_date", "current_timestamp", "statement_timestamp()")
            case 3:
                return f"({e('d', scope)} AT TIME ZONE 'UTC')::timestamptz"
            case 4:
                self.tag("named argument")
                return f"({e('d', scope)} - make_interval(days => {e('i', scope)}))"
            case _:
                return self._common("d", scope)

    def _make_y(self, scope: Scope) -> str:
        match self.chance.randrange(4):
            case 0:
                return f"convert_to({self.expression('t', scope)}, 'UTF8')"
            case 1:
                return f"substring({self.expression('y', scope)} FROM 1 FOR 3)"
            case _:
                return self._common("y", scope)

    def _make_j(self, scope: Scope) -> str:
        self.tag("JSON")
        match self.chance.randrange(5):
            case 0:
                row = self.rowed(scope)
                return f"to_jsonb({row})" if row is not None else self.literal("j")
            case 1:
                return f"jsonb_build_object('k', {self._any(scope)})"
            case 2:
                return f"jsonb_build_array({self._any(scope)}, {self._any(scope)})"
            case 3:
                return f"({self.expression('j', scope)} - 'a')"
            case _:
                return self._common("j", scope)

    def _make_b(self, scope: Scope) -> str:
        e = self.expression
        kind = self.one(*"iitttnd")
        match self.chance.randrange(22):
            case 0 | 1 | 2:
                return f"({e(kind, scope)} {self.one('=', '<>', '<', '>=')} {e(kind, scope)})"
            case 3:
                return f"({e('t', scope)} {self.one('LIKE', 'NOT LIKE', 'ILIKE', '~', '~*')} {self.literal('t')})"
            case 4:
                self.tag("IN list")
                return f"({e(kind, scope)} IN ({self.literal(kind)}, {e(kind, scope)}))"
            case 5 | 6:
                self.tag("IN sub-select")
                return f"({e(kind, scope)} {self.one('IN', 'NOT IN', '= ANY')} ({self.subselect([kind], scope)}))"
            case 7 | 8:
                self.tag("EXISTS")
                return f"EXISTS ({self.subselect([self.one(*'itndb')], scope)})"
            case 9:
                return f"({e(kind, scope)} BETWEEN {e(kind, scope)} AND {self.literal(kind)})"
            case 10:
                return f"({self._any(scope)} IS {self.one('NULL', 'NOT NULL')})"
            case 11:
                return f"({e('b', scope)} {self.one('AND', 'OR')} {e('b', scope)})"
            case 12:
                return f"(NOT {e('b', scope)})"
            case 13:
                self.tag("IS DISTINCT FROM")
                return f"({e(kind, scope)} IS {self.one('', 'NOT ')}DISTINCT FROM {e(kind, scope)})"
            case 14:
                self.tag("array")
                return f"({e(kind, scope)} = {self.one('ANY', 'ALL')} (ARRAY[{e(kind, scope)}, {e(kind, scope)}]))"
            case 15:
                self.tag("row")
                operator = self.one("=", "<", "<>")
                return f"(({e('i', scope)}, {e('t', scope)}) {operator} ({e('i', scope)}, {e('t', scope)}))"
            case 16:
                self.tag("row")
                return f"(({e('i', scope)}, {e('t', scope)}) IN ({self.subselect(['i', 't'], scope)}))"
            case 17:
                row = self.rowed(scope)
                return f"({row} IS NOT NULL)" if row is not None else "true"
            case 18:
                return f"({e('b', scope)} IS {self.one('TRUE', 'NOT FALSE', 'UNKNOWN')})"
            case 19:
                row = self.rowed(scope)
                return f"({row}.* = {row}.*)" if row is not None else "true"
            case _:
                return self._common("b", scope)

    def subselect(self, kinds: list[str], outer: Scope, *, single: bool = False) -> str:
        raise NotImplementedError
