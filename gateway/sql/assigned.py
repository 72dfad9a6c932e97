"""What SET, RESET, DISCARD ALL and set_config assign, read from the parser's tree.

Whatever moves the search_path says so (``PathDeed``), and to what, where that is written out: what follows in the same
text is judged under that. ``set_config`` of the search_path counts only where it is all that a SELECT does; that it is
the server's own function, the server's tree must show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.search_path import PathDeed, listed, permitted
from gateway.sql.codes import SET_CONFIG
from gateway.sql.settings import SETTABLE, TRANSACTION_OPTIONS, VALUES

_PATH: Final = "search_path"
_SELECT_KEYS: Final = frozenset({"targetList", "limitOption", "op"})
_CALL_KEYS: Final = frozenset({"funcname", "args", "funcformat", "location"})
_OWN: Final = (("set_config",), ("pg_catalog", "set_config"))
_BAD_PATH: Final = "search_path of other than plain schemas"
# Newer pg_dump keeps views and foreign tables from being read while it runs: the name comes from the row it compares.
_KEEPS_OUT: Final = "restrict_nonsystem_relation_kind"


@dataclass(frozen=True, slots=True)
class Assigned:
    """What one statement assigns."""

    kind: str  # set | reset | discard; set_config: to be analysed
    deed: PathDeed = PathDeed.KEEPS
    path: tuple[str, ...] | None = None  # the names it sets the search_path to; None: not written out


def read_set(body: Mapping[str, Any]) -> Assigned | str:
    """A VariableSetStmt; or which setting is refused."""
    kind, name = str(body.get("kind", "")), str(body.get("name", ""))
    if kind == "VAR_SET_MULTI":
        if name not in ("TRANSACTION", "SESSION CHARACTERISTICS"):  # SET TRANSACTION SNAPSHOT
            return shown(name)
        return refused_option(body.get("args", [])) or Assigned("set")
    if kind == "VAR_RESET_ALL":  # back to how the session began, and it began with what is pinned
        return Assigned("reset", PathDeed.SETS)
    if kind not in ("VAR_SET_VALUE", "VAR_SET_DEFAULT", "VAR_RESET"):
        return shown(name)
    deed = PathDeed.SETS if name.lower() == _PATH else PathDeed.KEEPS
    if deed is PathDeed.KEEPS and name.lower() not in SETTABLE:
        return shown(name)
    if kind != "VAR_SET_VALUE":
        return Assigned("reset", deed)
    values = [_string(value) for value in body.get("args", [])]
    if deed is PathDeed.SETS:
        path = tuple(value for value in values if value is not None)
        return Assigned("set", deed, path) if len(path) == len(values) and permitted(path) else _BAD_PATH
    allowed = VALUES.get(name.lower())
    if allowed is not None and (len(values) != 1 or (values[0] or "").lower() not in allowed):
        return f"{shown(name)} other than {allowed[0]}"
    return Assigned("set")


def read_discard(body: Mapping[str, Any]) -> Assigned | None:
    """A DiscardStmt; None for what is not let through."""
    return Assigned("discard", PathDeed.SETS) if body.get("target") == "DISCARD_ALL" else None


def read_call(body: Mapping[str, Any]) -> Assigned | str | None:
    """A SelectStmt that is nothing but one set_config of constants; None: it is another."""
    call = _only_call(body)
    if call is None or call.keys() - _CALL_KEYS or _names(call.get("funcname", [])) not in _OWN:
        return None
    arguments = call.get("args", [])
    if len(arguments) != 3 or "boolval" not in _node(arguments[2], "A_Const"):
        return None
    if body.keys() - _SELECT_KEYS:
        return Assigned(SET_CONFIG) if _keeps_out(body, arguments) else None
    if (_string(arguments[0]) or "").lower() != _PATH:
        return None
    if _node(arguments[1], "ParamRef"):
        return Assigned(SET_CONFIG, PathDeed.SETS)
    value = _string(arguments[1])
    if value is None:
        return None
    path = listed(value)
    return Assigned(SET_CONFIG, PathDeed.SETS, path) if path is not None and permitted(path) else _BAD_PATH


def _only_call(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    targets = body.get("targetList", [])
    if len(targets) != 1 or body.get("op") != "SETOP_NONE":
        return None
    return _node(_node(targets[0], "ResTarget").get("val"), "FuncCall") or None


def _keeps_out(body: Mapping[str, Any], arguments: list[Any]) -> bool:
    """SELECT set_config(name, '…', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'."""
    if body.keys() - _SELECT_KEYS != {"fromClause", "whereClause"} or len(body["fromClause"]) != 1:
        return False
    relation, condition = _node(body["fromClause"][0], "RangeVar"), _node(body["whereClause"], "A_Expr")
    return (
        relation.get("relname") == "pg_settings"
        and relation.get("schemaname", "pg_catalog") == "pg_catalog"
        and _string(arguments[1]) is not None
        and _is_name(arguments[0])
        and condition.get("kind") == "AEXPR_OP"
        and _names(condition.get("name", [])) == ("=",)
        and _is_name(condition.get("lexpr"))
        and _string(condition.get("rexpr")) == _KEEPS_OUT
    )


def _is_name(node: Any) -> bool:
    return _names(_node(node, "ColumnRef").get("fields", [])) == ("name",)


def refused_option(options: Any) -> str:
    """The first option of a transaction that may not be set, if there is one."""
    for option in options:
        name = str(_node(option, "DefElem").get("defname", ""))
        if name not in TRANSACTION_OPTIONS:
            return shown(name)
    return ""


def shown(name: str) -> str:
    """A setting's name as it may be repeated to the person: short, one line."""
    return "".join(c if c.isalnum() or c in "._ " else "?" for c in name[:63]) or "?"


def _node(node: Any, kind: str) -> Mapping[str, Any]:
    """The body of a node of this kind; empty for another."""
    body = node.get(kind) if isinstance(node, dict) else None
    return body if isinstance(body, dict) else {}


def _string(node: Any) -> str | None:
    """The string that a constant is."""
    value = _node(node, "A_Const").get("sval")
    return str(value.get("sval", "")) if isinstance(value, dict) else None


def _names(nodes: Any) -> tuple[str, ...]:
    return tuple(str(_node(one, "String").get("sval", "")) for one in nodes)
