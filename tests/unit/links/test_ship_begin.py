"""Who ships, who waits for it, and what it costs who does not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

from gateway.config import Config
from gateway.config_load import load
from gateway.config_sinks import HttpSink, Remote, Sink
from gateway.facts.sightings import Sightings
from gateway.facts.volume import VolumeCounter
from gateway.links.hub import Hub
from gateway.links.ship_begin import begin_shipping, ship_for_workers
from gateway.links.siblings import Hello, Siblings
from gateway.model import Durability
from tests.houses import House
from tests.receivers import receiving
from tests.unit.audit.chains import WRITER, open_writer, repeat, write_record
from tests.unit.links.shipments import comes_to
from tests.unit.test_sink_metrics import sink_metrics


def config_of(tmp_path: Path, url: str | None, *, remote: bool = True) -> Config:
    """A gateway that ships to that address."""
    config = load(House(tmp_path, None).layout.config, {})
    sinks = () if url is None else (Sink(name="log", http=HttpSink(url=url)),)
    record = replace(
        config.record,
        directory=tmp_path / "shipped",
        sinks=sinks,
        remote=Remote(sink="log") if remote and sinks else None,
    )
    record.directory.mkdir(exist_ok=True)
    return replace(config, record=record)


def test_who_does_not_ship_loads_nothing_of_it() -> None:
    program = (
        "import sys, gateway.links.ship_begin; "
        "sys.exit(any(name.startswith(('gateway.links.ship_process', 'gateway.links.sinks')) for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_nothing_is_begun_where_there_is_no_sink(tmp_path: Path) -> None:
    async def story() -> None:
        config = config_of(tmp_path, None)
        record = open_writer(config.record.directory)
        async with AsyncExitStack() as closing:
            assert begin_shipping(config, record, sink_metrics()[0], None, closing) is None
        hub = Hub(1, VolumeCounter(), Sightings.of(config.limits), lambda number: None)
        assert ship_for_workers(config, hub) is None
        assert hub.counts() == []
        record.close()

    asyncio.run(story())


def test_one_process_ships_for_itself_and_what_it_wrote_last_too(tmp_path: Path) -> None:
    async def story() -> None:
        with receiving() as receiver:
            config = config_of(tmp_path, receiver.url("/logs"))
            record = open_writer(config.record.directory)
            async with AsyncExitStack() as closing:
                remote = begin_shipping(config, record, sink_metrics("log")[0], None, closing)
                assert remote is not None
                told = asyncio.Event()
                loop = asyncio.get_running_loop()

                def there(error: BaseException | None) -> None:
                    assert error is None
                    loop.call_soon_threadsafe(told.set)

                record.append(repeat(1), Durability.REMOTE, remote.after(there))
                async with asyncio.timeout(20):
                    await told.wait()
                assert len(receiver.events()) == 2
                record.append(repeat(2), Durability.WRITTEN, lambda error: None)
                record.close()
            assert len(receiver.events()) == 3

    asyncio.run(story())


def test_a_worker_waits_for_what_its_supervisor_ships(tmp_path: Path) -> None:
    async def story() -> None:
        with receiving() as receiver:
            config = config_of(tmp_path, receiver.url("/logs"))
            hello = Hello(config=config, number=1, of=1, volume=VolumeCounter().snapshot())
            siblings = Siblings(hello)
            record = open_writer(config.record.directory)
            async with AsyncExitStack() as closing:
                remote = begin_shipping(config, record, sink_metrics("log")[0], siblings, closing)
                assert remote is not None
                assert remote.wake == siblings.ship
                assert (siblings.shipped, siblings.ships) == (remote.reached, remote.ships)
                assert not receiver.posts
            record.close()

    asyncio.run(story())


def test_a_supervisor_ships_counts_and_tells_its_workers(tmp_path: Path) -> None:
    async def story() -> None:
        with receiving() as receiver:
            config = config_of(tmp_path, receiver.url("/logs"))
            write_record(config.record.directory, 5)
            hub = Hub(1, VolumeCounter(), Sightings.of(config.limits), lambda number: None)
            reached: dict[str, int] = {}
            shippers = ship_for_workers(config, hub)
            assert shippers is not None
            assert shippers.reached == hub.shipped
            shippers.reached = lambda told: reached.update(told)
            hub.ship()
            shipped = ["sekisho_record_shipped_entries_total", {"sink": "log"}, 6.0]
            await comes_to(lambda: any(shipped in samples for _, _, _, samples in hub.counts()))
            assert reached == {WRITER: 5}
            await shippers.close()

    asyncio.run(story())
