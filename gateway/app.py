"""The composition root: configuration in, running gateway out. No logic lives here, only who knows whom.

``Application`` owns everything that is started and stops it in the opposite order; ``serve`` runs it until a signal.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry

import gateway
from gateway.audit.record import Event
from gateway.audit.writer import RecordWriter
from gateway.authorize import Authority
from gateway.config import Config, Datasource
from gateway.config_load import resolved
from gateway.doors.desk import Desk
from gateway.doors.grpc import GrpcDoor
from gateway.doors.http import HttpDoor
from gateway.doors.postgres import PostgresDoor, nonce
from gateway.errors import ConfigError
from gateway.facts.identity import TokenVerifier
from gateway.facts.registry import Registry, load_registry
from gateway.facts.volume import VolumeCounter
from gateway.links.jwks import load_key_sets
from gateway.links.resolve import Resolver
from gateway.links.server import Credentials, ServerAddress
from gateway.links.tasks import TaskGroup
from gateway.links.twin import Twin
from gateway.links.watch import FolderWatch
from gateway.metrics import Metrics
from gateway.model import DatasourceId
from gateway.needs import Bounds
from gateway.policy.bundle import Bundle, load_bundle
from gateway.policy.inprocess import InProcessEngine
from gateway.policy.metadata import rule_table
from gateway.sql.codes import IncompleteCode

_log = logging.getLogger(__name__)
_PARSER_STACK = 16 * 1024 * 1024  # bytes; the SQL parser is recursive, and a small stack would be its end


class LiveWorld:
    """The facts' sources as they stand now; files that change are swapped in whole."""

    def __init__(self, config: Config, registry: Registry, policy_revision: str) -> None:
        self.registry = registry
        self.policy_revision = policy_revision
        self.twins: dict[DatasourceId, Twin] = {}
        self._claim_ages = {issuer.issuer: issuer.country_max_age for issuer in config.issuers}

    def epoch(self, datasource: DatasourceId) -> str | None:
        """The catalog epoch of a datasource; None while its twin is down."""
        twin = self.twins.get(datasource)
        return twin.epoch if twin is not None else None

    def country_max_age(self, issuer: str) -> int:
        """Seconds for which an issuer's country claim counts."""
        return self._claim_ages.get(issuer, 0)

    def troubles(self) -> list[str]:
        """What is wrong with datasources, for /readyz."""
        return [f"datasource {name}: {twin.trouble}" for name, twin in self.twins.items() if twin.epoch is None]


class Application:
    """One gateway. ``start`` raises ConfigError with every problem; ``stop`` drains."""

    def __init__(self, config: Config) -> None:
        self.config = config
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
        """Drain and close, in the opposite order."""
        self.desk.draining = True
        await self._closing.aclose()

    async def _start(self) -> None:
        config = self.config
        threading.stack_size(_PARSER_STACK)
        sources = load_sources(config)
        verifier = TokenVerifier(config.issuers, load_key_sets(config.issuers))
        addresses = {source.id: server_address(source) for source in config.datasources}
        credentials = profile_credentials(config)
        world = LiveWorld(config, sources.registry, sources.bundle.revision)
        engine = InProcessEngine(sources.bundle)
        engine.warm()

        recorder = RecordWriter.open(
            config.record.directory, segment_bytes=config.record.segment_bytes, writer="gateway"
        )
        self._closing.callback(recorder.close)
        metrics = Metrics(
            CollectorRegistry(),
            rules={rule.id: rule.layer for rule in rule_table(sources.bundle.modules, sources.bundle.data)},
            datasources=list(addresses),
            incomplete_codes=list(IncompleteCode),
            version=version("sekisho"),
        )
        resolver = Resolver(engine=engine, twins=world.twins, recorder=recorder, metrics=metrics)
        self._closing.push_async_callback(resolver.close)
        authority = Authority(
            world=world,
            volume=VolumeCounter(),
            bounds=bounds(config),
            new_id=decision_ids(),
            hash_key=hash_key(config),
        )
        self.desk = Desk(
            config=config,
            resolved=resolved(config),
            authority=authority,
            world=world,
            verifier=verifier,
            resolver=resolver,
            recorder=recorder,
            metrics=metrics,
            loop=asyncio.get_running_loop(),
            troubles=world.troubles,
        )
        await self._start_twins(world, addresses, authority, metrics)
        self._watch(world, resolver, authority, metrics, sources.policy_directory)
        self._show_revision(world, sources.bundle, metrics)
        await self.desk.event(Event.GATEWAY_START, detail=f"version {version('sekisho')}")
        self._closing.push_async_callback(self.desk.event, Event.GATEWAY_STOP)
        self._closing.push_async_callback(self._tasks.cancel)
        await self._open_doors(addresses, credentials)

    async def _start_twins(
        self, world: LiveWorld, addresses: dict[str, ServerAddress], authority: Authority, metrics: Metrics
    ) -> None:
        problems: list[str] = []
        for source in self.config.datasources:

            def changed(name: str = source.id) -> None:
                authority.forget_statements()
                metrics.twin(name, up=world.epoch(DatasourceId(name)) is not None)

            twin = Twin(
                source,
                address=addresses[source.id],
                credentials=Credentials(user=source.twin.role, password=secret(source.twin.password_file)),
                tree_bytes=self.config.limits.tree_bytes,
                nonce=nonce,
                changed=changed,
            )
            world.twins[DatasourceId(source.id)] = twin
            self._closing.callback(twin.close)
            try:
                await twin.start()
            except ConfigError as error:
                problems += error.problems
            self._tasks.spawn(twin.watch(), f"twin {source.id}")
        if problems:
            raise ConfigError(problems)

    def _watch(
        self, world: LiveWorld, resolver: Resolver, authority: Authority, metrics: Metrics, policies: Path
    ) -> None:
        def new_registry(registry: Registry) -> None:
            world.registry = registry
            metrics.policy_loaded(f"{world.policy_revision}+{registry.revision}", self._shadow)

        def new_policy(bundle: Bundle) -> None:
            engine = InProcessEngine(bundle)
            engine.warm()
            resolver.engine = engine
            world.policy_revision = bundle.revision
            self._show_revision(world, bundle, metrics)

        registry = FolderWatch(self.config.registry.directory, what="registry", load=load_registry, swap=new_registry)
        policy = FolderWatch(policies, what="policy", load=load_bundle, swap=new_policy)
        self._tasks.spawn(registry.run(), "watch registry")
        self._tasks.spawn(policy.run(), "watch policy")

    def _show_revision(self, world: LiveWorld, bundle: Bundle, metrics: Metrics) -> None:
        self._shadow = [rule.id for rule in rule_table(bundle.modules, bundle.data) if rule.mode == "shadow"]
        for rule in self._shadow:
            _log.warning("rule_in_shadow_mode", extra={"rule": rule})
        metrics.policy_loaded(f"{world.policy_revision}+{world.registry.revision}", self._shadow)

    async def _open_doors(
        self, addresses: dict[str, ServerAddress], credentials: dict[tuple[str, str], Credentials]
    ) -> None:
        listeners = self.config.listeners
        self.desk.start()
        self._closing.callback(self.desk.stop)
        try:
            if listeners.http is not None:
                http = HttpDoor(self.desk, listeners.http)
                await http.start()
                self._closing.push_async_callback(http.stop)
            if listeners.grpc is not None:
                grpc = GrpcDoor(self.desk, listeners.grpc)
                await grpc.start()
                self._closing.push_async_callback(grpc.stop)
            postgres = PostgresDoor(self.desk, addresses=addresses, credentials=credentials)
            self._closing.push_async_callback(postgres.stop)
            await postgres.start()
        except OSError as error:
            raise ConfigError([f"listeners: {error}"]) from error


class Sources:
    """Registry and policy, loaded together so that the problems of both are listed in one run."""

    def __init__(self, registry: Registry, bundle: Bundle, policy_directory: Path) -> None:
        self.registry = registry
        self.bundle = bundle
        self.policy_directory = policy_directory


def load_sources(config: Config) -> Sources:
    """Registry and policy of a configuration. Raises ConfigError with every problem, listeners' sites included."""
    problems: list[str] = []
    registry: Registry | None = None
    bundle: Bundle | None = None
    policies = config.policy.directory or packaged_policies()
    try:
        registry = load_registry(config.registry.directory)
        problems += unknown_places(config, registry)
    except ConfigError as error:
        problems += error.problems
    try:
        bundle = load_bundle(policies)
    except ConfigError as error:
        problems += error.problems
    if registry is None or bundle is None or problems:
        raise ConfigError(problems)
    return Sources(registry, bundle, policies)


def unknown_places(config: Config, registry: Registry) -> list[str]:
    """Sites and datasources that configuration names and the registry does not know."""
    problems = [
        f"listeners.postgres {listener.address}: site {listener.site} is not in the registry"
        for listener in config.listeners.postgres
        if listener.site is not None and listener.site not in registry.sites
    ]
    problems += [
        f"datasource {source.id}: not in the registry's catalog"
        for source in config.datasources
        if registry.datasource(DatasourceId(source.id)) is None
    ]
    return problems


def packaged_policies() -> Path:
    """The packs that come with Sekisho: inside the installed package, or beside it in a checkout."""
    package = Path(gateway.__file__).parent
    inside = package / "_policies"
    return inside if inside.is_dir() else package.parent / "policies"


def server_address(source: Datasource) -> ServerAddress:
    """Where a datasource's server is."""
    return ServerAddress(
        host=source.host,
        port=source.port,
        database=source.database,
        tls=source.tls,
        ca=source.ca,
        connect_timeout=source.connect_timeout_ms / 1000,
    )


def profile_credentials(config: Config) -> dict[tuple[str, str], Credentials]:
    """(datasource, profile) → the role's credentials. Raises ConfigError for secrets that cannot be read."""
    return {
        (source.id, profile.name): Credentials(user=profile.role, password=secret(profile.password_file))
        for source in config.datasources
        for profile in source.profiles
    }


def secret(path: Path | None) -> str | None:
    """The first line of a secret's file. Raises ConfigError."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: {error}"]) from error


def hash_key(config: Config) -> bytes:
    """The key of the statement hash; made on first start beside the record, readable by its owner only."""
    path = config.record.hash_key_file or config.record.directory / "hash.key"
    if config.record.hash_key_file is None and not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigError([f"{path}: {error}"]) from error


def bounds(config: Config) -> Bounds:
    """The limits `authorize` enforces."""
    limits = config.limits
    return Bounds(
        statement_bytes=limits.statement_bytes,
        tree_bytes=limits.tree_bytes,
        known_statements=limits.known_statements,
        known_decisions=limits.known_decisions,
    )


def decision_ids() -> Callable[[], str]:
    """Ids of decisions: time of start and chance make them unique, the counter makes them cheap."""
    prefix = f"d-{int(time.time()):x}{secrets.token_hex(3)}-"
    numbers = itertools.count(1)
    return lambda: f"{prefix}{next(numbers):x}"


async def serve(config: Config) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises ConfigError where it cannot start."""
    application = Application(config)
    await application.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _log.info("started", extra={"version": version("sekisho")})
    await stop.wait()
    _log.info("stopping")
    await application.stop()
