"""Consent that lies person by person, through the postgres door: rows of those who gave it are seen, and no others."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from gateway.demo.characters import KIM, SATO
from gateway.demo.database import Database
from tests.houses import House
from tests.worlds import REGISTRY

pytestmark = pytest.mark.integration

NOTICE = "privacy-notice-2022-04"
# What is recorded of one person in Japan each; only the first and the last consented, and still do.
RECORDED: tuple[dict[str, Any], ...] = (
    {"given": True},
    {"given": False},
    {"given": None},
    {"given": True, "withdrawn_at": "2026-01-01"},
    {"given": True, "expires_at": "2026-01-01"},
    {"given": True, "notice": "privacy-notice-2021-03"},
    {"given": True, "country": "KR"},
    {"given": True, "expires_at": "2999-01-01"},
)
COLUMNS = ("user_id", "notice", "country", "given", "withdrawn_at", "expires_at")


@pytest.fixture(scope="module")
def japanese(messenger: Database) -> Iterator[list[int]]:
    """People in Japan of whom something is recorded, in its order; of the others nothing is."""
    with messenger.connect() as admin:
        people = [row[0] for row in admin.execute("SELECT id FROM users WHERE country = 'JP' ORDER BY id").fetchall()]
        admin.execute(
            "CREATE TABLE public.consents (user_id bigint, notice text, country text, given boolean,"
            " withdrawn_at timestamptz, expires_at timestamptz)"
        )
        admin.execute("GRANT SELECT ON public.consents TO sekisho_engineer")
        for person, recorded in zip(people, RECORDED, strict=False):
            row = {"user_id": person, "notice": NOTICE, "country": "JP"} | recorded
            admin.execute(
                "INSERT INTO public.consents VALUES (%s, %s, %s, %s, %s, %s)", [row.get(name) for name in COLUMNS]
            )
        assert len(people) > len(RECORDED)
        yield people
        admin.execute("DROP TABLE public.consents")


def registry(folder: Path) -> Path:
    """The demo's, in which Korea is named for all data, and people in Japan were asked one by one."""
    target = folder / "registry"
    shutil.copytree(REGISTRY, target)
    catalog = yaml.safe_load((target / "catalog.yaml").read_text())
    tables = catalog["datasources"][0]["tables"]
    for name in ("public.users", "public.payments"):
        tables[name]["subject_countries"] = ["JP", "KR"]
    tables["public.consents"] = {
        "subject_countries": ["JP", "KR"],
        "columns": {"user_id": ["user.unique_id"], **{name: [] for name in COLUMNS[1:]}},
    }
    (target / "catalog.yaml").write_text(json.dumps(catalog, default=str))
    told = {"country": "KR", "entities": ["line-plus"], "data_types": ["user"], "consent": True}
    notice = {"id": NOTICE, "controller": "line-jp", "from": "2022-04-01", "disclosures": [told]}
    (target / "disclosures.yaml").write_text(json.dumps({"notices": [notice]}))
    said = {"notice": NOTICE, "separate": True, "informed": ["country_regime", "measures"]}
    rows = {
        "datasource": "messenger",
        "table": "public.consents",
        "key": "user_id",
        "notice_column": "notice",
        "country_column": "country",
        "given_column": "given",
        "withdrawn_column": "withdrawn_at",
        "expires_column": "expires_at",
    }
    consents = [said | {"subject_country": "JP", "row_level": rows}, said | {"subject_country": "KR"}]
    (target / "consents.yaml").write_text(json.dumps({"consents": consents}))
    return target


@pytest.fixture(scope="module")
def consenting(messenger: Database, japanese: list[int]) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="sekisho-consents-") as directory:
        folder = Path(directory)
        (folder / "house").mkdir()
        house = House(folder / "house", messenger, {"registry": {"directory": str(registry(folder))}}).start()
        yield house
        house.stop()


def ids(connection: psycopg.Connection[Any], text: str) -> list[int]:
    return [row[0] for row in connection.execute(text.encode()).fetchall()]


def test_abroad_only_those_who_consented_are_seen(consenting: House, messenger: Database, japanese: list[int]) -> None:
    who_consented = [japanese[0], japanese[len(RECORDED) - 1]]
    with messenger.connect() as admin:
        koreans = ids(admin, "SELECT id FROM users WHERE country = 'KR' ORDER BY id")
        paying = ids(admin, "SELECT DISTINCT user_id FROM payments ORDER BY 1")
    with consenting.connect(KIM) as connection:
        # people in Korea are another matter; people of countries that nobody declared are not among them
        assert ids(connection, "SELECT id FROM users ORDER BY id") == sorted({*koreans, *who_consented})
        assert connection.execute("SELECT count(*) FROM users WHERE country = 'JP'").fetchone() == (2,)
        # this table has no column with a country: rows of those who consented, and of nobody else
        shown = ids(connection, "SELECT DISTINCT user_id FROM payments ORDER BY 1")
        assert shown == [person for person in paying if person in who_consented]


def test_at_home_nobody_asks_for_consent(consenting: House, japanese: list[int]) -> None:
    with consenting.connect(SATO) as connection:
        assert connection.execute("SELECT count(*) FROM users WHERE country = 'JP'").fetchone() == (len(japanese),)


def test_consent_withdrawn_is_withdrawn_at_once(consenting: House, messenger: Database, japanese: list[int]) -> None:
    text = f"SELECT id FROM users WHERE id = {japanese[0]}"
    with consenting.connect(KIM) as connection, messenger.connect() as admin:
        assert ids(connection, text) == [japanese[0]]
        admin.execute("UPDATE public.consents SET withdrawn_at = now() WHERE user_id = %s", (japanese[0],))
        try:
            assert ids(connection, text) == []
        finally:
            admin.execute("UPDATE public.consents SET withdrawn_at = NULL WHERE user_id = %s", (japanese[0],))


def test_a_table_that_no_filter_fits_is_not_read_at_all(consenting: House) -> None:
    with consenting.connect(KIM) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
            connection.execute("SELECT given FROM consents")
        assert "no row filter fits all that is read" in str(caught.value)
        assert "Rule: jp-appi-28" in (caught.value.diag.message_detail or "")


def test_the_record_says_that_consent_was_obtained_and_whose_rows_were_seen(consenting: House) -> None:
    with consenting.connect(KIM) as connection:
        connection.execute("SELECT name FROM users WHERE id = 3")
    (entry,) = [one for one in consenting.entries("decision") if one["statement"]["text"].startswith("SELECT name")]
    name = f"consent-{NOTICE}-JP"
    assert entry["obligations"] == [{"kind": "row_filter", "relation": "public.users", "predicate": name}]
    assert {"notice": NOTICE, "subject_country": "JP", "status": "given_by_some", "row_filter": name} in entry[
        "consents"
    ]
