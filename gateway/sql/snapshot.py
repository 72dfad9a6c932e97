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

# The row of a range, and of the multirange that belongs to it. Multiranges came with 14.
_ITS_RANGE: Final = "r.rngtypid = t.oid OR (pg_catalog.to_jsonb(r) ->> 'rngmultitypid')::pg_catalog.oid = t.oid"

# The last column is what values of the type are made of: element, base, row type's relation, range's element.
_TYPES: Final = f"""
SELECT t.oid::text, n.nspname::text, t.typname::text, t.typtype::text,
  CASE t.typtype WHEN 'd' THEN t.typbasetype WHEN 'c' THEN t.typrelid
    ELSE coalesce(r.rngsubtype, CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END) END::oid::text
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_range r ON {_ITS_RANGE}
WHERE n.nspname !~ '^pg_(toast_)?temp_'
"""  # noqa: S608 - made of the constant above

_TRIGGERS: Final = """
SELECT DISTINCT t.tgrelid::text FROM pg_catalog.pg_trigger t WHERE NOT t.tgisinternal AND t.tgenabled <> 'D'
"""

# What runs whenever a relation is made: name of the trigger, its function.
_EVENT_TRIGGERS: Final = """
SELECT e.evtname::text, e.evtfoid::oid::text FROM pg_catalog.pg_event_trigger e
WHERE e.evtenabled <> 'D' AND e.evtevent IN ('ddl_command_start', 'ddl_command_end')
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
# Columns that not every major has are read from the row as a document. What is no expression counts as soon as it is
# there (options, labels); a setting where its name or value is of somebody's own making; a comment where it holds an
# address or as many digits as a telephone number. Texts are not brought.
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
  UNION ALL SELECT x.relation, x.class, x.name, 'TEXT', '' FROM (
    SELECT 0, 'option', 'foreign-data wrapper ' || w.fdwname FROM pg_catalog.pg_foreign_data_wrapper w
      WHERE w.fdwoptions IS NOT NULL
    UNION ALL SELECT 0, 'option', 'server ' || s.srvname FROM pg_catalog.pg_foreign_server s
      WHERE s.srvoptions IS NOT NULL
    UNION ALL SELECT t.ftrelid, 'option', NULL FROM pg_catalog.pg_foreign_table t WHERE t.ftoptions IS NOT NULL
    UNION ALL SELECT a.attrelid, 'option', NULL FROM pg_catalog.pg_attribute a WHERE a.attfdwoptions IS NOT NULL
    UNION ALL SELECT 0, 'option', 'tablespace ' || t.spcname FROM pg_catalog.pg_tablespace t
      WHERE t.spcoptions IS NOT NULL
    UNION ALL SELECT 0, 'extension', 'extension ' || e.extname FROM pg_catalog.pg_extension e
      WHERE e.extcondition IS NOT NULL
    UNION ALL SELECT 0, 'dictionary', n.nspname || '.' || d.dictname FROM pg_catalog.pg_ts_dict d
      JOIN pg_catalog.pg_namespace n ON n.oid = d.dictnamespace WHERE d.dictinitoption IS NOT NULL AND d.oid >= 16384
    UNION ALL SELECT 0, 'label', 'provider ' || l.provider FROM pg_catalog.pg_seclabel l
    UNION ALL SELECT 0, 'label', 'provider ' || l.provider FROM pg_catalog.pg_shseclabel l
    UNION ALL SELECT 0, 'setting', coalesce('role ' || r.rolname, 'database ' || b.datname, 'all roles')
      FROM pg_catalog.pg_db_role_setting c CROSS JOIN LATERAL pg_catalog.unnest(c.setconfig) v
      LEFT JOIN pg_catalog.pg_roles r ON r.oid = c.setrole LEFT JOIN pg_catalog.pg_database b ON b.oid = c.setdatabase
      WHERE v ~ '^[^=]*[.]|@' OR pg_catalog.regexp_replace(v, '\D', '', 'g') ~ '.{7}'
    UNION ALL SELECT 0, 'setting', f.pronamespace::pg_catalog.regnamespace::text || '.' || f.proname
      FROM pg_catalog.pg_proc f CROSS JOIN LATERAL pg_catalog.unnest(f.proconfig) v
      WHERE f.oid >= 16384 AND (v ~ '^[^=]*[.]|@' OR pg_catalog.regexp_replace(v, '\D', '', 'g') ~ '.{7}')
    UNION ALL SELECT a.attrelid, 'missing', NULL FROM pg_catalog.pg_attribute a WHERE a.attmissingval IS NOT NULL
  ) x (relation, class, name)
)
SELECT DISTINCT x.relation::text, x.class, coalesce(x.name, n.nspname || '.' || c.relname, 'an object'),
  x.node, x.fields
FROM found x LEFT JOIN pg_catalog.pg_class c ON c.oid = x.relation
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (x.relation >= 16384 OR x.relation = 0) AND n.nspname !~ '^pg_(toast_)?temp_' IS NOT FALSE
"""

# What runs with code of users besides what a tree names: what an aggregate is made of, what the planner asks about a
# function or an operator or puts in its place (commutator, negator, others of its family). OIDs with blanks between.
# A body in standard form is no text of ``prosrc``: there the whole definition is hashed.
_USER_FUNCTIONS: Final = """
SELECT p.oid::text, n.nspname || '.' || p.proname || '(' || pg_catalog.oidvectortypes(p.proargtypes) || ')',
  p.prosecdef::text,
  pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
    CASE WHEN p.prosrc = '' THEN pg_catalog.pg_get_functiondef(p.oid) ELSE p.prosrc END, 'UTF8')), 'hex'),
  pg_catalog.concat_ws(' ', p.prosupport::oid, a.aggtransfn::oid, a.aggfinalfn::oid, a.aggcombinefn::oid,
    a.aggserialfn::oid, a.aggdeserialfn::oid, a.aggmtransfn::oid, a.aggminvtransfn::oid, a.aggmfinalfn::oid,
    (SELECT o.oprcode::oid FROM pg_catalog.pg_operator o WHERE o.oid = a.aggsortop))
FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid
WHERE p.oid >= 16384 AND n.nspname !~ '^pg_(toast_)?temp_'
"""

_USER_OPERATORS: Final = """
SELECT o.oid::text, pg_catalog.concat_ws(' ', o.oprcode::oid, o.oprrest::oid, o.oprjoin::oid,
  (SELECT pg_catalog.string_agg(DISTINCT concat_ws(' ', x.oprcode::oid, y.oprcode::oid), ' ')
    FROM pg_catalog.pg_operator x LEFT JOIN pg_catalog.pg_operator y ON y.oid IN (x.oprcom, x.oprnegate)
    WHERE x.oid IN (o.oprcom, o.oprnegate)),
  (SELECT pg_catalog.string_agg(DISTINCT concat_ws(' ', x.oprcode::oid, f.amproc::oid), ' ')
    FROM pg_catalog.pg_amop m JOIN pg_catalog.pg_amop w ON w.amopfamily = m.amopfamily
    JOIN pg_catalog.pg_operator x ON x.oid = w.amopopr
    LEFT JOIN pg_catalog.pg_amproc f ON f.amprocfamily = m.amopfamily
    WHERE m.amopopr = o.oid))
FROM pg_catalog.pg_operator o WHERE o.oid >= 16384
"""

# Input, output, and how values are compared: by the type's own operator classes, or by a range's.
_USER_TYPES: Final = f"""
SELECT t.oid::text, pg_catalog.concat_ws(' ', t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid,
  t.typmodin::oid, t.typmodout::oid, r.rngcanonical::oid, r.rngsubdiff::oid,
  (SELECT pg_catalog.string_agg(DISTINCT concat_ws(' ', f.amproc::oid, x.oprcode::oid), ' ')
    FROM pg_catalog.pg_opclass c LEFT JOIN pg_catalog.pg_amproc f ON f.amprocfamily = c.opcfamily
    LEFT JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily LEFT JOIN pg_catalog.pg_operator x ON x.oid = m.amopopr
    WHERE c.opcintype IN (t.oid, r.rngtypid) OR c.oid = r.rngsubopc))
FROM pg_catalog.pg_type t
LEFT JOIN pg_catalog.pg_range r ON {_ITS_RANGE}
WHERE t.oid >= 16384 AND (t.typtype IN ('r', 'm') OR t.typtype = 'b' AND t.typcategory <> 'A')
"""  # noqa: S608 - made of the constant above

# Every domain of users, with each of its checks.
_DOMAINS: Final = """
SELECT t.oid::text, k.conbin::text
FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_constraint k ON k.contypid = t.oid AND k.conbin IS NOT NULL
WHERE t.oid >= 16384 AND t.typtype = 'd'
"""

SNAPSHOT_QUERIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "relations": _RELATIONS,
        "attributes": _ATTRIBUTES,
        "functions": _FUNCTIONS,
        "operators": _OPERATORS,
        "types": _TYPES,
        "triggers": _TRIGGERS,
        "event_triggers": _EVENT_TRIGGERS,
        "inheritance": _INHERITANCE,
        "expressions": _EXPRESSIONS,
        "references": _REFERENCES,
        "ties": _TIES,
        "definitions": _DEFINITIONS,
        "user_functions": _USER_FUNCTIONS,
        "user_operators": _USER_OPERATORS,
        "user_types": _USER_TYPES,
        "domains": _DOMAINS,
    }
)
