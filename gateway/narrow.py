"""Narrowing: an allowed text with the obligations of its decision written into it, proved from the server's own trees.

A generator like `gateway.authorize`: it yields the trees it needs. What cannot be carried out provably raises
``RewriteRefused`` with the reason for the person; the statement is denied then, never sent as it came.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from gateway.errors import PolicyUnavailable, Reason
from gateway.model import DataFacts, Obligation, StatementFacts, SubjectCountries
from gateway.naming import Meaning, NameDeed, NameUse
from gateway.needs import Analysis, Ask, Bounds, Need, World
from gateway.reading import NarrowText, Proof, ProveText, Rewriting, large
from gateway.sql import gate
from gateway.sql.rewrite import RewriteRefused, at_relation, of_consent
from gateway.understand import inspected, read, reading, tree


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
        statements = yield from inspected(ask, ask.sql, self.bounds.statement_bytes)
        if len(statements) != 1:
            raise RewriteRefused(
                "several statements in one text cannot be masked, filtered or limited: send them one by one"
            )
        epoch = self.world.epoch(ask.datasource)
        (statement,) = statements
        if statement.creates:
            raise RewriteRefused("a relation cannot be made of masked, filtered or limited rows")
        if statement.use is not None:
            return (yield from self._named(ask, statement, statement.use, facts, obligations))
        first: Analysis = yield tree(ask, statement.subject, statement.names())
        found = yield from read(ask, statement.kind, first, self.bounds.tree_bytes)
        if first.complaint is not None or found != facts:
            raise _moved()
        work = NarrowText(
            text=statement.text,
            obligations=obligations,
            catalog=first.catalog,
            search_path=first.search_path,
            nonce=self.name,
            facts=facts,
            trees=first.trees,
            filters=self._filters(ask, facts.relations),
        )
        make = self._elsewhere if large(first.trees) else self._here
        narrowed = yield from make(ask, work, found.depends)
        if epoch is None or self.world.epoch(ask.datasource) != epoch:
            raise _moved()
        return narrowed

    def _filters(self, ask: Ask, relations: Sequence[str]) -> Mapping[str, str]:
        """The conditions of the registry's row filters, and of those that consents make at these relations."""
        registry = self.world.registry
        found = dict(registry.row_filters(ask.datasource))
        for one in registry.row_consents(ask.datasource, relations):
            found[at_relation(one.name, one.relation)] = of_consent(one)
        return found

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
        (inner,) = yield from inspected(ask, meaning.text, self.bounds.statement_bytes)
        if inner.use is not None:
            raise RewriteRefused("a statement that runs another cannot be masked, filtered or limited")
        asked = replace(ask, sql=meaning.text, parameter_types=meaning.types, names=None)
        narrowed = yield from self.narrow(asked, replace(facts, kind=inner.kind), obligations)
        if use.deed is NameDeed.MAKE:
            return replace(narrowed, text=ask.sql[: statement.offset + statement.inner] + narrowed.text)
        if narrowed.text != meaning.sent:
            raise RewriteRefused("other masks, filters or limits are asked for now than when it was prepared or opened")
        return replace(narrowed, text=ask.sql)

    def _here(self, ask: Ask, work: NarrowText, depends: frozenset[str] | None) -> Generator[Need, Any, Narrowed]:
        rewritten = work.rewritten()
        claim = yield from self._claim(ask, work, depends, rewritten.text, rewritten.references)
        claim.prove(rewritten)
        return Narrowed(rewritten.text, claim.rests_on())

    def _elsewhere(self, ask: Ask, work: NarrowText, depends: frozenset[str] | None) -> Generator[Need, Any, Narrowed]:
        made: Rewriting = yield reading(ask, work)
        if made.refused:
            raise RewriteRefused(made.refused)
        claim = yield from self._claim(ask, work, depends, made.text, made.references)
        proof: Proof = yield reading(ask, claim)
        if not proof.shown:
            raise RewriteRefused(proof.refused)
        return Narrowed(made.text, proof.depends)

    def _claim(
        self, ask: Ask, work: NarrowText, depends: frozenset[str] | None, text: str, sub_selects: Sequence[str]
    ) -> Generator[Need, Any, ProveText]:
        """What the server makes of the rewritten text, and of each sub-select in it: to be proved."""
        try:
            (again,) = yield from inspected(ask, text, 2 * self.bounds.statement_bytes)
        except gate.Refused as refused:
            raise RewriteRefused(f"with masks and filters in it, {refused.detail}") from refused
        changed: Analysis = yield replace(tree(ask, again.subject, again.names()), counted=False)
        references: dict[str, Sequence[str]] = {}
        for one in sub_selects:
            alone: Analysis = yield replace(tree(ask, one, again.names()), parameter_types=(), counted=False)
            _accepted(alone)
            references[one] = alone.trees
        _accepted(changed)
        return ProveText(
            of=work,
            changed=changed.trees,
            references=references,
            depends=depends,
            max_tree_bytes=self.bounds.tree_bytes,
        )


def cannot_be_met(obligations: Sequence[Obligation], supports: Set[str], data: DataFacts) -> tuple[Sequence[str], str]:
    """Kinds of obligations that nobody could carry out here, and why; no kind where all can be."""
    missing = sorted({one.kind for one in obligations if one.kind not in supports})
    if missing:
        return missing, "this door cannot carry that out"
    columns = {label.relation: label.subject_column for label in data.relations}
    for one in obligations:
        # A rule that names another column would let rows through by what is not their people's country.
        if isinstance(one, SubjectCountries) and columns.get(one.relation) != one.column:
            named = f"{one.relation}.{one.column}"
            return (one.kind,), f"the catalog does not say that {named} is each row's subject country"
    return (), ""


def _accepted(analysis: Analysis) -> None:
    """The server accepts what was made of the statement."""
    if analysis.complaint is not None:
        raise RewriteRefused.by_server(dict(analysis.complaint.fields).get("M", analysis.complaint.sqlstate))


def _moved() -> PolicyUnavailable:
    return PolicyUnavailable(Reason.TWIN_UNAVAILABLE, "the database's catalogs changed meanwhile: send it again")
