"""From the moment a block is published to the last row that a blocked person gets, in sessions that are open.

Published is: the file of blocks is replaced in the registry's folder, or a web server has another bundle. Two clients
of one person are there: one asks again and again, one is being sent a result without end.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from gateway.config import BundleSource
from gateway.demo.characters import SATO
from gateway.demo.database import Database
from gateway.demo.serving import await_ready, serve
from gateway.facts.registry import load_registry
from gateway.links.sources import packaged_policies
from gateway.policy.archive import pack
from gateway.policy.bundle import load_bundle
from tests.bench.figures import Table, shown
from tests.houses import House
from tests.integration.postgres_wire import Wire, query
from tests.unit.links.key_servers import KeyServer, key_server

_BLOCKED = "blocks: [{id: now, country: JP, reason: stop}]\n...\n"
_FREE = "blocks: []\n...\n"
_ASKED = "SELECT name FROM users WHERE id = 1"
_ENDLESS = "SELECT a.name FROM users a, users b, users c, users d, users e, users f, users g, users h, users i"
_PATIENCE = 20.0  # seconds
_AIMS = {"file": 0.1, "bundle": 1.0}
_TITLES = {
    "file": "a file in the registry's folder",
    "bundle": f"a bundle, asked for every {BundleSource(url='', directory=Path()).poll_ms} ms",
}

Publish = Callable[[str], None]


def tables(*, rounds: int) -> list[Table]:
    """The delays of both ways."""
    rows, data = [], []
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-block-") as directory:
        database = Database(Path(directory))
        database.start()
        try:
            for way, opened in (("file", _by_file), ("bundle", _by_bundle)):
                with opened(database) as (house, publish):
                    found = [_round(house, publish) for _ in range(rounds)]
                for what, delays in zip(("asking", "receiving"), zip(*found, strict=True), strict=True):
                    worst, aim = max(delays), _AIMS[way]
                    middle = sorted(delays)[len(delays) // 2]
                    figures = (shown(middle * 1000, "{:.0f}"), shown(worst * 1000, "{:.0f}"), f"< {aim * 1000:.0f}")
                    rows.append((_TITLES[way], what, *figures, "yes" if worst < aim else "no"))
                    seconds = {"median_s": middle, "worst_s": worst, "aim_s": aim}
                    data.append({"published_as": way, "client": what, **seconds, "met": worst < aim})
        finally:
            database.stop()
    return [
        Table(
            name="killswitch",
            title=f"From a block's publication to the last row to a blocked person, open sessions, {rounds} times",
            columns=("published as", "a client", "median ms", "worst ms", "aim", "met"),
            rows=tuple(rows),
            data=tuple(data),
            notes=("asking: short statements one after the other; receiving: a result without end.",),
        )
    ]


@contextlib.contextmanager
def _by_file(database: Database) -> Iterator[tuple[House, Publish]]:
    with _serving(database, {}) as house:
        path = house.layout.registry / "blocks.yaml"

        def publish(text: str) -> None:
            part = path.with_suffix(".part")
            part.write_text(text)
            part.replace(path)

        yield house, publish


@contextlib.contextmanager
def _by_bundle(database: Database) -> Iterator[tuple[House, Publish]]:
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-bundle-") as directory, key_server(b"") as server:
        kept = Path(directory) / "kept"
        source = {"url": server.url, "directory": str(kept), "accept_unsigned": True, "wait": 0}
        settings: dict[str, object] = {
            "policy": {"directory": None, "bundle": source},
            "registry": {"directory": str(kept / "current/registry"), "delivery": "symlink"},
        }
        with _serving(database, settings, server) as house:
            bundles = {text: _bundle(house, text) for text in (_FREE, _BLOCKED)}

            def publish(text: str) -> None:
                server.document, server.etag = bundles[text], f'"{hash(text)}"'

            yield house, publish


@contextlib.contextmanager
def _serving(database: Database, settings: dict[str, object], server: KeyServer | None = None) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="sekisho-bench-house-") as directory:
        house = House(Path(directory), database, settings)
        if server is not None:
            server.document, server.etag = _bundle(house, _FREE), '"0"'
        process = serve(house.layout.config)
        try:
            await_ready(process, house.ports.ready_url, seconds=60)
            yield house
        finally:
            process.stop()


def _bundle(house: House, blocks: str) -> bytes:
    folder = house.layout.registry
    (folder / "blocks.yaml").write_text(blocks)
    policy, registry = load_bundle(packaged_policies()), load_registry(folder)
    files = {name: (folder / name).read_bytes() for name in registry.contents.hashes}
    return pack(policy, files, f"{policy.revision}+{registry.revision}")


def _round(house: House, publish: Publish) -> tuple[float, float]:
    """Seconds after a publication for which each client still got rows."""
    publish(_FREE)
    connected = _connected(house)
    wire = Wire(house.ports.sites[SATO.site]).login(house, SATO)
    last = [0.0, 0.0]
    begun = [threading.Event(), threading.Event()]

    def asking() -> None:
        with contextlib.suppress(psycopg.Error), connected as connection:
            while connection.execute(_ASKED).fetchone() is not None:  # type: ignore[arg-type]
                last[0] = time.monotonic()
                begun[0].set()

    def receiving() -> None:
        with wire:
            wire.send(query(_ENDLESS))
            while wire.socket.recv(1 << 20):
                last[1] = time.monotonic()
                begun[1].set()

    threads = [threading.Thread(target=work) for work in (asking, receiving)]
    for thread in threads:
        thread.start()
    for event in begun:
        if not event.wait(_PATIENCE):
            raise RuntimeError("nothing was served before the block")
    time.sleep(0.3)  # both are well under way
    published = time.monotonic()
    publish(_BLOCKED)
    for thread in threads:
        thread.join(_PATIENCE)
        if thread.is_alive():
            raise RuntimeError(f"still served {_PATIENCE:g} s after the block")
    return max(0.0, last[0] - published), max(0.0, last[1] - published)


def _connected(house: House) -> psycopg.Connection[tuple[object, ...]]:
    """A session, as soon as nobody is blocked."""
    patience = time.monotonic() + _PATIENCE
    while True:
        try:
            return house.connect(SATO)
        except psycopg.OperationalError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.1)
