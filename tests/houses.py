"""A whole gateway over the demo's messenger database, in this process, for tests that knock at its doors.

==============  ========  ============================================================================================
``messenger``   session   the demo's PostgreSQL 18 with its rows (``gateway.demo.database.Database``)
``house``       session   a running gateway over it: listeners for each place, an edge, gRPC, HTTP; do not break it
``analyses``    session   ``analyses("SELECT …")``: the twin's real answers, for tests without sockets
``strict_house``  session   the same over a strict datasource: client sessions are asked, not the twin
``new_house``   function  ``new_house(settings={...})``: one of the test's own, to stop and to break
``jump``        function  ``jump(7200)``: sets the doors' clock ahead or back
``apart``       function  one in a process of its own, ``sekisho serve``, for what only the kernel can do to it
==============  ========  ============================================================================================

``house.connect(LI, site="shanghai-office")`` gives a psycopg connection through the postgres door.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
import uvloop
import yaml

from gateway.app import Application
from gateway.audit.segments import Segment, list_segments
from gateway.audit.verify import segment_entries
from gateway.config_load import load
from gateway.demo.characters import Character, Issuer
from gateway.demo.database import DATABASE, PORT, Database
from gateway.demo.serving import ServeProcess, await_ready, serve
from gateway.demo.settings import DATASOURCE, Layout, Ports, configuration, free_port, free_ports
from gateway.doors.postgres import nonce
from gateway.links.server import Credentials
from gateway.links.twin import Twin
from gateway.needs import Analysis
from gateway.world import server_address

_TTL = 3600
_CLOCKS = (
    "desk",
    "pg_express",
    "pg_limits",
    "pg_proof",
    "pg_record",
    "pg_session",
    "pg_traces",
    "postgres",
)  # modules of doors


def distinct_ports(count: int) -> list[int]:
    """Ports nobody uses now, none twice."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


def _ports_beside(settings: Mapping[str, Any]) -> Ports:
    """A house's own ports: none that a test has drawn for listeners of its."""
    drawn = {int(one["address"].rpartition(":")[2]) for one in settings.get("listeners", {}).get("postgres", ())}
    while True:
        ports = free_ports()
        if drawn.isdisjoint({*ports.sites.values(), ports.edge, ports.grpc, ports.http}):
            return ports


class House:
    """One gateway in a thread of its own."""

    def __init__(
        self,
        root: Path,
        database: Database | None,
        settings: Mapping[str, Any] | None = None,
        *,
        strict: bool | None = None,
        epoch_interval_ms: int = 250,
        profiles: Sequence[Mapping[str, Any]] | None = None,
        search_paths: tuple[str, ...] = (),
        ports: Ports | None = None,
    ) -> None:
        self.layout = Layout(root=root)
        self.layout.make()
        self.issuer = Issuer()
        self.issuer.write_jwks(self.layout.jwks)
        self.ports: Ports = ports or _ports_beside(settings or {})
        socket_directory = database.socket_directory if database is not None else root
        document: dict[str, Any] = configuration(
            self.layout, self.ports, socket_directory=socket_directory, database=DATABASE
        )
        document["listeners"]["grpc"]["edges"] = ["127.0.0.1/32"]
        document["listeners"]["http"]["edges"] = ["127.0.0.1/32"]
        # One house serves tests that are refused hundreds of times in a minute, and each wants to see its entry.
        # Wrong passwords, too, all come from one address.
        document["limits"] = {"refusals": 1_000_000, "refusals_per_address": 1_000_000, "guess_delay_ms": 0}
        document["datasources"][0]["port"] = PORT
        document["datasources"][0]["twin"]["epoch_interval_ms"] = epoch_interval_ms
        document["datasources"][0]["strict"] = strict
        if profiles is not None:
            document["datasources"][0]["profiles"] = list(profiles)
        document["datasources"][0]["search_paths"] = [*search_paths]
        merge(document, settings or {})
        self.layout.config.write_text(yaml.safe_dump(document))
        self._known: dict[Path, tuple[int, list[Mapping[str, Any]]]] = {}  # read of each segment: so many bytes
        self.application: Application | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._failure: BaseException | None = None

    def start(self) -> House:
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="gateway")
        self._thread.start()
        started.wait(30)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def _run(self, started: threading.Event) -> None:
        async def work() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            application = Application(load(self.layout.config, {}))
            try:
                await application.start()
            except BaseException as error:
                self._failure = error
                started.set()
                return
            self.application = application
            started.set()
            await self._stop.wait()
            await application.stop()

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work())

    def stop(self) -> None:
        if self._loop is not None and self._stop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(60)
            assert not self._thread.is_alive(), "the gateway did not stop"

    def on_loop(self, work: Callable[[], Any]) -> Any:
        """Run something on the gateway's loop and give its result."""

        async def call() -> Any:
            return work()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(60)

    def token(self, who: Character, **options: Any) -> str:
        options = {"at": int(time.time()), "ttl": _TTL, **options}
        return self.issuer.token(who, **options)

    def parameters(self, who: Character, *, site: str | None = None, password: str | None = None) -> dict[str, Any]:
        return {
            "host": "127.0.0.1",
            "port": self.ports.sites[site or who.site],
            "dbname": DATASOURCE,
            "user": who.subject,
            "password": self.token(who) if password is None else password,
            "sslmode": "disable",
            "connect_timeout": 10,
        }

    def connect(self, who: Character, *, site: str | None = None, **options: Any) -> psycopg.Connection[Any]:
        options = {"autocommit": True, **options}
        return psycopg.connect(**self.parameters(who, site=site), **options)

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.ports.http}"

    def entries(self, kind: str | None = None) -> list[Mapping[str, Any]]:
        """The record so far."""
        segments = [one for writer in list_segments(self.layout.record).values() for one in writer]
        found = [dict(entry) for segment in segments for entry in self._read(segment)]
        return [entry for entry in found if kind is None or entry.get("kind") == kind]

    def _read(self, segment: Segment) -> list[Mapping[str, Any]]:
        """One segment's entries. Lines are only ever added to it: what was read before is not read again."""
        now = segment.path.stat()
        was, known = self._known.get(segment.path, (0, []))
        if now.st_size > was:
            with segment.path.open("rb") as file:
                file.seek(was)
                more = file.read().rpartition(b"\n")[0]
            try:
                fresh = [json.loads(line) for line in more.split(b"\n") if line]
            except ValueError:  # somebody spoils it on purpose
                return list(segment_entries(segment))
            known = [*known, *fresh]
            self._known[segment.path] = was + len(more) + bool(more), known
        elif now.st_size < was:
            return list(segment_entries(segment))
        return known

    def metric(self, name: str, **labels: str) -> float:
        assert self.application is not None
        registry = self.application.desk.metrics.registry
        # Its own collector alone, where it says which it is: a test that waits asks a hundred times.
        for family in registry.restricted_registry([name]).collect():
            for sample in family.samples:
                if (sample.name, sample.labels) == (name, labels):
                    return float(sample.value)
        return registry.get_sample_value(name, labels) or 0.0


def merge(document: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Settings put over others, section by section."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(document.get(key), dict):
            merge(document[key], value)
        else:
            document[key] = json.loads(json.dumps(value))


@pytest.fixture(scope="session")
def messenger() -> Iterator[Database]:
    """The demo's database."""
    with tempfile.TemporaryDirectory(prefix="sekisho-test-") as directory:
        database = Database(Path(directory))
        database.start()
        yield database
        database.stop()


@pytest.fixture(scope="session")
def house(messenger: Database) -> Iterator[House]:
    """A gateway to knock at."""
    with tempfile.TemporaryDirectory(prefix="sekisho-house-") as directory:
        running = House(Path(directory), messenger).start()
        yield running
        running.stop()


@pytest.fixture(scope="session")
def strict_house(messenger: Database) -> Iterator[House]:
    """A gateway that asks the client's own session."""
    with messenger.connect() as admin:
        for role in ("sekisho_engineer", "sekisho_moderator"):
            admin.execute(f"ALTER ROLE {role} SET log_min_messages = panic")  # type: ignore[arg-type]
    with tempfile.TemporaryDirectory(prefix="sekisho-strict-") as directory:
        running = House(Path(directory), messenger, strict=True).start()
        yield running
        running.stop()


@pytest.fixture
def new_house(messenger: Database) -> Iterator[Callable[..., House]]:
    """Gateways to break."""
    running: list[House] = []
    with tempfile.TemporaryDirectory(prefix="sekisho-house-") as directory:

        def make(
            settings: Mapping[str, Any] | None = None, *, database: Database | None = messenger, **source: Any
        ) -> House:
            root = Path(directory) / str(len(running))
            root.mkdir()
            one = House(root, database, settings, **source)
            running.append(one)
            return one.start()

        yield make
        for one in reversed(running):
            one.stop()


Apart = tuple[House, Callable[[], ServeProcess]]


@pytest.fixture
def apart(messenger: Database) -> Iterator[Apart]:
    """A house whose gateway is a process of its own, and how to start it, again and again."""
    running: list[ServeProcess] = []
    with tempfile.TemporaryDirectory(prefix="sekisho-apart-") as directory:
        house = House(Path(directory), messenger)

        def start() -> ServeProcess:
            running.append(serve(house.layout.config))
            await_ready(running[-1], house.ports.ready_url, seconds=30)
            return running[-1]

        yield house, start
        for process in running:
            process.stop()


@pytest.fixture
def jump(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the door's clock forward or back."""

    def to(seconds: float) -> None:
        shifted = SimpleNamespace(
            time=lambda: time.time() + seconds,
            time_ns=lambda: time.time_ns() + int(seconds * 1e9),
            monotonic=time.monotonic,
        )
        for module in _CLOCKS:
            monkeypatch.setattr(f"gateway.doors.{module}.time", shifted)

    return to


class Analyses:
    """The twin's answers for statements on the messenger database, each asked for once: trees for pure tests."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[tuple[str, str], Analysis] = {}

    def __call__(self, text: str, profile: str = "engineer") -> Analysis:
        if (profile, text) not in self._known:
            self._known[profile, text] = asyncio.run(self._ask(text, profile))
        return self._known[profile, text]

    async def _ask(self, text: str, profile: str) -> Analysis:
        with tempfile.TemporaryDirectory() as directory:
            house = House(Path(directory), self._database)
            source = load(house.layout.config, {}).datasources[0]
            twin = Twin(
                source,
                address=server_address(source),
                credentials=Credentials(user=source.twin.role, password=None),
                tree_bytes=8 * 1024 * 1024,
                nonce=nonce,
                changed=lambda: None,
            )
            await twin.start()
            try:
                return await twin.analyse(profile, text, ())
            finally:
                twin.close()


@pytest.fixture(scope="session")
def analyses(messenger: Database) -> Analyses:
    """Real trees: ``analyses("SELECT …")``."""
    return Analyses(messenger)
