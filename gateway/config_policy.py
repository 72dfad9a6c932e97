"""What a configuration must fulfil where rules are evaluated and come from."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config_draft import Draft, Problem, address_problem

_FORGED = "whoever changes answers on their way could allow everybody everything"


def opa(draft: Draft) -> Iterator[Problem]:
    """Who may decide."""
    url = draft.get("url")
    if url is not None and (why := address_problem(url, _FORGED)):
        yield "url", why


def policy(draft: Draft) -> Iterator[Problem]:
    """Which engine, and that there is one."""
    if draft.values.keys() >= {"engine", "opa"}:
        if draft.get("engine") == "opa" and draft.get("opa") is None:
            yield "opa", "missing, and `engine` is `opa`"
        if draft.get("engine") == "embedded" and draft.get("opa") is not None:
            yield "engine", "is `embedded`, so the OPA named would never be asked"
