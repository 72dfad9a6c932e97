"""The engine a configuration names, ready to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.config import Opa, Policy
from gateway.errors import ConfigError, PolicyUnavailable
from gateway.links.judges import Judges
from gateway.links.secret import secret
from gateway.policy.bundle import Bundle
from gateway.policy.engine import Engine

if TYPE_CHECKING:
    from gateway.links.opa import OpaEngine


async def begin_engine(settings: Policy, bundle: Bundle, *, patience: float = 0.0) -> Engine:
    """An engine that judges by this bundle. ``patience``: seconds an OPA is waited for until it has these rules; one
    that is down, or has others, is an engine all the same: it denies, and comes back by itself. Raises ConfigError."""
    timeout = settings.timeout_ms / 1000
    if settings.opa is None:
        judges = Judges(bundle, timeout=timeout)
        try:
            await judges.start()
        except PolicyUnavailable as error:
            await judges.aclose()
            raise ConfigError([f"policy: {error.detail}"]) from None
        return judges
    engine = _opa(settings.opa, bundle, timeout)
    await engine.start(patience)
    if trouble := await engine.trouble():
        engine.log_trouble(trouble)
    return engine


async def engine_trouble(settings: Policy, bundle: Bundle) -> str:
    """Why the engine cannot be asked just now, and what to do; empty: it can. Raises ConfigError."""
    if settings.opa is None:
        return ""
    engine = _opa(settings.opa, bundle, settings.timeout_ms / 1000)
    try:
        await engine.start()
        return await engine.trouble()
    finally:
        await engine.aclose()


def _opa(settings: Opa, bundle: Bundle, timeout: float) -> OpaEngine:
    # Only who asks an OPA needs the libraries for it: they take longer to load than the rest of the gateway.
    from gateway.links.opa import OpaEngine

    token = secret(settings.token_file) if settings.token_file is not None else None
    return OpaEngine(settings.url, bundle.revision, timeout=timeout, ca=settings.ca, token=token)
