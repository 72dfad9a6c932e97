"""Narrowing: an allowed text with the obligations of its decision written into it, proved from the server's own trees.

A generator like `gateway.authorize`: it yields the trees it needs. What cannot be carried out provably raises
``RewriteRefused`` with the reason for the person; the statement is denied then, never sent as it came.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import PolicyUnavailable, Reason
from gateway.model import Obligation, StatementFacts
from gateway.naming import Meaning, NameDeed, NameUse
from gateway.needs import Analysis, Ask, Bounds, Need, NeedTree, World
from gateway.sql import gate
from gateway.sql.depends import depends_on
from gateway.sql.facts import read_facts
from gateway.sql.rewrite import RewriteRefused, Rewritten, prove, rewrite


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The text to send, and the relations that it and the text it was made of rest on."""

    text: str
    depends: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrower:
    """Writes obligations into statements. ``name`` is one nobody can guess, the same for the life of the process: two
    rewritings of one text are then equal, so that a prepared statement can be told to still be what it should be."""

    world: World
    bounds: Bounds
    name: str

    def narrow(
        self, ask: Ask, facts: StatementFacts, obligations: Sequence[Obligation]
    ) -> Generator[Need, Any, Narrowed]:
        """The text to send in place of ``ask.sql``. Raises RewriteRefused, PolicyUnavailable."""
        statements = gate.inspect(ask.sql, max_bytes=self.bounds.statement_bytes)
        if len(statements) != 1:
            raise RewriteRefused(
                "several statements in one text cannot be masked, filtered or limited: send them one by one"
            )
        epoch = self.world.epoch(ask.datasource)
        (statement,) = statements
        if statement.use is not None:
            return (yield from self._named(ask, statement, statement.use, facts, obligations))
        first: Analysis = yield _tree(ask, statement.subject)
        found = read_facts(statement.kind, first.trees, first.catalog, max_tree_bytes=self.bounds.tree_bytes)
        if first.complaint is not None or found != facts:
            raise _moved()
        rewritten = rewrite(
            statement.text,
            obligations,
            catalog=first.catalog,
            search_path=first.search_path,
            nonce=self.name,
            facts=facts,
            trees=first.trees,
            filters=self.world.registry.row_filters(ask.datasource),
        )
        trees = yield from self._prove(ask, rewritten, first)
        if epoch is None or self.world.epoch(ask.datasource) != epoch:
            raise _moved()
        more = depends_on(trees, found.depends or (), first.catalog)
        return Narrowed(rewritten.text, None if found.depends is None else more)

    def _named(
        self,
        ask: Ask,
        statement: gate.GateStatement,
        use: NameUse,
        facts: StatementFacts,
        obligations: Sequence[Obligation],
    ) -> Generator[Need, Any, Narrowed]:
        """PREPARE and DECLARE: what the name is given to is narrowed. EXECUTE and FETCH: it must have been already."""
        if use.deed is NameDeed.MAKE:
            types = ask.parameter_types if use.types is None else use.types
            meaning: Meaning | None = Meaning(use.text, types)
        else:
            meaning = ask.names.meaning(use.kind, use.name) if ask.names is not None else None
        if meaning is None:
            raise RewriteRefused("what this name stands for is not known")
        (inner,) = gate.inspect(meaning.text, max_bytes=self.bounds.statement_bytes)
        if inner.use is not None:
            raise RewriteRefused("a statement that runs another cannot be masked, filtered or limited")
        asked = replace(ask, sql=meaning.text, parameter_types=meaning.types, names=None)
        narrowed = yield from self.narrow(asked, replace(facts, kind=inner.kind), obligations)
        if use.deed is NameDeed.MAKE:
            return replace(narrowed, text=ask.sql[: statement.offset + statement.inner] + narrowed.text)
        if narrowed.text != meaning.sent:
            raise RewriteRefused("other masks, filters or limits are asked for now than when it was prepared or opened")
        return replace(narrowed, text=ask.sql)

    def _prove(self, ask: Ask, rewritten: Rewritten, first: Analysis) -> Generator[Need, Any, list[str]]:
        """The trees of what was made: of the whole text, and of each predicate alone."""
        try:
            (again,) = gate.inspect(rewritten.text, max_bytes=2 * self.bounds.statement_bytes)
        except gate.Refused as refused:
            raise RewriteRefused(f"with masks and filters in it, {refused.detail}") from refused
        changed: Analysis = yield _tree(ask, again.subject)
        references: dict[str, Sequence[str]] = {}
        for text in rewritten.references:
            alone: Analysis = yield NeedTree(ask.datasource, ask.profile, text, (), ask.principal.id)
            _accepted(alone)
            references[text] = alone.trees
        _accepted(changed)
        prove(
            rewritten,
            original=first.trees,
            changed=changed.trees,
            references=references,
            catalog=first.catalog,
            max_tree_bytes=self.bounds.tree_bytes,
        )
        return [*changed.trees, *(tree for trees in references.values() for tree in trees)]


def _tree(ask: Ask, text: str) -> NeedTree:
    return NeedTree(ask.datasource, ask.profile, text, ask.parameter_types, ask.principal.id)


def _accepted(analysis: Analysis) -> None:
    """The server accepts what was made of the statement."""
    if analysis.complaint is not None:
        raise RewriteRefused.by_server(dict(analysis.complaint.fields).get("M", analysis.complaint.sqlstate))


def _moved() -> PolicyUnavailable:
    return PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the database's catalogs changed meanwhile: send it again")
