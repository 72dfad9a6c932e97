"""The kill-switch. A block stops an entity, a whole country's law, or one person.

It may be written in three places, of which none lifts what another one stops: ``blocks`` of entities.yaml; blocks.yaml,
a file of its own so that it can be read alone; and what was blocked by `sekisho block`, which is kept in a file that
only Sekisho writes (`admin_blocks`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.facts.fields import Problems, Section, read_section
from gateway.facts.period import Period
from gateway.model import Country, EntityId, PrincipalId

FILE: Final = "blocks.yaml"
ADMIN: Final = "admin-"  # how ids of `sekisho block` begin, and no others do

Reference = Callable[[Section, str], EntityId]  # a section and a key -> the entity named there


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Stops one entity, every entity under a country's law, or one person."""

    id: str
    entity: EntityId | None = None
    country: Country | None = None
    principal: PrincipalId | None = None
    period: Period
    reason: str = ""  # for people
    file: str = FILE
    line: int = 0

    @property
    def whom(self) -> tuple[str, str]:
        """What it names, and which."""
        for kind, name in (("entity", self.entity), ("country", self.country), ("principal", self.principal)):
            if name is not None:
                return kind, name
        return "entity", ""  # of a file that is refused

    def stops(self, other: Block) -> bool:
        """Whether whatever the other stops is stopped by this one."""
        mine, its = self.period, other.period
        begins = mine.start is None or (its.start is not None and mine.start <= its.start)
        ends = mine.end is None or (its.end is not None and mine.end >= its.end)
        return self.whom == other.whom and begins and ends


@dataclass(frozen=True, slots=True)
class Blocks:
    """All blocks, by where they are written."""

    own: tuple[Block, ...] = ()  # entities.yaml
    listed: tuple[Block, ...] = ()  # blocks.yaml
    admin: tuple[Block, ...] = ()  # `sekisho block`

    @property
    def all(self) -> tuple[Block, ...]:
        """Each of them."""
        return (*self.own, *self.listed, *self.admin)

    def in_force(self, kind: str, day: int) -> int:
        """How many of this kind (`entity`, `country` or `principal`) stop somebody on that day."""
        return sum(block.whom[0] == kind and block.period.covers(day) for block in self.all)


def read_blocks(root: Section, reference: Reference, known: frozenset[str] = frozenset()) -> tuple[Block, ...]:
    """The list under ``blocks``; ``known`` are ids given already."""
    found: list[Block] = []
    seen = set(known)
    for section in root.sections("blocks"):
        block = read_block(section, reference)
        section.done()
        if block.id.startswith(ADMIN):
            section.problem(f"ids that begin with '{ADMIN}' are given by `sekisho block`", "id")
        if block.id in seen:
            section.problem(f"block '{block.id}' stands twice")
        seen.add(block.id)
        found.append(block)
    return tuple(found)


def read_listed(data: bytes, problems: Problems, reference: Reference, own: tuple[Block, ...]) -> tuple[Block, ...]:
    """blocks.yaml; ``own`` are those of entities.yaml."""
    root = read_section(data, FILE, problems)
    if root is None:
        return ()
    if not root.has("blocks"):  # an empty list is one; a file without the key is none
        root.problem("'blocks' is missing")
    found = read_blocks(root, reference, frozenset(block.id for block in own))
    root.done()
    return found


def read_block(section: Section, reference: Reference) -> Block:
    """One block, of which other keys may be left over."""
    if sum(map(section.has, ("entity", "country", "principal"))) != 1:
        section.problem("a block names either 'entity', 'country' or 'principal'")
    return Block(
        id=section.identifier(),
        entity=reference(section, "entity") if section.has("entity") else None,
        country=section.country("country"),
        principal=_principal(section),
        period=section.period(),
        reason=section.optional_text("reason") or "",
        file=section.file,
        line=section.line,
    )


def lifted(former: tuple[Block, ...], latter: tuple[Block, ...]) -> Iterator[Block]:
    """Blocks that the latter no longer has, in whole or in part."""
    return (block for block in former if not any(other.stops(block) for other in latter))


def of_person(blocks: Iterable[Block], names: Collection[PrincipalId], day: int) -> str | None:
    """The first block of a person, by any of their names."""
    return next((one.id for one in blocks if one.principal in names and one.period.covers(day)), None)


def _principal(section: Section) -> PrincipalId | None:
    name = section.optional_text("principal")
    if name is None:
        return None
    issuer, _, subject = name.partition("#")
    if not issuer or not subject:
        section.problem("'principal' must be an issuer and a subject: https://id.example#ann", "principal")
    return PrincipalId(name)
