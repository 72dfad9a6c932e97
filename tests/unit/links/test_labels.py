"""Labels beside a real database, and what the gateway says of them while either changes."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
import pytest
from prometheus_client import CollectorRegistry

from gateway.config import Datasource
from gateway.config_load import load
from gateway.demo.database import Database
from gateway.doors.postgres import nonce
from gateway.errors import UpstreamError
from gateway.facts.live import Labelling
from gateway.facts.registry import Registry, load_registry
from gateway.links.labels import LabelWatch, live, look
from gateway.links.server import Credentials
from gateway.links.tasks import TaskGroup
from gateway.metrics import Metrics
from gateway.model import Confidence, DatasourceId, Unlabelled
from gateway.world import server_address
from tests.houses import Analyses, House
from tests.worlds import REGISTRY

MESSENGER = DatasourceId("messenger")


@pytest.fixture
def source(tmp_path: Path, messenger: Database) -> Datasource:
    (tmp_path / "house").mkdir()
    return load(House(tmp_path / "house", messenger).layout.config, {}).datasources[0]


@pytest.fixture
def unlabelled(messenger: Database) -> Iterator[psycopg.Connection[Any]]:
    with messenger.connect() as admin:
        admin.execute("CREATE SCHEMA labelless; CREATE TABLE labelless.extra (id int)")
        admin.execute("CREATE VIEW labelless.seen AS SELECT * FROM labelless.extra; CREATE SEQUENCE labelless.numbers")
        yield admin
        admin.execute("DROP SCHEMA labelless CASCADE")


def registry(
    word: Unlabelled = Unlabelled.DENY, *, without: str = "", trust: Confidence = Confidence.ATTESTED
) -> Registry:
    found = load_registry(REGISTRY)
    known = found.catalog[MESSENGER]
    tables = {name: table for name, table in known.tables.items() if name != without}
    changed = replace(known, unlabelled=word, trust=trust, tables=MappingProxyType(tables))
    return replace(found, catalog=MappingProxyType({MESSENGER: changed}))


def look_now(source: Datasource, there: Registry, **changes: Any) -> Labelling:
    address = server_address(replace(source, **changes))
    return asyncio.run(look(source, there, address, Credentials(user=source.twin.role, password=None), nonce))


def test_the_demo_labels_all_it_has(source: Datasource) -> None:
    assert look_now(source, registry()) == Labelling()


def test_the_twins_role_sees_what_has_no_label(source: Datasource, unlabelled: Any) -> None:
    assert look_now(source, registry(without="public.stickers")).unlabelled == ("labelless.extra", "public.stickers")


def test_a_database_that_is_not_there(source: Datasource, tmp_path: Path) -> None:
    with pytest.raises(UpstreamError):
        look_now(source, registry(), host=str(tmp_path))


class Told:
    """A watch over one registry at a time, its gauges and its words."""

    def __init__(self, source: Datasource, there: Registry) -> None:
        self.registry = there
        self.counted = CollectorRegistry()
        metrics = Metrics(self.counted, rules={}, datasources=["messenger"], incomplete_codes=[], version="0")
        self.tasks = TaskGroup()
        self.watch = LabelWatch([source], lambda: self.registry, metrics, self.tasks)

    def gauge(self, name: str, **labels: str) -> float | None:
        return self.counted.get_sample_value(f"sekisho_catalog_{name}", {"datasource": "messenger", **labels})


def said(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What this test said: a gateway that other tests knock at may run in another thread, and have words of its own."""
    return [one for one in caplog.records if one.thread == threading.get_ident()]


def test_differences_are_told_once_and_counted(
    source: Datasource, analyses: Analyses, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="gateway.links.labels")
    catalog = analyses("SELECT 1").catalog
    assert live(catalog.relations.values())["public.users"].columns >= {"id", "phone"}
    void = replace(catalog, relations={oid: one for oid, one in catalog.relations.items() if one.name != "stickers"})

    async def work() -> None:
        told = Told(source, registry())
        for looked, expected in ((catalog, (0, 0)), (void, (1, 0)), (void, (1, 0)), (catalog, (0, 0))):
            told.watch.look("messenger", looked)
            await told.tasks.settle(30)
            assert (told.gauge("labels_void"), told.gauge("unlabelled")) == expected
        told.registry = registry(without="public.users")
        told.watch.look("messenger", catalog)
        await told.tasks.settle(30)
        assert (told.gauge("labels_void"), told.gauge("unlabelled")) == (0, 1)

    asyncio.run(work())
    assert [(one.levelname, one.message) for one in said(caplog)] == [
        ("WARNING", "catalog_labels_void"),
        ("INFO", "catalog_unlabelled"),
    ]
    (void_label,) = said(caplog)[0].__dict__["labels"]
    assert void_label.endswith("public.stickers is labelled, and the database has no such table")
    assert said(caplog)[1].__dict__["names"] == ["public.users"]


def test_the_last_look_counts(source: Datasource, analyses: Analyses) -> None:
    catalog = analyses("SELECT 1").catalog

    async def work() -> None:
        told = Told(source, registry())
        told.watch.look("messenger", replace(catalog, relations={}))
        told.watch.look("messenger", catalog)
        await told.tasks.settle(30)
        assert told.gauge("labels_void") == 0

    asyncio.run(work())


def test_what_is_not_denied_is_told_before_anybody_knows_the_catalogs(
    source: Datasource, caplog: pytest.LogCaptureFixture
) -> None:
    told = Told(source, registry(Unlabelled.NONE))
    assert (told.gauge("when_unlabelled", word="none"), told.gauge("when_unlabelled", word="deny")) == (1, 0)
    told.registry = registry()
    told.watch.look("messenger", None)
    assert (told.gauge("when_unlabelled", word="none"), told.gauge("when_unlabelled", word="deny")) == (0, 1)
    assert [(one.message, one.__dict__["word"]) for one in said(caplog)] == [
        ("unlabelled_is_not_denied", "none"),
        ("unlabelled_is_not_denied", "deny"),
    ]


def test_what_is_trusted_without_the_database_is_told(source: Datasource, caplog: pytest.LogCaptureFixture) -> None:
    told = Told(source, registry(trust=Confidence.DECLARED))
    assert (told.gauge("trust", word="declared"), told.gauge("trust", word="attested")) == (1, 0)
    told.registry = registry()
    told.watch.look("messenger", None)
    assert (told.gauge("trust", word="declared"), told.gauge("trust", word="attested")) == (0, 1)
    assert [(one.message, one.__dict__["word"]) for one in said(caplog)] == [
        ("trusted_without_the_server", "declared"),
        ("trusted_without_the_server", "attested"),
    ]
