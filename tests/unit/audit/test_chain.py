from __future__ import annotations

import json
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audit.chain import GENESIS, MAX_LINE_BYTES, EntryInvalid, Link, canonical, link, read_line, read_link
from gateway.audit.ready import Completions, Repeats
from gateway.model import Door


def test_canonical_is_sorted_compact_utf8() -> None:
    entry: dict = {"kind": "x", "b": [1, None, True, {"z": 1, "a": 2}], "a": "名前", "door": Door.HTTP}
    assert canonical(entry) == '{"a":"名前","b":[1,null,true,{"a":2,"z":1}],"door":"http","kind":"x"}'


def test_line_hash_covers_everything_before_it() -> None:
    line, digest = link(canonical({"kind": "x"}), 7, GENESIS)
    assert line == f'{{"kind":"x","seq":7,"prev":"{GENESIS}","hash":"{digest}"}}\n'.encode()
    assert sha256(line.split(b',"hash":')[0]).hexdigest() == digest


def test_line_is_read_back() -> None:
    entry: dict = {"kind": "x", "note": 'a "quoted",\n "seq":9,"prev" \\ \ud800 \x00', "at_us": 5}
    line, digest = link(canonical(entry), 3, "a" * 64)
    found = read_line(line)
    assert found is not None
    assert (found.seq, found.prev, found.hash, found.authentic) == (3, "a" * 64, digest, True)
    assert found.entry == entry
    assert found.kind == "x"
    assert found.integer("at_us") == 5
    assert found.integer("kind") is None
    assert line.count(b"\n") == 1


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"kind": "x", "seq": 1},
        {"kind": "x", "prev": ""},
        {"kind": "x", "hash": ""},
        {"kind": float("nan")},
        {"kind": float("inf")},
        {"kind": object()},
        {"kind": b"bytes"},
        {"kind": {1, 2}},
        {"kind": "x" * MAX_LINE_BYTES},
        {"kind": "\U00024b62" * (MAX_LINE_BYTES // 4)},
    ],
    ids=lambda entry: str(entry)[:30],
)
def test_entry_that_cannot_be_a_line_is_refused(entry: dict) -> None:
    with pytest.raises(EntryInvalid):
        canonical(entry)


def test_circular_entry_is_refused_and_the_next_is_not() -> None:
    entry: dict = {"kind": "x"}
    entry["self"] = entry
    with pytest.raises(EntryInvalid):
        canonical(entry)
    assert canonical({"kind": "x"}) == '{"kind":"x"}'


def test_longest_entry_fits_a_line() -> None:
    body = canonical({"kind": "x" * (MAX_LINE_BYTES - 300)})
    line, _ = link(body, 10**18, GENESIS)
    assert len(line) <= MAX_LINE_BYTES
    assert read_line(line) is not None


def _line() -> bytes:
    return link(canonical({"kind": "x"}), 1, GENESIS)[0]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"{}\n",
        b"[]\n",
        _line()[:-1],  # no newline
        _line() + b"\n",
        _line().replace(b'"seq":1', b'"seq":01'),
        _line().replace(b'"seq":1', b'"seq":-1'),
        _line().replace(b'"seq":1', b'"seq":' + b"1" * 30),
        _line()[1:],
        b"[" * 100_000 + _line(),
        json.dumps({"kind": "x", "seq": 1, "prev": GENESIS, "hash": GENESIS}).encode() + b"\n",  # other layout
        b"\xff" + _line(),
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_no_line_is_none_and_never_raises(raw: bytes) -> None:
    assert read_line(raw) is None


def test_changed_content_is_not_authentic() -> None:
    found = read_line(_line().replace(b'"x"', b'"y"'))
    assert found is not None
    assert not found.authentic


FURTHER = [
    Repeats("d-1", "s-1").text("d-2", 5, None, ""),
    Repeats("d-1", "s-1").text("d-2", 5, 70, "0f" * 32),
    Completions("s-1").text("d-2", 7, 12, 3, 96),
]


@pytest.mark.parametrize("body", FURTHER)
def test_a_further_execution_is_read_without_taking_it_apart(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line, _ = link(body, 4, GENESIS)
    whole = read_line(line)
    monkeypatch.setattr(json, "loads", None)
    assert _asked_of(read_link(line)) == _asked_of(whole)
    forged = line.replace(b'"session":"s-1"', b'"session":"s-2"')
    assert (found := read_link(forged)) is not None
    assert not found.authentic


def _asked_of(found: Link | None) -> tuple[object, ...] | None:
    """What a walk asks of an entry."""
    if found is None:
        return None
    return *found[:4], found.kind, found.integer("at_us"), found.integer("schema_version")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(FURTHER),
    st.integers(0, 300),
    st.integers(0, 3),
    st.sampled_from(['"', "\\", ",", "\n", "\x00", "é", "\ud800", '"at_us":9,', "1", "}", "-", "0", "e5", " ", ":"]),
)
def test_what_only_looks_like_one_is_read_as_any_other_line(body: str, at: int, gone: int, put: str) -> None:
    line, _ = link(body[:at] + put + body[at + gone :], 4, GENESIS)
    for raw in (line, line.replace(b"}", b"]"), b"\xef\xbb\xbf" + line):
        assert _asked_of(read_link(raw)) == _asked_of(read_line(raw))
