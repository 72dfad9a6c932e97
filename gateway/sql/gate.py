"""The gate: statement texts in, single statements of known kinds out, or ``Refused`` with a reason of its own.

Nothing is trusted to the parser that can be refused before it: size, NUL (the parser's C string would end there, the
server's would not), lone surrogates, and how deep a tree the text could possibly make (see ``_MAX_LEVELS``). The kind
of every statement is checked against an allow-list; utilities that are judged without a tree get their facts here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pgparse

from gateway.model import StatementEffect, StatementFacts
from gateway.naming import NameDeed, NameUse
from gateway.search_path import PathDeed
from gateway.sql.assigned import Assigned, read_call, read_discard, read_set, refused_option, shown
from gateway.sql.codes import SET_CONFIG, SUMMARIES, IncompleteCode
from gateway.sql.copying import Copy, read_copy
from gateway.sql.creating import Creation, read_creation
from gateway.sql.inner import inner_start
from gateway.sql.kinds import kind_words, refusal_words
from gateway.sql.named import Names, named
from gateway.sql.names import NAMING_KINDS, Named, read_named
from gateway.sql.returning import without_aliases
from gateway.sql.settings import SHOWABLE
from gateway.sql.shape import shape_of

# Left-recursive chains (1+1+…, ::int::int…, UNION …) cost the grammar no stack, but printing the tree they make does:
# the parser was seen to end the process at 65 000 levels on an 8 MiB stack and to survive 60 000. A level takes at
# least one operator character, or a keyword with its operand (never fewer than seven bytes). Half of what it survives.
_MAX_LEVELS: Final = 30_000
_OPERATOR_BYTES: Final = b"+-*/<>=~!@#%^&|`?:"
_KEYWORD_BYTES: Final = 7
_SHORT: Final = 16_384  # a text this short cannot reach the bound
_MAX_STATEMENTS: Final = 100

_ACCESS_SHARE: Final = 1  # the lock that a SELECT takes

_EXPLAINABLE: Final = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_QUERY_KINDS: Final = {"InsertStmt": "insert", "UpdateStmt": "update", "DeleteStmt": "delete", "MergeStmt": "merge"}

# kind of TransactionStmt -> (kind of statement, what a door that follows transactions must know)
_TRANSACTION: Final[Mapping[str, tuple[str, str | None]]] = {
    "TRANS_STMT_BEGIN": ("begin", "begin"),
    "TRANS_STMT_START": ("begin", "begin"),
    "TRANS_STMT_COMMIT": ("commit", "commit"),
    "TRANS_STMT_ROLLBACK": ("rollback", "rollback"),
    "TRANS_STMT_SAVEPOINT": ("savepoint", None),
    "TRANS_STMT_RELEASE": ("release", None),
    "TRANS_STMT_ROLLBACK_TO": ("rollback_to", None),
}
# What may undo what was set: the end of a transaction, and the way back to a savepoint.
_UNDOING: Final = {"commit": PathDeed.ENDS, "rollback": PathDeed.ENDS, "rollback_to": PathDeed.ENDS}


class Refused(Exception):
    """This text is not let through, or not as it stands. ``detail`` names a kind or a setting, never a value."""

    def __init__(self, code: IncompleteCode, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else str(code))
        self.code = code
        self.detail = detail or SUMMARIES[code]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStatement:
    """One statement of a text. ``facts`` is set where no tree is needed to know what it does."""

    text: str  # the exact slice of the source
    kind: str
    facts: StatementFacts | None = None
    shape: bytes | None = None  # the text without constants that cannot change its meaning; None: there are none
    offset: int = 0  # characters of the source before the slice: positions of complaints are relative to it
    inner: int = 0  # characters of the slice before the statement that is to be analysed: EXPLAIN (…) is left out
    inner_end: int | None = None  # where that one ends, if not with the slice: COPY (…) TO STDOUT
    asked: str = ""  # a text made to be analysed in place of the slice; places in it mean nothing
    creates: str = ""  # the relation it makes of the rows of the statement inside it
    assigned: Assigned | None = None  # to settings
    use: NameUse | None = None  # what it does with a name of the session's; ``facts`` are set where that is all it does
    node: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)  # the parser's
    relations: Names | None = None  # what it names, where that was looked up already

    def names(self) -> Names:
        """The relations it names, for fairness between those who wait for locks; never what it touches."""
        if self.relations is not None:
            return self.relations
        return named(self.node) if self.node is not None else frozenset()

    @property
    def subject(self) -> str:
        """What the server is to be asked about: the slice, the statement inside it, or one that stands for it."""
        return self.asked or self.text[self.inner : self.inner_end]


def inspect(text: str, *, max_bytes: int) -> tuple[GateStatement, ...]:
    """The statements of a text, in order; ``()`` for an empty query. Raises ``Refused`` and nothing else."""
    encoded = _encode(text, max_bytes)
    try:
        parsed = _parse(text)
    except Refused as refused:
        newer = _newer(text, encoded) if refused.code is IncompleteCode.TEXT_UNPARSABLE else None
        if newer is None:
            raise
        return (newer,)
    if len(parsed) > _MAX_STATEMENTS:
        raise Refused(IncompleteCode.TOO_MANY_STATEMENTS, f"more than {_MAX_STATEMENTS} statements in one text")
    try:
        return tuple(_statement(raw, encoded) for raw in parsed)
    except RecursionError as error:
        raise Refused(IncompleteCode.TEXT_TOO_DEEP) from error


def _newer(text: str, encoded: bytes) -> GateStatement | None:
    """A single statement with a clause that only a newer grammar has; None for anything else."""
    plain = without_aliases(text)
    parsed = _try_parse(plain) if plain is not None else []
    node = parsed[0].get("stmt") if len(parsed) == 1 else None
    if not isinstance(node, dict) or not node.keys() <= _EXPLAINABLE or _has_into(node.get("SelectStmt", {})):
        return None
    # Known by its text alone: no shape is made of what was not parsed.
    return replace(_statement(parsed[0], encoded), shape=None)


def normalise(text: str) -> str:
    """The text with its constants replaced by ``$n``, for the record; empty where it cannot be parsed."""
    try:
        encoded = _encode(text, len(text) * 4)
        if len(encoded) > _SHORT:
            _parse(text)  # the normaliser recurses without a limit; the parser's answer has one
        return str(pgparse.normalize(text))
    except (Refused, pgparse.PGQueryError, RecursionError):
        return ""


def syntax(text: str) -> Mapping[str, Any]:
    """The parser's tree of a text with one statement that ``inspect`` let through: ``{kind: body}``. For rewriting."""
    _encode(text, len(text) * 4)
    parsed = _parse(text)
    if len(parsed) != 1 or not isinstance(parsed[0].get("stmt"), dict):
        raise Refused(IncompleteCode.TOO_MANY_STATEMENTS, "not one statement")
    statement: Mapping[str, Any] = parsed[0]["stmt"]
    return statement


def _encode(text: str, max_bytes: int) -> bytes:
    if len(text) > max_bytes:
        raise Refused(IncompleteCode.TEXT_TOO_LONG, f"the statement is longer than {max_bytes} bytes")
    if "\0" in text:
        raise Refused(IncompleteCode.TEXT_HAS_NUL)
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused(IncompleteCode.TEXT_NOT_UTF8) from error
    size = len(encoded)
    if size > max_bytes:
        raise Refused(IncompleteCode.TEXT_TOO_LONG, f"the statement is longer than {max_bytes} bytes")
    if size > _SHORT:
        operators = size - len(encoded.translate(None, _OPERATOR_BYTES))
        if operators + size // _KEYWORD_BYTES > _MAX_LEVELS:
            raise Refused(IncompleteCode.TEXT_TOO_DEEP)
    return encoded


def _parse(text: str) -> list[dict[str, Any]]:
    try:
        parsed: list[dict[str, Any]] = pgparse.parse(text)
    except RecursionError as error:
        raise Refused(IncompleteCode.TEXT_TOO_DEEP) from error
    except pgparse.PGQueryError as error:
        message = str(error)
        if "stack depth" in message or "memory exhausted" in message:
            raise Refused(IncompleteCode.TEXT_TOO_DEEP) from error
        raise Refused(IncompleteCode.TEXT_UNPARSABLE) from error
    except ValueError as error:  # the parser's JSON could not be read back
        raise Refused(IncompleteCode.TEXT_UNPARSABLE) from error
    return parsed


def _statement(raw: Mapping[str, Any], encoded: bytes) -> GateStatement:
    """One entry of the parser's list; its offsets count bytes, not characters."""
    start = int(raw.get("stmt_location", 0))
    length = int(raw.get("stmt_len", 0))
    piece = encoded[start : start + length] if length else encoded[start:]
    node = raw.get("stmt")
    if not isinstance(node, dict) or len(node) != 1:
        raise Refused(IncompleteCode.KIND_REFUSED, "a statement without a kind")
    ((name, body),) = node.items()
    slice_text = piece.decode("utf-8")
    offset = len(encoded[:start].decode("utf-8"))
    if name == "ExplainStmt":
        return replace(_explain(slice_text, body, offset, start), node=node)
    if name == "CopyStmt":
        return replace(_copy(slice_text, body, offset), node=node)
    if name == "CreateTableAsStmt" or (name == "SelectStmt" and _has_into(body)):
        return replace(_creation(slice_text, str(name), body, offset), node=node)
    if name in NAMING_KINDS:
        return replace(_names(slice_text, str(name), body, offset, start), node=node)
    assigned = _assigned(str(name), body)
    if assigned is not None:
        own = None if assigned.kind == SET_CONFIG else replace(_session(assigned.kind), path=assigned.deed)
        return GateStatement(
            text=slice_text, kind=assigned.kind, facts=own, offset=offset, assigned=assigned, node=node
        )
    kind, facts = _judge(str(name), body)
    shape = shape_of(encoded, node, start, start + len(piece)) if facts is None else None
    return GateStatement(text=slice_text, kind=kind, facts=facts, offset=offset, shape=shape, node=node)


def _assigned(name: str, body: Mapping[str, Any]) -> Assigned | None:
    """What a statement that assigns settings assigns; None: it is another."""
    found: Assigned | str | None = None
    if name == "VariableSetStmt":
        found = read_set(body)
    elif name == "DiscardStmt":
        found = read_discard(body)
    elif name == "SelectStmt":
        found = read_call(body)
    if isinstance(found, str):
        raise Refused(IncompleteCode.SETTING_REFUSED, found)
    return found


def _explain(text: str, body: Mapping[str, Any], offset: int, begins: int) -> GateStatement:
    """EXPLAIN of a query, judged as that query: ANALYZE runs it, and a plan alone tells of the data."""
    query = body.get("query")
    if not isinstance(query, dict) or len(query) != 1:
        raise Refused(IncompleteCode.KIND_REFUSED, "EXPLAIN of nothing is not let through")
    ((name, inner),) = query.items()
    if name == "ExecuteStmt":
        named = read_named(text, name, inner, begins, _try_parse, lambda node: {"ExplainStmt": {**body, "query": node}})
        if not isinstance(named, Named):
            raise Refused(IncompleteCode.KIND_REFUSED, named)
        return GateStatement(text=text, kind="explain", offset=offset, use=named.use)
    if name not in _EXPLAINABLE:
        raise Refused(IncompleteCode.KIND_REFUSED, f"EXPLAIN of {kind_words(str(name))} is not let through")
    _judge(str(name), inner)
    start = inner_start(text, query, _try_parse)
    if start is None:
        raise Refused(IncompleteCode.KIND_REFUSED, "EXPLAIN whose statement could not be told apart is not let through")
    return GateStatement(text=text, kind="explain", offset=offset, inner=start)


def _copy(text: str, body: Mapping[str, Any], offset: int) -> GateStatement:
    """COPY with the client, judged as the query or the INSERT that it amounts to."""
    query = body.get("query")
    if isinstance(query, dict) and len(query) == 1:
        ((name, inner),) = query.items()
        if name not in _EXPLAINABLE:
            raise Refused(IncompleteCode.KIND_REFUSED, f"COPY of {kind_words(str(name))} is not let through")
        _judge(str(name), inner)
    found = read_copy(text, body, _try_parse)
    if not isinstance(found, Copy):
        raise Refused(IncompleteCode.KIND_REFUSED, found)
    end = found.end if query is not None else None
    return GateStatement(text=text, kind=found.kind, offset=offset, inner=found.begin, inner_end=end, asked=found.asked)


def _creation(text: str, name: str, body: Mapping[str, Any], offset: int) -> GateStatement:
    """A relation made of a query's rows, judged as that query and as a write to the relation."""
    made = read_creation(text, name, body, _try_parse)
    if not isinstance(made, Creation):
        raise Refused(IncompleteCode.KIND_REFUSED, made)
    return GateStatement(
        text=text,
        kind=made.kind,
        offset=offset,
        inner=made.begin,
        inner_end=made.end,
        asked=made.asked,
        creates=made.relation,
    )


def _names(text: str, name: str, body: Mapping[str, Any], offset: int, start: int) -> GateStatement:
    """PREPARE and DECLARE, judged as the statement inside; what uses a name, as what the name stands for."""
    query = body.get("query")
    if query is not None:
        if not isinstance(query, dict) or len(query) != 1:
            raise Refused(IncompleteCode.KIND_REFUSED, f"{kind_words(name)} of nothing is not let through")
        ((kind, inner),) = query.items()
        if kind not in _EXPLAINABLE:
            raise Refused(IncompleteCode.KIND_REFUSED, f"{kind_words(name)} of {kind_words(kind)} is not let through")
        _judge(str(kind), inner)
    named = read_named(text, name, body, start, _try_parse)
    if not isinstance(named, Named):
        raise Refused(IncompleteCode.KIND_REFUSED, named)
    drops = named.use.deed in (NameDeed.DROP, NameDeed.DROP_ALL)
    facts = _session(named.kind) if drops else None
    return GateStatement(text=text, kind=named.kind, facts=facts, offset=offset, inner=named.inner, use=named.use)


def _try_parse(text: str) -> list[dict[str, Any]]:
    """The parser's list, or nothing where it fails: for texts that may be no statement."""
    try:
        return _parse(text)
    except Refused:
        return []


def _judge(name: str, body: Mapping[str, Any]) -> tuple[str, StatementFacts | None]:
    """Kind, and facts where no tree is needed. The fall-through refuses."""
    match name:
        case "SelectStmt":
            if _has_into(body):
                raise Refused(IncompleteCode.KIND_REFUSED, "SELECT INTO inside of another statement is not let through")
            return "select", None
        case "UpdateStmt" | "DeleteStmt" if "CurrentOfExpr" in body.get("whereClause", ()):
            # The server would look for the client's name of a cursor, and knows it by one of ours.
            raise Refused(
                IncompleteCode.KIND_REFUSED, "WHERE CURRENT OF a cursor is not let through: name the row by its key"
            )
        case "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
            return _QUERY_KINDS[name], None
        case "TransactionStmt":
            return _transaction(body)
        case "VariableShowStmt":
            setting = str(body.get("name", ""))
            if setting.lower() not in SHOWABLE:
                raise Refused(IncompleteCode.SETTING_REFUSED, f"SHOW {shown(setting)}")
            return "show", _session("show")
        case "UnlistenStmt":
            return "unlisten", _session("unlisten")
        case "LockStmt" if body.get("mode") == _ACCESS_SHARE:
            return "lock", _session("lock")
        case _:
            raise Refused(IncompleteCode.KIND_REFUSED, refusal_words(name, body))


def _has_into(select: Mapping[str, Any]) -> bool:
    """INTO may stand at any leaf of set operations, as far as the grammar goes."""
    nodes: list[Any] = [select]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            if node.get("intoClause"):
                return True
            nodes += (node.get("larg"), node.get("rarg"))
    return False


def _session(kind: str, transaction: str | None = None) -> StatementFacts:
    return StatementFacts(
        kind=kind, effect=StatementEffect.SESSION, complete=True, transaction=transaction, depends=frozenset()
    )


def _transaction(body: Mapping[str, Any]) -> tuple[str, StatementFacts]:
    kind = str(body.get("kind", ""))
    entry = _TRANSACTION.get(kind)
    if entry is None:  # PREPARE TRANSACTION and its ends: they outlive the session
        raise Refused(IncompleteCode.KIND_REFUSED, "two-phase commit is not let through")
    if body.get("chain"):
        raise Refused(IncompleteCode.KIND_REFUSED, "AND CHAIN is not let through")
    option = refused_option(body.get("options", []))
    if option:
        raise Refused(IncompleteCode.SETTING_REFUSED, option)
    return entry[0], replace(_session(entry[0], entry[1]), path=_UNDOING.get(entry[0], PathDeed.KEEPS))
