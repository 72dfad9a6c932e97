from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from gateway.audit.chain import canonical
from gateway.audit.heads import (
    Head,
    HeadInvalid,
    SignedHead,
    append_head,
    heads_path,
    kept,
    list_heads,
    load_keys,
    load_signer,
    parse_head,
    read_heads,
    replace_heads,
)
from gateway.audit.keys import KeyUse, make_keys
from gateway.audit.segments import FileCalls
from gateway.errors import ConfigError
from tests.unit.audit.chains import WRITER, sample_lines
from tests.unit.audit.signing import heads_of, keys, signer


def test_a_head_is_read_back_and_its_signature_is_good() -> None:
    head = heads_of(sample_lines())[0]
    found = parse_head(signer().line(head))
    assert found.head == head
    assert keys().check(found.key_id, found.signature, found.signed) is True
    assert keys().check(found.key_id, found.signature, found.signed + b" ") is False
    assert keys(2).check(found.key_id, found.signature, found.signed) is None


def test_other_facts_are_not_taken_for_a_head() -> None:
    head = heads_of(sample_lines())[0]
    signature, key_id = signer().sign("sekisho pruned", asdict(head))
    line = canonical({"head": asdict(head), "key_id": key_id, "signature": signature}).encode()
    found = parse_head(line)
    assert keys().check(found.key_id, found.signature, found.signed) is False
    assert keys().check_facts("sekisho pruned", asdict(head), key_id, signature) is True
    assert keys().check_facts("sekisho pruned", asdict(head), key_id, "no base64") is False


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b'{"head":1,"key_id":"","signature":""}',
        b'{"head":{"writer":"w"},"key_id":"","signature":""}',
    ],
)
def test_what_is_no_head_is_told(line: bytes) -> None:
    with pytest.raises(HeadInvalid):
        parse_head(line)


@pytest.mark.parametrize("change", [{"number": "1"}, {"closed": 1}, {"last_seq": True}, {"writer": 3}])
def test_fields_have_their_types(change: dict) -> None:
    fields = asdict(heads_of(sample_lines())[0]) | change
    with pytest.raises(HeadInvalid):
        parse_head(canonical({"head": fields, "key_id": "k", "signature": ""}).encode())


@pytest.mark.parametrize("left", [lambda line: line[:50], lambda line: line[:60] + bytes(100) + line[160:]])
def test_what_a_crash_left_of_a_head_is_no_head_and_the_next_one_follows(
    tmp_path: Path, left: Callable[[bytes], bytes]
) -> None:
    """Half of it, or zeros where a part had not reached the disk when the power failed."""
    first, second, *_ = [signer().line(head) for head in heads_of(sample_lines())]
    append_head(tmp_path, WRITER, first, FileCalls())
    with heads_path(tmp_path, WRITER).open("ab") as file:
        file.write(left(second))
    assert [one.head.number for one in read_heads(tmp_path, WRITER)[0]] == [0]
    append_head(tmp_path, WRITER, second, FileCalls())
    heads, wrong = read_heads(tmp_path, WRITER)
    assert ([one.head.number for one in heads], wrong) == ([0, 1], [])
    assert list_heads(tmp_path) == [WRITER]
    assert read_heads(tmp_path, "nobody") == ([], [])


def test_zeros_before_a_head_are_told_and_stay(tmp_path: Path) -> None:
    lines = [signer().line(head) for head in heads_of(sample_lines())][:3]
    for line in lines[:2]:
        append_head(tmp_path, WRITER, line, FileCalls())
    path = heads_path(tmp_path, WRITER)
    damaged = path.read_bytes().replace(lines[0][10:20], bytes(10), 1)
    path.write_bytes(damaged)
    append_head(tmp_path, WRITER, lines[2], FileCalls())
    assert path.read_bytes() == damaged + lines[2]
    assert [number for number, _ in read_heads(tmp_path, WRITER)[1]] == [1]


def test_keys_of_files(tmp_path: Path) -> None:
    public = make_keys(tmp_path / "key", KeyUse.SIGNING)
    made = load_signer(tmp_path / "key")
    assert load_keys([public]).by_id.keys() == {made.key_id}
    other = X25519PrivateKey.generate()
    (tmp_path / "other").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "other.pub").write_bytes(
        other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "text").write_text("what?")
    for name in ("other", "text", "nothing"):
        with pytest.raises(ConfigError, match=name):
            load_signer(tmp_path / name)
    with pytest.raises(ConfigError) as caught:
        load_keys([tmp_path / "other.pub", tmp_path / "text", tmp_path / "nothing", public])
    assert len(caught.value.problems) == 3


def _signed(number: int, segment: int) -> SignedHead:
    head = Head(
        writer="gw", number=number, segment=segment, first_seq=0, last_seq=number, hash="0" * 64, at_us=1, closed=False
    )
    return parse_head(signer().line(head))


@pytest.mark.parametrize(
    ("anchored", "oldest", "numbers"),
    [
        (99, 0, [2, 5, 6, 9]),  # the last one of each segment
        (-1, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),  # no anchor has any
        (4, 0, [2, 5, 6, 7, 8, 9]),
        (99, 2, [5, 6, 9]),  # of those that were pruned, the last
        (99, 9, [9]),
        (7, 3, [6, 8, 9]),
    ],
)
def test_heads_that_are_still_needed(anchored: int, oldest: int, numbers: list[int]) -> None:
    heads = [_signed(number, segment) for number, segment in enumerate((0, 0, 0, 1, 1, 1, 2, 3, 3, 3))]
    assert [one.head.number for one in kept(heads, anchored, oldest)] == numbers


def test_heads_are_replaced_at_once(tmp_path: Path) -> None:
    heads = [_signed(number, 0) for number in range(5)]
    for one in heads:
        append_head(tmp_path, "gw", one.raw, FileCalls())
    replace_heads(tmp_path, "gw", heads[3:], FileCalls())
    assert read_heads(tmp_path, "gw") == (heads[3:], [])
    assert [path.name for path in tmp_path.iterdir()] == ["gw.heads.jsonl"]
    assert heads_path(tmp_path, "gw").stat().st_mode & 0o777 == 0o600
