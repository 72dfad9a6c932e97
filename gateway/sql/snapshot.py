"""The SQL of the catalog: what a snapshot reads. What makes a snapshot stale is in `epoch`.

Every query reads catalogs that any role may read and returns text columns only. Temporary objects are other sessions'
own business: they are in no snapshot (a tree that names one is refused).
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
    WHERE l.oid = a.attcollation AND l.collname <> 'default')
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

# Columns of a relation that the server looks at together when one of them changes: those of a CHECK, a unique key or an
# exclusion, of what is generated or indexed by expression, of a foreign key, of a partition key. An expression's are
# picked out of its stored tree, where nothing but a node begins with a brace. 0 is the whole row.
_TIES: Final = r"""
WITH ties (relation, keys, expression) AS (
  SELECT k.conrelid, CASE k.contype WHEN 'f' THEN k.conkey END, k.conbin::text
    FROM pg_catalog.pg_constraint k WHERE k.contype IN ('c', 'f')
  UNION ALL
  SELECT d.adrelid, NULL, d.adbin::text FROM pg_catalog.pg_attrdef d
    JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE a.attgenerated <> ''
  UNION ALL
  SELECT x.indrelid,
    CASE WHEN x.indisunique OR x.indisexclusion THEN (x.indkey::int2[])[0:x.indnkeyatts - 1] END,
    pg_catalog.concat(x.indexprs::text, x.indpred::text)
    FROM pg_catalog.pg_index x
  UNION ALL
  SELECT p.partrelid, p.partattrs::int2[], p.partexprs::text FROM pg_catalog.pg_partitioned_table p
)
SELECT t.relation::text, pg_catalog.concat_ws(' ',
  (SELECT pg_catalog.string_agg(n::text, ' ') FROM pg_catalog.unnest(t.keys) n WHERE n <> 0),
  (SELECT pg_catalog.string_agg(DISTINCT m[1], ' ')
    FROM pg_catalog.regexp_matches(t.expression, '[{]VAR :varno 1 :varattno (-?[0-9]+) ', 'g') m))
FROM ties t WHERE t.relation >= 16384
"""

# Every constant that stands in a definition of users, as the server stores it: relation, class, name, kind of node, the
# node's fields. In a stored tree a brace or a space of a name is escaped, so nothing but a node begins like one.
# Columns that not every major has are read from the row as a document. A comment counts where it holds an address or
# as many digits as a telephone number; its text is not brought.
_DEFINITIONS: Final = r"""
WITH stored (class, relation, name, tree) AS (
  SELECT 'default', d.adrelid, NULL, d.adbin::text FROM pg_catalog.pg_attrdef d
  UNION ALL SELECT 'constraint', k.conrelid,
    CASE WHEN k.conrelid = 0 THEN pg_catalog.format_type(k.contypid, NULL) END, k.conbin::text
    FROM pg_catalog.pg_constraint k WHERE k.conbin IS NOT NULL
  UNION ALL SELECT 'index', i.indrelid, NULL, pg_catalog.concat_ws(' ', i.indexprs::text, i.indpred::text)
    FROM pg_catalog.pg_index i WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
  UNION ALL SELECT 'rule', r.ev_class, NULL, pg_catalog.concat_ws(' ', r.ev_qual::text, r.ev_action::text)
    FROM pg_catalog.pg_rewrite r WHERE r.oid >= 16384
  UNION ALL SELECT 'bound', c.oid, NULL, c.relpartbound::text
    FROM pg_catalog.pg_class c WHERE c.relpartbound IS NOT NULL
  UNION ALL SELECT 'key', p.partrelid, NULL, p.partexprs::text
    FROM pg_catalog.pg_partitioned_table p WHERE p.partexprs IS NOT NULL
  UNION ALL SELECT 'policy', y.polrelid, NULL, pg_catalog.concat_ws(' ', y.polqual::text, y.polwithcheck::text)
    FROM pg_catalog.pg_policy y
  UNION ALL SELECT 'publication', b.prrelid, NULL, pg_catalog.to_jsonb(b) ->> 'prqual'
    FROM pg_catalog.pg_publication_rel b
  UNION ALL SELECT 'statistics', e.stxrelid, NULL, pg_catalog.to_jsonb(e) ->> 'stxexprs'
    FROM pg_catalog.pg_statistic_ext e
  UNION ALL SELECT 'trigger', g.tgrelid, NULL, g.tgqual::text FROM pg_catalog.pg_trigger g WHERE g.tgqual IS NOT NULL
  UNION ALL SELECT 'argument', 0, f.pronamespace::pg_catalog.regnamespace::text || '.' || f.proname,
    f.proargdefaults::text FROM pg_catalog.pg_proc f WHERE f.proargdefaults IS NOT NULL AND f.oid >= 16384
  UNION ALL SELECT 'type', 0, pg_catalog.format_type(t.oid, NULL), t.typdefaultbin::text
    FROM pg_catalog.pg_type t WHERE t.typdefaultbin IS NOT NULL AND t.oid >= 16384
), found (relation, class, name, node, fields) AS (
  SELECT s.relation, s.class, s.name, m[1], m[2] FROM stored s,
    LATERAL pg_catalog.regexp_matches(s.tree, '\{(CONST|A_CONST|NOTIFYSTMT) ([^{}]*)', 'g') m
  UNION ALL SELECT g.tgrelid, 'trigger', NULL, 'ARGUMENTS',
    pg_catalog.replace(pg_catalog.encode(g.tgargs, 'escape'), '\000', E'\n')
    FROM pg_catalog.pg_trigger g WHERE g.tgnargs > 0 AND NOT g.tgisinternal
  UNION ALL SELECT 0, 'type', pg_catalog.format_type(t.oid, NULL), 'TEXT', ''
    FROM pg_catalog.pg_type t WHERE t.typdefault IS NOT NULL AND t.typdefaultbin IS NULL AND t.oid >= 16384
  UNION ALL SELECT CASE o.classoid WHEN 'pg_catalog.pg_class'::pg_catalog.regclass THEN o.objoid ELSE 0 END, 'comment',
    CASE WHEN o.classoid <> 'pg_catalog.pg_class'::pg_catalog.regclass
      THEN pg_catalog.pg_describe_object(o.classoid, o.objoid, 0) END, 'TEXT', ''
    FROM pg_catalog.pg_description o
    WHERE o.objoid >= 16384
      AND (o.description ~ '@' OR pg_catalog.regexp_replace(o.description, '\D', '', 'g') ~ '.{7}')
  UNION ALL SELECT 0, 'comment', pg_catalog.pg_describe_object(o.classoid, o.objoid, 0), 'TEXT', ''
    FROM pg_catalog.pg_shdescription o
    WHERE o.objoid >= 16384
      AND (o.description ~ '@' OR pg_catalog.regexp_replace(o.description, '\D', '', 'g') ~ '.{7}')
)
SELECT DISTINCT x.relation::text, x.class, coalesce(x.name, n.nspname || '.' || c.relname, 'an object'),
  x.node, x.fields
FROM found x LEFT JOIN pg_catalog.pg_class c ON c.oid = x.relation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (x.relation >= 16384 OR x.relation = 0) AND n.nspname !~ '^pg_(toast_)?temp_' IS NOT FALSE
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
        "ties": _TIES,
        "definitions": _DEFINITIONS,
    }
)
