"""The bench on each server at hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import Postgres
from tests.unit.sql.rewrite.bench import Bench, close_bench, open_bench


@pytest.fixture(scope="module")
def bench(every_postgres: Postgres) -> Iterator[Bench]:
    """On each server at hand, fresh for every module."""
    made = open_bench(every_postgres, "sql_rewrite")
    yield made
    close_bench(every_postgres, "sql_rewrite", made)
