"""The SQL of the catalog: what a snapshot reads, and the one row whose change makes a snapshot stale.

Every query reads catalogs that any role may read and returns text columns only. Temporary objects are other sessions'
own business: they are in no snapshot (a tree that names one is refused) and do not move the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_RELATIONS: Final = """
SELECT c.oid::text, n.nspname::text, c.relname::text, c.relkind::text, c.relispartition::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f', 'S', 'c') AND c.relpersistence <> 't'
"""

_ATTRIBUTES: Final = """
SELECT a.attrelid::text, a.attnum::text, a.attname::text, a.atttypid::text, a.attgenerated::text,
  pg_catalog.format_type(a.atttypid, a.atttypmod),
  (SELECT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(l.collname)
    FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid WHERE l.oid = a.attcollation AND t.typcollation <> a.attcollation)
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'v', 'm', 'p', 'f', 'c') AND c.relpersistence <> 't'
"""

_FUNCTIONS: Final = """
SELECT p.oid::text, n.nspname::text, p.proname::text || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')'
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
"""

_OPERATORS: Final = """
SELECT o.oid::text, n.nspname::text, o.oprname::text, o.oprcode::oid::text
FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
"""

# The last column is what values of the type are made of: element, base, row type's relation, range's element.
_TYPES: Final = """
SELECT t.oid::text, n.nspname::text, t.typname::text, t.typtype::text,
  CASE t.typtype WHEN 'd' THEN t.typbasetype WHEN 'c' THEN t.typrelid
    ELSE coalesce(r.rngsubtype, CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END) END::oid::text
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
WHERE n.nspname !~ '^pg_(toast_)?temp_'
"""

_TRIGGERS: Final = """
SELECT DISTINCT t.tgrelid::text FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
"""

_INHERITANCE: Final = """
SELECT i.inhparent::text, i.inhrelid::text FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE c.relkind IN ('r', 'p', 'f')
"""

# Expressions that writing to a relation evaluates and its tree does not show: checks, generated columns, indexes,
# partition keys. Defaults are no part of this: the server puts the ones it needs into the tree.
_EXPRESSIONS: Final = """
SELECT k.conrelid::text, k.conbin::text FROM pg_catalog.pg_constraint k WHERE k.contype = 'c' AND k.conrelid <> 0
UNION ALL
SELECT d.adrelid::text, d.adbin::text FROM pg_catalog.pg_attrdef d
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> ''
UNION ALL
SELECT x.indrelid::text, x.indexprs::text FROM pg_catalog.pg_index x WHERE x.indexprs IS NOT NULL
UNION ALL
SELECT x.indrelid::text, x.indpred::text FROM pg_catalog.pg_index x WHERE x.indpred IS NOT NULL
UNION ALL
SELECT p.partrelid::text, p.partexprs::text FROM pg_catalog.pg_partitioned_table p WHERE p.partexprs IS NOT NULL
"""

# Referencing relation, referenced relation, what happens to the first when a row of the second goes or changes.
_REFERENCES: Final = """
SELECT k.conrelid::text, k.confrelid::text, k.confdeltype::text, k.confupdtype::text
FROM pg_catalog.pg_constraint k WHERE k.contype = 'f'
"""

SNAPSHOT_QUERIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "relations": _RELATIONS,
        "attributes": _ATTRIBUTES,
        "functions": _FUNCTIONS,
        "operators": _OPERATORS,
        "types": _TYPES,
        "triggers": _TRIGGERS,
        "inheritance": _INHERITANCE,
        "expressions": _EXPRESSIONS,
        "references": _REFERENCES,
    }
)


def _part(catalog: str, condition: str = "") -> str:
    """Count and sum of hashes over (identity, inserting transaction) of the rows of one catalog."""
    return (
        "(SELECT count(*)::text || '.' || coalesce(sum(pg_catalog.hashtextextended("  # noqa: S608 - constants only
        f"x.ctid::text || '.' || x.xmin::text, 0)), 0)::text FROM pg_catalog.{catalog} x{condition})"
    )


_NOT_TEMPORARY: Final = " WHERE NOT EXISTS (SELECT FROM temporary WHERE temporary.oid = x.{column})"
_NOT_TEMPORARY_SCHEMA: Final = (
    " WHERE NOT EXISTS (SELECT FROM temporary_schema WHERE temporary_schema.oid = x.{column})"
)

# A row's place and inserting transaction change whenever the row does. Updates in place (statistics) do not count.
_PARTS: Final = ", ".join(
    [
        _part("pg_namespace", " WHERE x.nspname !~ '^pg_(toast_)?temp_'"),
        _part("pg_class", _NOT_TEMPORARY_SCHEMA.format(column="relnamespace")),
        _part("pg_attribute", _NOT_TEMPORARY.format(column="attrelid")),
        _part("pg_rewrite", _NOT_TEMPORARY.format(column="ev_class")),
        _part("pg_proc", _NOT_TEMPORARY_SCHEMA.format(column="pronamespace")),
        _part("pg_aggregate"),
        _part("pg_operator", _NOT_TEMPORARY_SCHEMA.format(column="oprnamespace")),
        _part("pg_opclass", _NOT_TEMPORARY_SCHEMA.format(column="opcnamespace")),
        _part("pg_amop"),
        _part("pg_cast"),
        _part("pg_type", _NOT_TEMPORARY_SCHEMA.format(column="typnamespace")),
        _part("pg_range"),
        _part("pg_policy", _NOT_TEMPORARY.format(column="polrelid")),
        _part("pg_trigger", _NOT_TEMPORARY.format(column="tgrelid")),
        _part("pg_attrdef", _NOT_TEMPORARY.format(column="adrelid")),
        _part("pg_constraint", _NOT_TEMPORARY_SCHEMA.format(column="connamespace")),
        _part("pg_index", _NOT_TEMPORARY.format(column="indrelid")),
        _part("pg_inherits", _NOT_TEMPORARY.format(column="inhrelid")),
        _part("pg_auth_members"),
        _part("pg_db_role_setting"),
    ]
)

EPOCH_QUERY: Final = f"""
WITH temporary_schema AS MATERIALIZED
  (SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname ~ '^pg_(toast_)?temp_'),
temporary AS MATERIALIZED
  (SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relnamespace IN (SELECT s.oid FROM temporary_schema s))
SELECT pg_catalog.md5(pg_catalog.concat_ws(',', {_PARTS}))
"""  # noqa: S608 - made of the constants above
