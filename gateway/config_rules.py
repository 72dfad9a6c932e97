"""What a configuration must fulfil beyond its types: safe combinations, sane ranges, nothing twice.

Rules look at *drafts*, sections as they were read, in which a value that could not be read is absent: so one run tells
every problem, and a rule that misses a value keeps quiet, as that value's own problem was told already.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from gateway import config as c
from gateway import config_logins, config_policy, config_record, config_routes, config_sink_rules, config_volume
from gateway import config_sinks as s
from gateway import config_telemetry as t
from gateway.config_draft import HOST, NAME, Draft, Problem, is_loopback, split_address
from gateway.search_path import listed, permitted

# Asymmetric only: with a symmetric algorithm whoever can verify a token can also make one, and a public key taken for
# an HMAC secret is the classic forgery.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
SIGNATURES: Final = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
_HOUR_MS: Final = 3_600_000
_GIB: Final = 1024**3

RANGES: Final[Mapping[tuple[type, str], tuple[int, int]]] = MappingProxyType(
    {
        (c.HttpListener, "threads"): (1, 256),
        (c.HttpListener, "query_rows"): (0, 1_000_000),
        (c.HttpListener, "query_bytes"): (1024, _GIB),
        (c.HttpListener, "query_timeout_ms"): (100, 600_000),
        (c.Issuer, "country_max_age"): (1, 86_400),
        (c.Issuer, "leeway"): (0, 300),
        (c.Issuer, "jwks_refresh"): (1, 86_400),
        (c.Issuer, "jwks_min_interval"): (1, 3600),
        (c.Issuer, "jwks_max_age"): (1, 2_592_000),
        (c.Twin, "connections"): (1, 64),
        (c.Twin, "statement_timeout_ms"): (10, 60_000),
        (c.Twin, "lock_timeout_ms"): (10, 60_000),
        (c.Twin, "epoch_interval_ms"): (10, 60_000),
        (c.Datasource, "port"): (1, 65_535),
        (c.Datasource, "connect_timeout_ms"): (10, 120_000),
        (c.Policy, "timeout_ms"): (10, 60_000),
        (c.SharedVolume, "database"): (0, 1_000_000),
        (c.SharedVolume, "timeout_ms"): (10, 60_000),
        (c.BundleSource, "poll_ms"): (50, 3_600_000),
        (c.BundleSource, "wait"): (0, 600),
        (c.Datasource, "max_age"): (0, 31_536_000),
        (c.Signing, "interval"): (1, 86_400),
        (c.Service, "max_age"): (0, 31_536_000),
        (c.EnvoyDoor, "trusted_hops"): (0, 16),
        (c.EnvoyDoor, "timeout_ms"): (10, 60_000),
        (c.Retention, "years"): (1, 1000),
        (c.Record, "prune_interval"): (0, 31_536_000),
        (c.S3Store, "retention_days"): (1, 36_500),
        (c.Record, "segment_bytes"): (4096, 16 * _GIB),
        (s.Sink, "batch_entries"): (1, 100_000),
        (s.Sink, "batch_bytes"): (65_536, 64 * 1024 * 1024),
        (s.Sink, "timeout_ms"): (100, 600_000),
        (s.Remote, "timeout_ms"): (50, 60_000),
        (s.PostgresSink, "port"): (1, 65_535),
        (s.OcsfSink, "file_bytes"): (65_536, 16 * _GIB),
        (t.Traces, "per_million"): (0, t.MILLION),
        (t.Traces, "waiting"): (1, 1_000_000),
        (t.Traces, "batch"): (1, 10_000),
        (t.Traces, "interval_ms"): (10, 60_000),
        (t.Traces, "timeout_ms"): (100, 60_000),
        (c.Limits, "sessions"): (1, 100_000),
        (c.Limits, "sessions_per_principal"): (1, 100_000),
        (c.Limits, "idle_timeout_ms"): (0, 7 * 86_400_000),
        (c.Limits, "idle_in_transaction_timeout_ms"): (0, 7 * 86_400_000),
        (c.Limits, "statement_timeout_ms"): (0, 7 * 86_400_000),
        (c.Limits, "cancel_timeout_ms"): (100, 600_000),
        (c.Limits, "guess_delay_ms"): (0, 60_000),
        (c.Limits, "guess_delay_max_ms"): (0, 3_600_000),
        (c.Limits, "waiting_bytes"): (1024 * 1024, 1 << 40),
        (c.Limits, "cancels"): (1, 1_000_000),
        (c.Limits, "cancels_per_address"): (1, 1_000_000),
        (c.Limits, "login_timeout_ms"): (100, 600_000),
        (c.Limits, "login_lifetime"): (1, 604_800),
        (c.Limits, "expiry_grace_ms"): (0, _HOUR_MS),
        (c.Limits, "refusals"): (1, 1_000_000),
        (c.Limits, "refusals_per_address"): (1, 1_000_000),
        (c.Limits, "statement_bytes"): (1024, 16 * 1024 * 1024),
        (c.Limits, "message_bytes"): (1024, _GIB),
        (c.Limits, "statements"): (1, 1_000_000),
        (c.Limits, "tree_bytes"): (65_536, _GIB),
        (c.Limits, "known_statements"): (0, 10_000_000),
        (c.Limits, "known_decisions"): (0, 10_000_000),
        (c.Limits, "unknown_per_second"): (1, 1_000_000),
        (c.Limits, "unknown_burst"): (1, 1_000_000),
        (c.Limits, "unknown_waiting"): (1, 100_000),
        (c.Limits, "unknown_delay_ms"): (0, 600_000),
        (c.Limits, "sighting_window"): (1, 86_400),
        (c.Limits, "sightings"): (1, 10_000_000),
        (c.Limits, "reading_timeout_ms"): (100, 600_000),
        (c.Limits, "drain_timeout_ms"): (0, _HOUR_MS),
    }
)
CHOICES: Final[Mapping[tuple[type, str], tuple[str, ...]]] = MappingProxyType(
    {
        (c.PostgresListener, "plaintext"): ("never", "loopback"),
        (c.Datasource, "tls"): ("verify-full", "disable"),
        (c.Datasource, "channel_binding"): ("require", "prefer", "disable"),
        (c.S3Store, "mode"): ("COMPLIANCE", "GOVERNANCE"),
        (c.Record, "on_full"): ("deny", "block"),
        (c.Route, "reads"): config_routes.READS,
        (c.Route, "effect"): config_routes.EFFECTS,
        (c.Policy, "engine"): ("embedded", "opa"),
        (c.BundleSource, "algorithm"): SIGNATURES,
        (c.Certificates, "san"): ("uri", "dns", "email"),
        (c.Registry, "delivery"): ("manifest", "symlink", "edited"),
        (s.KafkaSink, "mechanism"): ("none", "plain", "scram-sha-256", "scram-sha-512"),
        (s.KafkaSink, "compression"): ("none", "gzip", "lz4", "zstd"),
        (s.PostgresSink, "tls"): ("verify-full", "disable"),
        (s.PostgresSink, "channel_binding"): ("require", "prefer", "disable"),
        (s.Remote, "applies"): ("policy", "synced", "all"),
        (c.Config, "log_level"): LOG_LEVELS,
    }
)
# Made by Sekisho where they do not exist yet; every other path must be there.
_MADE: Final = frozenset(
    {
        (c.Record, "directory"),
        (c.Anchor, "directory"),
        (c.Registry, "blocks"),
        (c.BundleSource, "directory"),
        (s.OcsfSink, "directory"),
    }
)


def check(draft: Draft, *, check_files: bool, kept: Path | None = None) -> Iterator[tuple[int, str | None, str, str]]:
    """Every problem of a section and those below it: line, variable, key, message. ``kept``: a folder of Sekisho's own,
    what lies in which may still have to be fetched."""
    kept = kept or config_policy.kept(draft)
    for name, message in _section_problems(draft, check_files, kept):
        line, variable = draft.places.get(name.partition("[")[0], (draft.line, None))
        key = f"{draft.key}.{name}" if draft.key and name else draft.key or name
        yield line, variable, key, message
    for value in draft.values.values():
        for child in value if isinstance(value, tuple) else (value,):
            if isinstance(child, Draft):
                yield from check(child, check_files=check_files, kept=kept)


def _section_problems(draft: Draft, check_files: bool, kept: Path | None) -> Iterator[Problem]:
    for name, value in draft.values.items():
        at = (draft.kind, name)
        if at in RANGES and not RANGES[at][0] <= value <= RANGES[at][1]:
            yield name, f"{value} is out of range: {RANGES[at][0]} to {RANGES[at][1]}"
        if at in CHOICES and value not in CHOICES[at]:
            yield name, f"`{value}` is not one of {', '.join(CHOICES[at])}"
        if check_files and isinstance(value, Path) and at not in _MADE:
            if kept is None or not value.is_relative_to(kept):
                yield from _path(name, value)
        if name in ("edges", "networks"):
            yield from _networks(name, value)
    if draft.kind in _RULES:
        yield from _RULES[draft.kind](draft)


def _path(name: str, path: Path) -> Iterator[Problem]:
    folder = name == "directory"
    if not (path.is_dir() if folder else path.is_file()):
        yield name, f"no such {'folder' if folder else 'file'}: {path}"


def _networks(name: str, networks: tuple[str, ...]) -> Iterator[Problem]:
    for index, text in enumerate(networks):
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            yield f"{name}[{index}]", f"not a network: {error}"
        else:
            if network.prefixlen == 0:
                yield f"{name}[{index}]", f"`{text}` would believe everybody; name the {name}"


def _address(draft: Draft) -> tuple[str, int] | str:
    """Host and port, or what is wrong with them."""
    try:
        return split_address(draft.values["address"])
    except ValueError as error:
        return f"`{draft.values['address']}`: {error}"


def _listener(draft: Draft) -> Iterator[Problem]:
    if "address" not in draft.values:
        return
    found = _address(draft)
    if isinstance(found, str):
        yield "address", found
        return
    loopback = is_loopback(found[0])
    without_tls = "tls" in draft.values and draft.values["tls"] is None
    if draft.kind in (c.GrpcListener, c.AdminListener) and without_tls and not loopback:
        yield "tls", "needed, as the address is not a loopback address"
    if draft.kind is c.PostgresListener:
        if draft.get("plaintext") == "loopback" and not loopback:
            yield "plaintext", "`loopback` needs a loopback address to listen on"
        if draft.get("plaintext") == "never" and without_tls:
            yield "tls", "missing, and plaintext is `never`: nobody could log in"
        yield from config_logins.authentication(draft, without_tls)


def _admin(draft: Draft) -> Iterator[Problem]:
    yield from _listener(draft)
    if draft.get("tokens") == ():
        yield "tokens", "name at least one"
    yield from _twice("tokens", draft.sections("tokens"), "name")


def _listeners(draft: Draft) -> Iterator[Problem]:
    postgres, others = draft.sections("postgres"), [draft.get("grpc"), draft.get("http"), draft.get("admin")]
    if draft.values.keys() >= {"postgres", "grpc", "http"} and not postgres and others[:2] == [None, None]:
        yield "", "no listener: name at least one"
    taken: dict[tuple[str, int], str] = {}
    for child in (*postgres, *(other for other in others if other is not None)):
        found = _address(child) if "address" in child.values else ""
        if isinstance(found, str) or found[1] == 0:
            continue
        if found in taken:
            yield child.key.removeprefix("listeners."), f"same address as {taken[found]}"
        taken.setdefault(found, child.key)


def _issuer(draft: Draft) -> Iterator[Problem]:
    yield from config_logins.key_source(draft)
    algorithms = draft.get("algorithms")
    if algorithms == ():
        yield "algorithms", "name at least one"
    for index, name in enumerate(algorithms or ()):
        if name.upper().startswith("HS") or name.lower() == "none":
            yield f"algorithms[{index}]", f"`{name}` is refused: only asymmetric signatures count"
        elif name not in ALGORITHMS:
            yield f"algorithms[{index}]", f"`{name}` is not one of {', '.join(sorted(ALGORITHMS))}"


def _datasource(draft: Draft) -> Iterator[Problem]:
    name, host, tls = draft.get("id"), draft.get("host"), draft.get("tls")
    if name is not None and not NAME.fullmatch(name):
        yield "id", "letters, digits, `_`, `.` and `-`, at most 63"
    if host is not None:
        socket = host.startswith("/")
        if not socket and not _is_host(host):
            yield "host", f"`{host}` is no host name, address or absolute path of a socket folder"
        elif tls == "disable" and not socket and not is_loopback(host):
            yield "tls", "`disable` is for a Unix socket or a loopback address only"
        elif tls == "verify-full" and socket:
            yield "tls", "a Unix socket carries no TLS: say `disable`"
    missing = [part for part in ("certificate", "key") if part in draft.values and draft.get(part) is None]
    if len(missing) == 1:
        yield missing[0], "missing: `certificate` and `key` go together"
    for index, schema in enumerate(draft.get("search_path") or ()):
        if schema in ("pg_temp", "$user", '"$user"'):
            yield f"search_path[{index}]", f"`{schema}` would mean another schema in every session"
    for index, path in enumerate(draft.get("search_paths") or ()):
        names = listed(path)
        if names is None or not permitted(names) or not {"pg_temp", "$user"}.isdisjoint(names):
            yield f"search_paths[{index}]", f"`{path}` is no list of plain schemas: `app, public`"
    yield from _profiles(draft)


def _service(draft: Draft) -> Iterator[Problem]:
    if (name := draft.get("id")) is not None and not NAME.fullmatch(name):
        yield "id", "letters, digits, `_`, `.` and `-`, at most 63"
    yield from _profiles(draft)


def _profiles(draft: Draft) -> Iterator[Problem]:
    profiles = draft.sections("profiles")
    if draft.get("profiles") == ():
        yield "profiles", "name at least one"
    yield from _twice("profiles", profiles, "name")
    twin = draft.get("twin")
    everybody = None
    for index, profile in enumerate(profiles):
        if everybody is not None:
            yield f"profiles[{index}]", f"never reached: profile {everybody} before it fits everybody"
        elif profile.get("groups") == () and profile.get("entities") == ():
            everybody = index
        if twin is not None and twin.get("role") is not None and profile.get("role") == twin.get("role"):
            yield f"profiles[{index}].role", "is the twin's; the twin needs a role of its own"


def _twin(draft: Draft) -> Iterator[Problem]:
    lock, statement = draft.get("lock_timeout_ms"), draft.get("statement_timeout_ms")
    if lock is not None and statement is not None and lock > statement:
        yield "lock_timeout_ms", "is longer than statement_timeout_ms"


def _limits(draft: Draft) -> Iterator[Problem]:
    statement, message = draft.get("statement_bytes"), draft.get("message_bytes")
    if statement is not None and message is not None and statement > message:
        yield "statement_bytes", "is more than message_bytes, so it could never be reached"
    waiting = draft.get("waiting_bytes")
    if message is not None and waiting is not None and message > waiting:
        yield "message_bytes", "is more than waiting_bytes, so no message of that size could come in"


def _config(draft: Draft) -> Iterator[Problem]:
    for name, key in (("issuers", "issuer"), ("datasources", "id"), ("services", "id")):
        if draft.get(name) == () and (name == "issuers" or (name == "datasources" and not draft.get("services"))):
            yield name, "name at least one"
        yield from _twice(name, draft.sections(name), key)
    yield from config_routes.leads_somewhere(draft)
    yield from config_logins.logins(draft)
    yield from config_logins.callers(draft)


def _twice(name: str, drafts: tuple[Draft, ...], key: str) -> Iterator[Problem]:
    counted = Counter(draft.get(key) for draft in drafts)
    for value, times in counted.items():
        if value is not None and times > 1:
            yield name, f"{key} `{value}` is there {times} times"


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return HOST.fullmatch(text) is not None and not re.fullmatch(r"[0-9.]+", text)
    return True


_RULES: Final[Mapping[type, Callable[[Draft], Iterator[Problem]]]] = MappingProxyType(
    {
        c.PostgresListener: _listener,
        c.GrpcListener: _listener,
        c.HttpListener: _listener,
        c.AdminListener: _admin,
        c.Listeners: _listeners,
        c.Issuer: _issuer,
        c.ServiceUsers: config_logins.service_users,
        c.Certificates: config_logins.certificates,
        c.Caller: config_logins.caller,
        c.Datasource: _datasource,
        c.Service: _service,
        c.Route: config_routes.route,
        c.Twin: _twin,
        c.Policy: config_policy.policy,
        c.Opa: config_policy.opa,
        c.Anchor: config_record.anchor,
        c.S3Store: config_record.s3_store,
        c.Record: config_record.record,
        c.SharedVolume: config_volume.shared,
        s.Sink: config_sink_rules.sink,
        s.KafkaSink: config_sink_rules.kafka,
        s.PostgresSink: config_sink_rules.postgres,
        s.HttpSink: config_sink_rules.posted,
        s.OtlpSink: config_sink_rules.posted,
        c.BundleSource: config_policy.bundle,
        t.Traces: t.traces,
        c.Limits: _limits,
        c.Config: _config,
    }
)
