"""`sekisho catalog check` and `registry check --live` on the demo's database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.config_load import load
from gateway.demo.database import Database
from gateway.errors import ConfigError
from gateway.facts.registry import load_registry
from gateway.label_check import check_labels
from tests.houses import House

pytestmark = pytest.mark.integration


@pytest.fixture
def house(tmp_path: Path, messenger: Database) -> House:
    (tmp_path / "house").mkdir()
    return House(tmp_path / "house", messenger)


def relabelled(house: House, old: str, new: str) -> Path:
    catalog = house.layout.registry / "catalog.yaml"
    text = catalog.read_text()
    assert old in text
    catalog.write_text(text.replace(old, new, 1))
    return house.layout.registry


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


def test_every_label_is_of_something(house: House) -> None:
    found = invoke("catalog", "check", "--config", house.layout.config)
    assert found.exit_code == 0, found.output
    assert found.stdout == ("datasource messenger: 0 labels of nothing, 0 tables and columns without label (deny)\n")


def test_a_label_of_nothing_and_what_has_none(house: House) -> None:
    registry = relabelled(house, "          phone: [user", "          fone: [user")
    for arguments in (
        ("catalog", "check", "--config", house.layout.config),
        ("registry", "check", registry, "--live", house.layout.config),
    ):
        found = invoke(*arguments)
        assert found.exit_code == 1, found.output
        assert "datasource messenger: 1 label of nothing, 1 tables and columns without label (deny)" in found.stdout
        assert ": public.users.fone is labelled, and the database has no such column" in found.stdout
        assert "without label: public.users.phone" in found.stdout
        (one,) = _labels(json.loads(invoke(*arguments, "--json").stdout))
        assert (one["datasource"], one["unlabelled"], one["when_unlabelled"]) == (
            "messenger",
            ["public.users.phone"],
            "deny",
        )
        assert one["void"][0].startswith("catalog.yaml:")


def _labels(document: Any) -> list[dict[str, Any]]:
    return document if isinstance(document, list) else document["labels"]


def test_what_is_asked_must_be_configured(house: House) -> None:
    found = invoke("catalog", "check", "--config", house.layout.config, "--datasource", "shop")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "no datasource shop in the configuration" in found.stderr
    relabelled(house, "- id: messenger", "- id: elsewhere")
    with pytest.raises(ConfigError, match="datasource messenger: not in the registry's catalog"):
        check_labels(load(house.layout.config, {}), load_registry(house.layout.registry))


def test_nobody_could_look(house: House) -> None:
    config = house.layout.config
    config.write_text(config.read_text().replace("role: sekisho_twin", "role: sekisho_nobody"))
    assert invoke("catalog", "check", "--config", config).exit_code == 2
