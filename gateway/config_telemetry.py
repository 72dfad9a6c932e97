"""What is told of the gateway's work to those who watch it: metrics and traces."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.config_draft import Draft, Problem, address_problem
from gateway.config_setting import setting

MILLION: Final = 1_000_000
_SEEN: Final = "whoever is on the way reads who is denied, and when"
_ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_.]{0,99}=[^\x00-\x1f\x7f]{1,255}")
_OURS: Final = frozenset({"service.name", "service.version", "service.instance.id"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """What metrics tell apart."""

    countries: tuple[str, ...] = setting(
        "countries (ISO 3166-1 alpha-2) that cross-border series tell apart, the rest is `other`; empty = all", ()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """OpenTelemetry traces: a span for each stage of a decision, and for the database's answer."""

    url: str = setting(
        "whole address of a receiver of OTLP traces (HTTP, JSON), such as `https://collector:4318/v1/traces`; http of "
        "a loopback address only",
        required=True,
    )
    ca: Path | None = setting("PEM file with the authorities that sign its certificate; none = system's")
    token_file: Path | None = setting("file with the bearer token it asks for; none = it asks for none")
    per_million: int = setting(
        "of a million statements that come without a trace of their caller's, how many get one; those that come with "
        "one are sampled as the caller does",
        10_000,
    )
    waiting: int = setting("statements whose spans may wait to be sent, of each worker; what is more is dropped", 4096)
    batch: int = setting("statements whose spans are sent at a time, at the most", 256)
    interval_ms: int = setting("longest time they wait for others to be sent with", 1000)
    timeout_ms: int = setting("longest time until a batch is acknowledged; it is tried again then, a few times", 5000)
    resource: tuple[str, ...] = setting(
        "what else is said of this gateway, each as `name=value`: `deployment.environment.name=production`", ()
    )


def traces(draft: Draft) -> Iterator[Problem]:
    """An address, and attributes that say something new."""
    url = draft.get("url")
    if url is not None and (problem := address_problem(url, _SEEN)):
        yield "url", problem
    for index, one in enumerate(draft.get("resource") or ()):
        if not _ATTRIBUTE.fullmatch(one):
            yield f"resource[{index}]", f"`{one}` is no `name=value` with a name of small letters, digits, `_` and `.`"
        elif (name := one.partition("=")[0]) in _OURS:
            yield f"resource[{index}]", f"`{name}` is said by the gateway itself"
