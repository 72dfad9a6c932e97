"""Reading that takes long: texts and trees so large that one of them would hold up everybody else. Tasks as values.

`authorize` yields them; whoever answers decides where they are performed (`gateway.links.apart` has a process for it).
Short texts and small trees are read on the spot: sending them anywhere costs more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.model import Obligation, StatementFacts
from gateway.sql import gate
from gateway.sql.catalog import Catalog
from gateway.sql.codes import IncompleteCode
from gateway.sql.depends import depends_on
from gateway.sql.facts import read_facts
from gateway.sql.rewrite import RewriteRefused, Rewritten, prove, rewrite

LONG_TEXT: Final = 4_096
"""Characters of a text from which on it is long: parsing so much of the worst kind takes 5 ms, and 130 kB of it 350."""

LARGE_TREE: Final = 65_536
"""Characters of trees from which on they are large: reading so much takes 3 ms."""


def large(trees: Sequence[str]) -> bool:
    """Whether reading them would hold up everybody else."""
    return sum(map(len, trees)) > LARGE_TREE


@dataclass(frozen=True, slots=True)
class Inspected:
    """What the gate says of a text: its statements, or why it is refused."""

    statements: tuple[gate.GateStatement, ...] = ()
    code: IncompleteCode | None = None
    detail: str = ""

    def result(self) -> tuple[gate.GateStatement, ...]:
        """As ``gate.inspect`` gives it. Raises ``gate.Refused``."""
        if self.code is not None:
            raise gate.Refused(self.code, self.detail)
        return self.statements


@dataclass(frozen=True, slots=True)
class InspectText:
    """``gate.inspect``."""

    text: str
    max_bytes: int

    def perform(self) -> Inspected:
        """The statements without the parser's trees, which are many times as large as they."""
        try:
            found = gate.inspect(self.text, max_bytes=self.max_bytes)
        except gate.Refused as refused:
            return Inspected(code=refused.code, detail=refused.detail)
        return Inspected(tuple(replace(one, relations=one.names(), node=None) for one in found))


@dataclass(frozen=True, slots=True)
class NormaliseText:
    """``gate.normalise``."""

    text: str

    def perform(self) -> str:
        """The text without its constants."""
        return gate.normalise(self.text)


@dataclass(frozen=True, slots=True)
class ReadTrees:
    """``read_facts``."""

    kind: str
    trees: Sequence[str]
    catalog: Catalog
    max_tree_bytes: int

    def perform(self) -> StatementFacts:
        """What the statement reads and writes."""
        return read_facts(self.kind, self.trees, self.catalog, max_tree_bytes=self.max_tree_bytes)


@dataclass(frozen=True, slots=True)
class Rewriting:
    """A text with obligations in it, not proved yet, and the sub-selects in it; or why there is none."""

    text: str = ""
    references: tuple[str, ...] = ()
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NarrowText:
    """``rewrite``."""

    text: str
    obligations: Sequence[Obligation]
    catalog: Catalog
    search_path: Sequence[str]
    nonce: str
    facts: StatementFacts
    trees: Sequence[str]
    filters: Mapping[str, str]

    def rewritten(self) -> Rewritten:
        """With everything a proof needs. Raises RewriteRefused."""
        return rewrite(
            self.text,
            self.obligations,
            catalog=self.catalog,
            search_path=self.search_path,
            nonce=self.nonce,
            facts=self.facts,
            trees=self.trees,
            filters=self.filters,
        )

    def perform(self) -> Rewriting:
        """The text alone: what a proof needs besides is made again where it is proved, and is the same."""
        try:
            made = self.rewritten()
        except RewriteRefused as refused:
            return Rewriting(refused=refused.why)
        return Rewriting(made.text, made.references)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveText:
    """``prove``, of what a ``NarrowText`` made."""

    of: NarrowText
    changed: Sequence[str]
    references: Mapping[str, Sequence[str]]
    depends: frozenset[str] | None  # what the text rests on that it was made of
    max_tree_bytes: int

    def prove(self, rewritten: Rewritten) -> None:
        """Raises RewriteRefused unless everything is shown."""
        prove(
            rewritten,
            original=self.of.trees,
            changed=self.changed,
            references=self.references,
            catalog=self.of.catalog,
            max_tree_bytes=self.max_tree_bytes,
        )

    def rests_on(self) -> frozenset[str] | None:
        """The relations that both texts rest on."""
        if self.depends is None:
            return None
        trees = [*self.changed, *(tree for trees in self.references.values() for tree in trees)]
        return depends_on(trees, self.depends, self.of.catalog)

    def perform(self) -> Proof:
        """Whether everything is shown."""
        try:
            self.prove(self.of.rewritten())
        except RewriteRefused as refused:
            return Proof(shown=False, refused=refused.why)
        return Proof(shown=True, depends=self.rests_on())


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The answer to ``ProveText``."""

    shown: bool
    refused: str = ""
    depends: frozenset[str] | None = None


Task = InspectText | NormaliseText | ReadTrees | NarrowText | ProveText
