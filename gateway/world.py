"""What the running gateway knows of the world as it stands now, and what is read off its configuration for that."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from secrets import token_hex
from types import MappingProxyType
from typing import Final

from gateway.config import Config, Datasource
from gateway.facts.period import day_of
from gateway.facts.registry import Registry
from gateway.links.server import ServerAddress
from gateway.links.trust import trust_of
from gateway.links.twin import Twin
from gateway.links.watch import INTERVAL
from gateway.model import DatasourceId, Durability
from gateway.needs import NEVER, Bounds


class LiveWorld:
    """The facts' sources as they stand now; files that change are swapped in whole."""

    def __init__(self, config: Config, registry: Registry, policy_revision: str) -> None:
        self.registry = registry
        self.policy_revision = policy_revision
        self.revised_ns = time.time_ns()  # when the rules and the registry in force were taken
        self.twins: dict[DatasourceId, Twin] = {}
        ages = {one.id: one.max_age for one in config.datasources} | {one.id: one.max_age for one in config.services}
        self._max_ages = {DatasourceId(name): seconds for name, seconds in ages.items() if seconds}
        self._stale_from = dict.fromkeys(self._max_ages, 0)  # until somebody says how old they are
        self._claim_ages = {issuer.issuer: issuer.country_max_age for issuer in config.issuers}

    def epoch(self, datasource: DatasourceId) -> str | None:
        """The catalog epoch of a datasource; None while its twin is down."""
        twin = self.twins.get(datasource)
        return twin.epoch if twin is not None else None

    def stands(self, datasource: DatasourceId, since: str, depends: frozenset[str] | None) -> bool:
        """Whether what was known at an earlier epoch, and rests on these relations, is known now."""
        twin = self.twins.get(datasource)
        return twin is not None and twin.history.stands(since, depends)

    def epoch_seen_ns(self, datasource: DatasourceId) -> int:
        """When the catalogs were last looked at."""
        twin = self.twins.get(datasource)
        return twin.seen_ns if twin is not None else 0

    def rows_of(self, datasource: DatasourceId, relation: str) -> int | None:
        """How many rows a relation has, as its server estimates."""
        twin = self.twins.get(datasource)
        return twin.sizes.get(relation) if twin is not None else None

    def stale_from(self, datasource: DatasourceId) -> int:
        """From when on policy and registry are too old to decide about a datasource."""
        return self._stale_from.get(datasource, NEVER)

    async def keep_age(self, renewed_at: Callable[[], float]) -> None:
        """Know how old policy and registry are, for ever. ``renewed_at``: when they were what there was, last."""
        while True:
            at = int(renewed_at())
            self._stale_from = {name: at + seconds for name, seconds in self._max_ages.items()}
            await asyncio.sleep(INTERVAL)

    @property
    def ages(self) -> bool:
        """Whether there is a datasource for which they can be too old."""
        return bool(self._max_ages)

    def country_max_age(self, issuer: str) -> int:
        """Seconds for which an issuer's country claim counts."""
        return self._claim_ages.get(issuer, 0)

    def blocks_in_force(self, kind: str) -> int:
        """How many blocks of a kind stop somebody today."""
        return self.registry.blocks.in_force(kind, day_of(int(time.time())))

    def troubles(self) -> list[str]:
        """What is wrong with datasources, for /readyz."""
        return [f"datasource {name}: {twin.trouble}" for name, twin in self.twins.items() if twin.epoch is None]


def server_address(source: Datasource) -> ServerAddress:
    """Where a datasource's server is, and how it is believed. Raises ConfigError."""
    return ServerAddress(
        host=source.host,
        port=source.port,
        database=source.database,
        trust=trust_of(source),
        connect_timeout=source.connect_timeout_ms / 1000,
    )


# What `record.remote.applies` raises to `remote`.
_RAISED: Final = MappingProxyType(
    {
        "policy": frozenset[Durability](),
        "synced": frozenset({Durability.SYNCED}),
        "all": frozenset({Durability.SYNCED, Durability.WRITTEN}),
    }
)


def bounds(config: Config) -> Bounds:
    """The limits `authorize` enforces."""
    limits = config.limits
    return Bounds(
        statement_bytes=limits.statement_bytes,
        tree_bytes=limits.tree_bytes,
        known_statements=limits.known_statements,
        known_decisions=limits.known_decisions,
        remote=frozenset() if config.record.remote is None else _RAISED[config.record.remote.applies],
    )


_MADE: Final = re.compile(r"d-[0-9a-f]{9,32}-([0-9a-f]{1,16})")  # how ids look


class DecisionIds:
    """Ids of decisions: time of start and chance make them unique, the counter makes them cheap.

    The counter also says which of several workers made one, as cancel keys do: worker 0 of 3 counts 3, 6, 9 …,
    worker 1 counts 4, 7, 10 …. That only says whom to ask; it proves nothing.
    """

    __slots__ = ("_number", "_owners", "_prefix")

    def __init__(self, *, owner: int = 0, owners: int = 1) -> None:
        self._owners = owners
        self._prefix = f"d-{int(time.time()):x}{token_hex(4)}-"  # several workers start in the same second
        self._number = owner

    def __call__(self) -> str:
        """Another one."""
        self._number += self._owners
        return self._prefix + "%x" % self._number  # noqa: UP031 - an f-string asks the number how to format itself

    def owner(self, decision_id: str) -> int | None:
        """Which worker of this gateway would have made it; None: none makes such."""
        found = _MADE.fullmatch(decision_id)
        return int(found[1], 16) % self._owners if found is not None else None
