"""What a configuration must fulfil where rules are evaluated and come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.config_draft import Draft, Problem, address_problem

_FORGED = "whoever changes answers on their way could allow everybody everything"


def opa(draft: Draft) -> Iterator[Problem]:
    """Who may decide."""
    url = draft.get("url")
    if url is not None and (why := address_problem(url, _FORGED)):
        yield "url", why


def bundle(draft: Draft) -> Iterator[Problem]:
    """Where rules come from, and by what they are believed."""
    url = draft.get("url")
    if url is not None and (why := address_problem(url, _FORGED)):
        yield "url", why
    if draft.values.keys() >= {"key", "accept_unsigned"}:
        if draft.get("key") is None and not draft.get("accept_unsigned"):
            yield "key", "missing: say whose signature counts, or `accept_unsigned: true`"
        if draft.get("key") is not None and draft.get("accept_unsigned"):
            yield "accept_unsigned", "is true, and a key is named: say which"


def kept(draft: Draft) -> Path | None:
    """The folder in which bundles are kept, of a whole configuration."""
    found = draft.get("policy")
    source = found.get("bundle") if isinstance(found, Draft) else None
    directory = source.get("directory") if isinstance(source, Draft) else None
    return directory if isinstance(directory, Path) else None


def policy(draft: Draft) -> Iterator[Problem]:
    """Which engine, and that there is one."""
    if draft.get("directory") is not None and draft.get("bundle") is not None:
        yield "directory", "the bundle brings the packs: name one of them"
    if draft.values.keys() >= {"engine", "opa"}:
        if draft.get("engine") == "opa" and draft.get("opa") is None:
            yield "opa", "missing, and `engine` is `opa`"
        if draft.get("engine") == "embedded" and draft.get("opa") is not None:
            yield "engine", "is `embedded`, so the OPA named would never be asked"
