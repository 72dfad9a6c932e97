"""Only what may go goes, it leaves its mark, and the disk's headroom is told."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.audit.columns import FOLDER, check, laid
from gateway.audit.follow import Position
from gateway.audit.holds import Hold
from gateway.audit.record import Event
from gateway.audit.segments import list_segments
from gateway.audit.verify import verify
from gateway.config import Anchor, Config, Retention, Signing
from gateway.config_record import Record
from gateway.config_sinks import Sink
from gateway.links.anchors import AnchorKeeper
from gateway.links.positions import SinkState, write_state
from gateway.links.pruning import Caretaker, Fate, begin_caretaker, plan, prune
from gateway.links.stores import FolderStore
from gateway.metrics import Metrics
from gateway.operators import noted
from tests.unit.audit.chains import START_NS, WRITER, forge, lay, sample_lines, segment_name
from tests.unit.audit.signing import heads_of, keys, lay_signed, signer

DAY = 86_400_000_000
NOW = START_NS // 1000
LATER = NOW + 4 * 365 * DAY
TABLE = (Retention(regime="APPI", subject_countries=("JP",), years=3),)


def _config(directory: Path, **record: object) -> Config:
    """Only the record's part of a configuration is looked at."""
    directory.chmod(0o700)
    config: Config = object.__new__(Config)
    object.__setattr__(config, "record", Record(directory=directory, **{"retention": TABLE, **record}))  # type: ignore[arg-type]
    return config


def _stays(config: Config, now: int) -> list[str]:
    return [fate.keep for fate in plan(config, now)]


def test_only_segments_that_ended_and_whose_time_is_over_go(tmp_path: Path) -> None:
    config = _config(lay(tmp_path, sample_lines()))
    ended = len(sample_lines()) - 1
    assert _stays(config, NOW)[0].startswith("APPI: 109")
    assert _stays(config, NOW)[1:] == ["one before it stays"] * (ended - 1)
    for segment in list_segments(tmp_path)[WRITER]:
        held = check(segment)
        assert held is not None
        (tmp_path / FOLDER / held.name).mkdir(parents=True)
    told: list[Fate] = []
    assert prune(config, LATER, "os:me", told=told.append, dry=True) == ended
    assert len(list_segments(tmp_path)[WRITER]) == ended + 1, "nothing is touched"
    assert prune(config, LATER, "os:me", told=told.append) == ended
    assert [segment.name for segment in list_segments(tmp_path)[WRITER]] == [segment_name(ended)]
    assert [one.number for one in laid(tmp_path)] == [ended], "what was laid out of a segment is as old as it"
    report = verify(tmp_path)
    assert report.ok, report
    assert report.pruned == ended
    assert prune(config, LATER, "os:me", told=told.append) == 0


def test_a_loss_is_told_from_pruning(tmp_path: Path) -> None:
    config = _config(lay(tmp_path, sample_lines()))
    noted(tmp_path, Event.HOLD_ADDED, "", {"hold": Hold(id="x", reason="", from_us=NOW + 20_000).fields()})
    assert prune(config, LATER, "os:me", told=lambda _: None) == 1
    assert verify(tmp_path).ok
    (tmp_path / segment_name(1)).unlink()
    assert not verify(tmp_path).ok


def test_holds_keep(tmp_path: Path) -> None:
    config = _config(lay(tmp_path, sample_lines()))
    noted(tmp_path, Event.HOLD_ADDED, "", {"hold": Hold(id="case-17", reason="").fields()})
    assert _stays(config, LATER)[0] == "held: case-17"
    noted(tmp_path, Event.HOLD_RELEASED, "", {"hold": Hold(id="case-17", reason="").fields()})
    assert _stays(config, LATER)[0] == ""


def test_what_no_anchor_speaks_for_stays(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path / "record", heads=heads_of(sample_lines())[:1])
    config = _config(directory, anchors=(Anchor(name="vault", directory=tmp_path / "vault"),))
    assert _stays(config, LATER)[0] == "not every anchor speaks for it"
    assert AnchorKeeper(directory, "vault", FolderStore(tmp_path / "vault"), lambda _: True, None).push()
    assert _stays(config, LATER) == ["", "not every anchor speaks for it"]


def test_what_a_sink_does_not_have_stays(tmp_path: Path) -> None:
    config = _config(lay(tmp_path, sample_lines()), sinks=(Sink(name="lake"), Sink(name="siem")))
    assert _stays(config, LATER)[0] == "not every sink has it"
    last = heads_of(sample_lines())[0].last_seq
    for name in ("lake", "siem"):
        write_state(tmp_path, SinkState(sink=name, kind="file", writers={WRITER: Position(last)}))
        assert (_stays(config, LATER)[0] == "") == (name == "siem")
    assert _stays(config, LATER)[1] == "not every sink has it"


def test_what_is_broken_stays(tmp_path: Path) -> None:
    lines = sample_lines()
    lines[0][3] = forge(lines[0][3], session="another")
    (first, *_) = _stays(_config(lay(tmp_path, lines)), LATER)
    assert "does not continue the chain" in first


def test_tombstones_are_signed_where_heads_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = lay_signed(tmp_path / "record")
    (tmp_path / "key").write_text("")
    monkeypatch.setattr("gateway.links.pruning.load_signer", lambda _: signer())
    config = _config(directory, signing=Signing(key=tmp_path / "key"))
    assert prune(config, LATER, "os:me", told=lambda _: None) > 0
    kinds = {bad.kind for bad in verify(directory, keys=keys()).bad if bad.writer == WRITER}
    assert not kinds
    assert any(bad.writer == WRITER for bad in verify(directory, keys=keys(2)).bad)


def _measured(directory: Path) -> tuple[Caretaker, Callable[[str], float | None]]:
    registry = CollectorRegistry()
    metrics = Metrics(registry, rules={}, datasources=[], incomplete_codes=[], version="0")
    return Caretaker(_config(directory), metrics.record), lambda name: registry.get_sample_value(
        f"sekisho_record_{name}"
    )


def test_headroom_is_what_is_left_by_how_it_grows(tmp_path: Path) -> None:
    caretaker, value = _measured(tmp_path)
    path = tmp_path / segment_name(0)
    path.write_bytes(b"x" * 1000)
    caretaker.measure(0.0)
    assert (value("bytes"), value("headroom_seconds")) == (1000, math.inf)
    path.write_bytes(b"x" * 3000)
    caretaker.measure(10.0)
    first = value("headroom_seconds")
    assert first is not None
    assert 0 < first < math.inf
    path.unlink()  # pruned: that is no growth, nor the opposite
    caretaker.measure(20.0)
    second = value("headroom_seconds")
    assert second is not None
    assert second == pytest.approx(2 * first, rel=0.2)
    assert value("bytes") == 0


def test_it_prunes_by_itself_where_configured(tmp_path: Path) -> None:
    config = _config(lay(tmp_path, sample_lines()), prune_interval=1)
    registry = CollectorRegistry()
    metrics = Metrics(registry, rules={}, datasources=[], incomplete_codes=[], version="0")
    caretaker = begin_caretaker(config, None, metrics.record)
    assert caretaker is not None
    old = replace(config.record, retention=(Retention(regime="none", years=1),))
    object.__setattr__(config, "record", old)

    async def work() -> None:
        running = asyncio.get_running_loop().create_task(caretaker.run())
        while len(list_segments(tmp_path)[WRITER]) > 1:  # noqa: ASYNC110 - a thread removes them
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(asyncio.wait_for(work(), 20))
    assert verify(tmp_path).ok
