"""Whose sessions are strict: by configuration, or because a rule names a relation of the datasource. Pure.

All sessions of the datasource, and not only statements on that relation: a view that reads nothing of it today may be
replaced tomorrow, between the moment it is judged and the moment it runs, and a session is strict from its start-up
on or not at all. A rule counts whatever its mode and its dates are: what a shadow rule counts must be true, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.config import Datasource
from gateway.facts.registry import Registry
from gateway.model import DatasourceId
from gateway.policy.metadata import NamedRelation, RuleRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """Whether sessions of one datasource are strict, and the rules that want them to be."""

    strict: bool
    rules: tuple[str, ...] = ()  # with the relation each names: "house-x (public.users)"

    @property
    def set_aside(self) -> bool:
        """Whether configuration says no where rules say yes: an opening, to be told wherever one looks."""
        return bool(self.rules) and not self.strict

    @property
    def why(self) -> str:
        """In words; empty where nothing is out of the ordinary."""
        if not self.rules:
            return "strict: true in the configuration" if self.strict else ""
        asked = f"{'a relation' if len(self.rules) == 1 else 'relations'} named by {', '.join(self.rules)}"
        return asked if self.strict else f"strict: false in the configuration, despite {asked}"


def strictness(sources: Sequence[Datasource], rules: Sequence[RuleRow], registry: Registry) -> Mapping[str, Strictness]:
    """The state of every configured datasource."""
    found: dict[str, Strictness] = {}
    for source in sources:
        naming = tuple(
            f"{rule.id} ({', '.join(names)})"
            for rule in rules
            if (names := [one.relation for one in rule.relations if _holds(registry, source.id, one)])
        )
        found[source.id] = Strictness(strict=bool(naming) if source.strict is None else source.strict, rules=naming)
    return found


def nowhere(rules: Sequence[RuleRow], registry: Registry) -> list[tuple[str, str]]:
    """Relations that a rule names and no datasource of the catalog has, each with the rule: a misspelt name, or a
    catalog that does not know the relation yet. Until it does, the relation is unlabelled, and denied as that."""
    return [
        (rule.id, str(one))
        for rule in rules
        for one in rule.relations
        if not any(one.relation in source.tables for name, source in registry.catalog.items() if _may_be(one, name))
    ]


def _holds(registry: Registry, datasource: str, named: NamedRelation) -> bool:
    if named.datasource is not None:
        return named.datasource == datasource  # whoever wrote the rule knows, whatever the catalog has
    known = registry.catalog.get(DatasourceId(datasource))
    return known is not None and named.relation in known.tables


def _may_be(named: NamedRelation, datasource: str) -> bool:
    return named.datasource in (None, datasource)
