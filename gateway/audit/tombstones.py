"""Segments that were pruned, as the chain of operators tells: what lets ``verify`` tell pruning from loss.

Each segment has an entry of its own, written and on disk before the segment is removed: which entries it held, and the
hash that its last one had, to which the next segment is chained. Where heads are signed, so is every such entry: who
can only write to the folder cannot make a loss look like pruning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Final

from gateway.audit.damage import PRUNED, Bad, BadKind, Begin
from gateway.audit.heads import Keys, Signer
from gateway.audit.record import SCHEMA_VERSION, Entry
from gateway.audit.segments import Segment, segment_path
from gateway.model import JsonValue

KEEPER: Final = "operator"  # whose chain tells of it; it is never pruned itself
_SAID: Final = "sekisho pruned"
_INTEGERS: Final = ("segment", "first_seq", "last_seq", "entries", "bytes", "from_us", "until_us")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """One segment that is no more. ``prev`` and ``hash``: to what it was chained, and what is chained to it."""

    writer: str
    segment: int
    first_seq: int
    last_seq: int
    prev: str
    hash: str
    entries: int
    bytes: int
    from_us: int
    until_us: int

    def entry(self, at_us: int, by: str, why: str, signer: Signer | None) -> Entry:
        """The entry that tells of it."""
        fields: dict[str, JsonValue] = asdict(self)
        signature, key_id = signer.sign(_SAID, fields) if signer is not None else (None, None)
        return {
            "kind": PRUNED,
            "schema_version": SCHEMA_VERSION,
            "at_us": at_us,
            "principal_id": by,
            "detail": why,
            "pruned": fields,
            "signature": signature,
            "key_id": key_id,
        }


def read_tombstones(entries: Iterable[Mapping[str, JsonValue]], keys: Keys | None) -> dict[str, dict[int, Tombstone]]:
    """Of each writer, by segment. With ``keys`` only those count that are signed by one of them."""
    found: dict[str, dict[int, Tombstone]] = {}
    for entry in entries:
        fields = entry.get("pruned")
        if entry.get("kind") != PRUNED or not isinstance(fields, Mapping):
            continue
        if keys is not None:
            key_id, signature = entry.get("key_id"), entry.get("signature")
            if not isinstance(key_id, str) or not isinstance(signature, str):
                continue
            if keys.check_facts(_SAID, dict(fields), key_id, signature) is not True:
                continue
        try:
            tombstone = Tombstone(**fields)  # type: ignore[arg-type]  # checked below
        except TypeError:
            continue
        if all(type(getattr(tombstone, name)) is int for name in _INTEGERS) and isinstance(tombstone.writer, str):
            found.setdefault(tombstone.writer, {})[tombstone.segment] = tombstone
    return found


def beginning(segments: list[Segment], tombstones: Mapping[int, Tombstone]) -> Begin | Bad:
    """Where the chain of these segments begins, or the first segment that is missing and was not pruned."""
    first = segments[0]
    begin = Begin()
    for number in range(first.number):
        stone = tombstones.get(number)
        if stone is None or (stone.first_seq, stone.prev) != (begin.seq, begin.prev):
            what = "nothing says that it was pruned" if stone is None else "what was pruned is another one"
            return Bad(
                writer=first.writer,
                segment=segment_path(first.path.parent, first.writer, number).name,
                line=0,
                seq=begin.seq,
                kind=BadKind.SEGMENT_MISSING,
                explanation=f"segment {number} is not there, and {what}; the next one found is {first.name}",
            )
        begin = Begin(number + 1, stone.last_seq + 1, stone.hash)
    return begin
