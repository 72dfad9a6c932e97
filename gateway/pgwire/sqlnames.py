"""Names in SQL text: PREPARE, EXECUTE, DECLARE, FETCH … with a name of ours in the place of the client's.

The judgement says where the names stand (``Naming``); nothing is parsed here. What a name of ours stands for never
changes while it lives: a name that is made anew gets a new one of ours, and a text prepared with an old one is prepared
again before its next Bind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from gateway.naming import NameDeed, NameKind, NameUse, Naming
from gateway.pgwire.actions import Judgement, Lookup, Named
from gateway.pgwire.guard import guard_of
from gateway.pgwire.ledger import NAME_BYTES, AnyChanges, Edit, Expectation, Portal, Prepared, Spliced
from gateway.pgwire.shared import Shared
from gateway.search_path import PathDeed

# Keywords are ASCII and can be written in no other way; a word too many costs a wait, never a statement unseen.
_NOWHERE: Final = "\0"  # no search_path is like this
_VERBS: Final = re.compile(r"\b(?:prepare|execute|deallocate|declare|fetch|move|close)\b")


def may_name(text: str) -> bool:
    """Whether a text may use names of the session: it holds a word that such statements begin with."""
    low = text.lower()
    if "fetch" in low or "close" in low or "move" in low or "declare" in low or "execute" in low or "prepare" in low:
        return _VERBS.search(low) is not None
    return "deallocate" in low


@dataclass(frozen=True, slots=True)
class Sending:
    """A judged text as it goes to the server."""

    text: bytes
    spliced: Spliced


class SqlNames:
    """What the names in texts of one session become."""

    __slots__ = ("_own_name", "_shared")

    def __init__(self, shared: Shared, own_name: Callable[[], bytes]) -> None:
        self._shared = shared
        self._own_name = own_name

    def stands_for(self, kind: NameKind, name: str) -> Named | None:
        """What a name stands for. Asked only while no answer is on its way that could change it."""
        if kind is NameKind.STATEMENT:
            prepared = self._shared.statements.get(name.encode())
            return None if prepared is None else Named(prepared.text, prepared.types, prepared.sent)
        portal = self._shared.portals.get(name.encode())
        if portal is None:
            return None
        return Named(portal.prepared.text, portal.prepared.types, portal.prepared.sent, portal.ticket)

    def splice(
        self, text: bytes, naming: Naming, *, before: Spliced | None = None, itself: tuple[bytes, bytes] = (b"", b"")
    ) -> Sending:
        """The text with names of ours. ``before``: what it became the last time, kept where nothing else is known.

        ``itself``: the client's name and ours that the text is prepared under. It may make or drop that very name.
        """
        kept = before.owns if before is not None else (b"",) * len(naming.steps)
        made: dict[tuple[NameKind, str], bytes | None] = {}
        owns: list[bytes] = []
        edits: list[tuple[int, int, bytes]] = []
        for use, last in zip(naming.steps, kept, strict=True):
            if use is None or use.deed is NameDeed.DROP_ALL:
                owns.append(b"")
                if use is not None:
                    made = {key: None if key[0] is use.kind else own for key, own in made.items()}
                    made[use.kind, ""] = None  # no name is empty: this one says that what was there before is gone
                continue
            of_itself = use.kind is NameKind.STATEMENT and use.name.encode() == itself[0][:NAME_BYTES]
            if of_itself and use.deed is not NameDeed.RUN:
                own = itself[1]
            else:
                own = self._own(use, made) or last or self._own_name()
            made[use.kind, use.name] = None if use.deed is NameDeed.DROP else own
            owns.append(own)
            edits.append((use.start, use.end, b'"%s"' % own))
            edits += ((place, place, words.encode()) for place, words in use.inserts)
        pairs = zip(naming.steps, owns, strict=True)
        aliases = tuple((own, use.name.encode()) for use, own in pairs if use is not None and own)
        changed, shifts = _edited(text, sorted(edits))
        seen = {
            (use.kind, use.name): self.stands_for(use.kind, use.name)
            for use in naming.steps
            if use is not None and use.deed is NameDeed.RUN
        }
        return Sending(changed, Spliced(naming, tuple(owns), aliases, shifts, seen))

    def _own(self, use: NameUse, made: dict[tuple[NameKind, str], bytes | None]) -> bytes | None:
        """Our name for it as things will stand at this statement of the text."""
        key = (use.kind, use.name)
        if key in made:
            return made[key]
        if (use.kind, "") in made:
            return None
        entry: Prepared | Portal | None
        if use.kind is NameKind.STATEMENT:
            entry = self._shared.statements.get(use.name.encode())
        else:
            entry = self._shared.portals.get(use.name.encode())
        return None if entry is None else entry.own

    def query(self, text: bytes, judgement: Judgement, naming: Naming, expected: Expectation) -> bytes:
        """A Query's text with our names in it; what it changes is settled as its statements are completed."""
        sending = self.splice(text, naming)
        expected.steps.extend(self.changes(text, sending.spliced, (), judgement))
        self._shared.batch += 1  # a Query that fails ends with its error: what follows is not skipped with it
        expected.aliases, expected.edits = sending.spliced.aliases, sending.spliced.edits
        return sending.text

    def execute(self, prepared: Prepared, spliced: Spliced, judgement: Judgement, expected: Expectation) -> None:
        """A prepared text that uses names is executed."""
        for changes in self.changes(prepared.given, spliced, prepared.types, judgement):
            expected.changes += changes
        expected.aliases += spliced.aliases
        expected.edits = spliced.edits

    def changes(self, text: bytes, spliced: Spliced, types: tuple[int, ...], judgement: Judgement) -> list[AnyChanges]:
        """What each statement of a text, sent as ``text``, changes when it is done."""
        found: list[AnyChanges] = []
        for use, own in zip(spliced.naming.steps, spliced.owns, strict=True):
            found.append(() if use is None else self._change(text, use, own, types, judgement))
        return found

    def _change(
        self, text: bytes, use: NameUse, own: bytes, types: tuple[int, ...], judgement: Judgement
    ) -> AnyChanges:
        batch, name = self._shared.batch, use.name.encode()
        of_statement = use.kind is NameKind.STATEMENT
        if use.deed is NameDeed.DROP:
            return self._shared.statements.drop(name, batch) if of_statement else self._shared.portals.drop(name, batch)
        if use.deed is not NameDeed.MAKE:
            return ()  # DROP_ALL is known by its completion
        sent = None if judgement.text is None else text[use.inner :].decode()
        # What the same text does to the path is known only afterwards: under none that could be.
        path = self._shared.path.text if judgement.path is PathDeed.KEEPS else _NOWHERE
        # Without a ticket: that one is of the PREPARE or DECLARE, and an Execute is asked about by the text inside.
        own_types = types if use.types is None else use.types
        prepared = Prepared(own, use.text, own_types, None, sent, False, guard_of(judgement), path=path)
        if of_statement:
            return (self._shared.statements.change(name, prepared, batch),)
        return (self._shared.portals.change(name, Portal(own, prepared, judgement.ticket, use.hold, path), batch),)

    def made(self, naming: Naming) -> int:
        """How many names a text makes that are not there yet."""
        statements, portals = self._shared.statements.entries, self._shared.portals.entries
        return sum(
            use.name.encode() not in (statements if use.kind is NameKind.STATEMENT else portals)
            for use in naming.steps
            if use is not None and use.deed is NameDeed.MAKE
        )


def lookup_of(spliced: Spliced) -> Lookup:
    """What the names in a prepared text stand for: fixed with our names in it."""
    seen = spliced.seen
    return lambda kind, name: seen.get((kind, name))


def _edited(text: bytes, edits: list[tuple[int, int, bytes]]) -> tuple[bytes, tuple[Edit, ...]]:
    """The text with parts replaced, and what that does to places in it, counted in characters."""
    parts: list[bytes] = []
    shifts: list[Edit] = []
    at = length = 0
    for begin, end, words in edits:
        parts += (text[at:begin], words)
        length += len(text[at:begin].decode())
        gone = len(text[begin:end].decode())
        shifts.append((length, gone, len(words)))
        length += gone
        at = end
    parts.append(text[at:])
    return b"".join(parts), tuple(shifts)
