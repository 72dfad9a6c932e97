"""Whom a name means: an entity by id, LEI or name, a person by ``issuer#subject`` or a subject that only one has."""

from __future__ import annotations

from gateway.errors import ConfigError
from gateway.facts.people import Person
from gateway.facts.registry import Registry
from gateway.model import EntityId, PrincipalId


def find_person(registry: Registry, name: str) -> Person | None:
    """By ``issuer#subject``, or by a subject that only one person has. Raises ConfigError."""
    found = registry.people.get(PrincipalId(name))
    if found is not None:
        return found
    same = {one.id: one for key, one in registry.people.items() if key.rpartition("#")[2] == name}
    if len(same) > 1:
        raise ConfigError([f"{name}: several people have this subject: {', '.join(sorted(same))}"])
    return next(iter(same.values()), None)


def find_entity(registry: Registry, name: str) -> EntityId | None:
    """By id, LEI, or a name that only one has. Raises ConfigError."""
    found = registry.entities.named(name)
    if found is not None:
        return found
    same = [one.id for one in registry.entities.by_hand.values() if one.name.casefold() == name.casefold()]
    if len(same) > 1:
        raise ConfigError([f"{name}: several entities have this name: {', '.join(sorted(same))}"])
    return same[0] if same else None
