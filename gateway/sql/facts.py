"""Trees in, statement facts out: what one statement reads and writes, or why that is not known.

Nothing here raises for bad input. Whatever cannot be vouched for makes the facts incomplete, with a code of the closed
set and a detail that names a node, function or relation and never a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.model import Spread, StatementEffect, StatementFacts
from gateway.sql.catalog import Catalog
from gateway.sql.codes import SET_CONFIG, SUMMARIES, IncompleteCode
from gateway.sql.copying import COPY_IN, COPY_IN_WHOLE
from gateway.sql.creating import KINDS as CREATIONS
from gateway.sql.creating import creation_problem
from gateway.sql.depends import depends_on
from gateway.sql.spread import spread_of
from gateway.sql.targets import whole_target
from gateway.sql.touched import Touched
from gateway.sql.tree.fields import GRAMMARS
from gateway.sql.tree.node import Node
from gateway.sql.tree.reader import TreeRefused, read_tree
from gateway.sql.walker import Walker

_KINDS = {COPY_IN_WHOLE: COPY_IN, SET_CONFIG: "set"}  # where the gate tells more apart than people do
_AS_WRITTEN = "0"  # querySource of what no rule made


def read_facts(kind: str, trees: Sequence[str], catalog: Catalog, *, max_tree_bytes: int) -> StatementFacts:
    """Facts of one statement from the trees the server printed while it parsed it, in order."""
    touched = Touched(catalog, assigns=kind == SET_CONFIG)
    grammar = GRAMMARS.get(catalog.major)
    if grammar is None:
        touched.refuse(IncompleteCode.TREE_VERSION_UNKNOWN, f"PostgreSQL {catalog.major}")
        return _facts(kind, touched)
    if sum(map(len, trees)) > max_tree_bytes:
        touched.refuse(IncompleteCode.TREE_TOO_LARGE, f"the analysed tree is longer than {max_tree_bytes} bytes")
        return _facts(kind, touched)
    walker = Walker(catalog, touched)
    queries = 0
    spread: tuple[Spread, ...] = ()
    shows = False
    try:
        for text in trees:
            for query in read_tree(text, grammar):
                queries += 1
                walker.statement(query)
                spread = spread_of(walker.scopes, catalog) if queries == 1 else ()  # of several nobody knows which
                shows = shows or bool(walker.scopes and walker.scopes[0].outputs)
                if kind in (COPY_IN, COPY_IN_WHOLE):
                    _copy_in(kind, touched, query, queries)
    except TreeRefused as refused:
        touched.refuse(refused.code, refused.detail)
    except RecursionError:
        touched.refuse(IncompleteCode.TREE_TOO_DEEP, SUMMARIES[IncompleteCode.TREE_TOO_DEEP])
    except (ValueError, KeyError) as error:
        # A number that is none, or a field that this node does not have: the text is no tree of this major.
        touched.refuse(IncompleteCode.TREE_MALFORMED, f"the analysed tree is not well formed ({type(error).__name__})")
    if kind in CREATIONS and (problem := creation_problem(catalog)):
        touched.refuse(IncompleteCode.TARGET_REFUSED, problem)
    if not queries:
        touched.refuse(IncompleteCode.NO_TREE, SUMMARIES[IncompleteCode.NO_TREE])
    return replace(_facts(kind, touched, trees), spread=spread, shows=shows and kind != "explain")


def _copy_in(kind: str, touched: Touched, query: Node, queries: int) -> None:
    """COPY knows no rules: where an INSERT became something else, it says nothing about COPY."""
    if queries > 1 or query.text("querySource") != _AS_WRITTEN:
        touched.refuse(IncompleteCode.TARGET_REFUSED, "COPY into a relation with rules")
    elif kind == COPY_IN_WHOLE:
        whole_target(touched, query)


def _facts(kind: str, touched: Touched, trees: Sequence[str] = ()) -> StatementFacts:
    if touched.writes:
        effect = StatementEffect.WRITE
    elif touched.reads:
        effect = StatementEffect.READ
    else:
        effect = StatementEffect.NONE
    if kind == SET_CONFIG:
        effect = StatementEffect.SESSION
    problem = touched.problem
    return StatementFacts(
        kind=_KINDS.get(kind, kind),
        effect=effect,
        complete=problem is None,
        incomplete=None if problem is None else str(problem[0]),
        detail="" if problem is None else problem[1],
        relations=touched.relations(),
        columns=touched.columns(),
        # What is not understood rests on everything: any change may make it clear.
        depends=depends_on(trees, touched.asked, touched.catalog) if problem is None else None,
    )
