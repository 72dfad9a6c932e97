"""One draft of a real database, as the registry reads it."""

from __future__ import annotations

import asyncio

import pytest

from gateway.draft.dsn import Reached, reach
from gateway.draft.make import Drafted, check, make
from gateway.draft.text import Owner
from gateway.errors import ConfigError
from gateway.facts.catalog import Source, read_catalog
from gateway.model import DatasourceId, Unit
from tests.servers import Postgres
from tests.unit.draft.world import SECRETS, SQL
from tests.unit.facts.world import section

pytestmark = pytest.mark.integration

OWNER = Owner("shop", "shop-kk", ("JP",))


@pytest.fixture(scope="module")
def reached(postgres: Postgres) -> Reached:
    with postgres.admin() as admin:
        admin.execute("CREATE DATABASE draft_make")
    postgres.load(SQL, "draft_make")
    return reach(f"host={postgres.socket_directory} port={postgres.port} dbname=draft_make user=postgres", None)


def drafted(reached: Reached, *schemas: str) -> Drafted:
    return asyncio.run(make(reached, OWNER, schemas=schemas, sample=100, progress=lambda *step: None))


@pytest.fixture(scope="module")
def source(reached: Reached) -> Source:
    found = drafted(reached)
    assert not any(secret in found.yaml for secret in SECRETS)
    assert found.unread == {}
    root, problems = section(found.yaml)
    source = read_catalog(root)[DatasourceId("shop")]
    assert problems.listed() == []
    return source


def test_columns_get_the_types_that_names_and_values_say(source: Source) -> None:
    columns = source.tables["public.customers"].columns
    assert {name: column.data_types for name, column in columns.items()} == {
        "id": ("user.unique_id",),
        "name": ("user.name",),
        "contact": ("user.contact.email",),
        "reach": ("user.contact.phone_number",),
        "card": ("user.financial.credit_card",),
        "seen_from": ("user.device.ip_address",),
        "country": ("user.contact.address.country",),
        "生年月日": ("user.demographic.date_of_birth",),
        "created_at": (),
    }


def test_tables_get_their_keys(source: Source) -> None:
    keys = {name: (table.subject_key, table.unit) for name, table in source.tables.items()}
    assert keys == {
        "public.customers": ("id", Unit.PERSON),
        "public.devices": ("serial", Unit.DEVICE),
        "public.orders": ("placed_by", Unit.PERSON),
        "public.order_lines": (None, Unit.PERSON),
        "public.oddities": (None, Unit.PERSON),
        "public.visits": (None, Unit.PERSON),
        "public.visits_2026": (None, Unit.PERSON),
        "hr.mitarbeiter": ("nr", Unit.PERSON),
    }
    assert source.tables["hr.mitarbeiter"].subjects == ("employee",)
    assert set(source.tables["hr.mitarbeiter"].columns) == {"nr", "vorname", "nachname", "steuer_id"}


def test_what_nothing_points_at_is_left_alone(source: Source) -> None:
    assert "public.products" not in source.tables
    assert "shoe_size" not in source.tables["public.customers"].columns
    assert list(source.tables["public.orders"].columns) == ["id", "placed_by", "total"]


def test_a_schema_that_is_not_there_is_a_problem(reached: Reached) -> None:
    with pytest.raises(ConfigError, match="no table in nowhere"):
        drafted(reached, "nowhere")


def test_what_the_registry_would_not_take_is_a_problem() -> None:
    with pytest.raises(ConfigError, match=r"catalog.yaml:2: 'id' must be lower case"):
        check("datasources:\n  - id: Shop\n    storage_countries: [JP]\n    controller: c\n    tables: {}\n")
