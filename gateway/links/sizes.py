"""How many rows the relations of a database have, as its server estimates: what an aggregate over people is counted by.

Two estimates are asked for, that of the last VACUUM or ANALYZE and that of the counters of what was written since the
server's statistics began; the larger counts, and a tenth more. A relation that nobody has looked at has no size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gateway.links.asker import Asker
from gateway.sql.catalog import Catalog

INTERVAL: Final = 30.0  # seconds between two looks
_MORE: Final = 10  # a tenth
# No function here takes a lock on a relation: whoever holds one must not keep the catalogs' watch waiting.
_QUERY: Final = """
SELECT c.oid::text, c.relkind::text, CASE
  WHEN c.reltuples > 0 OR t.live > 0 OR c.reltuples = 0 AND (c.relpages > 0
    OR pg_catalog.current_setting('server_version_num')::pg_catalog.int4 >= 140000)
  THEN pg_catalog.ceil(greatest(c.reltuples, t.live))::pg_catalog.int8::text END
FROM pg_catalog.pg_class c, LATERAL (SELECT pg_catalog.pg_stat_get_live_tuples(c.oid) AS live) t
WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't' AND c.oid >= 16384
"""


async def read_sizes(scout: Asker, catalog: Catalog, seconds: float) -> Mapping[str, int]:
    """Rows by ``schema.table``, children's included, of those that have a size. Raises ServerRefused, UpstreamError."""
    return sizes_of(await scout.rows(_QUERY, seconds), catalog)


def sizes_of(rows: Sequence[Sequence[str | None]], catalog: Catalog) -> Mapping[str, int]:
    """The same of what the server answered."""
    own: dict[str, int | None] = {}
    for oid, kind, count in rows:
        if oid is not None:
            own[oid] = 0 if kind == "p" else None if count is None else int(count)
    found: dict[str, int] = {}
    for oid in own:
        relation = catalog.relations.get(oid)
        every = [own.get(one) for one in (oid, *catalog.descendants(oid))]
        known = [one for one in every if one is not None]
        if relation is not None and len(known) == len(every):
            total = sum(known)
            found[relation.full_name] = total + -(-total // _MORE)
    return MappingProxyType(found)
