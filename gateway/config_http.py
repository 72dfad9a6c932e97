"""Configuration of parts of the http door and of the admin port."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.config_setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Trino:
    """Trino's OPA access control. Trino itself is one of `callers`, and may assert a principal."""

    issuer: str = setting("whose people Trino's users are", required=True)
    datasource: str = setting("datasource that is asked about where an action names no catalog", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminToken:
    """Somebody who may use the admin port."""

    name: str = setting("who it is, in the record", required=True)
    file: Path = setting("file with the token, at least 32 characters; read at each call", required=True)
