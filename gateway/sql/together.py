"""Several statements in one text are judged as one, by the strongest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.model import StatementEffect, StatementFacts
from gateway.sql.creating import KINDS as CREATIONS

_RANK = {
    StatementEffect.NONE: 0,
    StatementEffect.SESSION: 1,
    StatementEffect.READ: 2,
    StatementEffect.WRITE: 3,
}


def together(facts: Sequence[StatementFacts]) -> StatementFacts:
    """The facts of several statements in one text: judged as one, by the strongest of them."""
    if len(facts) == 1:
        return facts[0]
    if not facts:
        return StatementFacts(kind="empty", effect=StatementEffect.NONE, complete=True)
    depends = [one.depends for one in facts if one.depends is not None]
    unclear = next((one for one in facts if not one.complete), None)
    return StatementFacts(
        # Rules go by the kind where a relation is made: nothing beside it in a text may hide that.
        kind=next((one.kind for one in facts if one.kind in CREATIONS), "several"),
        effect=max((one.effect for one in facts), key=_RANK.__getitem__),
        complete=unclear is None,
        incomplete=None if unclear is None else unclear.incomplete,
        detail="" if unclear is None else unclear.detail,
        relations=tuple(sorted({name for one in facts for name in one.relations})),
        columns=tuple(
            sorted({column for one in facts for column in one.columns}, key=lambda c: (c.relation, c.column, c.use))
        ),
        path=max(one.path for one in facts),
        depends=frozenset().union(*depends) if unclear is None and len(depends) == len(facts) else None,
    )


def together_with(facts: StatementFacts, seen: Sequence[StatementFacts]) -> StatementFacts:
    """The facts with what else was seen of the same statement; the very same where that is no more."""
    more = [
        one
        for one in seen
        if not (one.complete and set(one.relations) <= set(facts.relations) and set(one.columns) <= set(facts.columns))
        or _RANK[one.effect] > _RANK[facts.effect]
    ]
    return replace(together([facts, *more]), kind=facts.kind) if more else facts
