"""Makes the data of README's figures, and the picture: ``python -m tools.figure.play`` takes four minutes.

A gateway in a process of its own, the demo's database behind it and a real Prometheus that scrapes it every second; the
people of the LINE case ask again and again, each from where they were, by a seeded clock. Then Prometheus is asked the
dashboard's own queries, and its answers are kept beside the picture.
"""

from __future__ import annotations

import json
import random
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from gateway.demo.characters import SATO, TANAKA, Character
from gateway.demo.database import Database
from gateway.demo.serving import await_ready, serve
from gateway.demo.story import STORY, Query
from tests.houses import House
from tests.prometheus_server import Prometheus
from tools import dashboard
from tools.figure.draw import DATA, PICTURE, picture

SECONDS, STEP, RATE = 240, 3, "20s"
WARM = 40  # seconds before the clock starts: a rate needs a past, and a first statement is no measure
ABOUT = (
    "The LINE case of 2021, played for four minutes through the postgres door on a real PostgreSQL 18. "
    "The numbers are what a real Prometheus answered to the queries of the dashboard."
)


@dataclass(frozen=True, slots=True)
class Part:
    """Who asks what of the story, how often in a second, from when until when."""

    who: Character
    site: str
    queries: tuple[Query, ...]
    rate: float
    begins: int = 0
    ends: int = SECONDS


def parts() -> list[Part]:
    """The working day of these people: Japan reads, Korea pays, Shanghai and Dalian come, and somebody travels."""
    line = [(step.who, step.site, step.queries) for step in STORY]
    tokyo, shanghai, vpn, dalian, fukuoka, stickers, seoul, trip = line
    return [
        Part(*tokyo, 9),
        Part(SATO, "tokyo-hq", stickers[2], 4),
        Part(*fukuoka, 5),
        Part(TANAKA, "fukuoka-center", stickers[2], 2, 30),
        Part(*seoul, 3, 15),
        Part(*shanghai, 4, 60, 200),
        Part(*dalian, 3, 90, 165),
        Part(*vpn, 2, 140, 200),
        Part(*stickers, 1, 60),
        Part(*trip, 2, 150),
    ]


def play(part: Part, number: int, house: House, began: float) -> None:
    """One person's statements; a denial is an answer."""
    dice = random.Random(number)  # the same day each time
    moment, asked = float(part.begins or -WARM), 0
    connection: psycopg.Connection[Any] | None = None
    while (moment := moment + dice.expovariate(part.rate)) < part.ends:
        time.sleep(max(0.0, began + moment - time.monotonic()))
        connection = connection or house.connect(part.who, site=part.site)
        query = part.queries[asked % len(part.queries)]
        asked += 1
        try:
            connection.execute(query.sql, query.parameters or None).fetchall()
        except psycopg.errors.InsufficientPrivilege:
            continue
    if connection is not None:
        connection.close()


def answers(prometheus: Prometheus, panel: dashboard.Panel, start: float, end: float) -> dict[str, Any]:
    """What a panel would show: its series with their legends; points are (number of the step, value)."""
    series = []
    for query, legend in panel.queries:
        asked = query.replace("$__rate_interval", RATE).replace("$__range", f"{SECONDS}s").replace("$job", ".*")
        over = panel.kind == "timeseries"
        found = prometheus.ask_over(asked, start, end, STEP) if over else prometheus.ask(asked)
        for one in found:
            told = legend
            for label, value in one["metric"].items():
                told = told.replace("{{" + label + "}}", value)
            pairs = one["values"] if over else [one["value"]]
            points = [
                [round((moment - start) / STEP) if over else 0, float(f"{float(value):.4g}")]
                for moment, value in pairs
                if value not in ("NaN", "+Inf")
            ]
            if any(value for _, value in points) or not over:
                series.append({"legend": told.strip(), "labels": dict(sorted(one["metric"].items())), "points": points})
    return {"about": panel.about, "series": sorted(series, key=lambda one: (one["legend"], str(one["labels"])))}


def run(folder: Path) -> dict[str, Any]:
    """The whole day, and what is kept of it."""
    for name in ("house", "database"):
        (folder / name).mkdir()
    database = Database(folder / "database")
    database.start()
    house = House(folder / "house", database)
    gateway = serve(house.layout.config)
    await_ready(gateway, house.ports.ready_url, seconds=60)
    prometheus = Prometheus(folder, house.http.removeprefix("http://"), interval="1s")
    try:
        prometheus.waits_for("count_over_time(sekisho_build_info[10s]) >= 3")
        began, start = time.monotonic() + WARM, time.time() + WARM
        people = [
            threading.Thread(target=play, args=(part, number, house, began)) for number, part in enumerate(parts())
        ]
        for one in people:
            one.start()
        for one in people:
            one.join()
        end = start + SECONDS
        prometheus.waits_for(f"timestamp(sekisho_build_info) >= {max(end, time.time())}")
        # In the order of the dashboard, and only what the picture shows.
        panels = {one.title: answers(prometheus, one, start, end) for row in dashboard.ROWS for one in row.panels}
        shown = ("Decisions", "Denials by rule", "Denials by country", "Country to country", "Undisclosed destinations")
        shown += ("Rules in shadow", "Kill-switch", "Writable", "Size", "Sessions")
        shown += ("Decision, by stage (p99)", "Wait for the record (p99)", "Entries")
        return {
            "title": "Sekisho: the figures of a run",
            "about": ABOUT,
            "clock": {"step": STEP, "points": SECONDS // STEP + 1},
            "panels": {title: panels[title] for title in shown},
        }
    finally:
        prometheus.stop()
        gateway.stop()
        database.stop()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="sekisho-figure-") as directory:
        data = run(Path(directory))
    DATA.write_text(json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n")
    PICTURE.write_text(picture(data))
