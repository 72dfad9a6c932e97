"""The SQL of the epoch: the one row whose change makes a snapshot stale, and what tells which relations changed.

Both are made from one table of catalogs, so nothing can move the epoch and be forgotten when it is asked what moved
it. Temporary objects are other sessions' own business: they do not move it.

The epoch reads every row of all these catalogs. Between two moments at which the same transactions are visible none of
the rows can have changed, so that is asked first: it costs the server a fortieth on an empty database, and less the
more there is in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_OF_PERMANENT: Final = "NOT EXISTS (SELECT FROM temporary WHERE temporary.oid = x.{})"
_IN_PERMANENT: Final = "NOT EXISTS (SELECT FROM temporary_schema WHERE temporary_schema.oid = x.{})"

# The relation that a row of pg_type belongs to: of a row type and of its array. All other types belong to none.
_ROW_TYPE: Final = """CASE WHEN x.typrelid <> 0 THEN x.typrelid
  ELSE coalesce((SELECT e.typrelid FROM pg_catalog.pg_type e WHERE e.oid = x.typelem), 0) END"""


@dataclass(frozen=True, slots=True)
class _Part:
    """One catalog whose rows a meaning can hang on."""

    catalog: str
    condition: str = ""
    relations: tuple[str, ...] = ()  # columns with the relations a row belongs to; none: it counts for everything
    printed: bool = False  # matters only to what is printed of it: the snapshot's definitions say whether it does


_CATALOGS: Final = (
    _Part("pg_namespace", "x.nspname !~ '^pg_(toast_)?temp_'"),
    _Part("pg_class", _IN_PERMANENT.format("relnamespace"), ("x.oid",)),
    _Part("pg_attribute", _OF_PERMANENT.format("attrelid"), ("x.attrelid",)),
    _Part("pg_rewrite", _OF_PERMANENT.format("ev_class"), ("x.ev_class",)),
    _Part("pg_proc", _IN_PERMANENT.format("pronamespace")),
    _Part("pg_aggregate"),
    _Part("pg_operator", _IN_PERMANENT.format("oprnamespace")),
    _Part("pg_opclass", _IN_PERMANENT.format("opcnamespace")),
    _Part("pg_amop"),
    _Part("pg_amproc"),
    _Part("pg_cast"),
    _Part("pg_type", _IN_PERMANENT.format("typnamespace"), (_ROW_TYPE,)),
    _Part("pg_range"),
    _Part("pg_policy", _OF_PERMANENT.format("polrelid"), ("x.polrelid",)),
    _Part("pg_trigger", _OF_PERMANENT.format("tgrelid"), ("x.tgrelid",)),
    _Part("pg_attrdef", _OF_PERMANENT.format("adrelid"), ("x.adrelid",)),
    _Part("pg_constraint", _IN_PERMANENT.format("connamespace"), ("x.conrelid", "x.confrelid")),
    _Part("pg_index", _OF_PERMANENT.format("indrelid"), ("x.indrelid",)),
    _Part("pg_partitioned_table", _OF_PERMANENT.format("partrelid"), ("x.partrelid",)),
    _Part("pg_statistic_ext", _OF_PERMANENT.format("stxrelid"), printed=True),
    _Part("pg_publication_rel", _OF_PERMANENT.format("prrelid"), printed=True),
    _Part("pg_description", _OF_PERMANENT.format("objoid") + " AND x.objoid >= 16384", printed=True),
    _Part("pg_shdescription", "x.objoid >= 16384", printed=True),
    _Part("pg_inherits", _OF_PERMANENT.format("inhrelid"), ("x.inhrelid", "x.inhparent")),
    _Part("pg_foreign_data_wrapper", printed=True),
    _Part("pg_foreign_server", printed=True),
    _Part("pg_foreign_table", printed=True),
    _Part("pg_tablespace", printed=True),
    _Part("pg_extension", printed=True),
    _Part("pg_ts_dict", printed=True),
    _Part("pg_seclabel", printed=True),
    _Part("pg_shseclabel", printed=True),
    _Part("pg_event_trigger"),
    _Part("pg_auth_members"),
    _Part("pg_db_role_setting"),
)

_TEMPORARY: Final = """
temporary_schema AS MATERIALIZED
  (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname ~ '^pg_(toast_)?temp_'),
temporary AS MATERIALIZED
  (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace IN (SELECT s.oid FROM temporary_schema s))
"""

# A row's place and inserting transaction change whenever the row does. Updates in place (statistics) do not count.
_ROW: Final = "x.ctid::text || '.' || x.xmin::text"


def _where(*conditions: str) -> str:
    held = [condition for condition in conditions if condition]
    return f" WHERE {' AND '.join(held)}" if held else ""


def _sum(part: _Part) -> str:
    """Count and sum of hashes over (identity, inserting transaction) of the rows of one catalog."""
    return (
        f"(SELECT count(*)::text || '.' || coalesce(sum(pg_catalog.hashtextextended({_ROW}, 0)), 0)::text "  # noqa: S608
        f"FROM pg_catalog.{part.catalog} x{_where(part.condition)})"
    )


def _rows(part: _Part, relation: str, *, first: bool) -> str:
    """The rows of one catalog with the relation each belongs to, by the table where that is an index; 0 is none."""
    some = "" if first else f"{relation} <> 0"  # what has no second relation is no change of everything
    return (
        f"SELECT {relation}, '{part.catalog} ' || {_ROW} "  # noqa: S608 - constants only
        f"FROM pg_catalog.{part.catalog} x{_where(part.condition, some)}"
    )


EPOCH_QUERY: Final = f"""
WITH {_TEMPORARY}
SELECT pg_catalog.md5(pg_catalog.concat_ws(',', {", ".join(map(_sum, _CATALOGS))}))
"""

# Which transactions are visible: those that ended before some number, but for the ones named. A transaction that waits
# for a standby after its commit was written is still one of those named, as is one that was prepared. On a standby the
# names are left out, so there it counts, too, up to where the log was replayed, which moves after a commit is visible.
# What VACUUM changes in place is no part of the epoch.
VISIBLE_QUERY: Final = """
SELECT pg_catalog.pg_current_snapshot()::text
  || CASE WHEN pg_catalog.pg_is_in_recovery() THEN ' ' || pg_catalog.pg_last_wal_replay_lsn()::text ELSE '' END
"""

_FOUND: Final = " UNION ALL ".join(
    _rows(part, relation, first=number == 0)
    for part in _CATALOGS
    if not part.printed
    for number, relation in enumerate(part.relations or ("0::oid",))
)

# One row per relation: OID, schema, name, kind, and a sum that changes when anything that belongs to it does. An index
# is part of its table. The row with OID 0 stands for all that belongs to no relation.
STATE_QUERY: Final = f"""
WITH {_TEMPORARY}, found (relation, row) AS ({_FOUND})
SELECT s.relation::text, n.nspname::text, c.relname::text, c.relkind::text, s.sum
FROM (
  SELECT coalesce(i.indrelid, f.relation) AS relation,
    count(*)::text || '.' || sum(pg_catalog.hashtextextended(f.row, 0))::text AS sum
  FROM found f LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = f.relation GROUP BY 1
) s
LEFT JOIN pg_catalog.pg_class c ON c.oid = s.relation LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
"""  # noqa: S608 - made of the constants above
