"""A real Prometheus that scrapes a gateway, with the alerts of the chart: Debian's ``prometheus``."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from gateway.demo.settings import free_port
from tests.servers import require_tool

ALERTS = Path(__file__).parents[1] / "helm" / "sekisho" / "files" / "alerts.yaml"


class Prometheus:
    """A real one that scrapes one gateway."""

    def __init__(self, folder: Path, target: str, *, interval: str = "250ms") -> None:
        self.port = free_port()
        config = {
            "global": {"scrape_interval": interval, "scrape_timeout": interval},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [{"job_name": "sekisho", "static_configs": [{"targets": [target]}]}],
        }
        file = folder / "prometheus.yaml"
        file.write_text(json.dumps(config))
        self._log = (folder / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            [
                require_tool("prometheus"),
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The result of a query, now."""
        return self._get("query", query=query)

    def ask_over(self, query: str, start: float, end: float, step: int) -> list[dict[str, Any]]:
        """The result of a query at each moment of some time."""
        return self._get("query_range", query=query, start=str(start), end=str(end), step=str(step))

    def _get(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=10) as answer:
            document = json.load(answer)
        assert document["status"] == "success"
        result: list[dict[str, Any]] = document["data"]["result"]
        return result

    def waits_for(self, query: str) -> None:
        """Until it has an answer."""
        deadline = time.monotonic() + 60
        while True:
            try:
                if self.ask(query):
                    return
            except OSError:
                assert self.process.poll() is None, Path(self._log.name).read_text()
            assert time.monotonic() < deadline, Path(self._log.name).read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        self._log.close()
