"""The composition root: configuration in, running gateway out. No logic lives here, only who knows whom.

``Application`` owns everything that is started and stops it in the opposite order; ``serve`` runs it until a signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry, disable_created_metrics

from gateway.app_twins import Twins
from gateway.audit.record import Event
from gateway.audit.sealing import load_recipient
from gateway.audit.writer import RecordWriter
from gateway.authorize import Authority
from gateway.config import Config
from gateway.config_load import resolved
from gateway.doors.cancel import CancelKeys
from gateway.doors.claims import binding
from gateway.doors.desk import Desk
from gateway.doors.elsewhere import Elsewhere, complete_for_another
from gateway.doors.opened import open_document_doors
from gateway.doors.postgres import PostgresDoor, nonce
from gateway.errors import ConfigError
from gateway.facts.folder import Delivery
from gateway.facts.ownership_tests import read_tests
from gateway.facts.registry import Registry
from gateway.facts.sightings import Sightings
from gateway.facts.volume import VolumeCounter
from gateway.links.anchors import AnchorKeeper, begin_anchors
from gateway.links.bundles import begin_bundles
from gateway.links.certificates import Kept
from gateway.links.engines import begin_engine
from gateway.links.freshness import Freshness
from gateway.links.heads import begin_heads
from gateway.links.key_keeper import KeyKeeper
from gateway.links.labels import LabelWatch
from gateway.links.pruning import begin_caretaker
from gateway.links.registry_keeper import RegistryKeeper
from gateway.links.resolve import Resolver
from gateway.links.service_users import ServiceUsers
from gateway.links.ship_begin import begin_shipping
from gateway.links.siblings import Siblings
from gateway.links.sources import (
    Sources,
    hash_key,
    load_all,
    load_policy,
    nowhere,
    service_users,
    subject_key,
)
from gateway.links.strict_rules import StrictRules, told
from gateway.links.subject_stores import begin_subjects
from gateway.links.tasks import TaskGroup
from gateway.links.traces import begin_traces
from gateway.links.volume_file import volume_file
from gateway.links.watch import FolderWatch, signature
from gateway.metrics import CertificateUse, Dataset, Metrics
from gateway.policy.bundle import Bundle
from gateway.policy.metadata import rule_table
from gateway.rations import Rations
from gateway.routes.codes import RouteCode
from gateway.sql.codes import IncompleteCode
from gateway.world import DecisionIds, LiveWorld, bounds, server_address

_log = logging.getLogger(__name__)
_OPA_BEHIND: Final = 10.0  # seconds that new rules wait for an OPA to have them too


class Application:
    """One gateway, or one of a gateway's workers, where ``siblings`` is its place among them. ``start`` raises
    ConfigError with every problem, and Withdrawn where the workers do not open after all; ``stop`` drains."""

    def __init__(self, config: Config, siblings: Siblings | None = None) -> None:
        self.config = config
        self._siblings = siblings
        self._open = False  # all doors
        self._tasks = TaskGroup()
        self._closing = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Load, check and start everything; doors last."""
        try:
            await self._start()
        except BaseException:
            await self._closing.aclose()
            raise

    async def stop(self) -> None:
        """Drain and close, in the opposite order. Raises RecordUnavailable where the record's end could not be kept."""
        self.desk.draining = True
        await self._closing.aclose()

    async def _start(self) -> None:
        config = self.config
        bundles = await begin_bundles(config, self._closing)
        sources, secrets = load_all(config)
        addresses = {source.id: server_address(source) for source in config.datasources}
        world = LiveWorld(config, sources.registry, sources.bundle.revision)

        siblings = self._siblings
        after_record = await self._closing.enter_async_context(contextlib.AsyncExitStack())
        recorder = RecordWriter.open(
            config.record.directory,
            segment_bytes=config.record.segment_bytes,
            writer=siblings.writer if siblings is not None else "gateway",
            shared=siblings is not None,
        )
        anchors: list[AnchorKeeper] = []
        self._closing.push_async_callback(self._anchor_the_end, anchors)
        keeper = begin_heads(config, recorder, siblings)
        if keeper is not None:
            self._closing.callback(keeper.look, interval=True)  # when all is on disk
        self._closing.callback(recorder.close)
        self._closing.push_async_callback(self._tasks.cancel)  # of a start that fails half-way
        if keeper is not None:
            self._tasks.spawn(keeper.run(), "sign heads")
        volume = siblings.volume if siblings is not None else self._own_volume()
        # They are a second series for every counter that says only when this process began.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # of the library
        metrics = Metrics(
            CollectorRegistry(),
            rules={rule.id: rule.layer for rule in rule_table(sources.bundle.modules, sources.bundle.data)},
            datasources=[*addresses, *(service.id for service in config.services)],
            incomplete_codes=[*IncompleteCode, *RouteCode],
            version=version("sekisho"),
            issuers=[issuer.issuer for issuer in config.issuers],
            anchors=[anchor.name for anchor in config.record.anchors],
            countries=config.metrics.countries,
            sinks=[sink.name for sink in config.record.sinks],
        )
        traces = begin_traces(config, metrics.traces, siblings.writer if siblings is not None else "")
        if traces is not None:
            self._closing.push_async_callback(traces.stop)
        metrics.border.keep_blocks(world.blocks_in_force)
        metrics.record.keep_writable(lambda: float(recorder.healthy))
        anchors.extend(begin_anchors(config, siblings, metrics.record))
        for anchor in anchors:
            self._tasks.spawn(anchor.run(), "anchor heads")
        remote = begin_shipping(config, recorder, metrics.sinks, siblings, after_record)
        if (caretaker := begin_caretaker(config, siblings, metrics.record)) is not None:
            self._tasks.spawn(caretaker.run(), "care for the record's disk")
        fresh = Freshness(metrics)
        if bundles is not None:
            fresh.keep(Dataset.BUNDLE, bundles)
            self._tasks.spawn(bundles.run(), "fetch bundles")
        if config.registry.delivery == Delivery.EDITED:  # half of a change may be taken for all of it
            _log.warning("registry_edited_in_place", extra={"directory": str(config.registry.directory)})
            metrics.registry_edited()
        keys = KeyKeeper(config.issuers, secrets.verifier, metrics=metrics, seen=secrets.keys_seen)
        self._closing.callback(keys.close)
        engine = await begin_engine(config.policy, sources.bundle)

        def answered(up: bool) -> None:
            metrics.volume(up=up)

        subjects = begin_subjects(config, alone=siblings is None, new_id=nonce, told=answered)
        resolver = Resolver(
            engine=engine,
            twins=world.twins,
            recorder=recorder,
            metrics=metrics,
            limits=config.limits,
            subjects=subjects,
            patient=config.record.on_full == "block",
            remote=remote,
        )
        self._closing.push_async_callback(resolver.close)
        self._closing.push_async_callback(subjects.close)
        metrics.engine(up=True)
        raw = config.record.raw_statements
        ids = DecisionIds() if siblings is None else DecisionIds(owner=siblings.number - 1, owners=siblings.of)
        authority = Authority(
            world=world,
            volume=volume,
            sightings=siblings.sightings if siblings is not None else Sightings.of(config.limits),
            bounds=bounds(config),
            new_id=ids,
            hash_key=hash_key(config),
            seal=None if raw is None else load_recipient(raw.recipient).seal,
            own_name=nonce(),
            rations=Rations(world, subjects, subject_key(config)),
        )
        troubles = [world.troubles, keys.troubles, fresh.troubles, *([siblings.troubles] if siblings else [])]
        self.desk = Desk(
            config=config,
            resolved=resolved(config),
            authority=authority,
            world=world,
            verifier=keys,
            resolver=resolver,
            recorder=recorder,
            metrics=metrics,
            remote=remote,
            traces=traces,
            loop=asyncio.get_running_loop(),
            troubles=lambda: [one for told in troubles for one in told()],
            state=fresh.document,
            waiting=siblings.waiting if siblings is not None else self._waiting,
            collector=siblings.collector(metrics) if siblings is not None else metrics.registry,
            elsewhere=Elsewhere(siblings, ids.owner) if siblings is not None else None,
        )
        if siblings is not None:
            siblings.asked = partial(complete_for_another, self.desk.complete_own)
        await keys.start(self._tasks)
        strict = StrictRules(config.datasources, metrics)
        self._labels = LabelWatch((*config.datasources, *config.services), lambda: world.registry, metrics, self._tasks)
        self._show_revision(world, sources.bundle, metrics)
        strict.look(self._rules, world.registry)
        twins = Twins(
            config,
            world=world,
            addresses=addresses,
            secrets=secrets,
            metrics=metrics,
            strict=strict,
            labels=self._labels,
            tasks=self._tasks,
            forget=authority.forget_statements,
        )
        await twins.start(self._closing)
        self.postgres = postgres = PostgresDoor(
            self.desk,
            addresses=addresses,
            credentials=secrets.profiles,
            strictness=strict.now,
            cancels=self._cancels(),
            shared=siblings is not None,
        )

        def revised() -> None:
            postgres.watch.look_now()
            for name, twin in world.twins.items():
                self._labels.look(name, twin.catalog)
            for source in strict.look(self._rules, world.registry):
                postgres.be_strict()
                self._tasks.spawn(told(twins.inspect_roles(source)), f"inspect roles of {source.id}")

        self._watch(world, resolver, metrics, sources, revised, fresh)
        for address in addresses.values():
            self._watch_certificates(CertificateUse.UPSTREAM, address.trust.kept if address.trust else None)
        about = f", {siblings.described}" if siblings is not None else ""
        await self.desk.event(Event.GATEWAY_START, detail=f"version {version('sekisho')}{about}")
        self._closing.push_async_callback(self.desk.event, Event.GATEWAY_STOP)
        self._closing.push_async_callback(self._tasks.cancel)
        await self._open_doors(postgres)

    def _cancels(self) -> CancelKeys:
        siblings = self._siblings
        if siblings is None:
            return CancelKeys()
        cancels = CancelKeys(owner=siblings.number - 1, owners=siblings.of, elsewhere=siblings.elsewhere)

        def came(process_id: int, secret: bytes) -> None:
            self.desk.metrics.cancel_asked(cancels.use(process_id, secret))

        siblings.cancelled = came
        return cancels

    async def _anchor_the_end(self, anchors: list[AnchorKeeper]) -> None:
        await asyncio.gather(*(anchor.finish() for anchor in anchors))

    def _own_volume(self) -> VolumeCounter:
        volume = volume_file(self.config.record.directory)
        self._closing.push_async_callback(volume.save)
        self._tasks.spawn(volume.run(), "save volume")
        return volume.counter

    def _service_users(self, door: PostgresDoor) -> None:
        """Load them, and again when their file changes."""
        settings = self.config.service_users
        if settings is None:
            return

        def load(_: Path) -> ServiceUsers:
            return service_users(self.config, settings)

        seen = signature(settings.file)
        door.new_service_users(load(settings.file))
        watch = FolderWatch(settings.file, what="service users", load=load, swap=door.new_service_users, seen=seen)
        self._tasks.spawn(watch.run(), "watch service users")

    def _watch(
        self,
        world: LiveWorld,
        resolver: Resolver,
        metrics: Metrics,
        sources: Sources,
        revised: Callable[[], None],
        fresh: Freshness,
    ) -> None:
        def new_registry(registry: Registry) -> None:
            world.registry, world.revised_ns = registry, time.time_ns()
            metrics.policy_loaded(f"{world.policy_revision}+{registry.revision}", self._shadow)
            revised()

        def policy_again(directory: Path) -> Bundle:
            bundle = load_policy(directory)
            if problems := nowhere(self.config, world.registry, rule_table(bundle.modules, bundle.data)):
                raise ConfigError(problems)
            return bundle

        async def new_policy(bundle: Bundle) -> None:
            resolver.judge_by(await begin_engine(self.config.policy, bundle, patience=_OPA_BEHIND))
            world.policy_revision = bundle.revision
            world.registry = world.registry.tested(read_tests(bundle.data))
            world.revised_ns = time.time_ns()
            self._show_revision(world, bundle, metrics)
            revised()

        policy = FolderWatch(
            sources.policy_directory, what="policy", load=policy_again, swap=new_policy, seen=sources.policy_seen
        )
        RegistryKeeper(
            self.config, sources, running=lambda: world.registry, rules=lambda: self._rules, swap=new_registry
        ).start(self._tasks, fresh)
        fresh.keep(Dataset.POLICY, policy)
        self._tasks.spawn(policy.run(), "watch policy")
        if world.ages:
            renewed = Dataset.REGISTRY if self.config.policy.bundle is None else Dataset.BUNDLE
            self._tasks.spawn(world.keep_age(partial(fresh.changed_at, renewed)), "watch age")

    def _watch_certificates(self, use: CertificateUse, kept: Kept[Any] | None) -> None:
        def told(good: bool) -> None:
            self.desk.metrics.certificates_reloaded(use, good)

        if kept is not None:
            self._tasks.spawn(kept.watch(told).run(), f"watch certificates: {use}")

    def _show_revision(self, world: LiveWorld, bundle: Bundle, metrics: Metrics) -> None:
        self._rules = rule_table(bundle.modules, bundle.data)
        self._shadow = [rule.id for rule in self._rules if rule.mode == "shadow"]
        metrics.rules_loaded(self._rules)
        for rule in self._shadow:
            _log.warning("rule_in_shadow_mode", extra={"rule": rule})
        metrics.policy_loaded(f"{world.policy_revision}+{world.registry.revision}", self._shadow)

    async def _open_doors(self, postgres: PostgresDoor) -> None:
        if self._siblings is not None:
            await self._siblings.prepared()
        self.desk.start()
        self._closing.callback(self.desk.stop)
        await open_document_doors(
            self.desk,
            postgres,
            self._closing,
            shared=self._siblings is not None,
            watch=self._watch_certificates,
            drain=self._draining(postgres),
        )
        self._closing.push_async_callback(postgres.stop)
        self._service_users(postgres)
        with binding("listeners.postgres"):
            await postgres.start()
        self.desk.metrics.doors_opened()
        self._open = True

    def _draining(self, postgres: PostgresDoor) -> Callable[[], None]:
        """What takes nobody in any more, here and in all other workers."""
        siblings = self._siblings
        if siblings is None:
            return postgres.drain
        siblings.drained = postgres.drain

        def everywhere() -> None:
            postgres.drain()
            siblings.drain()

        return everywhere

    def _waiting(self) -> list[str]:
        """Who is told that it is ready knocks at any door."""
        return [] if self._open else ["not all doors are open yet"]


async def serve(config: Config) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises ConfigError where it cannot start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):  # before the start: what has begun is also ended in order
        loop.add_signal_handler(number, stop.set)
    application = Application(config)
    await application.start()
    _log.info("started", extra={"version": version("sekisho")})
    await stop.wait()
    _log.info("stopping")
    await application.stop()
