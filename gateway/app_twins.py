"""Starts the analysis twin of each database, for the composition root: who is told what of them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from gateway.config import Config, Datasource
from gateway.doors.postgres import nonce
from gateway.errors import ConfigError
from gateway.links.labels import LabelWatch
from gateway.links.own_session import inspect_roles
from gateway.links.server import ServerAddress
from gateway.links.sources import Secrets
from gateway.links.strict_rules import StrictRules
from gateway.links.tasks import TaskGroup
from gateway.links.twin import Twin
from gateway.metrics import Metrics
from gateway.model import DatasourceId, Vouched
from gateway.world import LiveWorld


class Twins:
    """Those of one gateway; the world knows them by their database."""

    def __init__(
        self,
        config: Config,
        *,
        world: LiveWorld,
        addresses: Mapping[str, ServerAddress],
        secrets: Secrets,
        metrics: Metrics,
        strict: StrictRules,
        labels: LabelWatch,
        tasks: TaskGroup,
        forget: Callable[[], None],
    ) -> None:
        """``forget``: called when what statements mean must be asked again."""
        self._config, self._world, self._addresses, self._secrets = config, world, addresses, secrets
        self._metrics, self._strict, self._labels, self._tasks, self._forget = metrics, strict, labels, tasks, forget

    async def start(self, closing: contextlib.AsyncExitStack) -> None:
        """Start all of them. Raises ConfigError with the problems of all."""
        problems: list[str] = []
        for source in self._config.datasources:
            twin = self._twin(source)
            self._world.twins[DatasourceId(source.id)] = twin
            closing.callback(twin.close)
            try:
                await twin.start()
                if self._strict.now(source.id).strict:
                    await self.inspect_roles(source)
            except ConfigError as error:
                problems += error.problems
            self._tasks.spawn(twin.watch(), f"twin {source.id}")
        if problems:
            raise ConfigError(problems)

    def _twin(self, source: Datasource) -> Twin:
        name, told = DatasourceId(source.id), self._metrics.datasources

        def changed() -> None:
            twin = self._world.twins[name]
            if twin.epoch is None or twin.changes.everything:
                self._forget()  # else what rests on what changed is found out at its next use
            told.twin(name, up=twin.epoch is not None)
            self._labels.look(name, twin.catalog)

        def waited(seconds: float) -> None:
            told.twin_waited(name, seconds)

        def vouched() -> Vouched:
            return self._world.registry.vouched(name)

        return Twin(
            source,
            address=self._addresses[source.id],
            credentials=self._secrets.twins[source.id],
            tree_bytes=self._config.limits.tree_bytes,
            nonce=nonce,
            changed=changed,
            waited=waited,
            vouched=vouched,
        )

    async def inspect_roles(self, source: Datasource) -> None:
        """Whether the roles of a strict database may be used. Raises ConfigError."""
        await inspect_roles(
            source,
            why=self._strict.now(source.id).why,
            address=self._addresses[source.id],
            credentials=self._secrets.profiles,
            nonce=nonce,
        )
