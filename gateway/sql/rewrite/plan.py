"""``rewrite``: a statement's text and the obligations on it -> the text that carries them out, to be proved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from gateway.model import Obligation, StatementFacts
from gateway.sql import gate
from gateway.sql.catalog import Catalog
from gateway.sql.rewrite.duties import Duties, Duty
from gateway.sql.rewrite.limit import limited
from gateway.sql.rewrite.lineage import Lineage, relations
from gateway.sql.rewrite.masks import Style
from gateway.sql.rewrite.places import Cut, Named, find, name_end, relation_cut, spliced
from gateway.sql.rewrite.quoting import identifier
from gateway.sql.rewrite.refused import RewriteRefused
from gateway.sql.rewrite.same import one_query, views
from gateway.sql.rewrite.standin import Standin, name_of, stand_in

_NONCE: Final = re.compile(r"[a-z][a-z0-9_]{7,62}")
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_NOT_REWRITTEN: Final = "only statements that read can be masked, filtered or limited"


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The new text, and what ``prove`` holds the server's trees against."""

    text: str
    nonce: str
    standins: Mapping[str, Standin]  # by OID of the relation or view
    duties: Duties
    limit: int | None

    @property
    def references(self) -> tuple[str, ...]:
        """The sub-selects as statements of their own: the server is to be asked about each, too."""
        return tuple(sorted({one.text for one in self.standins.values()}))


def rewrite(
    text: str,
    obligations: Iterable[Obligation],
    *,
    catalog: Catalog,
    search_path: Sequence[str],
    nonce: str,
    facts: StatementFacts,
    trees: Sequence[str],
    filters: Mapping[str, str] = _NONE,
    style: Style | None = None,
) -> Rewritten:
    """The text with the obligations in it. Pure; raises RewriteRefused for what could not be proved.

    ``facts`` and ``trees`` are the statement's own, as it arrived; ``filters`` are the registry's row filters by name;
    ``nonce`` is a fresh name nobody can guess.
    """
    if not facts.complete:
        raise RewriteRefused("what the statement does is not known")
    if not _NONCE.fullmatch(nonce) or nonce in text.lower():
        raise RewriteRefused("the statement uses a name that is the gateway's own")
    duties = Duties(obligations, catalog)
    kind, select = _select(text)
    found = find(select)
    if found.locks:
        raise RewriteRefused(
            "a statement that locks rows (FOR UPDATE, FOR SHARE) cannot be masked, filtered or limited"
        )
    original = one_query(trees, catalog)
    if duties.conditions.keys() & filters.keys():
        raise RewriteRefused("a row filter of the registry is named as one of the gateway's own")
    filters = {**filters, **duties.conditions}
    make = _Maker(duties, catalog, nonce, facts, filters, style or Style())
    seen = dict(_view_masks(original, catalog, duties))
    source = text.encode()
    cuts: list[Cut] = []
    unaliased: dict[tuple[str, str], str] = {}
    resolve = _resolver(catalog, search_path, {named.name for named in found.relations})
    for named in found.relations:
        oid = resolve(named)
        standin = None if oid is None else make.of(oid, seen.get(oid))
        if standin is not None:
            cuts.append(_cut(source, named, standin, catalog))
            if named.alias is None:
                relation = catalog.relations[standin.oid]
                unaliased[relation.schema, relation.name] = relation.name
    for start, names in found.columns:
        alias = unaliased.get((names[0], names[1]))
        if alias is not None:
            end = name_end(source, start, names[:2])
            if end is None:
                raise RewriteRefused(f"the column {'.'.join(names)} is not written plainly; write {alias}.{names[2]}")
            cuts.append(Cut(start, end, identifier(alias).encode()))
    _check_covered(duties, make, relations(original), catalog)
    changed = spliced(source, cuts) if duties.limit is None else limited(source, select, cuts, duties.limit, kind)
    return Rewritten(changed.decode(), nonce, MappingProxyType(make.made), duties, duties.limit)


class _Maker:
    """Stand-ins, each made once."""

    def __init__(
        self,
        duties: Duties,
        catalog: Catalog,
        nonce: str,
        facts: StatementFacts,
        filters: Mapping[str, str],
        style: Style,
    ) -> None:
        self._duties = duties
        self._catalog = catalog
        self._nonce = nonce
        self._filters = filters
        self._style = style
        self.made: dict[str, Standin] = {}
        self._used: dict[str, set[str]] = {}
        for use in facts.columns:
            self._used.setdefault(use.relation, set()).add(use.column)

    def of(self, oid: str, view: Duty | None) -> Standin | None:
        """What stands in for a relation in the text; None where nothing is owed there."""
        duty = view or self._duties.of(oid)
        if duty.none:
            return None
        known = self.made.get(oid)
        if known is None:
            name = self._catalog.relations[oid].full_name
            used = None if view is not None else frozenset(self._used.get(name, ()))
            known = self.made[oid] = stand_in(
                self._catalog, oid, duty, nonce=self._nonce, used=used, filters=self._filters, style=self._style
            )
        return known


def _select(text: str) -> tuple[str, Mapping[str, Any]]:
    """The outermost statement's kind, and the SELECT that is it or is in it."""
    try:
        statement = gate.syntax(text)
    except gate.Refused as refused:
        raise RewriteRefused(refused.detail) from refused
    ((kind, body),) = statement.items()
    if kind == "SelectStmt":
        return kind, body
    if kind in ("ExplainStmt", "CopyStmt") and not body.get("is_from"):
        select = body.get("query", {}).get("SelectStmt")
        if select is not None:
            return kind, select
        if kind == "CopyStmt":
            raise RewriteRefused(
                "COPY of a table cannot be masked, filtered or limited; write COPY (SELECT …) TO STDOUT"
            )
    raise RewriteRefused(_NOT_REWRITTEN)


def _view_masks(original: Any, catalog: Catalog, duties: Duties) -> Iterator[tuple[str, Duty]]:
    """Views that the text names and that show masked columns: what is to be masked at them."""
    lineage = Lineage(catalog, duties)
    for oid, query in views(original):
        relation = catalog.relations.get(oid)
        if relation is None:
            raise RewriteRefused("the statement reads a view that the catalog does not know")
        methods = lineage.of_view(query, relation.full_name)
        if methods:
            names = [column.name for _, column in sorted(relation.columns.items())]
            if max(methods) > len(names):
                raise RewriteRefused(f"the view {relation.full_name} shows more columns than it has")
            yield oid, Duty({names[number - 1]: method for number, method in methods.items()})


def _resolver(catalog: Catalog, search_path: Sequence[str], names: set[str]) -> Any:
    """How a name in the text finds its relation; the proof notices where the server finds another."""
    known = {
        (relation.schema, relation.name): oid
        for oid, relation in catalog.relations.items()
        if relation.name in names and relation.kind != "c"
    }
    path = [*search_path] if "pg_catalog" in search_path else ["pg_catalog", *search_path]

    def resolve(named: Named) -> str | None:
        schemas = path if named.schema is None else [named.schema]
        return next((known[schema, named.name] for schema in schemas if (schema, named.name) in known), None)

    return resolve


def _cut(source: bytes, named: Named, standin: Standin, catalog: Catalog) -> Cut:
    relation = catalog.relations[standin.oid]
    if named.sampled:
        raise RewriteRefused(f"TABLESAMPLE of {relation.full_name} would sample what is not shown")
    if named.only:
        raise RewriteRefused(f"ONLY {relation.full_name} cannot be masked or filtered; leave ONLY out")
    start, end = relation_cut(source, named)
    text = f"({standin.text})"
    if named.alias is None:
        text += f" AS {name_of(relation)}"
    if named.whole_statement:
        text = f"SELECT * FROM {text}"  # noqa: S608 - our own text
    return Cut(start, end, text.encode())


def _check_covered(duties: Duties, make: _Maker, read: Iterator[str], catalog: Catalog) -> None:
    """Every relation with an obligation is read here, itself or through a parent: else somebody misunderstood."""
    covered = set(read)
    for oid in tuple(covered):
        covered.update(catalog.descendants(oid))
    missing = [catalog.relations[oid].full_name for oid in duties.relations if oid not in covered]
    if missing:
        raise RewriteRefused(f"an obligation concerns {missing[0]}, which the statement does not read")
