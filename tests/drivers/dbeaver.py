"""What DBeaver asks the catalogs: the statements a connection is drawn from."""

from __future__ import annotations

# What DBeaver asks to draw its tree of a connection: databases, schemas, roles, then a schema and a table of it.
_USERS = "(SELECT oid FROM pg_catalog.pg_class WHERE relname = 'users' AND relnamespace = 'public'::regnamespace)"
DBEAVER = (
    "SET extra_float_digits = 3",
    "SET application_name = 'DBeaver 26.0.0 - Main <messenger>'",
    "SELECT current_schema(), session_user",
    "SELECT version()",
    "SHOW search_path",
    "SELECT db.oid, db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate OR db.datname = "
    "'messenger' ORDER BY db.datname",
    "SELECT * FROM pg_catalog.pg_settings where name = 'standard_conforming_strings'",
    "SELECT n.oid, n.*, d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON "
    "d.objoid = n.oid AND d.objsubid = 0 AND d.classoid = 'pg_namespace'::regclass ORDER BY nspname",
    "SELECT t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description "
    "FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid = t.typelem LEFT OUTER JOIN "
    "pg_catalog.pg_class c ON c.oid = t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid = d.objoid WHERE "
    "t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> "
    "'C')",
    "SELECT a.oid, a.* FROM pg_catalog.pg_roles a ORDER BY a.rolname",
    "SELECT t.oid, t.* FROM pg_catalog.pg_tablespace t ORDER BY t.oid",
    "SELECT x.oid, x.*, n.nspname as schema_name FROM pg_catalog.pg_extension x JOIN pg_catalog.pg_namespace n ON "
    "n.oid = x.extnamespace ORDER BY x.extname",
    "SELECT c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, "
    "pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN "
    "pg_catalog.pg_description d ON d.objoid = c.oid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass WHERE "
    "c.relnamespace = 'public'::regnamespace AND c.relkind not in ('i', 'I', 'c')",
    "SELECT c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, "
    "dep.objid FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid = c.oid) LEFT OUTER JOIN "
    "pg_catalog.pg_attrdef ad ON (a.attrelid = ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN "
    "pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) LEFT OUTER JOIN "
    "pg_catalog.pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and "
    f"dep.classid = dep.refclassid WHERE NOT a.attisdropped AND c.oid = {_USERS} ORDER BY a.attnum",
    "SELECT c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description, case when "
    "c.contype = 'c' then substring(pg_get_constraintdef(c.oid), 7) else null end consrc_copy FROM "
    "pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid = c.conrelid LEFT OUTER JOIN "
    "pg_catalog.pg_class rt ON rt.oid = c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = c.oid "
    f"AND d.objsubid = 0 AND d.classoid = 'pg_constraint'::regclass WHERE c.conrelid = {_USERS} ORDER BY c.oid",
    "SELECT DISTINCT dep.deptype, dep.classid, dep.objid, cl.relkind, attr.attname, pg_get_expr(ad.adbin, ad.adrelid) "
    "FROM pg_depend dep LEFT JOIN pg_class cl ON dep.objid = cl.oid LEFT JOIN pg_attribute attr ON dep.objid = "
    "attr.attrelid AND dep.objsubid = attr.attnum LEFT JOIN pg_attrdef ad ON dep.objid = ad.oid WHERE dep.refobjid = "
    f"{_USERS}",
    "SELECT x.oid, x.*, p.pronamespace as func_schema_id, d.description FROM pg_catalog.pg_trigger x LEFT OUTER JOIN "
    "pg_catalog.pg_proc p ON p.oid = x.tgfoid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid = x.oid AND "
    f"d.objsubid = 0 WHERE x.tgrelid = {_USERS} AND NOT x.tgisinternal",
    "SELECT c.relname, r.oid, r.* FROM pg_catalog.pg_rewrite r, pg_catalog.pg_class c WHERE r.ev_class = c.oid AND "
    f"c.oid = {_USERS}",
    "SELECT i.*, c.relnamespace FROM pg_catalog.pg_inherits i, pg_catalog.pg_class c WHERE i.inhrelid = "
    f"{_USERS} AND c.oid = i.inhparent ORDER BY i.inhseqno",
    "SELECT pg_catalog.pg_total_relation_size(c.oid), pg_catalog.pg_relation_size(c.oid) FROM pg_catalog.pg_class c "
    f"WHERE c.oid = {_USERS}",
    f"SELECT pol.polname, pol.polpermissive, pol.polroles FROM pg_catalog.pg_policy pol WHERE pol.polrelid = {_USERS}",
)
# What it is refused, and which words of the denial say why: it shows an error in that folder of its tree.
REFUSED = {
    "indexes": (
        "SELECT i.*, i.indkey as keys, c.relname, pg_catalog.pg_get_expr(i.indpred, i.indrelid, true) as pred_expr, "
        "pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size, pg_catalog.pg_stat_get_numscans(i.indexrelid) as "
        "index_num_scans FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE "
        f"i.indrelid = {_USERS} ORDER BY c.relname",
        "pg_stat_get_numscans: shows samples or counts taken from the data",
    ),
    "functions": (
        "SELECT p.oid as poid, p.*, pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults FROM "
        "pg_catalog.pg_proc p WHERE p.pronamespace = 'public'::regnamespace",
        "pg_catalog.pg_proc.prosrc",
    ),
}
