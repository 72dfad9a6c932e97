"""A gateway whose policy and registry come from a web server, as a signed bundle."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner

from gateway.cli import main
from gateway.demo.characters import SATO
from gateway.demo.database import Database
from tests.engines import opa_serving
from tests.houses import House
from tests.integration.postgres_wire import until
from tests.unit.links.key_servers import KeyServer, key_server
from tests.unit.policy.keys import PRIVATE, PUBLIC

pytestmark = pytest.mark.integration

PEOPLE = "SELECT name FROM users WHERE id = 1"
BLOCK = "blocks: [{id: now, country: JP, reason: stop}]\n...\n"


class Publisher:
    """What the server hands out."""

    def __init__(self, root: Path, server: KeyServer, registry: Path) -> None:
        self.server, self.registry, self._root, self._number = server, root / "published", root, 0
        shutil.copytree(registry, self.registry)
        (root / "private.pem").write_text(PRIVATE)
        (root / "public.pem").write_text(PUBLIC)
        self.blocks("blocks: []\n...\n")

    def blocks(self, text: str) -> float:
        """Publish these blocks; the moment they are there."""
        (self.registry / "blocks.yaml").write_text(text)
        out = self._root / "bundle.tar.gz"
        words = ["--registry", self.registry, "--signing-key", self._root / "private.pem", "--out", out]
        made = CliRunner().invoke(main, ["bundle", "build", *map(str, words)])
        assert made.exit_code == 0, made.output
        return self.publish(out.read_bytes())

    def publish(self, data: bytes) -> float:
        self._number += 1
        self.server.document, self.server.etag = data, f'"{self._number}"'
        return time.monotonic()

    @property
    def bundle(self) -> Path:
        return self._root / "bundle.tar.gz"


@pytest.fixture
def made(messenger: Database) -> Iterator[Callable[..., tuple[House, Publisher]]]:
    running: list[House] = []
    with tempfile.TemporaryDirectory(prefix="sekisho-bundles-") as directory, key_server(b"") as server:
        root = Path(directory)

        def make(max_age: int = 0) -> tuple[House, Publisher]:
            kept = root / "kept"
            source = {"url": server.url, "directory": str(kept), "key": str(root / "public.pem")}
            settings = {
                "policy": {"directory": None, "bundle": source},
                "registry": {"directory": str(kept / "current/registry"), "delivery": "symlink"},
            }
            (root / "house").mkdir()
            house = House(root / "house", messenger, settings)
            change(house, "datasources", 0, "max_age", to=max_age)
            publisher = Publisher(root, server, house.layout.registry)
            running.append(house)
            return house.start(), publisher

        yield make
        for one in running:
            one.stop()


def change(house: House, *path: str | int, to: Any) -> None:
    """One place of its configuration."""
    document = yaml.safe_load(house.layout.config.read_text())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    house.layout.config.write_text(yaml.safe_dump(document))


def works(connection: psycopg.Connection) -> bool:
    return connection.execute(PEOPLE).fetchone() is not None  # type: ignore[arg-type]


def refused(connection: psycopg.Connection) -> bool:
    try:
        connection.execute(PEOPLE)  # type: ignore[arg-type]
    except psycopg.Error:
        return True
    return False


def figure(house: House, name: str, **labels: str) -> float:
    found = house.application.desk.metrics.registry.get_sample_value(f"sekisho_{name}", labels)  # type: ignore[union-attr]
    return found or 0.0


def test_a_block_that_is_published_stops_an_open_session_and_a_bad_bundle_lifts_nothing(
    made: Callable[..., tuple[House, Publisher]],
) -> None:
    house, publisher = made()
    with house.connect(SATO) as connection:
        assert works(connection)
        published = publisher.blocks(BLOCK)
        until(lambda: refused(connection), seconds=20)
        assert time.monotonic() - published < 10
    publisher.publish(publisher.bundle.read_bytes()[:-300])
    until(lambda: figure(house, "data_refused_seconds", dataset="bundle") > 0, seconds=20)
    with pytest.raises(psycopg.OperationalError):
        house.connect(SATO).close()


def test_a_start_without_the_server_has_what_was_good_last(made: Callable[..., tuple[House, Publisher]]) -> None:
    house, publisher = made()
    with house.connect(SATO) as connection:
        assert works(connection)
    house.stop()
    publisher.server.status, publisher.server.etag = 503, None
    house.start()
    with house.connect(SATO) as connection:
        assert works(connection)


def test_rules_that_nobody_confirms_any_more_decide_no_more(made: Callable[..., tuple[House, Publisher]]) -> None:
    house, publisher = made(max_age=5)
    with house.connect(SATO) as connection:
        assert works(connection)
        publisher.server.status, publisher.server.etag = 503, None
        until(lambda: refused(connection), seconds=30)
        assert {entry["reason"] for entry in house.entries("refusal")} == {"policy_stale"}
        publisher.server.status = 200
        until(lambda: not refused(connection), seconds=30)


def test_opa_decides_by_the_same_bundle(made: Callable[..., tuple[House, Publisher]]) -> None:
    house, publisher = made()
    house.stop()
    key = ("--verification-key", str(publisher.bundle.with_name("public.pem")), "--verification-key-id", "sekisho")
    with opa_serving("--bundle", str(publisher.bundle), *key, "--signing-alg", "ES256") as opa:
        change(house, "policy", "engine", to="opa")
        change(house, "policy", "opa", to={"url": opa.url})
        house.start()
        with house.connect(SATO) as connection:
            assert works(connection)
            opa.process.kill()
            opa.process.wait()
            assert works(connection), "what is decided stands"
            with pytest.raises(psycopg.Error) as caught:
                connection.execute("SELECT phone FROM users")
            assert caught.value.sqlstate == "58000"
    assert [entry["reason"] for entry in house.entries("refusal")] == ["engine_unavailable"]
    assert figure(house, "engine_up") == 0
