"""Whether a segment's lines follow each other; and what was laid out of which."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.columns import FOLDER, LAYOUT, ChainBroken, check, forget, laid
from gateway.audit.segments import list_segments
from gateway.audit.verify import verify
from tests.unit.audit.chains import write_record


@pytest.fixture
def record(tmp_path: Path) -> Path:
    write_record(tmp_path / "record", 30, writer="gw", segment_bytes=1 << 20)
    return tmp_path / "record"


def test_whole_segment_is_held(record: Path) -> None:
    (segment,) = list_segments(record)["gw"]
    held = check(segment)
    assert (held.lines, held.size, held.torn) == (verify(record).entries, segment.path.stat().st_size, False)
    assert held.before == "0" * 64
    assert held.seq == held.lines - 1
    assert held.name == f"gw.00000000.{held.before[:16]}-{held.last[:16]}.{held.size}.v{LAYOUT}"


def test_line_that_was_changed_moved_or_taken_out_is_named(record: Path) -> None:
    (segment,) = list_segments(record)["gw"]
    lines = segment.path.read_bytes().splitlines(keepends=True)
    changed = lines[9].replace(b'"seq":9', b'"seq":8')
    for found, at in (
        ([*lines[:9], changed, *lines[10:]], 10),
        ([*lines[:9], lines[10], lines[9], *lines[11:]], 10),
        ([*lines[:9], *lines[10:]], 10),
        ([*lines[:9], b"{}\n", *lines[9:]], 10),
        ([], 1),
    ):
        segment.path.write_bytes(b"".join(found))
        with pytest.raises(ChainBroken) as caught:
            check(segment)
        assert str(caught.value) == f"gw.00000000.jsonl line {at} does not continue the chain"


def test_torn_end_is_told_apart(record: Path) -> None:
    (segment,) = list_segments(record)["gw"]
    size = segment.path.stat().st_size
    with segment.path.open("ab") as file:
        file.write(b'{"kind"')
    held = check(segment)
    assert (held.torn, held.size) == (True, size)


def test_what_was_laid_out_fits_its_segment_or_goes(record: Path) -> None:
    (segment,) = list_segments(record)["gw"]
    held = check(segment)
    folder = record / FOLDER / held.name
    folder.mkdir(parents=True)
    (record / FOLDER / "something else").mkdir()
    (record / FOLDER / held.name.replace(f".v{LAYOUT}", ".v0")).mkdir()
    (found,) = laid(record)
    assert (found.path, found.number, found.last, found.fits(segment)) == (folder, 0, held.last[:16], True)
    segment.path.write_bytes(segment.path.read_bytes().replace(b"d29", b"d28"))
    assert found.fits(segment), "its end alone is looked at: what was laid out was checked when it was"
    segment.path.write_bytes(segment.path.read_bytes()[:-200])
    assert not found.fits(segment)
    forget(record, "gw", 0)
    assert [path.name for path in (record / FOLDER).iterdir()] == ["something else"]
    assert list(laid(record.parent)) == []
