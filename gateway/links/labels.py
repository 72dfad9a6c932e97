"""The catalog's labels, compared with what the databases have: whenever either changes, and when somebody asks.

At `serve` a difference is told and counted, and nothing is refused for it: databases are migrated while the gateway
runs, and what has no label is denied anyway, or whatever the catalog says of it, which is told as well.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from gateway.config import Datasource, Service
from gateway.facts.catalog import Source
from gateway.facts.live import Labelling, LiveRelation, compare
from gateway.facts.registry import Registry
from gateway.links.server import Credentials, ServerAddress
from gateway.links.tasks import TaskGroup
from gateway.links.visit import visit
from gateway.metrics import Metrics
from gateway.model import Confidence, DatasourceId, Unlabelled
from gateway.sql.catalog import SNAPSHOT_QUERIES, Catalog, Relation, read_relations
from gateway.sql.provision import SCHEMA

_log = logging.getLogger(__name__)

_WITH_COLUMNS: Final = frozenset("rpmfv")
_MOST: Final = 20  # names in one line of the log
_SECONDS: Final = 30.0


def live(relations: Iterable[Relation]) -> Mapping[str, LiveRelation]:
    """What can hold data of somebody, of all relations of a database."""
    return {
        one.full_name: LiveRelation(frozenset(column.name for column in one.columns.values()), one.kind != "v")
        for one in relations
        if one.kind in _WITH_COLUMNS and not one.system and one.schema != SCHEMA
    }


async def look(
    source: Datasource, registry: Registry, address: ServerAddress, credentials: Credentials, nonce: Callable[[], str]
) -> Labelling:
    """The labels of one datasource beside its database. Raises ConfigError, UpstreamError."""
    settings = {"application_name": "sekisho catalog check", "search_path": "pg_catalog, pg_temp"}
    async with visit(f"datasource {source.id}", address, credentials, settings, nonce) as asker:
        await asker.rows("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", _SECONDS)
        rows = [await asker.rows(SNAPSHOT_QUERIES[name], _SECONDS) for name in ("relations", "attributes")]
    relations = read_relations(*rows).values()
    return compare(registry.catalog[DatasourceId(source.id)], live(relations))


class LabelWatch:
    """Tells of differences as they come and go. Lives on the loop; the comparing is done beside it."""

    def __init__(
        self,
        sources: Iterable[Datasource | Service],
        registry: Callable[[], Registry],
        metrics: Metrics,
        tasks: TaskGroup,
    ) -> None:
        self._registry = registry
        self._metrics = metrics
        self._tasks = tasks
        self._asked: dict[str, int] = {}
        self._told: dict[str, Labelling] = {}
        self._words: dict[str, tuple[Unlabelled, Confidence]] = {}
        for source in sources:
            self.look(source.id, None)

    def look(self, datasource: str, catalog: Catalog | None) -> None:
        """A database's catalogs, or the registry, are others now. None: nobody knows the catalogs."""
        self._say(datasource, self._registry().catalog[DatasourceId(datasource)])
        if catalog is not None:
            self._asked[datasource] = self._asked.get(datasource, 0) + 1
            self._tasks.spawn(self._compare(datasource, catalog, self._asked[datasource]), f"labels of {datasource}")

    async def _compare(self, datasource: str, catalog: Catalog, asked: int) -> None:
        source = self._registry().catalog[DatasourceId(datasource)]
        found = await asyncio.to_thread(lambda: compare(source, live(catalog.relations.values())))
        if self._asked[datasource] == asked:  # else either has changed again meanwhile
            self._tell(datasource, found)

    def _say(self, datasource: str, source: Source) -> None:
        """An opening is told wherever one looks."""
        before = self._words.get(datasource, (Unlabelled.DENY, Confidence.ATTESTED))
        self._words[datasource] = word, trust = source.unlabelled, source.trust
        if word is not before[0]:
            _log.warning("unlabelled_is_not_denied", extra={"datasource": datasource, "word": str(word)})
        if trust is not before[1]:
            _log.warning("trusted_without_the_server", extra={"datasource": datasource, "word": str(trust)})
        self._metrics.datasources.when_unlabelled(datasource, word)
        self._metrics.datasources.trust(datasource, trust)

    def _tell(self, datasource: str, found: Labelling) -> None:
        about = {"datasource": datasource}
        before, self._told[datasource] = self._told.get(datasource, Labelling()), found
        self._metrics.datasources.labels(datasource, void=len(found.void), unlabelled=len(found.unlabelled))
        if found.void and found.void != before.void:
            labels = {"number": len(found.void), "labels": list(found.void[:_MOST])}
            _log.warning("catalog_labels_void", extra=about | labels)
        if found.unlabelled and found.unlabelled != before.unlabelled:
            names = {"number": len(found.unlabelled), "names": list(found.unlabelled[:_MOST])}
            _log.info("catalog_unlabelled", extra=about | names)
