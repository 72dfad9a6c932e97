"""Canonical JSON and the hash chain: how an entry becomes a line, and how a line is read back. Pure.

A line is ``{<entry, keys sorted>,"seq":N,"prev":"<hex>","hash":"<hex>"}`` and a newline. ``hash`` is SHA-256 over the
bytes of the line before ``,"hash":``; ``prev`` is the hash of the line before. The order is fixed so that writing
takes one join and one hash, and checking takes one hash over bytes that lie in the file: no re-serialising, hence no
second truth.
"""

from __future__ import annotations

import json
import json.encoder
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Final, NamedTuple, cast

from gateway.model import JsonValue

GENESIS: Final = "0" * 64  # ``prev`` of a writer's first entry
RESERVED: Final = frozenset({"seq", "prev", "hash"})
MAX_LINE_BYTES: Final = 4 * 1024 * 1024  # no entry is longer; a longer line is not one of ours

_MAX_BODY_BYTES: Final = MAX_LINE_BYTES - 256  # room for seq, prev and hash
_TAIL: Final = re.compile(rb',"seq":(0|[1-9][0-9]{0,18}),"prev":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}\n\Z')
HASH_BYTES: Final = len(',"hash":""}\n') + 64
# An entry of `gateway.audit.ready`, whole: JSON by its form, and no name stands in it twice.
_WORD: Final = rb'"[ !#-\[\]-~]*"'
_NUMBER: Final = rb"(?:null|0|[1-9][0-9]{0,17})"
_FURTHER: Final = re.compile(
    rb'\{"at_us":(0|[1-9][0-9]{0,17}),'
    rb'(?:"bytes":' + _NUMBER + rb',)?"decision_id":' + _WORD + rb",(?:"
    rb'"duration_us":' + _NUMBER + rb',"kind":"(completion)","rows":' + _NUMBER + rb"|"
    rb'"epoch_age_ms":' + _NUMBER + rb',"kind":"(?:repeat)","of":' + _WORD + rb")"
    rb',"schema_version":(0|[1-9][0-9]{0,17}),"session":' + _WORD + rb'(?:,"sqlstate":null)?'
    rb'(?:,"statement_hash":' + _WORD + rb")?" + _TAIL.pattern
)
TAIL_BYTES: Final = 192  # in which the tail of a line surely lies

_HASHING: Final = sha256()  # copied for each line: to look one up by its name takes OpenSSL longer than to hash one

_JsonChunks = Callable[[object, int], Iterable[str]]


class EntryInvalid(ValueError):
    """An entry that cannot be a line: not JSON, a reserved key, too long. A fault of the caller, not of the disk."""


class Link(NamedTuple):
    """One line, read back. ``authentic`` False: the content is not what ``hash`` was made of."""

    seq: int
    prev: str
    hash: str
    authentic: bool
    entry: Mapping[str, JsonValue]

    @property
    def kind(self) -> str:
        """What sort of entry it is; empty where the entry does not say."""
        kind = self.entry.get("kind")
        return kind if isinstance(kind, str) else ""

    def integer(self, field: str) -> int | None:
        """An integer field of the entry, or None where it is absent or of another type."""
        value = self.entry.get(field)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


def _not_json(value: object) -> object:
    raise EntryInvalid(f"an entry holds a {type(value).__name__}, which JSON has no word for")


def _make_encoder() -> _JsonChunks:
    """The C encoder, made once: ``json.dumps`` would make a new one per entry, which is half of its cost."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the accelerator
        plain = json.JSONEncoder(
            sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_not_json
        )
        return lambda value, _level: (plain.encode(value),)
    escape = json.encoder.encode_basestring
    # In order: markers, default, escape, indent, separators, sort, skip keys, allow NaN. No markers: they would be
    # shared by all entries and remember those that failed; a circular entry ends in RecursionError instead.
    return cast(_JsonChunks, make(None, _not_json, escape, None, ":", ",", True, False, False))


_ENCODE: Final = _make_encoder()


def canonical(entry: Mapping[str, JsonValue]) -> str:
    """The entry as compact JSON with sorted keys. The same entry always gives the same text."""
    if "hash" in entry or "seq" in entry or "prev" in entry or not entry:
        raise EntryInvalid("an entry is not empty and leaves seq, prev and hash to the chain")
    try:
        body = "".join(_ENCODE(entry, 0))
    except EntryInvalid:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise EntryInvalid(f"an entry cannot be written as JSON: {error}") from None
    # In characters first: one takes at most six bytes, so that what is surely short is not encoded twice.
    if len(body) * 6 > _MAX_BODY_BYTES and len(body.encode("utf-8", "backslashreplace")) > _MAX_BODY_BYTES:
        raise EntryInvalid("an entry is longer than a line may be")
    return body


def link(body: str, seq: int, prev: str) -> tuple[bytes, str]:
    """The line of a canonical body at this place of the chain, and its hash."""
    # A lone surrogate has no UTF-8: backslashreplace writes it as the JSON escape it would have had.
    content = f'{body[:-1]},"seq":{seq},"prev":"{prev}"'.encode("utf-8", "backslashreplace")
    hashing = _HASHING.copy()
    hashing.update(content)
    digest = hashing.hexdigest()
    return b"".join((content, b',"hash":"', digest.encode(), b'"}\n')), digest


def read_tail(raw: bytes) -> tuple[int, str] | None:
    """Seq and hash that a line claims, or None where it is no line of a chain. Of its end alone; nothing is checked."""
    tail = _TAIL.search(raw[-TAIL_BYTES:])
    return None if tail is None else (int(tail[1]), tail[3].decode())


def read_line(raw: bytes) -> Link | None:
    """A line read back, or None where it is no line of a chain at all. Never raises: the file is not trusted."""
    tail = _TAIL.search(raw[-TAIL_BYTES:])
    if tail is None:
        return None
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    for name in RESERVED:
        value.pop(name, None)
    claimed = tail[3].decode()
    return Link(int(tail[1]), tail[2].decode(), claimed, sha256(raw[:-HASH_BYTES]).hexdigest() == claimed, value)


def read_link(raw: bytes) -> Link | None:
    """As ``read_line``, for who asks for kind, time and version only: of a further execution, or its end, the entry
    says no more. Nearly all entries are of these, and need not be taken apart."""
    found = _FURTHER.match(raw)
    if found is None:
        return read_line(raw)
    at_us, ended, version, seq, prev, claimed = found.groups()
    return Link(
        int(seq),
        prev.decode(),
        digest := claimed.decode(),
        sha256(raw[:-HASH_BYTES]).hexdigest() == digest,
        {"at_us": int(at_us), "kind": "completion" if ended else "repeat", "schema_version": int(version)},
    )
