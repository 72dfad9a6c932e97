"""Which datasources' sessions must be strict as rules and registry stand now, told aloud whenever either changes."""

from __future__ import annotations

import logging
from collections.abc import Coroutine, Mapping, Sequence

from gateway.config import Datasource
from gateway.errors import ConfigError
from gateway.facts.registry import Registry
from gateway.metrics import Metrics
from gateway.policy.metadata import RuleRow
from gateway.strictness import Strictness, nowhere, strictness

_log = logging.getLogger(__name__)


class StrictRules:
    """The state of every configured datasource. Before the first look everything is strict."""

    def __init__(self, sources: Sequence[Datasource], metrics: Metrics) -> None:
        self._sources = tuple(sources)
        self._metrics = metrics
        self._now: Mapping[str, Strictness] = {source.id: Strictness(strict=True) for source in sources}

    def now(self, datasource: str) -> Strictness:
        """Whether sessions of a configured datasource are to be strict, and why."""
        return self._now[datasource]

    def look(self, rules: Sequence[RuleRow], registry: Registry) -> list[Datasource]:
        """Rules or registry are others now. The datasources that became strict by that."""
        before, self._now = self._now, strictness(self._sources, rules, registry)
        for rule, relation in nowhere(rules, registry):
            _log.warning("rule_names_unknown_relation", extra={"rule": rule, "relation": relation})
        for name, one in self._now.items():
            self._metrics.datasources.strict(name, strict=one.strict, set_aside=one.set_aside)
            if one.set_aside:
                _log.warning("strict_set_aside", extra={"datasource": name, "rules": list(one.rules)})
            elif one.rules and one != before[name]:
                _log.info("strict_by_rule", extra={"datasource": name, "rules": list(one.rules)})
        return [source for source in self._sources if self._now[source.id].strict and not before[source.id].strict]


async def told(inspection: Coroutine[None, None, None]) -> None:
    """What is wrong while it runs is logged: until it is mended, no session begins."""
    try:
        await inspection
    except ConfigError as error:
        _log.error("strict_sessions_refused", extra={"problems": list(error.problems)})
