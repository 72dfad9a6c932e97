"""How sinks stand, read from the record's folder."""

from __future__ import annotations

from pathlib import Path

from gateway.audit.follow import Follower
from gateway.config import Record
from gateway.config_sinks import HttpSink, OcsfSink, Remote, Sink
from gateway.links.positions import SinkState, write_state
from gateway.sink_metrics import Trouble
from gateway.sink_report import as_json, standings, text
from tests.unit.audit.chains import START_NS, WRITER, write_record

NOW = START_NS / 1e9 + 600


def record(directory: Path) -> Record:
    sinks = (
        Sink(name="log", http=HttpSink(url="http://127.0.0.1/")),
        Sink(name="files", ocsf=OcsfSink(directory=directory / "events")),
        Sink(name="new", ocsf=OcsfSink(directory=directory / "new")),
    )
    return Record(directory=directory, sinks=sinks, remote=Remote(sink="log"))


def test_positions_lag_and_what_goes_wrong(tmp_path: Path) -> None:
    write_record(tmp_path, 30)
    follower = Follower(tmp_path)
    taken = follower.read(lines=10)
    here = {WRITER: taken[-1].position}
    state = SinkState(sink="log", kind="http").acknowledged(here, 10, 1_732_200_100.0)
    write_state(tmp_path, state.failed(Trouble.THROTTLED, "503: later", 1_732_200_101.0))
    while follower.read():
        pass
    write_state(tmp_path, SinkState(sink="files", kind="ocsf").acknowledged(follower.positions, 33, 1_732_200_100.0))
    log, files, new = standings(record(tmp_path), NOW)
    assert (log.entries, log.positions, log.remote) == (10, {WRITER: 9}, True)
    assert log.failing is not None
    assert 599 < log.lag_seconds <= 600
    assert (files.spool_bytes, files.lag_seconds, files.failing) == (0, 0.0, None)
    assert new.spool_bytes > log.spool_bytes > 1000
    assert (new.acknowledged_at, new.positions) == (None, {})
    assert as_json([log])[0]["failing"]["reason"] == "throttled"
    shown = text([log, files, new]).splitlines()
    assert shown[0].split() == ["SINK", "KIND", "HAS", "SPOOL", "LAG", "ACKNOWLEDGED", "STATE"]
    assert shown[1].startswith("log    http  10")
    assert shown[1].endswith("10 min  2024-11-21 14:41:40Z  failing, statements wait for it")
    assert shown[2].split()[-4:] == ["s", "2024-11-21", "14:41:40Z", "good"]
    assert shown[3].endswith("never                 nothing yet")
    assert "log: throttled, one attempt since 2024-11-21 14:41:41Z: 503: later" in shown
    assert f"log: last entry of each chain: {WRITER} 9" in shown


def test_what_was_taken_in_part_is_said(tmp_path: Path) -> None:
    write_record(tmp_path, 3)
    write_state(tmp_path, SinkState(sink="log", kind="http", refused=7))
    assert "log: 7 entries were in batches of which it took only a part" in text(standings(record(tmp_path), NOW))
