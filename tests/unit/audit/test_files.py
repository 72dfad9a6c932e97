"""What a writer opens, and the first lines of a segment."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.audit.chain import GENESIS, read_line
from gateway.audit.checkpoint import read_checkpoint
from gateway.audit.damage import SEGMENT_HEAD, TORN_TAIL, TornTail
from gateway.audit.files import Descriptors, open_files, opening
from gateway.audit.resume import End, find_end
from gateway.audit.segments import FileCalls
from tests.unit.audit.chains import START_NS, WRITER, write_record


def test_a_segment_begins_with_its_head_and_the_mark_of_what_the_one_before_lost() -> None:
    torn = TornTail(segment="gw.00000006.jsonl", line=3, size=17, sha256="a" * 64, marked=False)
    content, seq, prev = opening(WRITER, 7, torn, START_NS // 1000, 40, GENESIS)
    head, mark = [read_line(line) for line in content.splitlines(keepends=True)]
    assert head is not None
    assert mark is not None
    assert (head.kind, head.seq, head.prev, head.integer("segment")) == (SEGMENT_HEAD, 40, GENESIS, 7)
    assert (mark.kind, mark.seq, mark.prev, mark.integer("segment")) == (TORN_TAIL, 41, head.hash, 6)
    assert (mark.integer("line"), mark.integer("bytes"), mark.entry["sha256"]) == (3, 17, "a" * 64)
    assert (seq, prev) == (42, mark.hash)


def test_a_new_writer_has_a_checkpoint_and_no_segment(tmp_path: Path) -> None:
    fds = Descriptors()
    checkpoint = open_files(tmp_path, WRITER, End(), fds, FileCalls())
    assert fds.segment == -1
    assert read_checkpoint(tmp_path, WRITER) == checkpoint
    fds.close()


def test_one_that_goes_on_syncs_what_was_left(tmp_path: Path) -> None:
    write_record(tmp_path, 3, 1 << 20)
    synced: list[str] = []

    def fdatasync(fd: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{fd}")))
        os.fdatasync(fd)

    fds = Descriptors()
    checkpoint = open_files(tmp_path, WRITER, find_end(tmp_path, WRITER), fds, FileCalls(fdatasync=fdatasync))
    assert (checkpoint.seq, checkpoint.closed) == (3, False)
    assert synced == [f"{WRITER}.00000000.jsonl", f"{WRITER}.head.json"]
    assert fds.segment >= 0
    fds.close()
    assert (fds.segment, fds.checkpoint) == (-1, -1)
