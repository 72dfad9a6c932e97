"""What somebody asks of the record, and all facts that a decision about it is made from. Frozen values.

The record says who asked for whose data from where: reading it is decided about, as a statement is, and recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from gateway.model import (
    Caller,
    Country,
    Door,
    EmployerFacts,
    EntityId,
    KnownBy,
    Location,
    Peer,
    Principal,
    PrincipalId,
    known_by_of,
    origin_of,
)

MACHINE: Final = "os"  # the issuer of whoever is at the command line: the operating system, and no configured one


class Looking(StrEnum):
    """What of it is read."""

    DECISIONS = "decisions"  # who asked for what, and what they were answered
    EXPLAIN = "explain"  # why somebody would be denied
    WHOIS = "whois"  # what the registry knows of somebody
    CONFIG = "config"  # the configuration in force


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is asked for. None: not narrowed by it. Whoever carries it out shows nothing beyond it."""

    what: Looking
    entity: str | None = None  # only about people employed by this entity
    principal: str | None = None  # only about this principal (issuer#subject)
    since: int | None = None  # from this moment on
    until: int | None = None  # before this one


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """The question of a door, or of the command line (``door`` None): may this principal read this?"""

    door: Door | None
    principal: Principal
    peer: Peer
    reading: Reading
    caller: Caller | None = None  # who asks for the principal; None: it asks for itself
    session: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingFacts:
    """All facts of one such question. The employer is seen from the controller towards which it is least favourable."""

    at: int
    door: Door | None
    principal: Principal
    location: Location
    employer: EmployerFacts
    controller: EntityId
    reading: Reading
    purpose: str | None
    valid_until: int
    registry_revision: str
    caller: Caller | None = None

    @property
    def known_by(self) -> tuple[KnownBy, ...]:
        """Where each fact about the person comes from, and how well it is known."""
        return known_by_of(self.principal, self.location, self.employer)

    @property
    def origin(self) -> tuple[Country, ...]:
        """Every country whose location or law the principal brings, sorted."""
        return origin_of(self.location, self.employer, self.controller)


class Asked(Protocol):
    """What is known of whoever asks, whatever it is that they ask for."""

    @property
    def at(self) -> int: ...
    @property
    def door(self) -> Door | None: ...
    @property
    def principal(self) -> Principal: ...
    @property
    def caller(self) -> Caller | None: ...
    @property
    def location(self) -> Location: ...
    @property
    def employer(self) -> EmployerFacts: ...
    @property
    def origin(self) -> tuple[Country, ...]: ...
    @property
    def known_by(self) -> tuple[KnownBy, ...]: ...
    @property
    def purpose(self) -> str | None: ...
    @property
    def valid_until(self) -> int: ...
    @property
    def registry_revision(self) -> str: ...


def about(reading: Reading, principal: PrincipalId | str, entity: str | None) -> bool:
    """Whether a decision about this principal, employed by this entity, is among what was asked for."""
    return reading.principal in (None, principal) and reading.entity in (None, entity)
