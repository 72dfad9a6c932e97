"""Where the chain breaks: which entry is the first bad one, and what was done to it.

A line that does not continue the chain is not always the false one: who rewrites an entry and makes its hash anew is
found out by the entry *behind* it. So the lines around the break are asked. What is told is the simplest story that
fits; a forger who rewrites many entries can choose which story, but not that there is none.
"""

from __future__ import annotations

from gateway.audit.chain import Link, read_line
from gateway.audit.damage import SEGMENT_HEAD, Bad, BadKind, Seen, Walk, lines_after


def blame(state: Walk, index: int, line: int, link: Link | None) -> Bad:
    """The first bad entry, given the line at which the chain does not go on."""
    if link is None or not link.authentic:
        return _false_content(state, index, line, link)
    if link.seq > state.seq:
        return _gap(state, index, line, link)
    if link.seq < state.seq:
        return _earlier(state, index, line, link)
    return _other_past(state, index, line, link)


def _bad(state: Walk, index: int, line: int, seq: int | None, kind: BadKind, explanation: str) -> Bad:
    segment = state.segments[index]
    return Bad(writer=segment.writer, segment=segment.name, line=line, seq=seq, kind=kind, explanation=explanation)


def _next(state: Walk, index: int, line: int) -> Link | None:
    for _, following in lines_after(state.segments, index, line):
        found = None if following.raw is None else read_line(following.raw)
        return found if found is not None and found.authentic else None
    return None


def _last(state: Walk) -> Seen | None:
    return state.known().get(state.prev)


def _false_content(state: Walk, index: int, line: int, link: Link | None) -> Bad:
    """The line is no entry, or not the one its hash was made of."""
    following = _next(state, index, line)
    if following is not None and following.seq == state.seq and following.prev == state.prev:
        why = "a line that is not part of the chain: the lines before and behind it fit each other"
        return _bad(state, index, line, None if link is None else link.seq, BadKind.INSERTED, why)
    if following is None and state.attested is not None and state.attested[0] == state.seq - 1:
        why = "no synced entry stands here: a line put there, or one written at the last moment and edited"
        return _bad(state, index, line, None if link is None else link.seq, BadKind.INSERTED, why)
    what = "the line is not an entry any more" if link is None else "the content is not what its hash was made of"
    return _bad(state, index, line, state.seq, BadKind.EDITED, what)


def _gap(state: Walk, index: int, line: int, link: Link) -> Bad:
    """A genuine entry of a later place: what should be here was moved, deleted or cut off, or this one was copied
    in."""
    own_head = link.kind == SEGMENT_HEAD and link.integer("segment") == state.segments[index].number
    if index and line == 1 and own_head:
        return _cut_sealed(state, index, link.seq)
    expected_at: int | None = None
    again = False
    for place, following in lines_after(state.segments, index, line):
        found = None if following.raw is None else read_line(following.raw)
        if found is None or not found.authentic:
            continue
        again = again or found.hash == link.hash
        if expected_at is None and found.seq == state.seq and found.prev == state.prev:
            expected_at = following.number if place == index else -1
        if again and expected_at is not None:
            break
    if expected_at is None:
        last = link.seq - 1
        which = f"entry {state.seq} is" if last == state.seq else f"entries {state.seq} to {last} are"
        return _bad(state, index, line, state.seq, BadKind.DELETED, f"{which} missing before entry {link.seq}")
    if again:
        return _bad(state, index, line, link.seq, BadKind.INSERTED, f"a copy of entry {link.seq}, ahead of its place")
    where = "a later segment" if expected_at < 0 else f"line {expected_at}"
    why = f"entry {link.seq} stands where entry {state.seq} belongs, which is found at {where}"
    return _bad(state, index, line, link.seq, BadKind.SWAPPED, why)


def _cut_sealed(state: Walk, index: int, head_seq: int) -> Bad:
    last = _last(state)
    end = last.line + 1 if last is not None and last.place == index - 1 else 1
    why = (
        f"the segment ends before entry {state.seq}; the next segment begins with entry {head_seq}, "
        f"so {head_seq - state.seq} were cut off"
    )
    return _bad(state, index - 1, end, state.seq, BadKind.CUT, why)


def _earlier(state: Walk, index: int, line: int, link: Link) -> Bad:
    """A genuine entry of an earlier place: a copy, or the true one behind an entry that was put in with a hash of its
    own."""
    known = state.known()
    if link.hash in known:
        return _bad(state, index, line, link.seq, BadKind.INSERTED, f"a copy of entry {link.seq}, behind its place")
    rival = next((seen for seen in known.values() if seen.seq == link.seq), None)
    following = _next(state, index, line)
    vouched = (following is not None and following.prev == link.hash) or state.attested == (link.seq, link.hash)
    if rival is not None and link.prev in known and vouched:
        why = f"two entries claim place {link.seq}, and the entries that follow continue the other one"
        return _bad(state, rival.place, rival.line, rival.seq, BadKind.INSERTED, why)
    why = f"it claims place {link.seq}, which is taken"
    return _bad(state, index, line, link.seq, BadKind.INSERTED, why)


def _other_past(state: Walk, index: int, line: int, link: Link) -> Bad:
    """Right place, genuine content, but another past: the entry before was rewritten, hash and all, or this one was."""
    last = _last(state)
    following = _next(state, index, line)
    vouched = (following is not None and following.prev == link.hash) or state.attested == (link.seq, link.hash)
    if vouched and last is not None:
        why = (
            f"entry {link.seq} was made after another entry {last.seq}: this one, or entries before it, were rewritten"
        )
        return _bad(state, last.place, last.line, last.seq, BadKind.EDITED, why)
    why = "it was not made after the entry before it, and no later entry vouches for it: rewritten, hash and all"
    return _bad(state, index, line, link.seq, BadKind.EDITED, why)
