"""Why a statement could not be established: the closed set behind ``StatementFacts.incomplete`` and ``Refused.code``.

Every code has one plain sentence in ``SUMMARIES``; the record, the metrics and README use the code, people read the
sentence. A code never says what policy thinks of a statement, only why its meaning is not known completely.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final

SET_CONFIG: Final = "set_config"  # kind of a SELECT that does nothing else, of a setting it may assign


class IncompleteCode(StrEnum):
    """Where understanding stopped. Closed: one row each in README."""

    # before and while parsing the text
    TEXT_TOO_LONG = "text_too_long"
    TEXT_HAS_NUL = "text_has_nul"
    TEXT_NOT_UTF8 = "text_not_utf8"
    TEXT_TOO_DEEP = "text_too_deep"
    TEXT_UNPARSABLE = "text_unparsable"
    TOO_MANY_STATEMENTS = "too_many_statements"
    # kinds and settings
    KIND_REFUSED = "kind_refused"
    SETTING_REFUSED = "setting_refused"
    PATH_UNKNOWN = "path_unknown"
    # the server's tree
    NO_TREE = "no_tree"
    TREE_TOO_LARGE = "tree_too_large"
    TREE_TOO_DEEP = "tree_too_deep"
    TREE_MALFORMED = "tree_malformed"
    TREE_VERSION_UNKNOWN = "tree_version_unknown"
    NODE_UNKNOWN = "node_unknown"
    FIELD_UNKNOWN = "field_unknown"
    # what the tree refers to
    REFERENCE_UNRESOLVED = "reference_unresolved"
    RELATION_UNKNOWN = "relation_unknown"
    RELATION_REFUSED = "relation_refused"
    COLUMN_REFUSED = "column_refused"
    DEFINITION_REFUSED = "definition_refused"
    FUNCTION_UNKNOWN = "function_unknown"
    FUNCTION_REFUSED = "function_refused"
    OPERATOR_UNKNOWN = "operator_unknown"
    OPERATOR_REFUSED = "operator_refused"
    TYPE_UNKNOWN = "type_unknown"
    TYPE_REFUSED = "type_refused"
    TARGET_REFUSED = "target_refused"
    COMMAND_REFUSED = "command_refused"


Problem = tuple[IncompleteCode, str]
"""Why something may not stand in a statement: a code, and a detail that names it and never a value."""

SUMMARIES: Final = MappingProxyType(
    {
        IncompleteCode.TEXT_TOO_LONG: "the statement text is longer than the limit",
        IncompleteCode.TEXT_HAS_NUL: "the statement text holds a NUL character",
        IncompleteCode.TEXT_NOT_UTF8: "the statement text is not valid UTF-8",
        IncompleteCode.TEXT_TOO_DEEP: "the statement is nested too deeply to be read",
        IncompleteCode.TEXT_UNPARSABLE: "the statement does not parse as SQL of PostgreSQL",
        IncompleteCode.TOO_MANY_STATEMENTS: "one text holds more statements than are judged at once",
        IncompleteCode.KIND_REFUSED: "statements of this kind are not let through",
        IncompleteCode.SETTING_REFUSED: "this setting may not be changed or shown through the gateway",
        IncompleteCode.PATH_UNKNOWN: "the search_path that it would run under is not known yet, or names other schemas "
        "than plain ones",
        IncompleteCode.NO_TREE: "the database gave no analysed tree for the statement",
        IncompleteCode.TREE_TOO_LARGE: "the analysed tree is larger than the limit",
        IncompleteCode.TREE_TOO_DEEP: "the analysed tree is nested too deeply to be read",
        IncompleteCode.TREE_MALFORMED: "the analysed tree is not well formed",
        IncompleteCode.TREE_VERSION_UNKNOWN: "trees of this PostgreSQL version are not known",
        IncompleteCode.NODE_UNKNOWN: "the analysed tree holds a node that is not known",
        IncompleteCode.FIELD_UNKNOWN: "a node of the analysed tree has other fields than are known",
        IncompleteCode.REFERENCE_UNRESOLVED: "a reference in the analysed tree leads nowhere",
        IncompleteCode.RELATION_UNKNOWN: "a relation is not in the catalog snapshot",
        IncompleteCode.RELATION_REFUSED: "a relation of a kind, or of the system, that is not let through",
        IncompleteCode.COLUMN_REFUSED: "a column of the system's catalogs that is not let through",
        IncompleteCode.DEFINITION_REFUSED: "a stored definition that holds a literal which may be about people",
        IncompleteCode.FUNCTION_UNKNOWN: "a function is not in the catalog snapshot",
        IncompleteCode.FUNCTION_REFUSED: "a function that is not on the allow-list",
        IncompleteCode.OPERATOR_UNKNOWN: "an operator is not in the catalog snapshot",
        IncompleteCode.OPERATOR_REFUSED: "an operator whose function is not on the allow-list",
        IncompleteCode.TYPE_UNKNOWN: "a data type is not in the catalog snapshot",
        IncompleteCode.TYPE_REFUSED: "a data type that runs code of its own: a domain or a user-defined type",
        IncompleteCode.TARGET_REFUSED: "writing to this relation runs code that cannot be seen into",
        IncompleteCode.COMMAND_REFUSED: "the analysed tree holds a command that is not let through",
    }
)
