"""blocks.yaml, and ``blocks`` of entities.yaml: the kill-switch. A block stops an entity, or a whole country's law.

blocks.yaml is a file of its own so that it can be read alone: nothing else has to be read again to stop somebody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period
from gateway.model import Country, EntityId

FILE: Final = "blocks.yaml"

Reference = Callable[[Section, str], EntityId]  # a section and a key -> the entity named there


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The kill-switch: an entity, or every entity under a country's law, is stopped."""

    id: str
    entity: EntityId | None
    country: Country | None
    period: Period
    line: int

    def stops(self, other: Block) -> bool:
        """Whether whatever the other stops is stopped by this one."""
        mine, its = self.period, other.period
        begins = mine.start is None or (its.start is not None and mine.start <= its.start)
        ends = mine.end is None or (its.end is not None and mine.end >= its.end)
        return (self.entity, self.country) == (other.entity, other.country) and begins and ends


def read_blocks(root: Section, reference: Reference, known: frozenset[str] = frozenset()) -> tuple[Block, ...]:
    """The list under ``blocks``; ``known`` are ids given already."""
    found: list[Block] = []
    seen = set(known)
    for section in root.sections("blocks"):
        block = _block(section, reference)
        if block.id in seen:
            section.problem(f"block '{block.id}' stands twice")
        seen.add(block.id)
        found.append(block)
    return tuple(found)


def lifted(former: tuple[Block, ...], latter: tuple[Block, ...]) -> Iterator[Block]:
    """Blocks that the latter no longer has, in whole or in part."""
    return (block for block in former if not any(other.stops(block) for other in latter))


def _block(section: Section, reference: Reference) -> Block:
    if section.has("entity") == section.has("country"):
        section.problem("a block names either 'entity' or 'country'")
    block = Block(
        id=section.identifier(),
        entity=reference(section, "entity") if section.has("entity") else None,
        country=section.country("country"),
        period=section.period(),
        line=section.line,
    )
    section.optional_text("reason")  # for people who read the file
    section.done()
    return block
