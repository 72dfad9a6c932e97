"""Records to break: made by the real writer, then taken apart into lines and put together wrongly."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.audit.chain import canonical, link
from gateway.audit.record import repeat_entry
from gateway.audit.writer import MIN_SEGMENT_BYTES, RecordWriter
from gateway.model import Durability

START_NS = 1_732_200_000_000_000_000
WRITER = "gw"

Lines = list[list[bytes]]  # per segment


def never(error: BaseException | None) -> None:
    raise AssertionError(f"called back for a written entry: {error}")


def open_writer(directory: Path, segment_bytes: int = MIN_SEGMENT_BYTES, writer: str = WRITER) -> RecordWriter:
    return RecordWriter.open(directory, segment_bytes=segment_bytes, writer=writer)


def repeat(number: int) -> dict:
    return repeat_entry(f"d{number}", of="d0", at_ns=START_NS + number * 1_000_000, session="s1")


def write_record(directory: Path, entries: int, segment_bytes: int = MIN_SEGMENT_BYTES, writer: str = WRITER) -> None:
    record = open_writer(directory, segment_bytes, writer)
    for number in range(entries):
        assert record.append(repeat(number), Durability.WRITTEN, never)
    record.close()


@cache
def sample() -> tuple[tuple[tuple[bytes, ...], ...], bytes]:
    """The lines of a closed record of several segments, and its checkpoint."""
    with TemporaryDirectory() as folder:
        directory = Path(folder) / "record"
        write_record(directory, 40)
        segments = tuple(
            tuple(path.read_bytes().splitlines(keepends=True)) for path in sorted(directory.glob("*.jsonl"))
        )
        assert len(segments) >= 3
        return segments, (directory / f"{WRITER}.head.json").read_bytes()


def sample_lines() -> Lines:
    return [list(lines) for lines in sample()[0]]


def segment_name(index: int) -> str:
    return f"{WRITER}.{index:08d}.jsonl"


def lay(directory: Path, segments: Iterable[list[bytes] | None], checkpoint: bytes | None = None) -> Path:
    """Put lines into a folder; None = that segment is not there."""
    directory.mkdir(parents=True, exist_ok=True)
    for index, lines in enumerate(segments):
        if lines is not None:
            (directory / segment_name(index)).write_bytes(b"".join(lines))
    (directory / f"{WRITER}.head.json").write_bytes(sample()[1] if checkpoint is None else checkpoint)
    return directory


def forge(line: bytes, **changes: object) -> bytes:
    """The line with other content and a hash made anew, as a forger would who knows how."""
    value = json.loads(line) | changes
    seq, prev = value.pop("seq"), value.pop("prev")
    value.pop("hash")
    return link(canonical(value), seq, prev)[0]


def claims(line: bytes) -> dict:
    return json.loads(line)


def change_disk(record: RecordWriter, calls: Any) -> None:
    """Put other calls in place while it is open."""
    record._calls = record._commit._calls = calls
