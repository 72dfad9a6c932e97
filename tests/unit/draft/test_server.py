"""Looking at a real database: what is read, what is not, and that nothing of it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.draft.dsn import reach
from gateway.draft.seen import TableSeen
from gateway.draft.server import look
from gateway.draft.values import Kind
from gateway.errors import ConfigError, UpstreamError
from tests.servers import Postgres
from tests.unit.draft.world import SECRETS, SQL

pytestmark = pytest.mark.integration

Look = Callable[..., dict[str, TableSeen]]


@pytest.fixture(scope="module")
def name(postgres: Postgres) -> str:
    with postgres.admin() as admin:
        admin.execute("CREATE DATABASE draft_server")
    postgres.load(SQL, "draft_server")
    return "draft_server"


@pytest.fixture
def seen(postgres: Postgres, name: str) -> Look:
    def work(*, schemas: tuple[str, ...] = (), sample: int = 100, user: str = "postgres") -> dict[str, TableSeen]:
        steps: list[tuple[str, int, int]] = []
        reached = reach(f"host={postgres.socket_directory} port={postgres.port} dbname={name} user={user}", None)
        tables = asyncio.run(look(reached, schemas=schemas, sample=sample, progress=lambda *step: steps.append(step)))
        assert [step[1] for step in steps] == list(range(len(tables) + 1))
        assert not any(secret in repr(tables) for secret in SECRETS)
        return {table.name: table for table in tables}

    return work


def test_tables_with_their_keys_comments_and_counts(seen: Look) -> None:
    found = seen()
    assert set(found) == {
        "hr.mitarbeiter",
        *(f"public.{name}" for name in ("customers", "devices", "oddities", "order_lines", "orders", "products")),
        *(f"public.{name}" for name in ("visits", "visits_2026")),
    }
    customers = {column.name: column for column in found["public.customers"].columns}
    assert found["public.customers"].primary_key == ("id",)
    assert customers["reach"].comment == "phone number, as it was given"
    assert customers["country"].type == "character(2)"
    assert customers["card"].counts is not None
    assert customers["card"].counts.kinds[Kind.CARD] == 5
    assert customers["email_verified"].counts is None
    assert found["public.orders"].refers == {"placed_by": "public.customers"}
    assert found["public.visits_2026"].partition_of == "public.visits"
    assert found["public.visits_2026"].columns[2].counts is None


def test_values_that_a_users_own_type_would_print_are_not_read(seen: Look) -> None:
    columns = {column.name: column for column in seen()["public.oddities"].columns}
    assert columns["thing"].counts is None
    assert columns["email"].counts is not None
    assert columns["email"].counts.kinds == {Kind.EMAIL_INSIDE: 1}


def test_one_schema_and_no_values(seen: Look) -> None:
    found = seen(schemas=("hr",), sample=0)
    assert list(found) == ["hr.mitarbeiter"]
    assert {column.counts for column in found["hr.mitarbeiter"].columns} == {None}


def test_what_may_not_be_read_is_told_by_its_sqlstate(seen: Look, postgres: Postgres, name: str) -> None:
    role = postgres.role("draft_server_reader")
    postgres.load(
        "GRANT USAGE ON SCHEMA public TO draft_server_reader; GRANT SELECT ON orders TO draft_server_reader", name
    )
    found = seen(user=role)
    assert found["public.customers"].unread == "42501"
    assert found["public.orders"].unread == ""
    assert found["public.orders"].columns[3].counts is not None


def test_row_security_of_others_is_not_run(seen: Look, postgres: Postgres, name: str) -> None:
    role = postgres.role("draft_server_guarded")
    postgres.load(
        "CREATE TABLE guarded (id int, email text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;"
        "CREATE FUNCTION trap() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'sprung'; END $$;"
        "CREATE POLICY p ON guarded USING (trap()); GRANT SELECT ON guarded TO draft_server_guarded",
        name,
    )
    assert seen(user=role)["public.guarded"].unread == "42501"
    postgres.load("DROP TABLE guarded; DROP FUNCTION trap", name)


def test_a_large_table_is_sampled_by_pages(seen: Look, postgres: Postgres, name: str) -> None:
    postgres.load(
        "CREATE TABLE many (email text); INSERT INTO many SELECT '' FROM generate_series(1, 100000);"
        "INSERT INTO many SELECT 'n' || n || '@example.jp' FROM generate_series(1, 100000) n; ANALYZE many",
        name,
    )
    (email,) = seen(sample=1000)["public.many"].columns
    assert email.counts is not None
    assert email.counts.kinds[Kind.EMAIL] > 0  # which the first rows are not
    postgres.load("DROP TABLE many", name)


def test_who_waits_for_a_lock_is_told_and_goes_on(seen: Look, postgres: Postgres, name: str) -> None:
    with postgres.admin(name) as admin, admin.transaction():
        admin.execute("LOCK TABLE devices")
        found = seen()
    assert found["public.devices"].unread == "55P03"
    assert found["public.customers"].unread == ""


def test_nothing_is_there(postgres: Postgres) -> None:
    gone = reach(f"host={postgres.socket_directory} port={postgres.port} dbname=nowhere user=postgres", None)
    with pytest.raises((ConfigError, UpstreamError)):
        asyncio.run(look(gone, schemas=(), sample=1, progress=lambda *step: None))
