"""Files of OCSF events: whole lines, synced, another file when one is full."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from gateway.audit.segments import FileCalls
from gateway.config_sinks import OcsfSink
from gateway.links.sinks.ocsf import OcsfFiles
from gateway.links.sinks.sink import SinkError
from gateway.sink_metrics import Trouble
from tests.unit.links.sinks.lines import lines


def files(folder: Path, size: int = 1 << 20, calls: FileCalls | None = None) -> OcsfFiles:
    return OcsfFiles(OcsfSink(directory=folder, file_bytes=size), "siem", "tokyo", calls)


def sequences(folder: Path) -> list[int]:
    content = "".join(path.read_text() for path in sorted(folder.iterdir()))
    return [json.loads(line)["metadata"]["sequence"] for line in content.splitlines()]


def test_lines_in_their_order_over_restarts(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    sink = files(folder)
    sink.send(lines()[:4])
    sink.send(lines()[4:6])
    sink.close()
    again = files(folder)
    again.send(lines()[6:])
    again.close()
    assert sequences(folder) == list(range(len(lines())))
    (path,) = folder.iterdir()
    assert path.name.startswith("siem.")
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_file_when_one_is_full(tmp_path: Path) -> None:
    sink = files(tmp_path, 2000)
    for line in lines():
        sink.send([line])
    sink.close()
    assert len(list(tmp_path.iterdir())) > 3
    assert sequences(tmp_path) == list(range(len(lines())))
    again = files(tmp_path, 10)
    before = len(list(tmp_path.iterdir()))
    again.send(lines()[:1])
    again.close()
    assert len(list(tmp_path.iterdir())) == before + 1


@pytest.mark.parametrize("rest", [b'{"half', b"x" * 200_000])
def test_what_a_crash_left_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    sink = files(tmp_path)
    sink.send(lines()[:3])
    sink.close()
    (path,) = tmp_path.iterdir()
    with path.open("ab") as file:
        file.write(rest)
    again = files(tmp_path)
    again.send(lines()[3:])
    again.close()
    assert sequences(tmp_path) == list(range(len(lines())))


def test_a_file_of_nothing_but_a_rest(tmp_path: Path) -> None:
    (tmp_path / "siem.1.ndjson").write_bytes(b'{"half')
    sink = files(tmp_path)
    sink.send(lines())
    sink.close()
    assert sequences(tmp_path) == list(range(len(lines())))


def test_a_full_disk_is_told_and_leaves_no_half_line(tmp_path: Path) -> None:
    room = [700]

    def write(fd: int, content: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = os.write(fd, content[: room[0]])
        room[0] -= done
        return done

    sink = files(tmp_path, calls=FileCalls(write=write))
    with pytest.raises(SinkError) as full:
        sink.send(lines()[:3])
    assert full.value.trouble is Trouble.UNREACHABLE
    assert "No space" in full.value.detail
    room[0] = 1 << 20
    sink.send(lines())
    sink.close()
    assert sequences(tmp_path) == list(range(len(lines())))
