"""Trees of a strict session: asked of its own server connection, and compared with what runs later.

What was judged is kept as digests of the trees, with the facts they say. The same tree is the same statement; another
one is approved only where it reads and writes nothing that was not judged, or is the check of a foreign key.
"""

from __future__ import annotations

import asyncio
import re
from hashlib import blake2b
from typing import Final, Protocol

from gateway.doors.pg_ticket import Judged, Ticket
from gateway.errors import PolicyUnavailable, Reason
from gateway.model import Complaint, StatementEffect, StatementFacts
from gateway.needs import Analysis, NeedTree
from gateway.pgwire.actions import Analysed
from gateway.reuse import Standing
from gateway.sql.catalog import Catalog
from gateway.sql.facts import read_facts
from gateway.sql.provision import HASH_TABLE
from gateway.words import ColumnUseKind

# Where in the text a node stands: it differs where the text asked about is a part of the one that runs, and lines are
# broken elsewhere then. No name can look like this, as a blank in one is escaped, and no value, which is printed as
# numbers. (Two patterns: one that begins with a word is searched for much faster than one that begins with a choice.)
_PLACES: Final = (re.compile(r"location[ \n]-?\d+"), re.compile(r"stmt_len[ \n]-?\d+"))
_BLANKS: Final = b" \n"
_UTILITY_NUMBER: Final = {13: "5", 14: "5"}
_UNSEEN: Final = frozenset({ColumnUseKind.PREDICATE, ColumnUseKind.WRITE_TARGET})
_QUERIES: Final = frozenset({"select", "insert", "update", "delete", "merge"})
_TOLD_FIELDS: Final = "SVCMDHPsctdn"
_RANK: Final = {
    StatementEffect.NONE: 0,
    StatementEffect.SESSION: 0,
    StatementEffect.READ: 1,
    StatementEffect.WRITE: 2,
}


class Reader(Protocol):
    """Trees with the catalogs as the twin knows them now."""

    def __call__(self, trees: tuple[str, ...], complaint: Complaint | None, search_path: str | None = None) -> Analysis:
        """Raises PolicyUnavailable where nobody knows them."""
        ...


class OwnTrees:
    """What one strict session asked its server, and whether what comes is that. Lives on the loop."""

    def __init__(self, read: Reader, *, tree_bytes: int) -> None:
        self._read = read
        self._tree_bytes = tree_bytes
        self._text = ""
        self._asked: list[tuple[str, tuple[bytes, ...]]] = []
        self._under_way: tuple[NeedTree, asyncio.Future[Analysis]] | None = None
        self._written: set[str] = set()  # relations this session was allowed to write to

    def begin(self, text: str) -> None:
        """A text is to be judged."""
        self._text = text
        self._asked.clear()

    def promise(self, need: NeedTree) -> asyncio.Future[Analysis]:
        """The session's server is being asked this."""
        answer: asyncio.Future[Analysis] = asyncio.get_running_loop().create_future()
        self._under_way = need, answer
        return answer

    def analysed(self, action: Analysed) -> None:
        """It answered."""
        if self._under_way is None:
            raise RuntimeError("an analysis nobody asked for")
        (need, answer), self._under_way = self._under_way, None
        if answer.done():
            return
        try:
            if action.too_large:
                why = f"the analysed tree is longer than {self._tree_bytes} bytes"
                raise PolicyUnavailable(Reason.STATEMENT_INCOMPLETE, why)
            found = self._read(action.trees, _complaint(action), need.search_path)
        except PolicyUnavailable as error:
            answer.set_exception(error)
            return
        self._asked.append((need.text, tuple(_digest(tree) for tree in action.trees)))
        answer.set_result(found)

    def over(self) -> None:
        """The session has ended: nobody will answer."""
        if self._under_way is not None and not self._under_way[1].done():
            why = "the session ended before the statement was analysed"
            self._under_way[1].set_exception(PolicyUnavailable(Reason.UPSTREAM_LOST, why))

    def judged(self, standing: Standing) -> Judged:
        """What was judged, of a text that was allowed."""
        facts = standing.understanding.statement
        if _writes(facts):
            self._written.update(facts.relations)
        sent, trees = self._text, self._asked
        if standing.text is not None:
            # Of the questions that narrowing asked only one was about what goes up: all of it, or all that EXPLAIN or
            # COPY is written around.
            sent = standing.text
            longest = max((len(text) for text, _ in trees if text in sent), default=0)
            trees = [one for one in trees if one[0] in sent and len(one[0]) == longest]
        alone = sent.strip().rstrip(";").rstrip()
        return Judged(
            trees=frozenset(tree for _, printed in trees for tree in printed),
            facts=facts,
            whole=facts.effect in (StatementEffect.NONE, StatementEffect.SESSION)
            or any(text.strip() == alone for text, _ in trees),
            narrowed=standing.text is not None,
        )

    # -- gateway.pgwire.strict.Approver -----------------------------------------------------------------------------

    def same(self, ticket: object, tree: str) -> bool:
        """Whether this tree is one that was judged."""
        meaning = ticket.judged if isinstance(ticket, Ticket) else None
        return meaning is not None and _digest(tree) in meaning.trees

    def covers(self, ticket: object, tree: str) -> bool:
        """Whether a tree does nothing that was not judged."""
        meaning = ticket.judged if isinstance(ticket, Ticket) else None
        if meaning is not None and _digest(tree) in meaning.trees:
            return True
        try:
            catalog = self._read((), None).catalog
        except PolicyUnavailable:
            return False  # nobody can say
        if _is_utility(tree, catalog.major):
            # COPY and EXPLAIN print themselves besides what they run; a function may not run one by itself.
            return meaning is not None and meaning.facts.kind not in _QUERIES
        found = read_facts("select", (tree,), catalog, max_tree_bytes=self._tree_bytes)
        if not found.complete:
            return False
        if meaning is not None and not meaning.narrowed and _within(found, meaning.facts):
            return True
        if meaning is not None and meaning.narrowed and found.relations == (HASH_TABLE,):
            return found.effect is StatementEffect.READ  # the keyed hash of a mask: no other's key can be read so
        if found.effect is StatementEffect.WRITE:  # a key that cascades: its relation was counted as a target
            targets = meaning.facts.relations if meaning is not None and _writes(meaning.facts) else ()
            return set(found.relations) <= set(targets) and _shows_nothing(found)
        return _shows_nothing(found) and set(found.relations) <= _key_neighbours(self._written, catalog)


def _within(found: StatementFacts, judged: StatementFacts) -> bool:
    return (
        _RANK[found.effect] <= _RANK[judged.effect]
        and set(found.relations) <= set(judged.relations)
        and set(found.columns) <= set(judged.columns)
    )


def _writes(facts: StatementFacts) -> bool:
    return facts.effect is StatementEffect.WRITE


def _shows_nothing(found: StatementFacts) -> bool:
    """What the server does by itself for a foreign key: it looks for rows, or changes them, and shows none."""
    return all(column.use in _UNSEEN for column in found.columns)


def _key_neighbours(judged: set[str], catalog: Catalog) -> set[str]:
    """These, and relations that a foreign key joins to one of them, from either side."""
    found = set(judged)
    for referenced, references in catalog.references.items():
        one = catalog.relations.get(referenced)
        for reference in references:
            other = catalog.relations.get(reference.referencing)
            if one is not None and other is not None and {one.full_name, other.full_name} & judged:
                found |= {one.full_name, other.full_name}
    return found


def _is_utility(tree: str, major: int) -> bool:
    return tree.lstrip("(").startswith(f"{{QUERY :commandType {_UTILITY_NUMBER.get(major, '6')} ")


def _digest(tree: str) -> bytes:
    for places in _PLACES:
        tree = places.sub("", tree)
    raw = tree.encode("utf-8", "surrogatepass").translate(None, _BLANKS)
    return blake2b(raw, digest_size=32).digest()


def _complaint(action: Analysed) -> Complaint | None:
    """The server's own words, whatever they are: this is the session they would have come in."""
    fields = action.complaint
    if fields is None:
        return None
    told = tuple((code, fields[code]) for code in _TOLD_FIELDS if code in fields)
    return Complaint(sqlstate=fields.get("C", "XX000"), fields=told)
