"""Whether a segment's lines follow each other; and what was laid out of which."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.audit.columns import FOLDER, LAYOUT, ChainBroken, Laid, again, check, covered, forget, laid, more
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
    assert held is not None
    assert (held.lines, held.size) == (verify(record).entries, segment.path.stat().st_size)
    assert held.before == "0" * 64
    assert held.name == f"gw.00000000.{held.before[:16]}-{held.last[:16]}.0-{held.size}.v{LAYOUT}"


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


def test_a_piece_goes_on_where_the_one_before_it_ends(record: Path) -> None:
    (segment,) = list_segments(record)["gw"]
    content = segment.path.read_bytes()
    half = content.index(b"\n", len(content) // 2) + 1
    segment.path.write_bytes(content[:half])
    first = check(segment)
    assert first is not None
    segment.path.write_bytes(content)
    assert more(segment, half)
    second = check(segment, half, first.last[:16])
    assert second is not None
    assert (second.start, second.start + second.size, second.before) == (half, len(content), first.last)
    lines = content.count(b"\n")
    assert first.lines + second.lines == lines
    pieces = [first.laid(Path("a")), second.laid(Path("b"))]
    assert covered(segment, reversed(pieces)) == pieces
    assert covered(segment, pieces[1:]) == []
    with pytest.raises(ChainBroken, match=f"line {first.lines + 1} does not"):
        check(segment, half, "another")
    segment.path.write_bytes(content[:-9] + b"edited!}\n")
    with pytest.raises(ChainBroken, match=f"line {lines} does not"):
        check(segment, half, first.last[:16])
    assert covered(segment, pieces) == pieces[:1]


@pytest.mark.parametrize(
    ("sizes", "behind", "stay"),
    [([], 5, 0), ([100], 10, 1), ([100], 100, 0), ([100, 40, 9], 10, 2), ([100, 40, 9], 31, 1), ([100, 40, 9], 300, 0)],
)
def test_pieces_are_few(sizes: list[int], behind: int, stay: int) -> None:
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    chain = [Laid(Path(), "gw", 0, "", "", start, size) for start, size in zip(starts, sizes, strict=True)]
    assert again(chain, sum(sizes) + behind) == chain[:stay]


def test_torn_end_is_told_apart(record: Path) -> None:
    (segment,) = list_segments(record)["gw"]
    size = segment.path.stat().st_size
    with segment.path.open("ab") as file:
        file.write(b'{"kind"')
    held = check(segment)
    assert held is not None
    assert held.size == size
    assert not more(segment, size)
    assert check(segment, size, held.last[:16]) is None


def test_what_was_laid_out_fits_its_segment_or_goes(record: Path) -> None:
    (segment,) = list_segments(record)["gw"]
    held = check(segment)
    assert held is not None
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
