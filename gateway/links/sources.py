"""Everything a configuration names on disk: registry, policy, keys, passwords. Every problem of all of it in one run.

The packs that come with Sekisho are found here too, and the key of the statement hash is made here on first start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Final, TypeVar

import gateway
from gateway import config as config_of
from gateway.audit.hashing import MIN_KEY_BYTES
from gateway.audit.segments import FileCalls, sync_folder
from gateway.config import CallerTls, Config, Issuer, PostgresTls, TlsServer
from gateway.errors import ConfigError
from gateway.facts import admin_blocks, blocks
from gateway.facts.folder import Delivery, digest
from gateway.facts.folder import revision as folder_revision
from gateway.facts.geoip import load_countries
from gateway.facts.identity import TokenVerifier
from gateway.facts.ownership_tests import read_tests
from gateway.facts.registry import Registry, load_registry
from gateway.links.certificates import load_authorities, server_context
from gateway.links.jwks import load_key_sets
from gateway.links.key_keeper import key_files_seen
from gateway.links.secret import secret
from gateway.links.server import Credentials
from gateway.links.service_users import ServiceUsers, load_service_users, mock_key
from gateway.links.trust import trust_of
from gateway.links.watch import Signature, signature
from gateway.model import DatasourceId, Mode
from gateway.policy.archive import Archive
from gateway.policy.bundle import MANIFEST, Bundle, load_bundle
from gateway.policy.metadata import RuleRow, rule_table
from gateway.sql.rewrite.predicates import filter_problem

# In the folder that keeps bundles: the one in force, and its two parts.
CURRENT: Final = "current"
POLICY: Final = "policy"
REGISTRY: Final = "registry"
A = TypeVar("A")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Registry and policy. Each signature is of before the loading, so that a change during it is seen as one."""

    registry: Registry
    registry_seen: Signature
    countries_seen: Signature
    bundle: Bundle
    policy_directory: Path
    policy_seen: Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What was read from the files of keys and passwords."""

    verifier: TokenVerifier
    keys_seen: dict[str, Signature]  # of issuers' files, before they were loaded
    profiles: dict[tuple[str, str], Credentials]  # by (datasource, profile)
    twins: dict[str, Credentials]  # by datasource


def load_all(config: Config) -> tuple[Sources, Secrets]:
    """Everything that a configuration names. Raises ConfigError with every problem of all of it."""
    problems: list[str] = []
    sources = _or_problems(problems, load_sources, config)
    secrets = _or_problems(problems, load_secrets, config)
    if sources is None or secrets is None:
        raise ConfigError(problems)
    return sources, secrets


def load_sources(config: Config, known: Bundle | None = None) -> Sources:
    """Registry and policy of a configuration. Raises ConfigError with every problem, listeners' sites included.
    ``known``: what the folder of the policy holds, where that is known."""
    problems: list[str] = []
    policies = policy_folder(config)
    registry_seen, policy_seen = registry_signature(config), signature(policies)
    countries_seen = signature(config.registry.countries) if config.registry.countries is not None else ()
    registry = _or_problems(problems, registry_of, config)
    if registry is not None:
        problems += mismatches(config, registry)
    bundle = known or _or_problems(problems, load_policy, policies)
    if registry is not None and bundle is not None:
        problems += nowhere(config, registry, rule_table(bundle.modules, bundle.data))
    if registry is None or bundle is None or problems:
        raise ConfigError(problems)
    return Sources(
        registry=registry.tested(read_tests(bundle.data)),
        registry_seen=registry_seen,
        countries_seen=countries_seen,
        bundle=bundle,
        policy_directory=policies,
        policy_seen=policy_seen,
    )


def registry_of(config: Config, former: Registry | None = None) -> Registry:
    """The registry of a configuration, with its country database. Raises ConfigError."""
    settings = config.registry
    registry = load_registry(
        settings.directory, former, delivery=Delivery(settings.delivery), admin=admin_blocks_file(config)
    )
    if settings.countries is None:
        return registry
    if former is not None and former.countries is not None:  # is read again by itself, when it changes
        return registry.with_countries(former.countries)
    return registry.with_countries(load_countries(settings.countries))


def registry_signature(config: Config) -> Signature:
    """What a change of is a reason to load the registry anew. Not what blocks.yaml says: that is read alone."""
    return signature(config.registry.directory, only_there=(blocks.FILE,))


def admin_blocks_file(config: Config) -> Path:
    """Where what `sekisho block` blocks is kept."""
    return config.registry.blocks or config.record.directory / admin_blocks.FILE


def policy_folder(config: Config) -> Path:
    """Where the packs are."""
    source = config.policy.bundle
    fetched = source.directory / CURRENT / POLICY if source is not None else None
    return config.policy.directory or fetched or packaged_policies()


class FetchedCheck:
    """Looks at what was fetched as it would be loaded in place of what runs. What has the same rules as the last one,
    most often other blocks, is not kept waiting for them to be compiled."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._known: tuple[str, Bundle] | None = None  # of the files last seen good

    def __call__(self, folder: Path, archive: Archive) -> None:
        """``folder`` is where ``archive`` was unpacked. Raises ConfigError."""
        settings, source = self._config.registry, self._config.policy.bundle
        if source is not None and settings.directory.is_relative_to(source.directory):
            settings = replace(settings, directory=folder / REGISTRY)
        policy = replace(self._config.policy, directory=folder / POLICY, bundle=None)
        files = folder_revision({path: digest(data) for path, data in archive.policy.items() if path != MANIFEST})
        known = self._known[1] if self._known is not None and self._known[0] == files else None
        found = load_sources(replace(self._config, registry=settings, policy=policy), known).bundle
        if archive.revision.partition("+")[0] != found.revision:
            raise ConfigError(
                [f"the bundle says it is revision {archive.revision}, and its rules are {found.revision}"]
            )
        self._known = (files, found)


def load_policy(directory: Path) -> Bundle:
    """The bundle of a folder, with ownership tests that can be asked. Raises ConfigError."""
    bundle = load_bundle(directory)
    read_tests(bundle.data)
    return bundle


def load_secrets(config: Config) -> Secrets:
    """Keys and passwords of a configuration. Raises ConfigError with every file that cannot be used."""
    problems: list[str] = []
    for issuer in config.issuers:  # one by one, so that a file that is missing does not hide what another one lacks
        _or_problems(problems, load_verifier, (issuer,))
    passwords: dict[Path, str | None] = {}
    for source in config.datasources:
        for path in (source.twin.password_file, *(profile.password_file for profile in source.profiles)):
            if path is not None and path not in passwords:
                passwords[path] = _or_problems(problems, secret, path)
        _or_problems(problems, trust_of, source)
    for tls in _shown(config):
        _or_problems(problems, _check_shown, tls)
    if config.service_users is not None:  # read again when the record is there, whose key they may need
        _or_problems(problems, partial(load_service_users, config.service_users), b"")
        if config.service_users.mock_key_file is not None:
            _or_problems(problems, _key, config.service_users.mock_key_file)
    if problems:
        raise ConfigError(problems)

    def credentials(role: str, path: Path | None) -> Credentials:
        return Credentials(user=role, password=passwords[path] if path is not None else None)

    keys_seen = key_files_seen(config.issuers)
    return Secrets(
        verifier=load_verifier(config.issuers),
        keys_seen=keys_seen,
        profiles={
            (source.id, profile.name): credentials(profile.role, profile.password_file)
            for source in config.datasources
            for profile in source.profiles
        },
        twins={source.id: credentials(source.twin.role, source.twin.password_file) for source in config.datasources},
    )


def _shown(config: Config) -> list[TlsServer]:
    """The certificates of all doors. They are loaded again where they are shown, and whenever they change."""
    listeners = config.listeners
    found = [*(one.tls for one in listeners.postgres), *(one.tls for one in (listeners.grpc, listeners.http) if one)]
    return [tls for tls in found if tls is not None]


def _check_shown(tls: TlsServer) -> None:
    """Raises ConfigError where a door could not be opened with it."""
    context = server_context(tls)
    if isinstance(tls, PostgresTls | CallerTls) and tls.client_ca is not None:
        load_authorities(context, tls.client_ca)


def service_users(config: Config, settings: config_of.ServiceUsers) -> ServiceUsers:
    """Who logs in with a password. Raises ConfigError. Needs the record's folder."""
    own = settings.mock_key_file
    return load_service_users(settings, mock_key(_key(own) if own is not None else hash_key(config)))


def load_verifier(issuers: tuple[Issuer, ...]) -> TokenVerifier:
    """What verifies tokens of these issuers. Raises ConfigError."""
    return TokenVerifier(issuers, load_key_sets(issuers))


def _or_problems(problems: list[str], load: Callable[[A], T], what: A) -> T | None:
    """What ``load`` gives; its problems are added to the others, and then it is None."""
    try:
        return load(what)
    except ConfigError as error:
        problems += error.problems
        return None


def mismatches(config: Config, registry: Registry) -> list[str]:
    """What configuration names and the registry does not know, and row filters of the registry that are none."""
    problems = [
        f"listeners.postgres {listener.address}: site {listener.site} is not in the registry"
        for listener in config.listeners.postgres
        if listener.site is not None and listener.site not in registry.sites
    ]
    problems += [
        f"datasource {name}: not in the registry's catalog"
        for name in (*(one.id for one in config.datasources), *(one.id for one in config.services))
        if DatasourceId(name) not in registry.catalog
    ]
    for source in registry.catalog.values():
        found = (filter_problem(name, text) for name, text in source.row_filters.items())
        problems += [f"registry, datasource {source.id}: {why}" for why in found if why is not None]
    return problems


def nowhere(config: Config, registry: Registry, rules: Sequence[RuleRow]) -> list[str]:
    """Rules that need a country, where nothing could ever tell one: they would deny everybody everything."""
    if _tells_countries(config, registry):
        return []
    return [
        f"policy rule {rule.id} needs the country somebody is in, and nothing tells one: mark a site of networks.yaml "
        "`direct: true`, bind a listener to a site, name an issuer's country_claim, or name a country database "
        "(registry.countries) for a listener with edges; or lower the rule to shadow"
        for rule in rules
        if rule.needs_country and rule.mode is Mode.ENFORCE
    ]


def _tells_countries(config: Config, registry: Registry) -> bool:
    """Whether anything could tell a country, of anybody."""
    listeners = (*config.listeners.postgres, config.listeners.grpc, config.listeners.http)
    bound = {one.site for one in config.listeners.postgres}
    return (
        registry.networks.tell()
        or any(not site.hides for name, site in registry.sites.items() if name in bound)
        or any(issuer.country_claim is not None for issuer in config.issuers)
        or (config.registry.countries is not None and any(one.edges for one in listeners if one is not None))
    )


def packaged_policies() -> Path:
    """The packs that come with Sekisho: inside the installed package, or beside it in a checkout."""
    package = Path(gateway.__file__).parent
    inside = package / "_policies"
    return inside if inside.is_dir() else package.parent / "policies"


def hash_key(config: Config) -> bytes:
    """The key of the statement hash; made on first start beside the record, readable by its owner only."""
    path = config.record.hash_key_file or config.record.directory / "hash.key"
    try:
        if config.record.hash_key_file is None and not path.exists():
            unfinished = path.with_name("hash.key.unfinished")
            unfinished.unlink(missing_ok=True)  # of a crash in the middle
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(token_hex(32).encode())
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(path)
            sync_folder(path.parent, FileCalls())  # or a power cut takes the key, and leaves the record
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from error
    return _key(path)


def subject_key(config: Config) -> bytes:
    """The key that people's keys are hashed with. Raises ConfigError."""
    shared = config.volume.redis
    own = shared.key_file if shared is not None else None
    return hash_key(config) if own is None else _key(own)


def _key(path: Path) -> bytes:
    """A secret to derive from. Raises ConfigError."""
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from error
    if len(key) < MIN_KEY_BYTES:
        raise ConfigError([f"{path}: the key is shorter than {MIN_KEY_BYTES} bytes"])
    return key
