"""Limits on how many people's data goes out, through the postgres door: reserved before, counted by what passed by."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from gateway.demo.characters import SATO
from gateway.demo.database import Database
from tests.houses import House
from tests.integration.test_postgres_narrowed import policies

pytestmark = pytest.mark.integration

DDL = """
CREATE SCHEMA crowd;
CREATE TABLE crowd.patients (id int PRIMARY KEY, name text, note text, country text);
INSERT INTO crowd.patients SELECT n, 'name ' || n, repeat('x', 40), CASE WHEN n % 10 = 0 THEN 'KR' ELSE 'JP' END
  FROM generate_series(1, 400) AS n;
CREATE TABLE crowd.visits (id int, patient_id int, diagnosis text);
ANALYZE crowd.patients;
GRANT USAGE ON SCHEMA crowd TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA crowd TO sekisho_engineer, sekisho_moderator;
"""
LABELS = """
      crowd.patients:
        subject_key: id
        subject_country_column: country
        subject_countries: [JP, KR]
        columns: {id: [user.unique_id], name: [user.name], note: [user.name.last], country: []}
      crowd.visits:
        subject_countries: [JP]
        columns: {id: [], patient_id: [user.unique_id], diagnosis: [user.demographic]}
"""


def limit(most: int, *, types: tuple[str, ...] = ("user.name",), country: str = "JP", window: str = "P12M") -> Any:
    return {"data_types": [*types], "subject_country": country, "unit": "person", "window": window, "max": most}


@pytest.fixture(scope="module")
def crowd(messenger: Database) -> Iterator[None]:
    with messenger.connect() as admin:
        admin.execute("DROP SCHEMA IF EXISTS crowd CASCADE;" + DDL)
        yield
        admin.execute("DROP SCHEMA crowd CASCADE")


@pytest.fixture
def limited(messenger: Database, crowd: None) -> Iterator[Callable[..., House]]:
    """Gateways with these limits."""
    running: list[House] = []
    with tempfile.TemporaryDirectory(prefix="sekisho-crowd-") as directory:

        def make(*limits: Any, rules: str = "", **settings: Any) -> House:
            folder = Path(directory) / str(len(running))
            folder.mkdir()
            packs = policies(folder, rules)
            data = packs / "house" / "volume" / "data.yaml"
            document = yaml.safe_load(data.read_text())
            data.write_text(yaml.safe_dump({**document, "subject_limits": [*limits]}))
            one = House(folder, messenger, {"policy": {"directory": str(packs)}, **settings})
            catalog = one.layout.registry / "catalog.yaml"
            catalog.write_text(catalog.read_text() + LABELS)
            running.append(one)
            return one.start()

        yield make
        for one in running:
            one.stop()


def ids(connection: psycopg.Connection[Any], sql: str, **options: Any) -> list[int]:
    return [row[0] for row in connection.execute(sql, **options)]  # type: ignore[arg-type]


def refused(connection: psycopg.Connection[Any], sql: str) -> str:
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(sql)  # type: ignore[arg-type]
    assert caught.value.sqlstate == "42501"
    return f"{caught.value.diag.message_primary} {caught.value.diag.message_detail}"


def test_what_is_left_becomes_the_row_limit_and_then_it_is_denied(limited: Callable[..., House]) -> None:
    house = limited(limit(50))
    with house.connect(SATO) as connection:
        assert len(ids(connection, "SELECT id FROM crowd.patients")) == 400, "no name in it"
        assert len(ids(connection, "SELECT id, name FROM crowd.patients WHERE id > 20 ORDER BY id LIMIT 30")) == 30
        assert len(ids(connection, "SELECT id, name FROM crowd.patients WHERE id > 100 ORDER BY id")) == 20
        assert "limit is 50" in refused(connection, "SELECT name FROM crowd.patients WHERE id = 1")
        assert ids(connection, "SELECT id FROM crowd.patients WHERE id = 1") == [1]


def test_the_same_people_are_counted_once(limited: Callable[..., House]) -> None:
    house = limited(limit(50))
    with house.connect(SATO) as connection:
        for _ in range(5):
            assert len(ids(connection, "SELECT id, name FROM crowd.patients WHERE id <= 10")) == 10
            assert len(ids(connection, "SELECT name, id FROM crowd.patients WHERE id <= 10", prepare=True)) == 10
        # Binary values are others than those as text, so at most twice as many.
        assert len(ids(connection, "SELECT id, name FROM crowd.patients ORDER BY id")) == 40


def test_without_the_key_each_row_is_one(limited: Callable[..., House]) -> None:
    house = limited(limit(50))
    with house.connect(SATO) as connection:
        for _ in range(5):
            assert len(ids(connection, "SELECT name FROM crowd.patients WHERE id <= 10")) == 10
        assert "limit is 50" in refused(connection, "SELECT name FROM crowd.patients WHERE id <= 10")


def test_ten_sessions_never_pass_it_together(limited: Callable[..., House]) -> None:
    house = limited(limit(60))

    def read(number: int) -> int:
        with house.connect(SATO) as connection:
            count = 0
            for turn in range(3):
                low = number * 40 + turn * 10
                sql = f"SELECT id, name FROM crowd.patients WHERE id > {low} AND id <= {low + 10}"
                with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                    count += len(ids(connection, sql))
            return count

    with ThreadPoolExecutor(10) as pool:
        found = sum(pool.map(read, range(10)))
    assert 50 <= found <= 60


def test_an_aggregate_counts_the_tables_size_and_unknown_is_denied(limited: Callable[..., House]) -> None:
    house = limited(limit(100), limit(10_000, types=("user.demographic",)), limit(450, country="KR"))
    with house.connect(SATO) as connection:
        assert "limit is 100" in refused(connection, "SELECT count(name) FROM crowd.patients")
        assert "nobody knows how many rows crowd.visits has" in refused(
            connection, "SELECT max(diagnosis) FROM crowd.visits"
        )


def test_a_failed_statement_gives_back_what_it_had(limited: Callable[..., House]) -> None:
    house = limited(limit(50))
    with house.connect(SATO) as connection:
        for _ in range(3):
            with pytest.raises(psycopg.errors.DivisionByZero):
                connection.execute("SELECT id, name, 1 / (id - id) FROM crowd.patients")
        assert len(ids(connection, "SELECT id, name FROM crowd.patients")) == 50


def test_copy_cursors_and_prepared_statements_are_within_it(limited: Callable[..., House]) -> None:
    house = limited(limit(50))
    with house.connect(SATO, autocommit=False) as connection:
        with connection.cursor().copy("COPY (SELECT id, name FROM crowd.patients) TO STDOUT") as copy:
            assert len(list(copy.rows())) == 50, "no key is seen in it: each row is one"
        connection.rollback()
    house = limited(limit(50))
    with house.connect(SATO, autocommit=False) as connection:
        connection.execute("DECLARE c CURSOR FOR SELECT id, name FROM crowd.patients ORDER BY id")
        assert ids(connection, "FETCH 20 FROM c") == [*range(1, 21)]
        connection.commit()
        assert len(ids(connection, "SELECT id, name FROM crowd.patients WHERE id > 100")) == 30


def test_a_client_that_vanishes_has_had_what_was_sent(limited: Callable[..., House]) -> None:
    house = limited(limit(300))
    connection = house.connect(SATO)
    stream = connection.cursor().stream("SELECT id, name FROM crowd.patients")
    assert next(stream)[0] == 1
    connection.close()
    with house.connect(SATO) as connection:
        left = len(ids(connection, "SELECT id, name FROM crowd.patients"))
        assert 0 < left <= 300, "nothing is held any more"


def test_what_a_filter_of_ours_leaves_is_all_that_counts(limited: Callable[..., House]) -> None:
    rules = """
obligations contains {"rule": "house-trip-mask", "kind": "subject_countries", "relation": relation.relation,
  "column": relation.subject_column, "countries": ["KR"]} if {
	some relation in input.data.relations
	relation.subject_column != null
}
"""
    house = limited(limit(5), limit(30, country="KR"), rules=rules)
    with house.connect(SATO) as connection:
        assert len(ids(connection, "SELECT id, name FROM crowd.patients ORDER BY id")) == 30
        assert "limit is 30" in refused(connection, "SELECT name FROM crowd.patients")
    house = limited(limit(5), limit(30, country="KR"))
    with house.connect(SATO) as connection:
        narrowed = ids(connection, "SELECT id, name FROM crowd.patients WHERE country = 'KR'")
        assert len(narrowed) == 5, "what the client says narrows nothing"


def test_the_counts_survive_a_restart(limited: Callable[..., House]) -> None:
    house = limited(limit(50))
    with house.connect(SATO) as connection:
        assert len(ids(connection, "SELECT id, name FROM crowd.patients ORDER BY id LIMIT 30")) == 30
    house.stop()
    house.start()
    with house.connect(SATO) as connection:
        assert len(ids(connection, "SELECT id, name FROM crowd.patients WHERE id > 200")) == 20
    kept = (house.layout.record / "subjects.json").read_text()
    assert "name 1" not in kept
