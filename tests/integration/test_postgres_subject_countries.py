"""Subject country by column, narrowed by a filter of ours: rows of people in other countries, or in none, stay away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from gateway.demo.characters import KIM, SATO, SUZUKI
from gateway.demo.database import Database
from tests.houses import House
from tests.integration.test_postgres_narrowed import policies

pytestmark = pytest.mark.integration

# Suzuki's group works for people in Korea and Taiwan; Sato reads nobody's rows by a rule of the test's own.
RULES = """
obligations contains {"rule": "house-trip-mask", "kind": "subject_countries", "relation": relation.relation,
  "column": relation.subject_column, "countries": []} if {
	endswith(input.principal.id, "#sato")
	some relation in input.data.relations
	relation.subject_column != null
}
"""


def scoped(folder: Path) -> Path:
    """The packs, with the one that narrows to a group's countries chosen."""
    found = policies(folder, RULES)
    _change(found / "house" / "scope" / "data.yaml", groups={"privacy": ["KR", "TW", "US"]})
    _change(found / "sekisho" / "packs" / "data.yaml", datasources={"messenger": {"also": ["house/scope"]}})
    return found


def _change(path: Path, **values: Any) -> None:
    document = yaml.safe_load(path.read_text())
    assert document.keys() >= values.keys()
    path.write_text(yaml.safe_dump(document | values))


COLUMNS = {
    "text": "text",
    "varchar": "varchar(8)",
    "char": "char(2)",
    "domain": "lands.code",
    "enum": "lands.country",
}
ROWS = ["KR", "TW", "JP", "CN", None]
DDL = """
CREATE SCHEMA lands;
CREATE DOMAIN lands.code AS text;
CREATE TYPE lands.country AS ENUM ('KR', 'TW', 'JP', 'CN');
CREATE FUNCTION lands.equal(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR lands.= (LEFTARG = text, RIGHTARG = text, FUNCTION = lands.equal);
CREATE TABLE lands.parts (id int NOT NULL, country text) PARTITION BY LIST (id);
CREATE TABLE lands.parts_1 PARTITION OF lands.parts FOR VALUES IN (1, 2, 3);
CREATE TABLE lands.parts_2 PARTITION OF lands.parts DEFAULT;
CREATE VIEW lands.seen AS SELECT id, country FROM lands.text_people;
"""


def _tables() -> str:
    return "".join(f"CREATE TABLE lands.{name}_people (id int, country {kind});" for name, kind in COLUMNS.items())


@pytest.fixture(scope="module")
def lands(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    with messenger.connect() as admin:
        for role in ("sekisho_engineer", "sekisho_moderator"):
            admin.execute(f"ALTER ROLE {role} SET log_min_messages = panic")  # type: ignore[arg-type]
        head, _, view = DDL.partition("CREATE VIEW")
        admin.execute(head.replace("CREATE TABLE", _tables() + "CREATE TABLE", 1) + "CREATE VIEW" + view)  # type: ignore[arg-type]
        for name in (*(f"{name}_people" for name in COLUMNS), "parts"):
            for number, country in enumerate(ROWS, 1):
                admin.execute(f"INSERT INTO lands.{name} VALUES (%s, %s)", (number, country))  # type: ignore[arg-type]
        admin.execute("INSERT INTO lands.text_people VALUES (6, 'kr'), (7, ''), (8, ' KR'), (9, 'Korea')")
        admin.execute(
            "GRANT USAGE ON SCHEMA lands TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA lands TO "
            "sekisho_engineer, sekisho_moderator"
        )
        yield admin
        admin.execute("DROP SCHEMA lands CASCADE")


@pytest.fixture(scope="module")
def house(messenger: Database, lands: Any) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="sekisho-lands-") as directory:
        folder = Path(directory)
        settings = {"policy": {"directory": str(scoped(folder))}}
        one = House(folder, messenger, settings, search_paths=("lands, pg_catalog, public",))
        catalog = one.layout.registry / "catalog.yaml"
        names = (*(f"{name}_people" for name in COLUMNS), "parts", "parts_1", "parts_2")
        catalog.write_text(catalog.read_text() + "".join(_label(name) for name in names))
        yield one.start()
        one.stop()


def _label(name: str) -> str:
    return (
        f"      lands.{name}:\n        subject_country_column: country\n        subject_countries: [CN, JP, KR, TW]\n"
        "        columns: {id: [user.unique_id], country: [user.contact.address.country]}\n"
    )


def _ids(connection: psycopg.Connection[Any], sql: str) -> list[int]:
    return [row[0] for row in connection.execute(sql)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*(f"{name}_people" for name in COLUMNS), "parts"])
def test_only_rows_of_people_in_these_countries_come(house: House, name: str) -> None:
    with house.connect(SUZUKI) as connection:
        assert _ids(connection, f"SELECT id FROM lands.{name} ORDER BY id") == [1, 2]
        assert _ids(connection, f"SELECT count(*) FROM lands.{name}") == [2]
        # What the statement asks for is asked of these rows alone.
        assert _ids(connection, f"SELECT id FROM lands.{name} WHERE country IS NULL OR country = 'JP'") == []
        assert _ids(connection, f"SELECT count(DISTINCT id) FROM lands.{name} WHERE id > 2") == [0]
    with house.connect(SATO) as connection:
        assert _ids(connection, f"SELECT count(*) FROM lands.{name}") == [0]


def test_who_is_not_narrowed_reads_all_of_them(house: House) -> None:
    with house.connect(KIM, site="seoul-office") as connection:
        assert len(_ids(connection, "SELECT id FROM lands.text_people")) == 9


def test_a_partition_is_no_way_around(house: House) -> None:
    with house.connect(SUZUKI) as connection:
        assert _ids(connection, "SELECT id FROM lands.parts_2") == []
        assert _ids(connection, "SELECT id FROM lands.parts_1 ORDER BY id") == [1, 2]


def test_a_search_path_does_not_change_what_is_compared(house: House) -> None:
    with house.connect(SUZUKI) as connection:
        connection.execute("SET search_path = lands, pg_catalog, public")
        assert _ids(connection, "SELECT id FROM text_people ORDER BY id") == [1, 2]


def test_what_says_no_country_of_its_rows_is_denied(house: House) -> None:
    with house.connect(SUZUKI) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        connection.execute("SELECT amount FROM payments")
    assert "groups work for people in KR, TW, US" in str(caught.value)


def test_a_view_shows_no_more(house: House) -> None:
    with house.connect(SUZUKI) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
        connection.execute("SELECT id FROM lands.seen")
    assert "subject countries" in str(caught.value)


def test_the_record_says_which_countries_were_left(house: House) -> None:
    with house.connect(SUZUKI) as connection:
        connection.execute("SELECT id FROM lands.char_people WHERE id < 100")
    entries = [one for one in house.entries("decision") if one.get("obligations")]
    assert entries[-1]["obligations"] == [
        {"kind": "subject_countries", "relation": "lands.char_people", "column": "country", "countries": ["KR", "TW"]}
    ]
