"""What a reader found, as statement facts; what it could not read, as incomplete ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.model import ColumnUse, ColumnUseKind, Confidence, StatementEffect, StatementFacts
from gateway.routes.request import Unread

WHOLE = "*"
"""The column that stands for all of them: the catalog may list it, with everything a whole row or document can hold."""


@dataclass(slots=True)
class Found:
    """Relations and columns, gathered one by one."""

    relations: set[str] = field(default_factory=set)
    uses: set[tuple[str, str, ColumnUseKind]] = field(default_factory=set)

    def relation(self, name: str) -> None:
        """It is touched, perhaps without any column."""
        self.relations.add(name)

    def column(self, relation: str, column: str, use: ColumnUseKind) -> None:
        """One use of one column."""
        self.relations.add(relation)
        self.uses.add((relation, column, use))

    def whole(self, relation: str) -> None:
        """All of it is shown, whatever it holds."""
        self.column(relation, WHOLE, ColumnUseKind.WHOLE_ROW)

    def facts(self, kind: str, effect: StatementEffect = StatementEffect.READ) -> StatementFacts:
        """All of it: established as far as a route can say."""
        return facts_of(kind, effect, self.relations, self.uses, Confidence.INFERRED)


def facts_of(
    kind: str,
    effect: StatementEffect,
    relations: Iterable[str],
    uses: Iterable[tuple[str, str, ColumnUseKind]],
    confidence: Confidence,
) -> StatementFacts:
    """Facts in their one order, so that the same request is the same question."""
    return StatementFacts(
        kind=kind,
        effect=effect,
        complete=True,
        relations=tuple(sorted(set(relations))),
        columns=tuple(ColumnUse(relation=one, column=column, use=use) for one, column, use in sorted(set(uses))),
        confidence=confidence,
    )


def unread(kind: str, why: Unread) -> StatementFacts:
    """Facts of a request that was not understood: rules deny it, and say why."""
    return StatementFacts(
        kind=kind,
        effect=StatementEffect.NONE,
        complete=False,
        incomplete=str(why.code),
        detail=why.detail,
        confidence=Confidence.INFERRED,
    )
