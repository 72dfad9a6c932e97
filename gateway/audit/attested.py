"""What others than the record say of it: signed heads beside it, and those that were anchored elsewhere.

Each good head is a mark: at this entry the chain had this hash. A chain that holds in itself and has another one there
was rewritten, however well; one that ends before it was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.audit.damage import Bad, BadKind, Mark
from gateway.audit.heads import Keys, SignedHead, heads_path, list_heads, read_heads
from gateway.audit.segments import Segment

HERE: Final = "a signed head"
UNTIL_SIGNED: Final = 1  # segments behind the last head, beside the one being written, that may not be signed yet

Anchored = Mapping[str, Mapping[str, Sequence[SignedHead]]]  # by anchor, by writer


@dataclass(slots=True)
class Attested:
    """Marks of every writer, and what is wrong with the heads themselves."""

    marks: dict[str, dict[int, Mark]] = field(default_factory=dict)
    bad: list[Bad] = field(default_factory=list)
    heads: int = 0

    def writers(self) -> Iterable[str]:
        """Of which anything is said."""
        return self.marks.keys()

    def of(self, writer: str) -> dict[int, Mark]:
        """Marks of one writer, by the entry they are at."""
        return self.marks.get(writer, {})

    def take(self, heads: Iterable[SignedHead], writer: str, keys: Keys | None, source: str, place: str) -> None:
        """Heads of one writer, from one place."""
        for one in heads:
            good = None if keys is None else keys.check(one.key_id, one.signature, one.signed)
            if good is not True and not (keys is None and source != HERE):
                self._refuse(writer, one, good, source, place)
                continue
            if one.head.writer != writer:
                self._refuse(writer, one, False, source, place)
                continue
            mark = Mark(one.head.last_seq, one.head.hash, one.head.segment, f"{source} ({one.head.number})")
            other = self.marks.setdefault(writer, {}).setdefault(mark.seq, mark)
            if other.hash != mark.hash:
                why = f"{source} {one.head.number} and {other.source} say different things of entry {mark.seq}"
                self._add(writer, place, mark.seq, BadKind.REWRITTEN, why)
            self.heads += 1

    def _refuse(self, writer: str, one: SignedHead, good: bool | None, source: str, place: str) -> None:
        number = one.head.number
        if good is None:
            why = f"head {number} is signed with key {one.key_id}, which was not given"
            self._add(writer, place, None, BadKind.KEY_UNKNOWN, why)
        else:
            self._add(writer, place, None, BadKind.HEAD_FALSE, f"head {number} of {source} is not what was signed")

    def _add(self, writer: str, place: str, seq: int | None, kind: BadKind, why: str) -> None:
        if not any(bad.kind is kind and bad.writer == writer for bad in self.bad):  # the first one is told
            self.bad.append(Bad(writer=writer, segment=place, line=0, seq=seq, kind=kind, explanation=why))

    def unreadable(self, writer: str, place: str, line: int, why: str) -> None:
        """A line that is no head."""
        kind = BadKind.FUTURE_VERSION if "version" in why else BadKind.HEAD_FALSE
        self.bad.append(Bad(writer=writer, segment=place, line=line, seq=None, kind=kind, explanation=why))


def gather(directory: Path, keys: Keys | None, anchored: Anchored) -> Attested:
    """Heads beside the record, where there are keys to check them with, and those from anchors. Raises OSError."""
    found = Attested()
    if keys is not None:
        for writer in list_heads(directory):
            heads, wrong = read_heads(directory, writer)
            name = heads_path(directory, writer).name
            for line, why in wrong:
                found.unreadable(writer, name, line, why)
            found.take(heads, writer, keys, HERE, name)
    for name, writers in anchored.items():
        for writer, those in writers.items():
            found.take(those, writer, keys, f"anchor {name}", f"anchor {name}")
    return found


def beyond(writer: str, segments: Sequence[Segment], tail: int, lines: int, marks: Mapping[int, Mark]) -> Bad | None:
    """What was attested and is not there any more, behind the end of the chain."""
    last = max(marks.values(), key=lambda mark: mark.seq, default=None)
    if last is None or last.seq <= tail:
        return None
    newest = segments[-1] if segments else None
    if newest is None or last.segment > newest.number:
        number = 0 if newest is None else newest.number + 1
        why = f"segments {number} to {last.segment} are not there; {last.source} names entry {last.seq}"
        kind, line = BadKind.SEGMENT_MISSING, 0
        name = f"{writer}.{number:08d}.jsonl"
    else:
        why = f"the record ends with entry {tail}; {last.source} names entry {last.seq}"
        kind, line, name = BadKind.CUT, lines + 1, newest.name
    return Bad(writer=writer, segment=name, line=line, seq=tail + 1, kind=kind, explanation=why)


def unsigned(writer: str, segments: Sequence[Segment], marks: Mapping[int, Mark], directory: Path) -> Iterator[Bad]:
    """Segments that ended long ago, behind the last head: somebody removed the heads, or nobody signs."""
    last = max((mark.segment for mark in marks.values()), default=-1)
    closed = [segment for segment in segments[:-1] if segment.number > last]
    if (not marks and segments) or len(closed) > UNTIL_SIGNED:
        place = heads_path(directory, writer).name
        why = "no signed head speaks for this writer" if not marks else f"no signed head since segment {last}"
        yield Bad(writer=writer, segment=place, line=0, seq=None, kind=BadKind.HEAD_MISSING, explanation=why)
