"""Whoever follows a record has every entry once, however it comes to lie there and whenever they look."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.checkpoint import checkpoint_path
from gateway.audit.follow import Follower, Line
from gateway.audit.writer import RecordWriter
from gateway.model import Durability
from tests.unit.audit.chains import WRITER, never, repeat, sample_lines, segment_name

SEGMENTS = [b"".join(lines) for lines in sample_lines()]


def test_cut_at_every_byte(tmp_path: Path) -> None:
    """Whole lines come as soon as they are whole, and never before."""
    follower = Follower(tmp_path)
    found: list[Line] = []
    for index, content in enumerate(SEGMENTS[:2]):
        path = tmp_path / segment_name(index)
        with path.open("wb", buffering=0) as file:
            follower.look()
            for at in range(len(content)):
                file.write(content[at : at + 1])
                found += follower.read()
                whole = content[: at + 1].count(b"\n")
                assert len(found) == sum(part.count(b"\n") for part in SEGMENTS[:index]) + whole
    assert b"".join(line.raw for line in found) == b"".join(SEGMENTS[:2])


def end(directory: Path, name: str, writer: RecordWriter, *, torn: bool) -> None:
    """In good order, or as a crash ends one: within a line."""
    before = checkpoint_path(directory, name).read_bytes()
    writer.close()
    if torn:
        checkpoint_path(directory, name).write_bytes(before)
        with max(directory.glob(f"{name}.*.jsonl")).open("ab") as file:
            file.write(b'{"at_us":12')


steps = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abc"), st.integers(1, 12)),
        st.tuples(st.just("read"), st.integers(1, 9), st.sampled_from([1, 700, 1 << 20])),
        st.tuples(st.just("look"), st.none(), st.none()),
        st.tuples(st.just("restart"), st.none(), st.none()),
        st.tuples(st.just("reopen"), st.sampled_from("abc"), st.booleans()),
    ),
    max_size=40,
)


@settings(max_examples=25)
@given(steps, st.booleans())
def test_writers_that_come_rotate_die_and_come_back(taken: list[tuple[str, object, object]], synced: bool) -> None:
    with TemporaryDirectory() as folder:
        directory = Path(folder)
        writers: dict[str, RecordWriter] = {}
        found: list[Line] = []
        follower = Follower(directory, synced=synced)
        number = 0
        for step, first, second in taken:
            if step == "write":
                name = str(first)
                if name not in writers:
                    writers[name] = RecordWriter.open(directory, segment_bytes=4096, writer=name, beside=True)
                for _ in range(int(str(second))):
                    number += 1
                    writers[name].append(repeat(number), Durability.WRITTEN, never)
            elif step == "read":
                found += follower.read(lines=int(str(first)), size=int(str(second)))
            elif step == "look":
                follower.look()
            elif step == "restart":
                follower = Follower(directory, follower.positions, synced=synced)
            elif str(first) in writers:
                end(directory, str(first), writers.pop(str(first)), torn=bool(second))
        for writer in writers.values():
            writer.close()
        follower.look()
        while batch := follower.read():
            found += batch
        for name in {line.writer for line in found} | {path.name.split(".")[0] for path in directory.glob("*.jsonl")}:
            lines = [line for line in found if line.writer == name]
            assert [line.seq for line in lines] == list(range(len(lines)))
            assert all(line.missing == 0 for line in lines)
            content = b"".join(path.read_bytes() for path in sorted(directory.glob(f"{name}.*.jsonl")))
            assert [line.raw for line in lines] == [
                raw for raw in content.replace(b'{"at_us":12{', b"{").splitlines(keepends=True) if raw.endswith(b"\n")
            ]
        assert sum(line.entry["kind"] == "repeat" for line in found) == number
        assert WRITER not in {line.writer for line in found}
