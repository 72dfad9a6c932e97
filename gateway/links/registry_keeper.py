"""How the running registry changes: its folder as a whole, blocks within a tenth of a second, the country database.

Each is watched and read by itself, off the loop. All put a new registry in force by one function and one after the
other, so that none brings back what another has replaced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from gateway.config import Config
from gateway.errors import ConfigError
from gateway.facts import blocks
from gateway.facts.blocks import lifted
from gateway.facts.folder import Delivery
from gateway.facts.geoip import CountryDatabase, load_countries
from gateway.facts.registry import Registry
from gateway.links.blocks_watch import BlocksFile, BlocksWatch
from gateway.links.freshness import Freshness
from gateway.links.sources import Sources, admin_blocks_file, mismatches, nowhere, registry_of, registry_signature
from gateway.links.tasks import TaskGroup
from gateway.links.watch import FolderWatch, Signature, Watch, signatures
from gateway.metrics import Dataset
from gateway.policy.metadata import RuleRow

_log = logging.getLogger(__name__)


class RegistryKeeper:
    """Lives on the loop."""

    def __init__(
        self,
        config: Config,
        sources: Sources,
        *,
        running: Callable[[], Registry],
        rules: Callable[[], Sequence[RuleRow]],
        swap: Callable[[Registry], None],
    ) -> None:
        """``running`` is the registry in force, and ``swap`` puts another in its place; ``rules``: those in force."""
        self._config = config
        self._rules = rules
        self._running = running
        self._swap = swap
        self._swapping = asyncio.Lock()
        directory, admin = config.registry.directory, admin_blocks_file(config)
        self._folder: Watch[Registry] = Watch(
            what="registry",
            look_at=partial(registry_signature, config),
            load=self._load,
            swap=self._whole,
            seen=sources.registry_seen,
            settled=partial(_all_signatures, directory, admin),
            swapping=self._swapping,
        )
        edited = config.registry.delivery == Delivery.EDITED
        files = (BlocksFile.listed(directory / blocks.FILE, edited=edited), BlocksFile.admin(admin))
        self._blocks = [
            BlocksWatch(file, running=running, swap=self._blocked, swapping=self._swapping) for file in files
        ]
        self._countries: FolderWatch[CountryDatabase] | None = None
        if config.registry.countries is not None:
            self._countries = FolderWatch(
                config.registry.countries,
                what="countries",
                load=load_countries,
                swap=self._located,
                seen=sources.countries_seen,
            )

    def start(self, tasks: TaskGroup, fresh: Freshness) -> None:
        """Watch from now on, and show what is known of it."""
        tasks.spawn(self._folder.run(), "watch registry")
        fresh.keep(Dataset.REGISTRY, self._folder)
        for watch, name in zip(self._blocks, ("listed", "admin"), strict=True):
            tasks.spawn(watch.run(), f"watch blocks: {name}")
        fresh.keep(Dataset.BLOCKS, *self._blocks)
        if self._countries is not None:
            tasks.spawn(self._countries.run(), "watch countries")
            fresh.keep(Dataset.COUNTRIES, self._countries)

    def _load(self) -> Registry:
        registry = registry_of(self._config, self._running())
        if problems := mismatches(self._config, registry) + nowhere(self._config, registry, self._rules()):
            raise ConfigError(problems)
        return registry

    def _whole(self, registry: Registry) -> None:
        running = self._running()
        tests = running.controls.tests  # of the policy in force now, perhaps not when the loading began
        if registry.controls.tests != tests:
            registry = registry.tested(tests)
        if running.countries is not None and registry.countries is not running.countries:
            registry = registry.with_countries(running.countries)
        self._blocked(registry)

    def _blocked(self, registry: Registry) -> None:
        """Put it in force, and say whom that stops and lets go."""
        before, after = self._running().entities.blocks, registry.entities.blocks
        self._swap(registry)
        for message, found in (("blocked", lifted(after, before)), ("unblocked", lifted(before, after))):
            for block in found:
                kind, name = block.whom
                _log.warning(message, extra={"block": block.id, kind: name, "reason": block.reason})

    def _located(self, database: CountryDatabase) -> None:
        self._swap(self._running().with_countries(database))


def _all_signatures(directory: Path, admin: Path) -> Signature:
    return signatures((directory, admin))
