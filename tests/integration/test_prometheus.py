"""Alerts and dashboard, by Prometheus' own tools and by a real Prometheus that scraped a real run."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from gateway.cli import main
from gateway.demo.characters import LI, SATO
from gateway.demo.database import Database
from gateway.injection_metrics import InjectionMetrics
from gateway.metrics import Metrics
from tests.houses import House
from tests.prometheus_server import ALERTS, Prometheus
from tests.servers import require_tool
from tools import dashboard

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "alerts.yaml"
PANELS = [
    pytest.param(one, query, id=f"{one.title}-{place}")
    for row in dashboard.ROWS
    for one in row.panels
    for place, (query, _) in enumerate(one.queries)
]


def promtool(*arguments: str | Path) -> str:
    done = subprocess.run([require_tool("promtool"), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


def known() -> dict[str, set[str]]:
    """Every series there can be, with the labels it has."""
    registry = CollectorRegistry()
    Metrics(registry, rules={}, datasources=[], incomplete_codes=[], version="0")
    InjectionMetrics(registry, results=[], version="0")
    found: dict[str, set[str]] = {}
    for collector in set(registry._names_to_collectors.values()):
        labels = set(getattr(collector, "_labelnames", ()))
        for name, owner in registry._names_to_collectors.items():
            if owner is collector:
                found[name] = labels | ({"le"} if name.endswith("_bucket") else set())
                found.setdefault(f"{name}_total", labels)
                found.setdefault(f"{name}_bucket", labels | {"le"})
    return found


def names_in(query: str) -> Iterator[tuple[str, set[str]]]:
    """Each series that a query names, with the labels it selects by."""
    for name, selected in re.findall(r"(sekisho_\w+)(?:\{([^}]*)\})?", query):
        yield name, set(re.findall(r"(\w+)(?=!?=~?\")", selected))


@pytest.mark.needs("promtool")
def test_alerts_are_well_formed_and_fire_when_they_should_and_at_no_other_time():
    assert f"SUCCESS: {len(rules())} rules found" in promtool("check", "rules", ALERTS)
    assert "SUCCESS" in promtool("test", "rules", GOLDEN)


def test_every_alert_has_a_case_in_which_it_fires_a_severity_and_a_runbook():
    fired = set(re.findall(r'alertname="(\w+)",alertstate="firing"', GOLDEN.read_text()))
    for rule in rules():
        assert rule["alert"] in fired
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert set(rule["annotations"]) == {"summary", "runbook"}


@pytest.mark.parametrize(
    "query",
    [rule["expr"] for rule in rules()]
    + [query for row in dashboard.ROWS for p in row.panels for query, _ in p.queries],
)
def test_nothing_is_asked_for_that_the_gateway_does_not_tell(query: str):
    series, asked = known(), list(names_in(query))
    assert asked
    for name, labels in asked:
        assert name in series, name
        assert labels - {"job"} <= series[name], name


def test_the_dashboard_is_what_its_script_makes():
    assert dashboard.FILE.read_text() == dashboard.text(), "python tools/dashboard.py --write"


@pytest.fixture(scope="module")
def shipping(messenger: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway whose record is signed, anchored and shipped."""
    root = tmp_path_factory.mktemp("shipping")
    made = CliRunner().invoke(main, ["audit", "keygen", str(root / "heads.pem")])
    assert made.exit_code == 0, made.output
    for folder in ("anchor", "files", "house"):
        (root / folder).mkdir()
    record = {
        "signing": {"key": str(root / "heads.pem"), "interval": 1},
        "anchors": [{"name": "folder", "directory": str(root / "anchor")}],
        "sinks": [{"name": "files", "ocsf": {"directory": str(root / "files")}}],
    }
    house = House(root / "house", messenger, {"record": record}).start()
    yield house
    house.stop()


@pytest.fixture(scope="module")
def prometheus(shipping: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    house = shipping
    one = Prometheus(tmp_path_factory.mktemp("prometheus"), house.http.removeprefix("http://"))
    try:
        one.waits_for("sekisho_build_info")
        with house.connect(SATO) as connection:
            connection.execute("SELECT name FROM users WHERE id = 4")
        with house.connect(LI) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT name FROM users")
        one.waits_for("count_over_time(sekisho_cross_border_accesses_total[10s]) >= 3")
        yield one
    finally:
        one.stop()


@pytest.mark.integration
@pytest.mark.needs("prometheus")
@pytest.mark.parametrize(("panel", "query"), PANELS)
def test_each_panel_shows_something_of_a_real_run(prometheus: Prometheus, panel: dashboard.Panel, query: str):
    asked = query.replace("$__rate_interval", "1m").replace("$__range", "5m").replace("$job", ".*")
    if " > 0" in asked:  # a series that was one from its first sample on has not increased
        asked = asked.replace(" > 0", " >= 0")
    assert prometheus.ask(asked), asked


@pytest.mark.integration
@pytest.mark.needs("prometheus")
def test_a_real_prometheus_takes_the_alerts(prometheus: Prometheus):
    prometheus.waits_for("sekisho_build_info")
    url = f"http://127.0.0.1:{prometheus.port}/api/v1/rules"
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        (group,) = json.load(answer)["data"]["groups"]
    assert [rule["name"] for rule in group["rules"]] == [rule["alert"] for rule in rules()]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
