"""Which relations a statement's meaning rests on: more rather than fewer, so that no change of one goes unnoticed.

Whatever number in an analysed tree could be an OID is taken for one: a relation's, also a view's that was seen through,
or a type's whose values are rows of a relation; with those it inherits from and those that inherit from it. That holds
without the walk having to look at the right places; what else only the catalog knows (cascades) is what the walk asked
it about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.sql.catalog import Catalog

_COULD_BE_OID: Final = re.compile(r"[1-9][0-9]{4,9}")  # shorter ones are the server's own, whose change is everything
_LIMIT: Final = 512  # relations kept for one statement


def depends_on(trees: Sequence[str], asked: Iterable[str], catalog: Catalog) -> frozenset[str] | None:
    """OIDs of relations; None where they are too many to be kept: then it rests on everything."""
    found = set(asked)
    seen: set[str] = set()
    waiting = [*found]
    waiting += [number for tree in trees for number in set(_COULD_BE_OID.findall(tree))]
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        if number in catalog.relations:
            found.add(number)
            found.update(catalog.descendants(number), catalog.ancestors(number))
        kind = catalog.types.get(number)
        if kind is None or kind.part == "0":
            continue
        waiting.append(kind.part)  # a relation, or another type
        if kind.kind == "c" and kind.part in catalog.relations:
            waiting += [column.type for column in catalog.relations[kind.part].columns.values()]
    return frozenset(found) if len(found) <= _LIMIT else None
