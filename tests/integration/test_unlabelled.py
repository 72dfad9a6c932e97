"""What becomes of a statement that touches what the catalog does not list: denied, asked about, or about nobody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.demo.characters import SATO
from gateway.demo.database import Database
from gateway.errors import Reason
from tests.houses import Analyses, House
from tests.integration.postgres_wire import until
from tests.unit.facts.world import write_registry
from tests.worlds import REGISTRY, Bench

pytestmark = pytest.mark.integration

STICKERS = "SELECT name FROM stickers"


def catalog(unlabelled: str, **tables: Any) -> str:
    """The demo's catalog without a label for stickers."""
    document = yaml.safe_load((REGISTRY / "catalog.yaml").read_text())
    (source,) = document["datasources"]
    source["unlabelled"] = unlabelled
    del source["tables"]["public.stickers"]
    del source["tables"]["public.users"]["columns"]["created_at"]
    source["tables"].update(tables)
    return yaml.safe_dump(document)


def bench(folder: Path, analyses: Analyses, unlabelled: str) -> Bench:
    texts = {path.stem: path.read_text() for path in REGISTRY.glob("*.yaml")}
    return Bench(analyses, write_registry(folder, **texts | {"catalog": catalog(unlabelled)}))


@pytest.mark.parametrize(
    ("unlabelled", "rules"), [("deny", {"house-labelled", "house-subject-known"}), ("ask", {"house-subject-known"})]
)
def test_it_is_denied_by_the_rule_whose_matter_it_is(
    tmp_path: Path, analyses: Analyses, unlabelled: str, rules: set[str]
) -> None:
    there = bench(tmp_path, analyses, unlabelled)
    for sql in (STICKERS, "SELECT count(*) FROM stickers", "SELECT id, created_at FROM users"):
        outcome = there.decide(there.ask("sato", "tokyo-hq", sql))
        assert outcome.reason is Reason.POLICY_DENIED
        assert outcome.decision is not None
        assert rules <= {finding.rule for finding in outcome.decision.verdict.findings}
        assert ("house-labelled" in rules) == (outcome.decision.verdict.findings[0].rule == "house-labelled")
        assert there.entry["data"]["when_unlabelled"] == unlabelled


def test_about_nobody_is_allowed_and_every_entry_says_so(tmp_path: Path, analyses: Analyses) -> None:
    there = bench(tmp_path, analyses, "none")
    assert there.decide(there.ask("sato", "tokyo-hq", STICKERS)).allowed
    data = there.entry["data"]
    assert (data["about_people"], data["unlabelled"]) == (False, ["public.stickers"])
    assert data["when_unlabelled"] == "none"
    assert there.decide(there.ask("sato", "tokyo-hq", "SELECT id, created_at FROM users")).allowed
    assert there.entry["data"]["about_people"] is True
    # Whose data is known to be about people stays where it was.
    assert not there.decide(there.ask("li", "shanghai-office", "SELECT created_at, phone FROM users")).allowed


def test_a_running_gateway_tells_of_labels_and_of_what_has_none(
    tmp_path: Path, messenger: Database, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "house").mkdir()
    house = House(tmp_path / "house", messenger)
    path = house.layout.registry / "catalog.yaml"
    path.write_text(catalog("none", **{"public.gone": {"about": "nobody"}}))
    house.start()
    try:
        labels = {"datasource": "messenger"}
        until(lambda: house.metric("sekisho_catalog_labels_void", **labels) == 1)
        assert house.metric("sekisho_catalog_unlabelled", **labels) == 2
        assert house.metric("sekisho_catalog_when_unlabelled", **labels, word="none") == 1
        with house.connect(SATO) as connection:
            assert connection.execute(STICKERS).fetchone() is not None
        assert house.entries("decision")[-1]["data"]["when_unlabelled"] == "none"
        path.write_text((REGISTRY / "catalog.yaml").read_text())
        until(lambda: house.metric("sekisho_catalog_when_unlabelled", **labels, word="deny") == 1)
        until(lambda: house.metric("sekisho_catalog_labels_void", **labels) == 0)
    finally:
        house.stop()
    assert {one.message for one in caplog.records} >= {"catalog_labels_void", "unlabelled_is_not_denied"}
