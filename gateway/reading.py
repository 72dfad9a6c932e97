"""Reading that takes long: texts and trees so large that one of them would hold up everybody else. Tasks as values.

`authorize` yields them; whoever answers decides where they are performed (`gateway.links.apart` has a process for it).
Short texts and small trees are read on the spot: sending them anywhere costs more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.model import StatementFacts
from gateway.sql import gate
from gateway.sql.catalog import Catalog
from gateway.sql.codes import IncompleteCode
from gateway.sql.facts import read_facts

LONG_TEXT: Final = 4_096
"""Characters of a text from which on it is long: parsing so much of the worst kind takes 5 ms, and 130 kB of it 350."""

LARGE_TREE: Final = 65_536
"""Characters of trees from which on they are large: reading so much takes 3 ms."""


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


Task = InspectText | NormaliseText | ReadTrees
