"""One database's catalog as a frozen snapshot by OID: what the OIDs of an analysed tree mean.

Names are for people and labels; every decision here hangs on an OID, so a renamed, swapped or shadowed object cannot
borrow another's meaning. OIDs stay the text they are in rows and trees: nobody calculates with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeVar

from gateway.model import Vouched
from gateway.sql.calls import judged_by_arguments
from gateway.sql.codes import IncompleteCode
from gateway.sql.codes import Problem as Problem
from gateway.sql.definitions import UNSEEN, Definitions, read_definitions
from gateway.sql.epoch import EPOCH_QUERY
from gateway.sql.snapshot import SNAPSHOT_QUERIES
from gateway.sql.system_catalogs import SYSTEM_SCHEMAS
from gateway.sql.user_code import UserCode, read_user_code, settle_domains
from gateway.sql.vouched import only_shows, refusal

__all__ = ["EPOCH_QUERY", "SNAPSHOT_QUERIES", "Catalog", "Column", "Problem", "Relation", "Type", "read_relations"]

_T = TypeVar("_T")
Row = Sequence[str | None]

_FIRST_USER_OID = 16_384  # what came with the server has OIDs below
WHOLE_ROW = ""  # among names of columns
_NOTHING = Vouched()
_UNSEEN_DOMAIN = (IncompleteCode.TYPE_REFUSED, "its checks were not looked at")
SYSTEM_COLUMNS = MappingProxyType({-1: "ctid", -2: "xmin", -3: "cmin", -4: "xmax", -5: "cmax", -6: "tableoid"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation."""

    name: str
    type: str
    generated: bool
    declared: str = ""  # the type with its modifier, as format_type prints it
    collation: str = ""  # the column's, quoted, where it is not the database's


@dataclass(frozen=True, slots=True)
class Relation:
    """One relation: ``kind`` is the letter of pg_class."""

    schema: str
    name: str
    kind: str
    partition: bool
    columns: Mapping[int, Column]

    @property
    def full_name(self) -> str:
        """``schema.table``: the name labels are kept under."""
        return f"{self.schema}.{self.name}"

    @property
    def system(self) -> bool:
        """True where it is the server's own."""
        return self.schema in SYSTEM_SCHEMAS


@dataclass(frozen=True, slots=True)
class Type:
    """One data type: ``kind`` is the letter of pg_type; ``part`` what its values are made of, or "0"."""

    schema: str
    name: str
    kind: str
    part: str
    built_in: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key seen from the referenced relation: who is changed when a row goes or changes."""

    referencing: str
    on_delete: bool
    on_update: bool


@dataclass(frozen=True, slots=True)
class Catalog:
    """A snapshot. Build it with ``from_rows`` from the answers to ``SNAPSHOT_QUERIES``."""

    major: int
    relations: Mapping[str, Relation]
    functions: Mapping[str, Problem | None]  # None: may be used
    operators: Mapping[str, Problem | None]
    types: Mapping[str, Type]
    children: Mapping[str, tuple[str, ...]]  # direct: inheritance children and partitions
    triggered: frozenset[str]  # relations with triggers of users
    event_triggers: tuple[str, ...]  # event triggers with code nobody vouches for, that run when a relation is made
    expressions: Mapping[str, tuple[str, ...]]  # relation -> stored expressions that a write evaluates
    references: Mapping[str, tuple[Reference, ...]]  # by referenced relation
    ties: Mapping[str, tuple[frozenset[str], ...]]  # relation -> columns that tell of each other when one changes
    sequences: frozenset[str]  # the functions that take the next number of a sequence
    calls: Mapping[str, str]  # functions whose arguments decide whether they may be called -> their name
    shows: frozenset[str]  # functions that are refused for nothing but what they give back
    definitions: Definitions
    type_code: frozenset[str]  # types of users that run only code which may run
    domains: Mapping[str, Problem | None]  # of users; None: its checks may run
    void: tuple[str, ...]  # what the registry vouches for in vain, each with its place
    keyed_hash: str | None = None  # the function for masks; no statement of a client may call it

    def for_masks(self) -> Catalog:
        """The same with the keyed hash, where masks are proved; a client could try values out with it."""
        if self.keyed_hash is None:
            return self
        return replace(self, functions=MappingProxyType({**self.functions, self.keyed_hash: None}))

    @classmethod
    def from_rows(cls, major: int, rows: Mapping[str, Sequence[Row]], *, vouched: Vouched = _NOTHING) -> Catalog:
        """The snapshot from the rows of each query of ``SNAPSHOT_QUERIES``, by its name."""
        functions, sequences, calls, shows = _functions(rows["functions"])
        relations = read_relations(rows["relations"], rows["attributes"])
        code = read_user_code(rows, functions, vouched)
        domains: dict[str, Problem | None] = {}
        made = cls(
            major=major,
            relations=relations,
            functions=MappingProxyType({**functions, **code.functions}),
            operators=_operators(rows["operators"], functions, code),
            types=MappingProxyType(
                {
                    _text(r[0]): Type(_text(r[1]), _text(r[2]), _text(r[3]), _text(r[4]), _built_in(r))
                    for r in rows["types"]
                }
            ),
            children=_grouped((_text(r[0]), _text(r[1])) for r in rows["inheritance"]),
            triggered=frozenset(_text(r[0]) for r in rows["triggers"]),
            event_triggers=_event_triggers(rows.get("event_triggers"), code),
            expressions=_grouped((_text(r[0]), _text(r[1])) for r in rows["expressions"]),
            references=_grouped(
                (_text(r[1]), Reference(_text(r[0]), r[2] in ("c", "n", "d"), r[3] in ("c", "n", "d")))
                for r in rows["references"]
            ),
            ties=_ties(rows.get("ties", ()), relations),
            sequences=sequences,
            calls=calls,
            shows=shows,
            definitions=_definitions(rows, relations, vouched),
            type_code=code.types,
            domains=MappingProxyType(domains),
            void=code.void,
            keyed_hash=code.keyed_hash,
        )
        settle_domains(made, rows.get("domains", ()), domains)
        return made

    def descendants(self, oid: str) -> tuple[str, ...]:
        """Inheritance children and partitions at any depth, each once."""
        found: dict[str, None] = {}
        waiting = list(self.children.get(oid, ()))
        while waiting:
            child = waiting.pop()
            if child not in found:
                found[child] = None
                waiting += self.children.get(child, ())
        return tuple(found)

    def ancestors(self, oid: str) -> tuple[str, ...]:
        """Relations it inherits from, or is a partition of, at any distance."""
        parents = tuple(parent for parent, children in self.children.items() if oid in children)
        return tuple(dict.fromkeys((*parents, *(above for parent in parents for above in self.ancestors(parent)))))

    def function_problem(self, oid: str) -> Problem | None:
        """Why a function may not be used, or None."""
        try:
            return self.functions[oid]
        except KeyError:
            return IncompleteCode.FUNCTION_UNKNOWN, f"function with OID {oid}"

    def operator_problem(self, oid: str) -> Problem | None:
        """Why an operator may not be used, or None."""
        try:
            return self.operators[oid]
        except KeyError:
            return IncompleteCode.OPERATOR_UNKNOWN, f"operator with OID {oid}"

    def type_problem(self, oid: str, *, converted: bool) -> Problem | None:
        """Why values of a type may not appear, or None. ``converted``: values are made, so a domain's check would run.

        Built-in types and enums are harmless; arrays, rows, domains and ranges are as harmless as what they are made
        of and what code they run.
        """
        return self._type_problem(oid, converted, 0)

    def _type_problem(self, oid: str, converted: bool, depth: int) -> Problem | None:
        kind = self.types.get(oid)
        if kind is None or depth > 32:
            return IncompleteCode.TYPE_UNKNOWN, f"data type with OID {oid}"
        if kind.kind == "c":
            relation = self.relations.get(kind.part)
            if relation is None:
                return IncompleteCode.TYPE_UNKNOWN, f"row type {kind.schema}.{kind.name}"
            if relation.system:
                return None
            for column in relation.columns.values():
                problem = self._type_problem(column.type, converted, depth + 1)
                if problem is not None:
                    return problem
            return None
        if kind.built_in or kind.kind == "e":
            return None
        if kind.kind == "d":
            problem = self.domains.get(oid, _UNSEEN_DOMAIN) if converted else None
            if problem is not None:
                return IncompleteCode.TYPE_REFUSED, f"domain {kind.schema}.{kind.name}: {problem[1]}"
            return self._type_problem(kind.part, converted, depth + 1)
        if kind.part != "0" and (kind.kind == "b" or oid in self.type_code):  # an array, or a range of what may be
            return self._type_problem(kind.part, converted, depth + 1)
        if oid in self.type_code:
            return None
        return IncompleteCode.TYPE_REFUSED, f"user-defined type {kind.schema}.{kind.name}"


def _text(value: str | None) -> str:
    return "" if value is None else value


def _grouped(pairs: Iterable[tuple[str, _T]]) -> Mapping[str, tuple[_T, ...]]:
    found: dict[str, list[_T]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return MappingProxyType({key: tuple(values) for key, values in found.items()})


def read_relations(rows: Sequence[Row], attributes: Sequence[Row]) -> Mapping[str, Relation]:
    """Relations by OID, from the rows of the two queries of ``SNAPSHOT_QUERIES`` that are about them."""
    columns: dict[str, dict[int, Column]] = {}
    for r in attributes:
        columns.setdefault(_text(r[0]), {})[int(_text(r[1]))] = Column(
            _text(r[2]), _text(r[3]), bool(r[4]), *map(_text, r[5:7])
        )
    found: dict[str, Relation] = {}
    for r in rows:
        oid = _text(r[0])
        found[oid] = Relation(
            schema=_text(r[1]),
            name=_text(r[2]),
            kind=_text(r[3]),
            partition=r[4] == "true",
            columns=MappingProxyType(columns.get(oid, {})),
        )
    return MappingProxyType(found)


def _event_triggers(rows: Sequence[Row] | None, code: UserCode) -> tuple[str, ...]:
    if rows is None:
        return ("that was not looked for",)
    usable = {oid for oid, problem in code.functions.items() if problem is None} | {code.wake_up}
    return tuple(sorted(_text(r[0]) for r in rows if r[1] not in usable))


def _ties(rows: Sequence[Row], relations: Mapping[str, Relation]) -> Mapping[str, tuple[frozenset[str], ...]]:
    found: list[tuple[str, frozenset[str]]] = []
    for r in rows:
        relation = relations.get(_text(r[0]))
        columns = relation.columns if relation is not None else {}
        numbers = [int(number) for number in _text(r[1]).split()]
        group = {columns[number].name for number in numbers if number in columns}
        if 0 in numbers:
            group.add(WHOLE_ROW)
        if len(group) > 1 or WHOLE_ROW in group:
            found.append((_text(r[0]), frozenset(group)))
    return _grouped(found)


def _built_in(row: Row) -> bool:
    """True for what came with the server: an extension may put objects into pg_catalog too, under later OIDs."""
    return int(_text(row[0])) < _FIRST_USER_OID


def _definitions(rows: Mapping[str, Sequence[Row]], relations: Mapping[str, Relation], vouched: Vouched) -> Definitions:
    if "definitions" not in rows:
        return UNSEEN
    names = {relation.name for relation in relations.values()}
    names |= {column.name for relation in relations.values() for column in relation.columns.values()}
    enums = {_text(r[0]) for r in rows["types"] if r[3] == "e"}
    return read_definitions(rows["definitions"], names=names, enums=enums, vouched=vouched.definitions.keys())


def _functions(
    rows: Sequence[Row],
) -> tuple[Mapping[str, Problem | None], frozenset[str], Mapping[str, str], frozenset[str]]:
    found: dict[str, Problem | None] = {}
    sequences: set[str] = set()
    calls: dict[str, str] = {}
    shows: set[str] = set()
    for r in rows:
        oid, schema, identity = _text(r[0]), _text(r[1]), _text(r[2])
        found[oid] = refusal(schema if _built_in(r) else "", identity)
        if not _built_in(r):
            continue
        if schema == "pg_catalog":
            if identity == "nextval(regclass)":
                sequences.add(oid)
            if only_shows(identity):
                shows.add(oid)
        judged = judged_by_arguments(schema, identity)
        if judged is not None:
            calls[oid] = judged
    return MappingProxyType(found), frozenset(sequences), MappingProxyType(calls), frozenset(shows)


def _operators(
    rows: Sequence[Row], functions: Mapping[str, Problem | None], code: UserCode
) -> Mapping[str, Problem | None]:
    found: dict[str, Problem | None] = {}
    for r in rows:
        schema, name = _text(r[1]), _text(r[2])
        if schema != "pg_catalog" or not _built_in(r):
            refused = (IncompleteCode.OPERATOR_REFUSED, f"operator {schema}.{name}")
            found[_text(r[0])] = None if r[0] in code.operators else refused
            continue
        problem = functions.get(_text(r[3]), (IncompleteCode.OPERATOR_REFUSED, "its function is unknown"))
        found[_text(r[0])] = (
            None if problem is None else (IncompleteCode.OPERATOR_REFUSED, f"operator {name}: {problem[1]}")
        )
    return MappingProxyType(found)
