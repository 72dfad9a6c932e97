"""A real server with the schema of the bypass corpus, asked as the twin asks: Parse, and read the notices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.model import StatementFacts, Vouched
from gateway.sql.catalog import EPOCH_QUERY, Catalog
from gateway.sql.facts import read_facts
from gateway.sql.gate import inspect
from tests.golden.make_trees import OPTIONS, snapshot, trees_of
from tests.servers import Postgres

# A domain that runs a function of users whenever a value is converted to it, and a type that runs none of users.
TYPES = (
    "CREATE DOMAIN scratch.guarded AS int CHECK (app.phone_of(VALUE) IS NULL);"
    "CREATE TYPE scratch.span AS RANGE (subtype = int4);"
)
SCHEMA = Path(__file__).parents[2] / "bypass" / "schema.sql"
MAX_BYTES = 8 * 1024 * 1024


class Analyst:
    """One database of a real server."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.connection: psycopg.Connection[Any] = psycopg.connect(
            **server.parameters(name), options=OPTIONS, autocommit=True
        )
        self.major = self.connection.info.server_version // 10000
        self._catalog: Catalog | None = None
        self._changed: set[str] = set()

    @property
    def catalog(self) -> Catalog:
        """The catalog after the last change by `run`; read when somebody asks, as that takes a while."""
        if self._catalog is None:
            self.refresh()
        assert self._catalog is not None
        return self._catalog

    @catalog.setter
    def catalog(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def refresh(self, vouched: Vouched | None = None) -> None:
        """Take a new snapshot of the catalog."""
        self._catalog = Catalog.from_rows(self.major, snapshot(self.connection), vouched=vouched or Vouched())

    def run(self, text: str) -> None:
        """Change the database."""
        self.connection.execute(text)
        self._catalog = None

    def once(self, text: str) -> None:
        """Change the database as no test of the module undoes: the first that asks for it makes it."""
        if text not in self._changed:
            self.run(text)
            self._changed.add(text)

    def epoch(self) -> str:
        """What stands for the catalogs as they are now."""
        (row,) = self.connection.execute(EPOCH_QUERY).fetchall()
        return row[0]

    def trees(self, text: str, *types: int) -> list[str]:
        """What the server prints for a statement."""
        return trees_of(self.connection, text, types)

    def analyse(self, text: str, *types: int) -> StatementFacts:
        """Facts of a text with one statement, gate included."""
        (statement,) = inspect(text, max_bytes=131_072)
        if statement.facts is not None:
            return statement.facts
        trees = self.trees(statement.subject, *types)
        return read_facts(statement.kind, trees, self.catalog, max_tree_bytes=MAX_BYTES)


@pytest.fixture(scope="module")
def analyst(every_postgres: Postgres) -> Iterator[Analyst]:
    """The corpus schema on each server at hand, fresh for every module."""
    name = "sql_unit"
    text = "\n".join(line for line in SCHEMA.read_text().split("\n") if not line.startswith("CREATE EXTENSION"))
    with every_postgres.admin() as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    every_postgres.load(text + TYPES, name)
    made = Analyst(every_postgres, name)
    yield made
    made.connection.close()
    with every_postgres.admin() as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def plain(analyst: Analyst) -> Iterator[psycopg.Connection[Any]]:
    """A connection of a role without any right of its own."""
    parameters = analyst.connection.info.get_parameters()
    connection = psycopg.connect(
        host=parameters["host"],
        port=analyst.connection.info.port,
        dbname=parameters["dbname"],
        user="gw_limited",
        autocommit=True,
    )
    yield connection
    connection.close()


def columns(facts: StatementFacts, *uses: str) -> set[str]:
    """Columns as ``table.column``, without schema, of the given uses or of all."""
    return {
        f"{use.relation.partition('.')[2]}.{use.column}" for use in facts.columns if not uses or str(use.use) in uses
    }
