"""Types by name: the OIDs that every server gives them, and none that a schema of somebody's could mean."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.sql.typenames import _TYPES, NUMBERS, plain_type, qualified
from tests.servers import Postgres


def named(*names: str, **more: Any) -> dict[str, Any]:
    return {"names": [{"String": {"sval": name}} for name in names], "typemod": -1, "location": 7, **more}


@pytest.mark.parametrize(
    ("node", "found"),
    [
        (named("pg_catalog", "int4"), ("int4", 23)),
        (named("text"), ("text", 25)),
        (named("text", arrayBounds=[{"Integer": {"ival": -1}}]), ("text", 1009)),
        (named("unknown"), ("unknown", 705)),
        (named("unknown", arrayBounds=[{"Integer": {"ival": -1}}]), None),
        (named("app", "text"), None),
        (named("db", "pg_catalog", "text"), None),
        (named("TEXT"), None),
        (named("thing"), None),
        (named("text", setof=True), None),
        (named("text", pct_type=True), None),
        (named("numeric", typmods=[{"A_Const": {"ival": {"ival": 3}}}]), ("numeric", 1700)),
        (named("numeric", typmods=[{"ColumnRef": {}}]), None),
        ({}, None),
    ],
)
def test_by_name(node: dict[str, Any], found: tuple[str, int] | None) -> None:
    assert plain_type(node) == found


def test_a_name_without_a_schema_is_given_the_catalogs() -> None:
    assert qualified(named("text")) == (named("pg_catalog", "text"), 7)
    assert qualified(named("pg_catalog", "text")) == (named("pg_catalog", "text"), None)


@pytest.mark.integration
def test_every_server_gives_them_these_oids(every_postgres: Postgres) -> None:
    with every_postgres.admin() as admin:
        rows = admin.execute("SELECT typname::text, oid::int4, typarray::int4 FROM pg_type WHERE typnamespace = 11")
        theirs = {name: (oid, array) for name, oid, array in rows}
    assert {name: theirs[name] for name in _TYPES} == dict(_TYPES)
    assert _TYPES.keys() >= NUMBERS
