"""The registry's catalog for a schema: protected columns are data about people of Japan, the rest is about nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import yaml

from gateway.demo.settings import DATASOURCE

# What the schema protects: by name wherever it stands, or as relation and column.
PROTECTED = {
    "phone": "user.contact.phone_number",
    "phone_tail": "user.contact.phone_number",
    "email": "user.contact.email",
    "body": "user.content.private",
    "content": "user.content.public",
    "iban": "user.payment",
    "app.mv_contacts.e": "user.contact.email",
    "app.audit_out.note": "user.contact.phone_number",
    "app.ruled_sink.note": "user.contact.phone_number",
}
# Not there yet: listed for who makes it of a query's rows, and about nobody.
AHEAD = "scratch.copied"
_COLUMNS = """
SELECT n.nspname, c.relname, a.attname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
ORDER BY 1, 2, a.attnum
"""


def catalog(connection: psycopg.Connection[Any]) -> dict[str, Any]:
    """The document. In a table with a protected column every other column is technical (``[]``)."""
    tables: dict[str, dict[str, list[str]]] = {}
    for schema, relation, column in connection.execute(_COLUMNS):
        label = PROTECTED.get(column) or PROTECTED.get(f"{schema}.{relation}.{column}")
        tables.setdefault(f"{schema}.{relation}", {})[column] = [label] if label else []
    described: dict[str, Any] = {
        name: {"subject_countries": ["JP"], "columns": columns} if any(columns.values()) else {"about": "nobody"}
        for name, columns in tables.items()
    }
    described[AHEAD] = {"about": "nobody"}
    source = {"id": DATASOURCE, "storage_countries": ["JP"], "controller": "line-jp", "unlabelled": "deny"}
    return {"datasources": [{**source, "tables": described}]}


def write_catalog(registry: Path, document: dict[str, Any]) -> None:
    """Replace the catalog of a registry's folder."""
    (registry / "catalog.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
