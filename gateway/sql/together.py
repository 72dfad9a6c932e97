"""Several statements in one text are judged as one, by the strongest of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.model import StatementEffect, StatementFacts

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
    for one in facts:
        if not one.complete:
            return replace(one, kind="several", depends=None)
    depends = [one.depends for one in facts if one.depends is not None]
    return StatementFacts(
        kind="several",
        effect=max((one.effect for one in facts), key=_RANK.__getitem__),
        complete=True,
        relations=tuple(sorted({name for one in facts for name in one.relations})),
        columns=tuple(
            sorted({column for one in facts for column in one.columns}, key=lambda c: (c.relation, c.column, c.use))
        ),
        depends=frozenset().union(*depends) if len(depends) == len(facts) else None,
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
