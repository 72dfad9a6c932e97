"""Stored definitions: in which of them a literal stands that may be about people, and what may be printed all the same.

The server prints a view, a check or a default to anybody who asks (HAZARDS S06, S07), and psql, DBeaver and SQLAlchemy
ask all day. So the snapshot brings the constants of every definition of users, and `literals` says which of them are
only structure. A *class* of definitions in which every constant is structure may be printed; of another one only what
is asked for by the OID of a relation that has none in the way. An owner vouches for a relation by its name.

Temporary objects of other sessions are not looked at: they are in no snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.sql.codes import IncompleteCode
from gateway.sql.literals import Constant, harmless, harmless_text, read_constant, word_of


class Stored(StrEnum):
    """Classes of definitions, as the snapshot names them."""

    DEFAULT = "default"
    CONSTRAINT = "constraint"
    INDEX = "index"
    RULE = "rule"  # views too
    BOUND = "bound"
    KEY = "key"  # of partitions
    POLICY = "policy"
    PUBLICATION = "publication"
    STATISTICS = "statistics"
    TRIGGER = "trigger"
    ARGUMENT = "argument"  # defaults of functions' arguments
    TYPE = "type"  # defaults of types
    COMMENT = "comment"
    OPTION = "option"  # of foreign servers and what belongs to them, of tablespaces
    EXTENSION = "extension"  # conditions for which rows of its tables are dumped
    DICTIONARY = "dictionary"  # of text search
    LABEL = "label"  # of security
    SETTING = "setting"  # of roles, databases and functions
    MISSING = "missing"  # values of columns that were added to rows that were there


_LISTS: Final = frozenset((Stored.DEFAULT, Stored.CONSTRAINT, Stored.BOUND, Stored.TYPE, Stored.ARGUMENT))

_PRINTED: Final[Mapping[str, frozenset[Stored]]] = MappingProxyType(
    {
        "pg_get_constraintdef": frozenset((Stored.CONSTRAINT, Stored.INDEX)),  # EXCLUDE prints its index
        "pg_get_indexdef": frozenset((Stored.INDEX,)),
        "pg_get_viewdef": frozenset((Stored.RULE,)),
        "pg_get_ruledef": frozenset((Stored.RULE,)),
        "pg_get_triggerdef": frozenset((Stored.TRIGGER,)),
        "pg_get_partkeydef": frozenset((Stored.KEY,)),
        "pg_get_partition_constraintdef": frozenset((Stored.KEY, Stored.BOUND)),
        "pg_get_statisticsobjdef": frozenset((Stored.STATISTICS,)),
        "pg_get_statisticsobjdef_columns": frozenset((Stored.STATISTICS,)),
        "pg_get_statisticsobjdef_expressions": frozenset((Stored.STATISTICS,)),
        "pg_get_function_arguments": frozenset((Stored.ARGUMENT,)),
        "pg_get_function_arg_default": frozenset((Stored.ARGUMENT,)),
        "obj_description": frozenset((Stored.COMMENT,)),
        "col_description": frozenset((Stored.COMMENT,)),
        "shobj_description": frozenset((Stored.COMMENT,)),
    }
)
# These take a relation's OID, so one that is written out says which definition is printed. What is printed of a
# partition's constraint comes from the relations above it too.
_BY_RELATION: Final = frozenset(("pg_get_viewdef", "pg_get_partkeydef"))

COLUMNS: Final[Mapping[tuple[str, str], Stored]] = MappingProxyType(
    {
        ("pg_attrdef", "adbin"): Stored.DEFAULT,
        ("pg_constraint", "conbin"): Stored.CONSTRAINT,
        ("pg_index", "indexprs"): Stored.INDEX,
        ("pg_index", "indpred"): Stored.INDEX,
        ("pg_rewrite", "ev_qual"): Stored.RULE,
        ("pg_rewrite", "ev_action"): Stored.RULE,
        ("pg_class", "relpartbound"): Stored.BOUND,
        ("pg_partitioned_table", "partexprs"): Stored.KEY,
        ("pg_policy", "polqual"): Stored.POLICY,
        ("pg_policy", "polwithcheck"): Stored.POLICY,
        ("pg_publication_rel", "prqual"): Stored.PUBLICATION,
        ("pg_statistic_ext", "stxexprs"): Stored.STATISTICS,
        ("pg_trigger", "tgargs"): Stored.TRIGGER,
        ("pg_trigger", "tgqual"): Stored.TRIGGER,
        ("pg_proc", "proargdefaults"): Stored.ARGUMENT,
        ("pg_type", "typdefault"): Stored.TYPE,
        ("pg_type", "typdefaultbin"): Stored.TYPE,
        ("pg_description", "description"): Stored.COMMENT,
        ("pg_shdescription", "description"): Stored.COMMENT,
        ("pg_attribute", "attfdwoptions"): Stored.OPTION,
        ("pg_foreign_data_wrapper", "fdwoptions"): Stored.OPTION,
        ("pg_foreign_server", "srvoptions"): Stored.OPTION,
        ("pg_foreign_table", "ftoptions"): Stored.OPTION,
        ("pg_tablespace", "spcoptions"): Stored.OPTION,
        ("pg_extension", "extcondition"): Stored.EXTENSION,
        ("pg_ts_dict", "dictinitoption"): Stored.DICTIONARY,
        ("pg_seclabel", "label"): Stored.LABEL,
        ("pg_shseclabel", "label"): Stored.LABEL,
        ("pg_db_role_setting", "setconfig"): Stored.SETTING,
        ("pg_proc", "proconfig"): Stored.SETTING,
        ("pg_attribute", "attmissingval"): Stored.MISSING,
    }
)
"""Columns of catalogs that hold definitions themselves; what ``pg_get_expr`` prints is one of these."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """What stands in the way of printing. Build it with ``read_definitions``."""

    in_the_way: Mapping[Stored, tuple[str, ...]]  # class -> names of what holds such a literal, sorted
    relations: frozenset[tuple[Stored, str]]  # (class, OID of the relation) of each

    def class_problem(self, stored: Iterable[Stored]) -> tuple[IncompleteCode, str] | None:
        """Why definitions of these classes may not be printed, whichever is asked for."""
        for one in sorted(stored):
            names = self.in_the_way.get(one, ())
            if names:
                return IncompleteCode.DEFINITION_REFUSED, _words(one, names)
        return None

    def column_problem(
        self, relation: str, column: str, limits: AbstractSet[str] | None = None
    ) -> tuple[IncompleteCode, str] | None:
        """Why a column of a catalog that holds definitions may not be read. ``limits``: of which relations alone."""
        stored = COLUMNS.get((relation, column))
        if stored is None:
            return IncompleteCode.COLUMN_REFUSED, f"pg_catalog.{relation}.{column}"
        return self.class_problem(self._within((stored,), limits))

    def _within(self, stored: Iterable[Stored], limits: AbstractSet[str] | None) -> Iterable[Stored]:
        """Those classes of which one of these relations holds something in the way."""
        if limits is None:
            return stored
        return [one for one in stored if any((one, relation) in self.relations for relation in limits)]

    def call_problem(
        self, function: str, relation: str | None, known: AbstractSet[str], limits: AbstractSet[str] | None = None
    ) -> tuple[IncompleteCode, str] | None:
        """Why a function that prints definitions may not be called.

        ``relation``: an OID that is written out; ``limits``: the relations whose definitions alone it can be given.
        """
        stored: Iterable[Stored] = _PRINTED[function]
        if limits is not None:
            stored = self._within(stored, limits)
        if relation is not None and relation in known and function in _BY_RELATION:
            stored = frozenset(one for one in stored if (one, relation) in self.relations)
        return self.class_problem(stored)


UNSEEN: Final = Definitions(MappingProxyType(dict.fromkeys(Stored, ("definitions were not looked at",))), frozenset())
"""Where the snapshot brought none: everything is in the way."""


def prints(identity: str) -> str | None:
    """The name of a function that prints definitions which can be looked through, or None."""
    name = identity.partition("(")[0]
    return name if name in _PRINTED else None


def read_definitions(
    rows: Sequence[Sequence[str | None]], *, names: Iterable[str], enums: AbstractSet[str], vouched: AbstractSet[str]
) -> Definitions:
    """From the snapshot's rows: OID of the relation, class, name, kind of node, its fields.

    ``names`` are those of columns and relations, ``enums`` OIDs of enum types, ``vouched`` what an owner vouches for.
    """
    texts = [tuple("" if value is None else value for value in row) for row in rows]
    constants: dict[str, Constant | None] = {}
    for _, _, _, node, body in texts:
        if node == "CONST" and body not in constants:
            constants[body] = read_constant(body)
    words = set(names)
    for _, stored, _, _, body in texts:
        constant = constants.get(body)
        if stored in _LISTS and constant is not None and (word := word_of(constant)) is not None:
            words.add(word.strip(" "))
    found: dict[Stored, set[str]] = {}
    relations: set[tuple[Stored, str]] = set()
    for relation, stored, name, node, body in texts:
        one = Stored(stored)
        if name in vouched or _structure(one, node, body, constants.get(body), words, enums):
            continue
        found.setdefault(one, set()).add(name)
        relations.add((one, relation))
    return Definitions(
        MappingProxyType({stored: tuple(sorted(found[stored])) for stored in found}), frozenset(relations)
    )


def _structure(
    stored: Stored, node: str, body: str, constant: Constant | None, words: AbstractSet[str], enums: AbstractSet[str]
) -> bool:
    if node == "ARGUMENTS":  # of a trigger: strings, each with a NUL after it
        return all(
            harmless_text(part, lists=True, words=words) for whole in body.split("\n") for part in whole.split(".")
        )
    if constant is None:
        return False
    return harmless(constant, lists=stored in _LISTS, bound=stored is Stored.BOUND, words=words, enums=enums)


_UNREAD: Final = frozenset(
    (Stored.OPTION, Stored.EXTENSION, Stored.DICTIONARY, Stored.LABEL, Stored.SETTING, Stored.MISSING)
)
_NAMES: Final[Mapping[Stored, str]] = MappingProxyType(
    {
        Stored.RULE: "view or rule",
        Stored.BOUND: "partition bound",
        Stored.KEY: "partition key",
        Stored.ARGUMENT: "default of an argument",
        Stored.TYPE: "default of a type",
        Stored.OPTION: "options",
        Stored.EXTENSION: "condition of an extension",
        Stored.DICTIONARY: "text search dictionary",
        Stored.LABEL: "security label",
        Stored.MISSING: "stored default of a column",
    }
)


def _words(stored: Stored, names: tuple[str, ...]) -> str:
    others = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    if stored in _UNREAD:
        return f"{_NAMES.get(stored, str(stored))} of {names[0]}{others}: nobody looked whether it is about people"
    return f"{_NAMES.get(stored, str(stored))} of {names[0]}{others} holds a literal that may be about people"
