"""A field of the configuration, with its row in README: what `gateway.config` and its parts are made of."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def setting(help: str, default: Any = None, *, factory: Any = None, required: bool = False) -> Any:
    """A configuration field with its README text. ``required`` fields have no default."""
    metadata = {"help": help, "required": required}
    if required:
        return field(metadata=metadata)
    if factory is not None:
        return field(default_factory=factory, metadata=metadata)
    return field(default=default, metadata=metadata)
