"""A country database of addresses (any ``.mmdb``): where an address is registered to be, inferred and never attested.

It is asked only about an address that a configured edge vouches for and no site of the registry covers: whatever else
reaches the gateway may be a port-forward, and its address says nothing of a person.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import maxminddb

from gateway.errors import ConfigError
from gateway.facts.countries import country
from gateway.facts.networks import Address
from gateway.model import Country

MAX_BYTES: Final = 512 * 1024 * 1024
# What says in such databases that an address hides where people are.
_HIDING: Final = ("is_anonymous", "is_anonymous_proxy", "is_anonymous_vpn", "is_hosting_provider", "is_tor_exit_node")


class CountryDatabase:
    """Countries by address. Any thread may ask."""

    def __init__(self, data: bytes, name: str) -> None:
        """Raises ConfigError."""
        self.digest = hashlib.sha256(data).hexdigest()
        try:
            # Held in memory: what is hashed is what is asked, whatever becomes of the file.
            self._reader = maxminddb.open_database(io.BytesIO(data), maxminddb.MODE_FD)
        except (maxminddb.InvalidDatabaseError, ValueError, KeyError, TypeError) as error:
            raise ConfigError([f"{name}: not a MaxMind database: {error}"]) from None

    def country(self, address: Address) -> Country | None:
        """The country of an address; None where the database does not know it, or knows that it hides people."""
        try:
            found: Any = self._reader.get(address)
        except (maxminddb.InvalidDatabaseError, ValueError):
            return None
        if not isinstance(found, Mapping):
            return None
        traits = found.get("traits")
        if isinstance(traits, Mapping) and any(traits.get(key) is True for key in _HIDING):
            return None
        place = found.get("country", found.get("country_code"))
        code = place.get("iso_code") if isinstance(place, Mapping) else place
        return country(code) if isinstance(code, str) else None


def load_countries(path: Path) -> CountryDatabase:
    """The database of a file. Raises ConfigError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([f"{path}: the file is larger than {MAX_BYTES} bytes"])
    return CountryDatabase(data, str(path))
