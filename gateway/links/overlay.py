"""Blocking and unblocking by an administrator: the one way to change what is kept of it, for the command and any door.

What is kept is one file (`gateway.facts.admin_blocks`), which every gateway and every worker that names it watches.
A change is made under a lock, recorded by whoever asks for it *before* it is made, and put in place whole.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError
from gateway.facts.admin_blocks import FILE, MOST, AdminBlock, AdminBlocks, read_admin, read_file, written
from gateway.facts.blocks import ADMIN, Block
from gateway.facts.called import find_entity, find_person
from gateway.facts.countries import country
from gateway.facts.fields import Problems
from gateway.facts.period import Period
from gateway.facts.registry import Registry
from gateway.model import Country, EntityId, PrincipalId

_COUNTRY: Final = re.compile(r"[A-Z]{2}")
Note = Callable[[AdminBlock], None]  # records a change that is about to be made; raises where it cannot


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Whom to block: one of the three."""

    entity: EntityId | None = None
    country: Country | None = None
    principal: PrincipalId | None = None


def plain_target(name: str) -> Target | None:
    """Whom a name means that is plain by its form: a country (CN), or issuer#subject. Raises ConfigError."""
    issuer, hash_sign, subject = name.partition("#")
    if hash_sign:
        if not issuer or not subject:
            raise ConfigError([f"{name}: a person is issuer#subject"])
        return Target(principal=PrincipalId(name))
    if not _COUNTRY.fullmatch(name):
        return None
    code = country(name)
    if code is None:
        raise ConfigError([f"{name}: no ISO 3166-1 country code"])
    return Target(country=code)


def target_of(registry: Registry, name: str) -> Target:
    """Whom a name means: one of the registry, if it is not plain by its form. Raises ConfigError."""
    plain = plain_target(name)
    if plain is not None:
        return plain
    entity, person = find_entity(registry, name), find_person(registry, name)
    if entity is not None and person is not None:
        raise ConfigError([f"{name}: an entity, and a person: name the person {person.id}"])
    if entity is None and person is None:
        raise ConfigError([f"{name}: no country, and no entity or person of the registry (a person: issuer#subject)"])
    return Target(entity=entity, principal=None if person is None else person.id)


def kept(path: Path) -> AdminBlocks:
    """What is blocked. Raises ConfigError."""
    data = read_file(path)
    if data is None:
        return AdminBlocks()
    problems = Problems()
    found = read_admin(data, problems)
    if problems.listed():
        raise ConfigError([f"{path.parent}/{problem}" for problem in problems.listed()])
    return found


def block(path: Path, target: Target, period: Period, reason: str, *, by: str, at: str, note: Note) -> AdminBlock:
    """Block somebody; in force everywhere within a tenth of a second. Raises ConfigError."""
    with _changing(path):
        before = kept(path)
        if len(before.kept) >= MOST:
            raise ConfigError([f"{path}: {MOST} blocks are the most: blocks.yaml has room, and a country is one"])
        made = AdminBlock(
            block=Block(
                id=f"{ADMIN}{before.next}",
                entity=target.entity,
                country=target.country,
                principal=target.principal,
                period=period,
                reason=reason,
                file=FILE,
            ),
            by=by,
            at=at,
        )
        data = written(AdminBlocks((*before.kept, made), before.next + 1))
        problems = Problems()
        read_admin(data, problems)
        if problems.listed():  # of a reason that cannot be written, say: nothing is changed then
            raise ConfigError(problems.listed())
        note(made)
        _put(path, data)
    return made


def unblock(path: Path, identifier: str, *, note: Note) -> AdminBlock:
    """Lift a block that was made here. Raises ConfigError; blocks of the registry are lifted there alone."""
    with _changing(path):
        before = kept(path)
        gone = next((one for one in before.kept if one.block.id == identifier), None)
        if gone is None:
            known = ", ".join(one.block.id for one in before.kept) or "none"
            raise ConfigError([f"{identifier}: no block of `sekisho block` (there are: {known})"])
        note(gone)
        _put(path, written(replace(before, kept=tuple(one for one in before.kept if one is not gone))))
    return gone


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Alone. Who comes second waits: a change takes milliseconds."""
    try:
        descriptor = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _put(path: Path, data: bytes) -> None:
    """Replace the file as a whole, and see that it stays. Raises ConfigError."""
    part = path.with_name(f"{path.name}.part")
    try:
        part.unlink(missing_ok=True)  # of a crash in the middle
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None
