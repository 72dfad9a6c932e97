"""Heads are signed when segments end, at intervals, at the end, and for chains that nobody has open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from gateway.audit.damage import BadKind
from gateway.audit.heads import Head, heads_path, parse_head, read_heads
from gateway.audit.verify import verify
from gateway.audit.writer import RecordWriter
from gateway.links.anchors import AnchorKeeper, find_anchored
from gateway.links.heads import HeadKeeper
from gateway.model import Durability
from tests.unit.audit.chains import WRITER, forge, never, open_writer, repeat, segment_name
from tests.unit.audit.signing import end_of, keys, rewritten, signer


def _keeper(directory: Path, record: RecordWriter, others: bool = True, anchors: Sequence[str] = ()) -> HeadKeeper:
    return HeadKeeper(directory, record, signer(), interval=60, live=[WRITER], others=others, anchors=anchors)


def _beside(directory: Path, count: int, segment_bytes: int = 4096) -> None:
    record = RecordWriter.open(directory, segment_bytes=segment_bytes, writer="operator", beside=True)
    _write(record, count)
    record.close()


def _heads(directory: Path, writer: str = WRITER) -> list[tuple[int, int, bool]]:
    heads, wrong = read_heads(directory, writer)
    assert not wrong
    assert [one.head.number for one in heads] == list(range(len(heads)))
    return [(one.head.segment, one.head.last_seq, one.head.closed) for one in heads]


def _write(record: RecordWriter, count: int) -> None:
    for number in range(count):
        record.append(repeat(number), Durability.WRITTEN, never)


def test_ends_of_segments_and_the_end_are_signed(tmp_path: Path) -> None:
    record = open_writer(tmp_path)
    keeper = _keeper(tmp_path, record)
    _write(record, 40)
    keeper.look(interval=False)
    ends = _heads(tmp_path)
    assert len(ends) >= 2
    assert all(closed for _, _, closed in ends)
    keeper.look(interval=False)
    assert _heads(tmp_path) == ends, "each once"
    _write(record, 2)
    record.close()
    keeper.look(interval=True)
    report = verify(tmp_path, keys=keys())
    assert report.ok, report
    assert report.signed == report.entries
    again = open_writer(tmp_path)
    later = _keeper(tmp_path, again)
    later.look(interval=True)
    assert len(_heads(tmp_path)) == len(ends) + 1, "nothing new to speak of"
    _write(again, 3)
    again.close()
    later.look(interval=True)
    report = verify(tmp_path, keys=keys())
    assert report.signed == report.entries
    path = tmp_path / f"{WRITER}.heads.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    assert [bad.kind for bad in verify(tmp_path, keys=keys()).bad] == [BadKind.HEAD_MISSING], "segments are unsigned"


def test_chains_that_nobody_has_open_are_signed_by_the_first(tmp_path: Path) -> None:
    _beside(tmp_path, 30)
    record = open_writer(tmp_path)
    _write(record, 1)
    _keeper(tmp_path, record, others=False).look(interval=True)
    assert _heads(tmp_path, "operator") == []
    keeper = _keeper(tmp_path, record)
    keeper.look(interval=True)
    first = _heads(tmp_path, "operator")
    assert [last for _, last, _ in first] == [verify(tmp_path).entries - 2 - 1]
    _beside(tmp_path, 5)
    keeper.look(interval=True)
    assert len(_heads(tmp_path, "operator")) == 2
    record.close()
    keeper.look(interval=True)
    assert verify(tmp_path, keys=keys()).ok


def test_a_chain_that_does_not_go_on_from_its_head_is_not_signed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _beside(tmp_path, 5, 1 << 20)
    record = open_writer(tmp_path)
    keeper = _keeper(tmp_path, record)
    keeper.look(interval=True)
    _beside(tmp_path, 5, 1 << 20)
    path = tmp_path / segment_name(0).replace(WRITER, "operator")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], forge(lines[3], session="another"), *lines[4:]]))
    keeper.look(interval=True)
    assert len(_heads(tmp_path, "operator")) == 1
    assert [one.message for one in caplog.records].count("head_refused") == 1
    record.close()


def test_what_cannot_be_kept_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    record = open_writer(tmp_path)
    _write(record, 1)
    record.close()
    (tmp_path / f"{WRITER}.heads.jsonl").mkdir()
    keeper = _keeper(tmp_path, record)
    keeper.look(interval=True)
    keeper.look(interval=True)
    assert [one.message for one in caplog.records].count("head_not_signed") == 1


class _Vault:
    """A store of one writer's heads."""

    def __init__(self, heads: Mapping[int, bytes] = MappingProxyType({})) -> None:
        self.heads = dict(heads)

    def put(self, writer: str, number: int, line: bytes) -> None:
        self.heads.setdefault(number, line)

    def get(self, writer: str, number: int) -> bytes | None:
        return self.heads.get(number)


def _many(directory: Path, record: RecordWriter, count: int, *anchors: str) -> None:
    """So many entries and a head for each, the last one signed by a keeper that has just begun."""
    begin = max((one.head.number for one in read_heads(directory, WRITER)[0]), default=-1) + 1
    with heads_path(directory, WRITER).open("ab") as file:
        for number in range(begin, begin + count):
            record.append(repeat(number), Durability.WRITTEN, never)
            seq, digest = record.tail
            head = Head(
                writer=WRITER,
                number=number,
                segment=0,
                first_seq=0,
                last_seq=seq,
                hash=digest,
                at_us=number,
                closed=False,
            )
            if number < begin + count - 1:
                file.write(signer().line(head))
    _keeper(directory, record, anchors=anchors)._sign(WRITER, 0, seq, digest, closed=False)


def test_heads_do_not_grow_with_time_and_prove_what_they_proved(tmp_path: Path) -> None:
    record = open_writer(tmp_path, 1 << 20)
    for _ in range(3):
        _many(tmp_path, record, 260)
    _many(tmp_path, record, 20)
    record.close()
    _keeper(tmp_path, record).look(interval=True)
    heads, _ = read_heads(tmp_path, WRITER)
    assert len(heads) == 21
    assert heads[-1].head.number == 799, "numbered in their order, as before"
    report = verify(tmp_path, keys=keys())
    assert report.ok, report
    assert report.signed == report.entries
    path = tmp_path / segment_name(0)
    lines = path.read_bytes().splitlines(keepends=True)
    made = rewritten([lines], 3)
    path.write_bytes(b"".join(made[0]))
    (tmp_path / f"{WRITER}.head.json").write_bytes(end_of(made))
    assert verify(tmp_path).ok, "nothing else can tell"
    assert [bad.kind for bad in verify(tmp_path, keys=keys()).bad] == [BadKind.REWRITTEN]
    path.write_bytes(b"".join(lines[:-5]))
    (tmp_path / f"{WRITER}.head.json").write_bytes(end_of([lines[:-5]]))
    assert [bad.kind for bad in verify(tmp_path, keys=keys()).bad] == [BadKind.CUT]


def test_what_an_anchor_does_not_have_is_not_taken_away(tmp_path: Path) -> None:
    record = open_writer(tmp_path, 1 << 20)
    vault, late = _Vault(), _Vault()
    first = AnchorKeeper(tmp_path, "vault", vault, lambda _: True, None)
    _many(tmp_path, record, 260, "vault")
    assert len(_heads(tmp_path)) == 260
    assert first.push()
    _many(tmp_path, record, 5, "vault")
    assert [one.head.number for one in read_heads(tmp_path, WRITER)[0]] == [260, 261, 262, 263, 264]
    assert first.push()
    assert list(vault.heads) == list(range(265)), "there all stay"
    # One that begins now has no gap, and is found to say the same; so does the first one.
    later = AnchorKeeper(tmp_path, "late", late, lambda _: True, None)
    assert later.push()
    _many(tmp_path, record, 3, "vault", "late")
    assert first.push()
    assert later.push()
    assert list(late.heads) == [0, *range(260, 268)]
    record.close()
    local, _ = read_heads(tmp_path, WRITER)
    for store in (vault, late):
        for beside in (local, local[:1], []):
            found = list(find_anchored(store, WRITER, beside))
            assert found[0].head.number == 267
            assert verify(tmp_path, keys=keys(), anchored={"one": {WRITER: found}}).ok
        again = AnchorKeeper(tmp_path, "again", store, lambda _: True, None)  # where it came to was forgotten
        assert again.push()
        (tmp_path / f"{WRITER}.again.anchor").unlink()
        assert not [number for number in range(260, 268) if number not in store.heads]


@pytest.mark.parametrize("place", [261, 264, 266])
def test_heads_that_differ_are_found_where_others_are_not_there_any_more(tmp_path: Path, place: int) -> None:
    record = open_writer(tmp_path, 1 << 20)
    _many(tmp_path, record, 260)
    _many(tmp_path, record, 8)
    record.close()
    honest, _ = read_heads(tmp_path, WRITER)
    store = _Vault({one.head.number: one.raw for one in honest} | {0: honest[0].raw})
    forged = [
        one if one.head.number < place else parse_head(signer().line(replace(one.head, hash="e" * 64)))
        for one in honest
    ]
    found = [one.head.number for one in find_anchored(store, WRITER, forged)]
    assert found[0] == 267
    assert {place - 1, place, 267} >= set(found) >= {place}
