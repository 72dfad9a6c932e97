"""Records that hold in themselves, and are not those that were signed or anchored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.audit.attested import Attested
from gateway.audit.damage import BadKind
from gateway.audit.heads import Keys, heads_path, parse_head, read_heads
from gateway.audit.verify import Report, verify
from tests.unit.audit.chains import WRITER, claims, sample_lines, segment_name
from tests.unit.audit.signing import end_of, heads_of, keys, lay_signed, rewritten, signer


def _kind(report: Report) -> tuple[BadKind, int | None]:
    assert report.first_bad is not None
    return report.first_bad.kind, report.first_bad.seq


def test_a_signed_record_is_whole_and_says_how_far_it_is_signed(tmp_path: Path) -> None:
    report = verify(lay_signed(tmp_path), keys=keys())
    assert report.ok, report
    assert report.heads == len(heads_of(sample_lines()))
    assert report.signed == report.entries


def test_a_record_that_goes_on_is_signed_up_to_its_last_head(tmp_path: Path) -> None:
    report = verify(lay_signed(tmp_path, heads=heads_of(sample_lines())[:-1]), keys=keys())
    assert report.ok
    assert 0 < report.signed < report.entries


@pytest.mark.parametrize("seq", [0, 1, 9, 20, 35])
def test_a_record_wholly_rewritten_is_found_by_its_heads_alone(tmp_path: Path, seq: int) -> None:
    lines = rewritten(sample_lines(), seq)
    directory = lay_signed(tmp_path, lines)
    assert verify(directory).ok, "nothing else can tell"
    report = verify(directory, keys=keys())
    kind, found = _kind(report)
    assert kind is BadKind.REWRITTEN
    first = next(head for head in heads_of(sample_lines()) if head.last_seq >= seq)
    assert found == first.last_seq
    assert report.first_bad is not None
    before = max((head.last_seq for head in heads_of(sample_lines()) if head.last_seq < seq), default=-1)
    assert f"entries from {before + 1} on were rewritten" in report.first_bad.explanation


def test_a_record_cut_with_its_checkpoint_is_found(tmp_path: Path) -> None:
    lines = sample_lines()
    seq = claims(lines[-1].pop())["seq"]
    directory = lay_signed(tmp_path, lines)
    assert verify(directory).ok
    assert _kind(verify(directory, keys=keys())) == (BadKind.CUT, seq)


def test_a_segment_that_is_gone_with_its_checkpoint_is_found(tmp_path: Path) -> None:
    lines = sample_lines()
    seq = claims(lines.pop()[0])["seq"]
    directory = lay_signed(tmp_path, lines)
    assert verify(directory).ok
    assert _kind(verify(directory, keys=keys())) == (BadKind.SEGMENT_MISSING, seq)


def test_a_writer_of_which_only_heads_are_left_is_missed(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path)
    for path in [*tmp_path.glob("*.jsonl"), *tmp_path.glob("*.head.json")]:
        if ".heads." not in path.name:
            path.unlink()
    assert _kind(verify(directory, keys=keys())) == (BadKind.SEGMENT_MISSING, 0)


def test_heads_that_were_removed_are_missed(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path, rewritten(sample_lines(), 20), heads=[])
    assert _kind(verify(directory, keys=keys()))[0] is BadKind.HEAD_MISSING


def test_a_head_of_another_key_is_no_head(tmp_path: Path) -> None:
    """Whoever rewrites the record may sign it as well, with a key of their own."""
    lines = rewritten(sample_lines(), 20)
    directory = lay_signed(tmp_path, lines, heads_of(lines), seed=2)
    kinds = {bad.kind for bad in verify(directory, keys=keys(1)).bad}
    assert kinds == {BadKind.KEY_UNKNOWN}
    assert verify(directory, keys=keys(1, 2)).ok
    claimed = Keys({signer(2).key_id: signer(1).key.public_key()})
    assert BadKind.HEAD_FALSE in {bad.kind for bad in verify(directory, keys=claimed).bad}


def test_a_head_that_was_edited_is_told(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path)
    path = heads_path(directory, WRITER)
    path.write_bytes(path.read_bytes().replace(b'"closed":true', b'"closed":false', 1))
    assert _kind(verify(directory, keys=keys()))[0] is BadKind.HEAD_FALSE
    path.write_bytes(b"what?\n" + path.read_bytes())
    report = verify(directory, keys=keys())
    assert (report.bad[0].kind, report.bad[0].line) == (BadKind.HEAD_FALSE, 1)


def test_heads_of_another_writer_do_not_count(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path)
    heads_path(directory, WRITER).rename(heads_path(directory, "other"))
    assert BadKind.HEAD_FALSE in {bad.kind for bad in verify(directory, keys=keys()).bad}


def test_a_head_of_a_later_version_is_said(tmp_path: Path) -> None:
    directory = lay_signed(tmp_path, heads=[replace(heads_of(sample_lines())[0], version=2)])
    assert BadKind.FUTURE_VERSION in {bad.kind for bad in verify(directory, keys=keys()).bad}


def test_a_record_rewritten_with_its_heads_is_found_by_an_anchor(tmp_path: Path) -> None:
    """The key was stolen with the machine."""
    honest = read_heads(lay_signed(tmp_path / "honest"), WRITER)[0]
    lines = rewritten(sample_lines(), 20)
    directory = lay_signed(tmp_path / "forged", lines, heads_of(lines))
    assert verify(directory, keys=keys()).ok
    for known in (keys(), None):
        report = verify(directory, keys=known, anchored={"vault": {WRITER: honest}})
        assert BadKind.REWRITTEN in {bad.kind for bad in report.bad}
        assert "anchor vault" in str(report.bad)
    assert verify(tmp_path / "honest", anchored={"vault": {WRITER: honest}}).ok


def test_two_heads_of_one_entry_that_differ_are_told() -> None:
    first = heads_of(sample_lines())[0]
    both = [parse_head(signer().line(head)) for head in (first, replace(first, hash="e" * 64))]
    attested = Attested()
    attested.take(both, WRITER, keys(), "a signed head", "x")
    assert [bad.kind for bad in attested.bad] == [BadKind.REWRITTEN]
    assert segment_name(0) != attested.bad[0].segment
    assert end_of(sample_lines())
