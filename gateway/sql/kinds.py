"""Kinds of statements in the words of SQL, for whoever is refused one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")

# Where the parser's name for a kind is not how SQL begins.
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ClosePortalStmt": "CLOSE of a cursor",
        "CompositeTypeStmt": "CREATE TYPE",
        "CreateEnumStmt": "CREATE TYPE",
        "CreateRangeStmt": "CREATE TYPE",
        "CreateFdwStmt": "CREATE FOREIGN DATA WRAPPER",
        "CreateStmt": "CREATE TABLE",
        "CreateTrigStmt": "CREATE TRIGGER",
        "CreatedbStmt": "CREATE DATABASE",
        "DeclareCursorStmt": "DECLARE CURSOR",
        "DefineStmt": "CREATE",
        "DropStmt": "DROP",
        "DropdbStmt": "DROP DATABASE",
        "IndexStmt": "CREATE INDEX",
        "LockStmt": "LOCK TABLE in a mode other than ACCESS SHARE",
        "RenameStmt": "ALTER … RENAME",
        "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
        "RuleStmt": "CREATE RULE",
        "SelectStmt": "SELECT",
        "VariableSetStmt": "SET",
        "VariableShowStmt": "SHOW",
        "ViewStmt": "CREATE VIEW",
    }
)


def kind_words(name: str) -> str:
    """How a statement of this kind begins in SQL; ``name`` is the parser's."""
    return _WORDS.get(name) or _CAPITAL.sub(" ", name.removesuffix("Stmt")).upper()


def refusal_words(name: str, body: Mapping[str, Any]) -> str:
    """Why a statement of this kind is refused, as a person reads it."""
    if name in ("CreateStmt", "ViewStmt", "CreateForeignTableStmt"):
        return f"{kind_words(name)}: new relations are unclassified"
    if name == "GrantStmt":
        return f"{'GRANT' if body.get('is_grant') else 'REVOKE'} is not let through"
    if name == "GrantRoleStmt":
        return f"{'GRANT' if body.get('is_grant') else 'REVOKE'} of a role is not let through"
    return f"{kind_words(name)} is not let through"
