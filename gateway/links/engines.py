"""The engine a configuration names, ready to be asked."""

from __future__ import annotations

from gateway.config import Policy
from gateway.errors import ConfigError, PolicyUnavailable
from gateway.links.judges import Judges
from gateway.links.secret import secret
from gateway.policy.bundle import Bundle
from gateway.policy.engine import Engine


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
    # Only who asks an OPA needs the libraries for it: they take longer to load than the rest of the gateway.
    from gateway.links.opa import OpaEngine

    token = secret(settings.opa.token_file) if settings.opa.token_file is not None else None
    engine = OpaEngine(settings.opa.url, bundle.revision, timeout=timeout, ca=settings.opa.ca, token=token)
    await engine.start(patience)
    return engine
