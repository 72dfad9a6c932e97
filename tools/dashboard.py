"""Writes the Grafana dashboard: ``python tools/dashboard.py`` prints it, ``--write`` puts it where the chart takes it.

The panels below are the whole of it; a test holds the file to them and asks a real Prometheus every one of the queries.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "helm" / "sekisho" / "files" / "dashboard.json"
RATE = "$__rate_interval"
SOURCE = {"type": "prometheus", "uid": "${source}"}
SELECTED = 'job=~"$job"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture: what it says, and the queries with their legends. ``width`` is of 24."""

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"  # timeseries | stat | table
    unit: str = "short"
    width: int = 8
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: tuple[Panel, ...]


def rate(metric: str, by: str, where: str = "") -> str:
    """Per second, summed by some labels."""
    return f"sum by ({by}) (rate({metric}{{{SELECTED}{where}}}[{RATE}]))"


def quantile(share: float, metric: str, by: str, where: str = "") -> str:
    """Of a histogram."""
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket{{{SELECTED}{where}}}[{RATE}])))"


def gauge(metric: str, how: str, by: str, where: str = "") -> str:
    """As it stands."""
    return f"{how} by ({by}) ({metric}{{{SELECTED}{where}}})"


ROWS = (
    Row(
        "What was asked and answered",
        (
            Panel(
                title="Decisions",
                about="Per second, by effect. `shadow`: allowed only because a rule does not act yet.",
                queries=((rate("sekisho_decisions_total", "effect, mode"), "{{effect}} {{mode}}"),),
                unit="ops",
                stacked=True,
            ),
            Panel(
                title="Denials by rule",
                about="Per second; a denial counts for each rule that denied.",
                queries=((rate("sekisho_denials_total", "layer, rule", ',rule!="none"'), "{{layer}} {{rule}}"),),
                unit="ops",
            ),
            Panel(
                title="Denials without a rule",
                about="What could not be understood, decided or recorded. Engine, twin or record: look.",
                queries=((rate("sekisho_denials_total", "reason", ',rule="none"'), "{{reason}}"),),
                unit="ops",
            ),
        ),
    ),
    Row(
        "Who sees whose data",
        (
            Panel(
                title="Country to country",
                about="Accesses across a border in the time shown: once for each origin, subject country and category.",
                queries=(
                    (
                        "sum by (origin, subject, data_type, effect) "
                        f"(increase(sekisho_cross_border_accesses_total{{{SELECTED}}}[$__range])) > 0",
                        "",
                    ),
                ),
                kind="table",
                width=12,
            ),
            Panel(
                title="Denials by country",
                about="Accesses across a border that were denied, by where they came from.",
                queries=((rate("sekisho_cross_border_accesses_total", "origin", ',effect="deny"'), "{{origin}}"),),
                unit="ops",
                width=6,
            ),
            Panel(
                title="Undisclosed destinations",
                about="Accesses from, or for, a country that users were not told of, in the time shown. 0 is right.",
                queries=((f"sum(increase(sekisho_undisclosed_destinations_total{{{SELECTED}}}[$__range]))", ""),),
                kind="stat",
                width=6,
            ),
            Panel(
                title="Rows about people",
                about="That went out, by origin and category of data.",
                queries=((rate("sekisho_rows_returned_total", "origin, data_type"), "{{origin}} {{data_type}}"),),
                unit="rowsps",
            ),
            Panel(
                title="Bytes about people",
                about="The same, as bytes on the wire.",
                queries=((rate("sekisho_bytes_returned_total", "origin, data_type"), "{{origin}} {{data_type}}"),),
                unit="Bps",
            ),
            Panel(
                title="Places looked up",
                about="Where people are: known, unknown, or told differently by several.",
                queries=((rate("sekisho_location_resolutions_total", "source, result"), "{{source}} {{result}}"),),
                unit="ops",
            ),
        ),
    ),
    Row(
        "How long it takes",
        (
            Panel(
                title="Decision, in all",
                about="Half of them, and all but one in a hundred, are faster.",
                queries=(
                    (quantile(0.5, "sekisho_decision_duration_seconds", "door", ',stage="total"'), "{{door}} p50"),
                    (quantile(0.99, "sekisho_decision_duration_seconds", "door", ',stage="total"'), "{{door}} p99"),
                ),
                unit="s",
            ),
            Panel(
                title="Decision, by stage (p99)",
                about="Understand asks the database, decide the rules, record the disk.",
                queries=((quantile(0.99, "sekisho_decision_duration_seconds", "stage"), "{{stage}}"),),
                unit="s",
            ),
            Panel(
                title="Wait for the record (p99)",
                about="Until an entry is as durable as it has to be.",
                queries=((quantile(0.99, "sekisho_record_wait_seconds", "durability"), "{{durability}}"),),
                unit="s",
            ),
        ),
    ),
    Row(
        "The record",
        (
            Panel(
                title="Entries",
                about="Per second, by what they had survived before bytes went on.",
                queries=((rate("sekisho_record_entries_total", "durability"), "{{durability}}"),),
                unit="wps",
            ),
            Panel(
                title="Room on its disk",
                about="Until it is full, at the pace of late. Endless where the record does not grow.",
                queries=((gauge("sekisho_record_headroom_seconds", "min", "job"), "room"),),
                unit="s",
            ),
            Panel(
                title="Writable",
                about="1: entries are taken. 0: whatever asks is denied.",
                queries=((gauge("sekisho_record_writable", "min", "job"), "writable"),),
                kind="stat",
                width=4,
            ),
            Panel(
                title="Size",
                about="Of the segments on this disk.",
                queries=((gauge("sekisho_record_bytes", "sum", "job"), "bytes"),),
                kind="stat",
                unit="bytes",
                width=4,
            ),
            Panel(
                title="Behind, by sink",
                about="Age of the oldest entry that a sink does not have yet.",
                queries=((gauge("sekisho_record_lag_seconds", "max", "sink"), "{{sink}}"),),
                unit="s",
            ),
            Panel(
                title="Spool, by sink",
                about="Bytes of the record that a sink does not have yet.",
                queries=((gauge("sekisho_record_spool_bytes", "sum", "sink"), "{{sink}}"),),
                unit="bytes",
            ),
            Panel(
                title="Behind, by anchor",
                about="Age of the oldest signed head that is not at an anchor yet.",
                queries=((gauge("sekisho_record_anchor_lag_seconds", "max", "anchor"), "{{anchor}}"),),
                unit="s",
            ),
        ),
    ),
    Row(
        "Is it well",
        (
            Panel(
                title="Twins, engine, counts",
                about="1: answers. Without a twin what is new is denied, without an engine everything.",
                queries=(
                    (gauge("sekisho_twin_up", "min", "datasource", ',datasource!="other"'), "twin {{datasource}}"),
                    (gauge("sekisho_engine_up", "min", "job"), "engine"),
                    (gauge("sekisho_volume_up", "min", "job"), "counts"),
                ),
            ),
            Panel(
                title="Sessions",
                about="Open now, by door.",
                queries=((gauge("sekisho_sessions", "sum", "door"), "{{door}}"),),
            ),
            Panel(
                title="Logins",
                about="Per second, by method and result.",
                queries=((rate("sekisho_logins_total", "method, result"), "{{method}} {{result}}"),),
                unit="ops",
            ),
            Panel(
                title="Age of what decides",
                about="Of policy, registry, blocks: since it changed last.",
                queries=((gauge("sekisho_data_age_seconds", "max", "dataset"), "{{dataset}}"),),
                unit="s",
            ),
            Panel(
                title="Kill-switch",
                about="Blocks in force, by whom they stop.",
                queries=((gauge("sekisho_blocks", "max", "kind"), "{{kind}}"),),
                kind="stat",
                width=4,
            ),
            Panel(
                title="Rules in shadow",
                about="That count and do not act.",
                queries=((f"sum(max by (rule) (sekisho_shadow_mode{{{SELECTED}}}))", ""),),
                kind="stat",
                width=4,
            ),
            Panel(
                title="Revision in force",
                about="Of policy and registry; more than one for long: a replica is left behind.",
                queries=((gauge("sekisho_policy_info", "count", "revision"), "{{revision}}"),),
                kind="table",
            ),
        ),
    ),
)


def panel(one: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    """A panel as Grafana has it."""
    custom: dict[str, Any] = {"fillOpacity": 10, "showPoints": "never"}
    if one.stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    made: dict[str, Any] = {
        "id": number,
        "type": one.kind,
        "title": one.title,
        "description": one.about,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": one.width, "h": 8},
        "fieldConfig": {"defaults": {"unit": one.unit, **({"custom": custom} if one.kind == "timeseries" else {})}},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": SOURCE,
                "expr": query,
                "legendFormat": legend,
                **({"instant": True, "format": "table"} if one.kind == "table" else {}),
                **({"instant": True} if one.kind == "stat" else {}),
            }
            for place, (query, legend) in enumerate(one.queries)
        ],
    }
    if one.kind == "table":
        made["transformations"] = [
            {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "accesses"}}}
        ]
    return made


def panels() -> list[dict[str, Any]]:
    """All of them, each row below the one before."""
    made: list[dict[str, Any]] = []
    y = 0
    for row in ROWS:
        made.append(
            {"id": len(made) + 1, "type": "row", "title": row.title, "gridPos": {"x": 0, "y": y, "w": 24, "h": 1}}
        )
        y, x = y + 1, 0
        for one in row.panels:
            if x + one.width > 24:
                x, y = 0, y + 8
            made.append(panel(one, len(made) + 1, x, y))
            x += one.width
        y += 8
    return made


def variable(name: str, kind: str, query: str, **more: Any) -> dict[str, Any]:
    """A choice at the top of the page."""
    return {"name": name, "type": kind, "query": query, "label": name, **more}


def dashboard() -> dict[str, Any]:
    """The whole page."""
    return {
        "uid": "sekisho",
        "title": "Sekisho",
        "description": "Who asked for whose data, from where, and what the gateway answered.",
        "tags": ["sekisho"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                variable("source", "datasource", "prometheus"),
                variable(
                    "job",
                    "query",
                    "label_values(sekisho_build_info, job)",
                    datasource=SOURCE,
                    includeAll=True,
                    multi=True,
                    allValue=".*",
                    refresh=2,
                ),
            ]
        },
        "panels": panels(),
    }


def text() -> str:
    """As it is in the file."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        FILE.write_text(text())
    else:
        sys.stdout.write(text())
