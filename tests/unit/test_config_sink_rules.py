"""Sinks that may be configured, and what is said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.test_config_rules import BASE, problems

HTTP = {"name": "log", "http": {"url": "https://logs.example/logs"}}
FORGED = "whoever is on the way reads who read what, and can drop it"


def record(*sinks: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {**BASE, "record": {**BASE["record"], "sinks": list(sinks), **settings}}


def kafka(**settings: Any) -> dict[str, Any]:
    return {"name": "lake", "kafka": {"servers": ["kafka.internal:9093"], "topic": "record", **settings}}


def postgres(**settings: Any) -> dict[str, Any]:
    return {"name": "pg", "postgres": {"host": "db.internal", "database": "audit", "user": "shipper", **settings}}


@pytest.mark.parametrize(
    "sink",
    [
        HTTP,
        kafka(),
        kafka(servers=["127.0.0.1:9092", "localhost:9093"], tls=False),
        kafka(
            mechanism="scram-sha-512", username="gw", password_file="p", certificate="c", key="k", compression="zstd"
        ),
        postgres(),
        postgres(host="/run/postgresql", tls="disable", table="audit.sekisho_1", create=True),
        {"name": "otel", "otlp": {"url": "http://127.0.0.1:4318/v1/logs", "token_file": "t"}, "batch_entries": 1},
        {"name": "files", "ocsf": {"directory": "events"}},
    ],
)
def test_sinks_that_can_be(tmp_path: Path, sink: dict[str, Any]) -> None:
    assert problems(tmp_path, record(sink)) == []


@pytest.mark.parametrize(
    ("sink", "problem"),
    [
        ({"name": "x"}, ": name exactly one of kafka, postgres, http, otlp, ocsf"),
        (
            {**HTTP, "ocsf": {"directory": "e"}},
            ": name exactly one of kafka, postgres, http, otlp, ocsf; here: http, ocsf",
        ),
        ({**HTTP, "name": "../x"}, ".name: small letters, digits, `_` and `-`, at most 40"),
        ({**HTTP, "batch_entries": 0}, ".batch_entries: 0 is out of range: 1 to 100000"),
        (
            {"name": "x", "http": {"url": "http://logs.example"}},
            f".http.url: http is for a loopback address only: {FORGED}",
        ),
        ({"name": "x", "otlp": {"url": "ftp://x"}}, ".otlp.url: `ftp://x` is no https address"),
        (kafka(servers=[]), ".kafka.servers: name at least one"),
        (kafka(servers=["kafka"]), ".kafka.servers[0]: `kafka`: expected host:port, with a port up to 65535"),
        (
            kafka(tls=False),
            f".kafka.tls: without TLS brokers are reached on a loopback address only: {FORGED}",
        ),
        (kafka(topic="a topic"), ".kafka.topic: `a topic` is no name of a topic"),
        (kafka(mechanism="plain"), ".kafka.mechanism: `plain` needs `username` and `password_file`"),
        (kafka(username="gw"), ".kafka.mechanism: missing, and a login is given"),
        (kafka(certificate="c"), ".kafka.key: missing: `certificate` and `key` go together"),
        (postgres(tls="disable"), ".postgres.tls: `disable` is for a Unix socket or a loopback address only"),
        (postgres(host="/run/x"), ".postgres.tls: a Unix socket carries no TLS: say `disable`"),
        (
            postgres(host="a host"),
            ".postgres.host: `a host` is no host name, address or absolute path of a socket folder",
        ),
        (
            postgres(table="x; DROP TABLE y"),
            ".postgres.table: schema.table, each of small letters, digits and `_`, at most 40",
        ),
    ],
)
def test_sinks_that_cannot(tmp_path: Path, sink: dict[str, Any], problem: str) -> None:
    assert problems(tmp_path, record(sink)) == [f"record.sinks[0]{problem}"]


def test_names_are_there_once(tmp_path: Path) -> None:
    assert problems(tmp_path, record(HTTP, HTTP)) == ["record.sinks[1].name: `log` is there twice"]


@pytest.mark.parametrize(
    ("remote", "problem"),
    [
        ({"sink": "log", "applies": "all", "timeout_ms": 500}, []),
        ({"sink": "lake"}, ["record.remote.sink: `lake` is none of `sinks`"]),
        ({"sink": "log", "applies": "some"}, ["record.remote.applies: `some` is not one of policy, synced, all"]),
        (
            {"sink": "files"},
            ["record.remote.sink: `files` writes files beside the record, which is not elsewhere"],
        ),
    ],
)
def test_what_statements_may_wait_for(tmp_path: Path, remote: dict[str, Any], problem: list[str]) -> None:
    files = {"name": "files", "ocsf": {"directory": "events"}}
    assert problems(tmp_path, record(HTTP, files, remote=remote)) == problem
