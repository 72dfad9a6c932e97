"""How many rows a relation has, as real servers estimate."""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
import pytest

from gateway.links import sizes
from gateway.links.sizes import sizes_of
from gateway.sql.catalog import Catalog
from tests.golden.make_trees import snapshot
from tests.unit.sql import golden


def read(connection: psycopg.Connection) -> Mapping[str, int]:
    major = connection.info.server_version // 10000
    return sizes_of(connection.execute(sizes._QUERY).fetchall(), Catalog.from_rows(major, snapshot(connection)))


@pytest.fixture
def connection(messenger):
    with messenger.connect() as admin:
        admin.execute("CREATE SCHEMA sizes")
        yield admin
        admin.execute("DROP SCHEMA sizes CASCADE")


def test_a_table_has_a_size_once_somebody_looked_at_it(connection):
    connection.execute("CREATE TABLE sizes.some AS SELECT generate_series(1, 100) AS n")
    assert read(connection).get("sizes.some") in (None, 110), "the counters of what was written may have come already"
    connection.execute("ANALYZE sizes.some")
    assert read(connection)["sizes.some"] == 110
    connection.execute("CREATE TABLE sizes.none (n int); ANALYZE sizes.none")
    assert read(connection)["sizes.none"] == 0


def test_partitions_and_children_are_in_their_parents_size(connection):
    connection.execute(
        "CREATE TABLE sizes.parted (n int) PARTITION BY RANGE (n);"
        "CREATE TABLE sizes.low PARTITION OF sizes.parted FOR VALUES FROM (0) TO (60);"
        "CREATE TABLE sizes.high PARTITION OF sizes.parted DEFAULT;"
        "INSERT INTO sizes.parted SELECT generate_series(1, 100); ANALYZE sizes.low"
    )
    assert read(connection)["sizes.low"] == 65
    connection.execute("ANALYZE sizes.parted")
    assert read(connection)["sizes.parted"] == 110


def test_what_nobody_looked_at_has_none():
    catalog = Catalog.from_rows(18, golden.rows(18))
    oid, relation = next(iter((oid, one) for oid, one in catalog.relations.items() if not one.system))
    assert relation.full_name not in sizes_of([(oid, "r", None)], catalog)
    assert sizes_of([(oid, "r", "10")], catalog)[relation.full_name] == 11
    assert sizes_of([("999999999", "r", "10"), (None, "r", "1")], catalog) == {}


def test_the_twin_knows_them(house):
    def known() -> Mapping[str, int]:
        (twin,) = house.application.desk._world.twins.values()
        return twin.sizes

    assert known()["public.users"] >= 1
