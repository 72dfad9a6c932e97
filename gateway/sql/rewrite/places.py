"""Where a statement's text names relations, seen in the parser's tree; names of common table expressions go first.

Offsets count bytes, as the parser does. What exactly stands at an offset is read here, narrowly: a name, dots, nothing
between them but space. What is written in any other way (comments inside a name, U& identifiers) is not found, and the
statement is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.sql.rewrite.refused import RewriteRefused

_NAME: Final = re.compile(rb'"((?:[^"]|"")+)"|([A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*)')
_DOT: Final = re.compile(rb"[ \t\r\n\f]*\.[ \t\r\n\f]*")
_STAR: Final = re.compile(rb"[ \t\r\n\f]*\*")
_TABLE: Final = re.compile(rb"\bTABLE[ \t\r\n\f]+\Z", re.IGNORECASE)
_PLACES: Final = frozenset({"location", "list_start", "list_end", "stmt_location", "stmt_len"})
_WRITES: Final = frozenset({"InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_MAX_NAME: Final = 63


@dataclass(frozen=True, slots=True)
class Cut:
    """Bytes of the source to be replaced."""

    start: int
    end: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Named:
    """A relation in FROM: how it is written there."""

    schema: str | None
    name: str
    alias: str | None
    start: int
    only: bool
    sampled: bool
    whole_statement: bool  # TABLE name

    @property
    def parts(self) -> list[str]:
        """The names that stand there, in order."""
        return [self.name] if self.schema is None else [self.schema, self.name]


@dataclass(slots=True)
class Found:
    """What one statement names."""

    relations: list[Named] = field(default_factory=list)
    columns: list[tuple[int, list[str]]] = field(default_factory=list)  # offset, names, of schema.table.column
    locks: bool = False


def spliced(source: bytes, cuts: Iterable[Cut]) -> bytes:
    """The source with the cuts replaced."""
    parts: list[bytes] = []
    at = 0
    for cut in sorted(cuts, key=lambda cut: cut.start):
        if cut.start < at:
            raise RewriteRefused("two changes of the statement's text overlap")
        parts += (source[at : cut.start], cut.text)
        at = cut.end
    return b"".join([*parts, source[at:]])


def without_places(tree: Any) -> Any:
    """The parser's tree without the offsets of its parts."""
    if isinstance(tree, dict):
        return {key: without_places(value) for key, value in tree.items() if key not in _PLACES}
    if isinstance(tree, list):
        return [without_places(value) for value in tree]
    return tree


def name_parts(column: Mapping[str, Any]) -> list[str] | None:
    """The names of a column reference; None where it ends in a star."""
    names = [item.get("String", {}).get("sval") for item in column.get("fields", ())]
    return None if None in names else [str(name) for name in names]


def name_end(source: bytes, start: int, names: list[str]) -> int | None:
    """Where these names, with dots between them, end that begin at ``start``; None where they do not stand there."""
    at = start
    for number, wanted in enumerate(names):
        if number:
            dot = _DOT.match(source, at)
            if dot is None:
                return None
            at = dot.end()
        word = _NAME.match(source, at) if at >= 0 else None
        if word is None or _read_name(word) != wanted:
            return None
        at = word.end()
    return at


def relation_cut(source: bytes, named: Named) -> tuple[int, int]:
    """The bytes that name a relation; with TABLE before them where that is the whole statement."""
    end = name_end(source, named.start, named.parts)
    if end is None or _STAR.match(source, end):
        raise RewriteRefused(f"the place where {named.name} is named cannot be read; write it plainly, as schema.name")
    if not named.whole_statement:
        return named.start, end
    word = _TABLE.search(source[: named.start])
    if word is None:
        raise RewriteRefused(f"TABLE {named.name} is not written plainly; write it as a SELECT")
    return word.start(), end


def find(select: Mapping[str, Any]) -> Found:
    """Relations and long column references of a SelectStmt's body. Raises RewriteRefused for writes."""
    found = Found()
    try:
        _select(select, frozenset(), found)
    except RecursionError:
        raise RewriteRefused("the statement is nested too deeply") from None
    return found


def _select(body: Mapping[str, Any], known: frozenset[str], found: Found) -> None:
    clause = body.get("withClause")
    if clause:
        expressions = [item.get("CommonTableExpr", {}) for item in clause.get("ctes", ())]
        names = [str(one.get("ctename")) for one in expressions]
        inside = known | set(names) if clause.get("recursive") else known
        for name, one in zip(names, expressions, strict=True):
            _walk(one, inside, found)
            inside = inside | {name}
        known = inside
    if body.get("lockingClause"):
        found.locks = True
    whole = _is_table_statement(body)
    for key, value in body.items():
        if key in ("larg", "rarg"):
            _select(value, known, found)
        elif key == "fromClause":
            for item in value:
                _source(item, known, found, whole)
        elif key != "withClause":
            _walk(value, known, found)


def _source(item: Any, known: frozenset[str], found: Found, whole: bool) -> None:
    if isinstance(item, dict) and "RangeVar" in item:
        _relation(item["RangeVar"], known, found, sampled=False, whole=whole)
    else:
        _walk(item, known, found)


def _walk(node: Any, known: frozenset[str], found: Found) -> None:
    if isinstance(node, list):
        for item in node:
            _walk(item, known, found)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "SelectStmt":
                _select(value, known, found)
            elif key in _WRITES:
                raise RewriteRefused("a statement that writes cannot be masked, filtered or limited")
            elif key == "RangeVar":
                _relation(value, known, found, sampled=False, whole=False)
            elif key == "RangeTableSample":
                _relation(value.get("relation", {}).get("RangeVar", {}), known, found, sampled=True, whole=False)
                _walk(value.get("args", ()), known, found)
            elif key == "ColumnRef":
                names = [item.get("String", {}).get("sval", "*") for item in value.get("fields", ())]
                if len(names) == 3:
                    found.columns.append((int(value.get("location", 0)), names))
            else:
                _walk(value, known, found)


def _relation(item: Mapping[str, Any], known: frozenset[str], found: Found, *, sampled: bool, whole: bool) -> None:
    schema, name = item.get("schemaname"), str(item.get("relname", ""))
    if schema is None and name in known:
        return
    if item.get("catalogname"):
        raise RewriteRefused(f"{name} is named with its database; leave that out")
    found.relations.append(
        Named(
            schema=schema,
            name=name,
            alias=item.get("alias", {}).get("aliasname"),
            start=int(item.get("location", 0)),
            only=not item.get("inh"),
            sampled=sampled,
            whole_statement=whole,
        )
    )


def _is_table_statement(body: Mapping[str, Any]) -> bool:
    """True for ``TABLE name``: its star stands nowhere in the text."""
    targets = body.get("targetList", [])
    return len(targets) == 1 and targets[0].get("ResTarget", {}).get("location") == -1


def _read_name(word: re.Match[bytes]) -> str:
    """A name as the server reads it: quoted as it is, otherwise in lower case, both cut at 63 bytes."""
    quoted, plain = word.groups()
    name = plain.translate(_LOWER) if quoted is None else quoted.replace(b'""', b'"')
    return name[:_MAX_NAME].decode("utf-8", "ignore")


_LOWER: Final = bytes(range(65)) + bytes(range(97, 123)) + bytes(range(91, 256))
