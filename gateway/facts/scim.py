"""SCIM 2.0 users (RFC 7643) -> people.csv: whoever keeps the directory keeps the registry of people with it.

The employer is the enterprise extension's ``organization``, named to an entity by whoever imports; the residence is the
country of the address of type ``home``, never that of ``work``, which says where a desk is. SCIM has no dates: a user
who is not active has no employment, and stays on the list as somebody known. What it does not say stays empty: unknown.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.errors import ConfigError
from gateway.facts.countries import country
from gateway.facts.people_table import COLUMNS, FILE, MAX_BYTES

_ENTERPRISE: Final = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
_LIST: Final = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScimImport:
    """What came of it. ``organizations`` are those that nobody named to an entity, with how many people each."""

    people: int
    employed: int
    left_out: Mapping[str, int]
    organizations: Mapping[str, int]


def import_scim(path: Path, folder: Path, *, issuer: str, subject: str, entities: Mapping[str, str]) -> ScimImport:
    """Write people.csv into the folder. Raises ConfigError, OSError."""
    left: Counter[str] = Counter()
    unnamed: Counter[str] = Counter()
    rows: dict[str, dict[str, str]] = {}
    for user in _users(path):
        row = _row(user, issuer, subject, entities, unnamed)
        if not row["subject"] or not row["name"]:
            left[f"user without {subject}" if not row["subject"] else "user without a name"] += 1
        elif row["subject"] in rows:
            left["user for the second time"] += 1
        else:
            rows[row["subject"]] = row
    target = folder / FILE
    part = target.with_name(f"{FILE}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows[key] for key in sorted(rows))
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return ScimImport(
        people=len(rows),
        employed=sum(bool(row["entity"]) for row in rows.values()),
        left_out=dict(sorted(left.items())),
        organizations=dict(sorted(unnamed.items())),
    )


def _users(path: Path) -> Iterator[Mapping[str, Any]]:
    """The users of a ListResponse, of a list, or the one user there is."""
    if path.stat().st_size > MAX_BYTES:
        raise ConfigError([f"{path}: the file is larger than {MAX_BYTES} bytes"])
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        raise ConfigError([f"{path}: not JSON"]) from None
    if isinstance(document, dict) and _LIST in document.get("schemas", ()):
        total, document = document.get("totalResults"), document.get("Resources") or []
        if not isinstance(document, list) or total != len(document):
            raise ConfigError([f"{path}: one page of several; all users are wanted in one file"])
    users = document if isinstance(document, list) else [document]
    for user in users:
        if not isinstance(user, dict):
            raise ConfigError([f"{path}: a user that is not an object"])
        yield user


def _row(
    user: Mapping[str, Any], issuer: str, subject: str, entities: Mapping[str, str], unnamed: Counter[str]
) -> dict[str, str]:
    extension = _object(user.get(_ENTERPRISE))
    organization = _text(extension.get("organization"))
    entity = entities.get(organization, "")
    if user.get("active") is not True:
        entity = ""  # RFC 7643 leaves the default open: whoever is not said to be active is not taken to be
    elif not entity:
        unnamed[organization or "(none)"] += 1
    homes = [one for one in _objects(user.get("addresses")) if one.get("type") == "home"]
    countries = {code for home in homes if (code := country(_text(home.get("country")))) is not None}
    groups = (_text(one.get("display")) for one in _objects(user.get("groups")))
    return {
        **dict.fromkeys(COLUMNS, ""),
        "issuer": issuer,
        "subject": _text(user.get(subject)),
        "name": _name(user),
        "entity": entity,
        "residence": countries.pop() if len(countries) == 1 else "",
        "groups": " ".join(dict.fromkeys("-".join(group.split()) for group in groups if group)),
    }


def _name(user: Mapping[str, Any]) -> str:
    name = _object(user.get("name"))
    parts = " ".join(filter(None, (_text(name.get("givenName")), _text(name.get("familyName")))))
    return _text(user.get("displayName")) or _text(name.get("formatted")) or parts or _text(user.get("userName"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A printable text without outer blanks; empty where it is none."""
    text = value.strip() if isinstance(value, str) else ""
    return text if text.isprintable() and len(text) <= 255 else ""
