"""``sekisho serve --workers N``, the real processes, on loopback ports of a house's own.

A session's worker is read off its cancel key: the process id tells whose it is (`gateway.doors.cancel`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from prometheus_client.parser import text_string_to_metric_families

from gateway.demo.characters import SATO, Character
from gateway.demo.database import Database
from tests.houses import House

Session = psycopg.Connection[Any]


class Crew:
    """A house whose gateway runs as several workers and their supervisor."""

    def __init__(
        self, root: Path, database: Database, settings: Mapping[str, Any] | None = None, *, workers: int = 2
    ) -> None:
        self.house = House(root, database, settings)
        self.workers = workers
        self.log = root / "gateway.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli", "serve", "--workers", str(self.workers)],
                env=os.environ | {"SEKISHO_CONFIG": str(self.house.layout.config)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def tail(self) -> str:
        return self.log.read_text()[-4000:]

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)

    def refused(self) -> list[str]:
        """The problems it ends with instead of starting."""
        self.start()
        assert self.process is not None
        assert self.process.wait(30) == 2
        return [line.removeprefix("error: ") for line in self.tail().splitlines() if line.startswith("error: ")]

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def pid(self, number: int) -> int:
        """Of worker 1, 2, ..."""
        return [line["pid"] for line in self.logged("worker_started") if line["worker"] == number][-1]

    def session(self, number: int, kept: list[Session], who: Character = SATO, *, site: str | None = None) -> Session:
        """A session of that worker: knock until it is one."""
        for _ in range(64):
            kept.append(self.house.connect(who, site=site))
            if kept[-1].info.backend_pid % self.workers + 1 == number:
                return kept[-1]
        raise AssertionError("64 connections, and none landed there")

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.house.http}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name: str, **labels: str) -> float:
        families = text_string_to_metric_families(self.get("/metrics"))
        found = [one for family in families for one in family.samples if one.name == f"sekisho_{name}"]
        (sample,) = (one for one in found if one.labels == labels)
        return sample.value

    def everything(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """All that only grows."""
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self.get("/metrics"))
            for sample in family.samples
            if family.type in ("counter", "histogram")
        }
