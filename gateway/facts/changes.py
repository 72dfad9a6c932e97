"""What differs between two versions of the entities: those whose own facts, or whose owners, are others than before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from gateway.facts.entities import Entities
from gateway.facts.ownership import Ownership
from gateway.model import EntityId


def touched(former: Entities, latter: Entities) -> frozenset[EntityId]:
    """Entities that are new, gone or other, or owned otherwise. Where a line stands in its file is no difference."""
    keys: set[EntityId] = {*former.by_hand, *latter.by_hand, *former.owned_by_hand, *latter.owned_by_hand}
    for entity in chain(former.by_hand.values(), latter.by_hand.values()):
        if entity.lei is not None:
            keys.add(EntityId(entity.lei))  # written by hand now, and only imported before
    found = {key for key in keys if _differs(former, latter, key)}
    if former.bulk is not latter.bulk:
        found.update(_bulk(former, latter))
    return frozenset(found)


def _differs(former: Entities, latter: Entities, key: EntityId) -> bool:
    if former.by_id.get(key) != latter.by_id.get(key):
        return True
    return _plain(former.owners_of.get(key, ())) != _plain(latter.owners_of.get(key, ()))


def _bulk(former: Entities, latter: Entities) -> Iterable[EntityId]:
    before, after = former.bulk, latter.bulk
    names = {lei for lei, row in after.rows.items() if before.rows.get(lei) != row}
    names.update(lei for lei in before.rows if lei not in after.rows)
    for owned in {**before.owners_of, **after.owners_of}:
        if _plain(before.owners_of.get(owned, ())) != _plain(after.owners_of.get(owned, ())):
            names.add(owned)
    for entities in (former, latter):
        yield from (entities.by_lei.get(name, EntityId(name)) for name in names)


def _plain(edges: Sequence[Ownership]) -> list[tuple[object, ...]]:
    return [(edge.owner, edge.owned, edge.share, edge.period, edge.basis) for edge in edges]
