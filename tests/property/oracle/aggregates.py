"""What stands only in some outputs: aggregates and window functions of a kind."""

from __future__ import annotations

from tests.property.oracle.expressions import Expressions, Scope


class Aggregates(Expressions):
    """The part of the grammar for grouped and windowed outputs."""

    def aggregate(self, kind: str, scope: Scope) -> str:
        """An aggregate of the kind; nothing in it is one."""
        e = self.expression
        self.tag("aggregate")
        order = f" ORDER BY {e('i', scope)}" if self.maybe(20) else ""
        made = {
            "i": lambda: self.one(
                "count(*)", f"count({self._any(scope)})", f"count(DISTINCT {e('t', scope)})", f"max({e('i', scope)})"
            ),
            "t": lambda: self.one(
                f"string_agg({e('t', scope)}, ','{order})", f"{self.one('min', 'max')}({e('t', scope)})"
            ),
            "n": lambda: self.one(f"avg({e('i', scope)})", f"sum({e('n', scope)})", f"stddev({e('n', scope)})"),
            "d": lambda: f"{self.one('min', 'max')}({e('d', scope)})",
            "b": lambda: f"{self.one('bool_or', 'bool_and', 'every')}({e('b', scope)})",
            "j": lambda: f"jsonb_agg({self.rowed(scope) or self._any(scope)}{order})",
            "y": lambda: f"string_agg({e('y', scope)}, ''::bytea{order})",
        }[kind]()
        if kind == "n" and self.maybe(15):
            self.tag("ordered set")
            return f"percentile_cont(0.5) WITHIN GROUP (ORDER BY {e('i', scope)})"
        if self.maybe(20):
            self.tag("FILTER")
            return f"{made} FILTER (WHERE {e('b', scope)})"
        return made

    def window(self, kind: str, scope: Scope, named: str = "") -> str:
        """A window function of the kind."""
        e = self.expression
        self.tag("window")
        call = {
            "i": lambda: self.one("row_number()", "rank()", "count(*)", f"lag({e('i', scope)})", "ntile(2)"),
            "n": lambda: self.one(f"sum({e('n', scope)})", "cume_dist()", f"avg({e('i', scope)})"),
        }.get(kind, lambda: f"{self.one('first_value', 'last_value', 'lag', 'max')}({e(kind, scope)})")()
        if kind in "byj" and call.startswith("max("):
            call = f"first_value({call[4:]}"
        over = named if named and self.maybe(50) else f"({self.window_definition(scope)})"
        return f"{call} OVER {over}"

    def window_definition(self, scope: Scope) -> str:
        e = self.expression
        parts = []
        if self.maybe(60):
            parts.append(f"PARTITION BY {e(self.one(*'itd'), scope)}")
        if self.maybe(60):
            parts.append(f"ORDER BY {e('i', scope)}{self.one('', ' DESC')}")
            if self.maybe(30):
                self.tag("frame")
                parts.append(
                    self.one(
                        "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
                        "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW",
                        "GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING EXCLUDE TIES",
                        "RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                    )
                )
        return " ".join(parts)
