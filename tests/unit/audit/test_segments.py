from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.audit.chain import MAX_LINE_BYTES
from gateway.audit.segments import (
    FileCalls,
    RawLine,
    Segment,
    TornRest,
    create_file,
    find_decision,
    list_segments,
    make_folder,
    read_lines,
    segment_path,
)
from tests.unit.audit.growing import grows_when_its_end_is_read


def _segment(path: Path, content: bytes) -> Segment:
    path.write_bytes(content)
    return Segment("gw", 0, path)


def test_segments_are_listed_by_writer_and_number(tmp_path: Path) -> None:
    for writer, number in (("b", 1), ("a.b", 10), ("b", 0), ("b", 100_000_000)):
        segment_path(tmp_path, writer, number).touch()
    for other in ("b.head.json", "lock", "b.1.jsonl", "b.00000002.jsonl.unfinished", ".00000000.jsonl"):
        (tmp_path / other).touch()
    found = list_segments(tmp_path)
    assert {writer: [s.number for s in segments] for writer, segments in found.items()} == {
        "a.b": [10],
        "b": [0, 1, 100_000_000],
    }
    assert found["a.b"][0].name == "a.b.00000010.jsonl"


def test_lines_are_read_with_the_torn_rest(tmp_path: Path) -> None:
    assert list(read_lines(_segment(tmp_path / "s", b"one\n\ntwo\nrest"))) == [
        RawLine(1, b"one\n"),
        RawLine(2, b"\n"),
        RawLine(3, b"two\n"),
        TornRest(4, 4, sha256(b"rest").hexdigest()),
    ]


def test_line_longer_than_any_entry_is_read_in_pieces(tmp_path: Path) -> None:
    found = list(read_lines(_segment(tmp_path / "s", b"x" * (2 * MAX_LINE_BYTES + 5) + b"\nnext\n")))
    assert found == [RawLine(1, None), RawLine(2, b"next\n")]


@pytest.mark.parametrize("at", [1, 5, -1])
def test_line_whose_end_comes_while_it_is_read_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    segment = Segment("gw", 0, tmp_path / "gw.00000000.jsonl")
    first, second = b'{"a":1}\n', b'{"b":2}\n'
    segment.path.write_bytes(first + second[:at])

    def grow() -> None:
        with open(segment.path, "ab") as file:
            file.write(second[at:])

    grows_when_its_end_is_read(monkeypatch, segment.path, grow)
    torn = TornRest(2, len(second[:at]), sha256(second[:at]).hexdigest())
    assert list(read_lines(segment)) == [RawLine(1, first), torn]
    assert list(read_lines(segment)) == [RawLine(1, first), RawLine(2, second)]


def test_long_torn_rest_is_one(tmp_path: Path) -> None:
    (rest,) = read_lines(_segment(tmp_path / "s", b"\0" * (MAX_LINE_BYTES + 5)))
    assert isinstance(rest, TornRest)
    assert rest.size == MAX_LINE_BYTES + 5


def test_file_is_created_durably_and_private(tmp_path: Path) -> None:
    synced: list[str] = []

    def fsync(fd: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
        os.fsync(fd)

    path = tmp_path / "f"
    (tmp_path / "f.unfinished").write_bytes(b"of an earlier crash")
    fd = create_file(path, b"head\n", FileCalls(fsync=fsync))
    os.write(fd, b"more\n")
    os.close(fd)
    assert path.read_bytes() == b"head\nmore\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert synced == ["f.unfinished", tmp_path.name]
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_existing_file_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        create_file(tmp_path / "f", b"new", FileCalls())
    assert (tmp_path / "f").read_bytes() == b"old"


def test_file_written_in_part_does_not_come_into_being(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="only a part"):
        create_file(
            tmp_path / "f", b"head\n", FileCalls(write=lambda fd, data: os.write(fd, data[:2]) if data[0] == 104 else 0)
        )
    assert not (tmp_path / "f").exists()


def test_what_the_kernel_takes_in_parts_is_whole(tmp_path: Path) -> None:
    os.close(create_file(tmp_path / "f", b"head\n", FileCalls(write=lambda fd, data: os.write(fd, data[:2]))))
    assert (tmp_path / "f").read_bytes() == b"head\n"


def test_new_folder_is_private_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b", FileCalls())
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    old = tmp_path / "old"
    old.mkdir(mode=0o755)
    make_folder(old, FileCalls())
    assert old.stat().st_mode & 0o777 == 0o755


def test_full_entry_of_a_decision_is_found_wherever_it_is(tmp_path: Path) -> None:
    bodies = ['{"decision_id":"a","kind":"repeat"}', '{"decision_id":"a","kind":"decision","x":1}']
    (tmp_path / "gw.00000000.jsonl").write_text("".join(f"{body}\n" for body in bodies))
    (tmp_path / "gw.00000001.jsonl").write_text("")
    (tmp_path / "gw.00000002.jsonl").write_text('{"decision_id":"b","kind":"decision"')  # torn
    segments = list(reversed(list_segments(tmp_path)["gw"]))
    assert find_decision(segments, "a") == bodies[1].encode() + b"\n"
    for nothing in ('b"', "c", ""):
        assert find_decision(segments, nothing) is None
