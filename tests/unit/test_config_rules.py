"""What a configuration must fulfil beyond its types: one bad change of a good file, one problem."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway import config as c
from gateway import config_load, config_rules, config_sinks
from gateway.errors import ConfigError

BASE: dict[str, Any] = {
    "listeners": {
        "postgres": [{"address": "0.0.0.0:5432", "tls": {"certificate": "a.pem", "key": "a.key"}}],
        "grpc": {"address": "127.0.0.1:9090"},
        "http": {"address": "0.0.0.0:8080"},
    },
    "issuers": [{"issuer": "https://id.example", "audience": "sekisho", "keys": "jwks.json"}],
    "datasources": [
        {
            "id": "messenger",
            "host": "db.internal",
            "database": "messenger",
            "twin": {"role": "twin"},
            "profiles": [{"name": "engineer", "role": "engineer", "groups": ["eng"]}, {"name": "all", "role": "all"}],
        }
    ],
    "registry": {"directory": "registry"},
    "record": {"directory": "record"},
}


def problems(tmp_path: Path, document: Any, *, check_files: bool = False) -> list[str]:
    """Problems as ``key: message``."""
    path = tmp_path / "sekisho.yaml"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    try:
        config_load.load(path, {}, check_files=check_files)
    except ConfigError as error:
        return [problem.split(": ", 1)[1].replace(f"{tmp_path}/", "") for problem in error.problems]
    return []


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """A copy of BASE with one place changed."""
    document = copy.deepcopy(BASE)
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return document


PG = ("listeners", "postgres", 0)
DS = ("datasources", 0)
PLAIN = {"address": "127.0.0.1:5432", "plaintext": "loopback"}


def test_the_base_has_no_problem(tmp_path):
    assert problems(tmp_path, BASE) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (changed(*PG, "address", to="5432"), "listeners.postgres[0].address: `5432`: expected host:port"),
        (changed(*PG, "address", to="h:99999"), "listeners.postgres[0].address: `h:99999`: expected host:port, with"),
        (changed(*PG, "address", to="::1:5432"), "listeners.postgres[0].address: `::1:5432`: an IPv6 address goes in"),
        (changed(*PG, "address", to="10.0.0.256:1"), "listeners.postgres[0].address: `10.0.0.256:1`: Octet 256"),
        (changed(*PG, "address", to="a b:1"), "listeners.postgres[0].address: `a b:1`: expected a host name"),
        (changed(*PG, "plaintext", to="always"), "listeners.postgres[0].plaintext: `always` is not one of never"),
        (changed(*PG, "plaintext", to="loopback"), "listeners.postgres[0].plaintext: `loopback` needs a loopback"),
        (changed(*PG, "tls", to=None), "listeners.postgres[0].tls: missing, and plaintext is `never`: nobody"),
        (
            changed(*PG, "edges", to=["10.0.0.1/8"]),
            "listeners.postgres[0].edges[0]: not a network: 10.0.0.1/8 has host",
        ),
        (changed(*PG, "edges", to=["::/0"]), "listeners.postgres[0].edges[0]: `::/0` would believe everybody"),
        (changed("listeners", "grpc", "edges", to=["x"]), "listeners.grpc.edges[0]: not a network"),
        (changed("listeners", "grpc", "address", to="0.0.0.0:1"), "listeners.grpc.tls: needed, as the address is not"),
        (changed("listeners", "http", "threads", to=0), "listeners.http.threads: 0 is out of range: 1 to 256"),
        (
            changed("listeners", "postgres", to=[PLAIN, PLAIN]),
            "listeners.postgres[1]: same address as listeners.postgres[0]",
        ),
        (
            changed("listeners", "http", "address", to="127.0.0.1:9090"),
            "listeners.http: same address as listeners.grpc",
        ),
        (changed("listeners", to={}), "listeners: no listener: name at least one"),
        (changed("issuers", to=[]), "issuers: name at least one"),
        (changed("issuers", to=BASE["issuers"] * 2), "issuers: issuer `https://id.example` is there 2 times"),
        (changed("issuers", 0, "algorithms", to=[]), "issuers[0].algorithms: name at least one"),
        (changed("issuers", 0, "algorithms", to=["ES256", "HS256"]), "issuers[0].algorithms[1]: `HS256` is refused"),
        (changed("issuers", 0, "algorithms", to=["None"]), "issuers[0].algorithms[0]: `None` is refused: only asymm"),
        (changed("issuers", 0, "algorithms", to=["es256"]), "issuers[0].algorithms[0]: `es256` is not one of ES256"),
        (changed("issuers", 0, "leeway", to=9999), "issuers[0].leeway: 9999 is out of range: 0 to 300"),
        (changed("datasources", to=[]), "datasources: name at least one"),
        (changed("datasources", to=BASE["datasources"] * 2), "datasources: id `messenger` is there 2 times"),
        (changed(*DS, "id", to="a b"), "datasources[0].id: letters, digits"),
        (changed(*DS, "host", to="run/pg"), "datasources[0].host: `run/pg` is no host name, address or absolute path"),
        (changed(*DS, "host", to="/run/pg"), "datasources[0].tls: a Unix socket carries no TLS: say `disable`"),
        (changed(*DS, "tls", to="disable"), "datasources[0].tls: `disable` is for a Unix socket or a loopback address"),
        (changed(*DS, "tls", to="require"), "datasources[0].tls: `require` is not one of verify-full, disable"),
        (changed(*DS, "port", to=0), "datasources[0].port: 0 is out of range: 1 to 65535"),
        (changed(*DS, "port", to=70_000), "datasources[0].port: 70000 is out of range: 1 to 65535"),
        (changed(*DS, "search_path", to=["public", "$user"]), "datasources[0].search_path[1]: `$user` would mean"),
        (changed(*DS, "search_paths", to=["a, b", "a,,b"]), "datasources[0].search_paths[1]: `a,,b` is no list of"),
        (changed(*DS, "search_paths", to=["a, pg_temp"]), "datasources[0].search_paths[0]: `a, pg_temp` is no list"),
        (changed(*DS, "profiles", to=[]), "datasources[0].profiles: name at least one"),
        (
            changed(*DS, "profiles", to=BASE["datasources"][0]["profiles"][:1] * 2),
            "datasources[0].profiles: name `engineer` is there 2 times",
        ),
        (
            changed(*DS, "profiles", to=BASE["datasources"][0]["profiles"][::-1]),
            "datasources[0].profiles[1]: never reached: profile 0 before it fits everybody",
        ),
        (changed(*DS, "profiles", 1, "role", to="twin"), "datasources[0].profiles[1].role: is the twin's; the twin"),
        (changed(*DS, "twin", "lock_timeout_ms", to=5000), "datasources[0].twin.lock_timeout_ms: is longer than"),
        (changed("limits", to={"message_bytes": 2048}), "limits.statement_bytes: is more than message_bytes"),
        (changed("limits", to={"sessions": -1}), "limits.sessions: -1 is out of range: 1 to 100000"),
        (changed("log_level", to="loud"), "log_level: `loud` is not one of debug, info, warning, error"),
    ],
    ids=lambda value: value.partition(": ")[0] if isinstance(value, str) else "",
)
def test_one_bad_change_is_one_problem(tmp_path, document, problem):
    found = problems(tmp_path, document)
    assert len(found) == 1, found
    assert found[0].startswith(problem)


@pytest.mark.parametrize(
    "document",
    [
        changed(*DS, to={**BASE["datasources"][0], "host": "127.0.0.1", "tls": "disable"}),
        changed(*DS, to={**BASE["datasources"][0], "host": "::1", "tls": "disable"}),
        changed(*DS, to={**BASE["datasources"][0], "host": "/run/postgresql", "tls": "disable"}),
        changed("listeners", "postgres", to=[{**PLAIN, "address": "127.0.0.1:0"}, {**PLAIN, "address": "[::1]:0"}]),
        changed("listeners", "postgres", to=[{**PLAIN, "address": "localhost:5432"}]),
    ],
)
def test_safe_combinations_are_accepted(tmp_path, document):
    assert problems(tmp_path, document) == []


def test_files_that_are_named_must_be_there(tmp_path):
    document = changed("policy", to={"directory": "packs"})
    assert problems(tmp_path, document, check_files=True) == [
        "listeners.postgres[0].tls.certificate: no such file: a.pem",
        "listeners.postgres[0].tls.key: no such file: a.key",
        "issuers[0].keys: no such file: jwks.json",
        "registry.directory: no such folder: registry",
        "policy.directory: no such folder: packs",
    ]


def test_every_number_has_a_range_that_holds_its_default():
    kinds = [
        kind
        for kind in (vars(c) | vars(config_sinks)).values()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    ]
    numbers: dict[tuple[type, str], Any] = {
        (kind, item.name): item.default for kind in kinds for item in dataclasses.fields(kind) if item.type == "int"
    }
    assert numbers.keys() == config_rules.RANGES.keys()
    for at, (low, high) in config_rules.RANGES.items():
        if numbers[at] is not dataclasses.MISSING:  # one that must be given has no default
            assert low <= numbers[at] <= high


def test_every_choice_holds_its_default():
    for (kind, name), choices in config_rules.CHOICES.items():
        assert {item.name: item.default for item in dataclasses.fields(kind)}[name] in choices
