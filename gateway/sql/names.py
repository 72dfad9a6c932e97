"""PREPARE, EXECUTE, DEALLOCATE, DECLARE, FETCH, MOVE, CLOSE: which name stands where, and what it is given to.

The client's name is to be replaced by one of ours, so its token must be found exactly. It is found by trying: a token
counts only if the text with another name in its place, and every type's schema written out, parses to exactly the tree
of the text with that name in it. A name in a comment, in a string or twice over cannot pass that.

EXECUTE prints no tree of what it is given. Constants need none; expressions are taken out (``arguments``), and the
server is asked about them by themselves, each cast to the type that PREPARE declares.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.naming import NameDeed, NameKind, NameUse
from gateway.sql.inner import inner_start, same_tree
from gateway.sql.typenames import NUMBERS, plain_type, qualified, type_name

Parse = Callable[[str], list[dict[str, Any]]]

_FIELDS: Final[Mapping[str, tuple[NameKind, str]]] = {
    "PrepareStmt": (NameKind.STATEMENT, "name"),
    "ExecuteStmt": (NameKind.STATEMENT, "name"),
    "DeallocateStmt": (NameKind.STATEMENT, "name"),
    "DeclareCursorStmt": (NameKind.CURSOR, "portalname"),
    "FetchStmt": (NameKind.CURSOR, "portalname"),
    "ClosePortalStmt": (NameKind.CURSOR, "portalname"),
}
NAMING_KINDS: Final = frozenset(_FIELDS)

_PLAIN_SELECT: Final[Mapping[str, Any]] = {"limitOption": "LIMIT_OPTION_DEFAULT", "op": "SETOP_NONE"}
_HOLD: Final = 0x0020  # CURSOR_OPT_HOLD
_MAX_TRIES: Final = 32
_NAME_BYTES: Final = 63  # the server keeps no more of a name
_TOKEN: Final = re.compile(
    rb"(?:[Uu]&)?\"(?:[^\"]|\"\")+\"(?:\s+[Uu][Ee][Ss][Cc][Aa][Pp][Ee]\s+'[^'\\]')?"
    rb"|[A-Za-z_\x80-\xff][A-Za-z0-9_$\x80-\xff]*"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A statement that uses a name."""

    kind: str
    use: NameUse
    inner: int = 0  # characters before the statement that the name is given to


Tree = Mapping[str, Any]


def read_named(
    text: str, name: str, body: Tree, start: int, parse: Parse, within: Callable[[Tree], Tree] = lambda node: node
) -> Named | str:
    """What ``text``, of which the parser makes ``{name: body}``, does with a name; or why it is not let through.

    ``start``: bytes of the whole text before this one. ``parse`` gives [] for what fails. ``within``: the tree of the
    text, made of that node; of EXPLAIN the node stands inside another.
    """
    kind, field = _FIELDS[name]
    given = str(body.get(field, ""))
    if not given:
        words = "deallocate" if kind is NameKind.STATEMENT else "close"
        return Named(words, NameUse(kind=kind, deed=NameDeed.DROP_ALL))
    use = NameUse(kind=kind, deed=NameDeed.RUN, name=given)
    match name:
        case "PrepareStmt" | "DeclareCursorStmt":
            return _made(text, name, body, start, parse, use)
        case "ExecuteStmt":
            plain = _constants(body.get("params", []))
            if isinstance(plain, str):
                arguments = _arguments(text, body["params"], parse)
                if arguments is None:
                    return plain
                use = replace(use, arguments=arguments)
                found = _found(text, lambda probe: within({name: {**body, field: probe}}), start, parse, use, ())
                return _or_refused(found, "execute")
            params, places = plain
            changed = {**body, "params": params} if params else body
            found = _found(text, lambda probe: within({name: {**changed, field: probe}}), start, parse, use, places)
            return _or_refused(found, "execute")
        case "FetchStmt":
            found = _found(text, lambda probe: {name: {**body, field: probe}}, start, parse, use, ())
            return _or_refused(found, "move" if body.get("ismove") else "fetch")
        case _:
            dropped = replace(use, deed=NameDeed.DROP)
            found = _found(text, lambda probe: {name: {**body, field: probe}}, start, parse, dropped, ())
            return _or_refused(found, "deallocate" if kind is NameKind.STATEMENT else "close")


def _made(text: str, name: str, body: Mapping[str, Any], start: int, parse: Parse, use: NameUse) -> Named | str:
    """PREPARE and DECLARE: the name is given to the statement inside."""
    inner = inner_start(text, body.get("query"), parse)
    words = "prepare" if name == "PrepareStmt" else "declare"
    if inner is None:
        return f"{words.upper()} whose statement could not be told apart is not let through"
    use = replace(use, deed=NameDeed.MAKE, text=text[inner:], inner=start + len(text[:inner].encode()))
    places: list[int] = []
    changed = dict(body)
    if name == "PrepareStmt":
        types: list[int] = []
        nodes: list[Mapping[str, Any]] = []
        for node in body.get("argtypes", []):
            plain = plain_type(node["TypeName"])
            if plain is None:
                return (
                    "PREPARE with a parameter of a type that is not one of the server's plain ones is not let through"
                )
            whole, place = qualified(node["TypeName"])
            types.append(plain[1])
            nodes.append({"TypeName": whole})
            places += () if place is None else (place,)
        use = replace(use, types=tuple(types))
        if nodes:
            changed["argtypes"] = nodes
    else:
        use = replace(use, hold=bool(int(body.get("options", 0)) & _HOLD))
    field = _FIELDS[name][1]
    found = _found(text, lambda probe: {name: {**changed, field: probe}}, start, parse, use, places)
    return _or_refused(found, words, inner)


def _or_refused(use: NameUse | None, words: str, inner: int = 0) -> Named | str:
    if use is None:
        return f"{words.upper()} whose name could not be told apart is not let through"
    return Named(words, use, inner)


def _constants(params: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[int]] | str:
    """The arguments of EXECUTE with the types in them written out, and where; or why they are not let through."""
    changed: list[Mapping[str, Any]] = []
    places: list[int] = []
    for node in params:
        cast = node.get("TypeCast")
        if cast is None:
            if "A_Const" not in node:
                return "EXECUTE with anything but constants is not let through"
            changed.append(node)
            continue
        constant, plain = cast.get("arg", {}).get("A_Const"), plain_type(cast.get("typeName", {}))
        if constant is None or plain is None:
            return "EXECUTE with anything but constants of the server's plain types is not let through"
        # Text and NULL become a type by its own input; between numbers the server has its own casts, and they cannot
        # be replaced. Other casts may be anybody's function.
        if not {"sval", "isnull"} & constant.keys() and not (
            {"ival", "fval"} & constant.keys() and plain[0] in NUMBERS
        ):
            return "EXECUTE with a constant cast to another type is not let through"
        whole, place = qualified(cast["typeName"])
        changed.append({"TypeCast": {**cast, "typeName": whole}})
        places += () if place is None else (place,)
    return changed, places


def _arguments(text: str, params: Sequence[Mapping[str, Any]], parse: Parse) -> tuple[str, ...] | None:
    """The arguments of EXECUTE as they are written, each proved to be that expression and nothing more. What the server
    lets stand in no argument (sub-selects), or has nothing to put in (parameters), is left to be refused."""
    if any(_holds(node, ("SubLink", "ParamRef")) for node in params):
        return None
    tries = 0
    for opened in re.finditer(r"\(", text):
        at, found = opened.end(), list[str]()
        while len(found) < len(params):
            wanted = {"SelectStmt": {**_PLAIN_SELECT, "targetList": [{"ResTarget": {"val": params[len(found)]}}]}}
            end = text.find("," if len(found) + 1 < len(params) else ")", at)
            while end >= 0 and not same_tree(f"SELECT {text[at:end]}", wanted, parse):
                tries += 1
                if tries > _MAX_TRIES:
                    return None
                end = text.find(text[end], end + 1)
            if end < 0:
                break
            found.append(text[at:end])
            at = end + 1
        else:
            return tuple(found)
    return None


def _holds(node: object, names: tuple[str, ...]) -> bool:
    if isinstance(node, Mapping):
        return any(name in node for name in names) or any(_holds(value, names) for value in node.values())
    return isinstance(node, list) and any(_holds(value, names) for value in node)


def argument_query(arguments: Sequence[str], types: Sequence[int]) -> str | None:
    """What the server is to be asked about arguments: each cast to the type of its parameter, as EXECUTE casts them;
    None where a parameter has no plain type that was declared."""
    written = [type_name(oid) for oid in types[: len(arguments)]]
    if len(written) < len(arguments) or None in written:
        return None
    # An argument may end in a comment.
    casts = (f"CAST({argument}\n AS {name})" for argument, name in zip(arguments, written, strict=True))
    return f"SELECT {', '.join(casts)}"


def _found(
    text: str,
    wanted: Callable[[str], Tree],
    start: int,
    parse: Parse,
    use: NameUse,
    places: Sequence[int],
) -> NameUse | None:
    """The use with the place of its name, proved; None where there is no proof. ``wanted``: the tree with a name."""
    encoded = text.encode()
    probe = "a" if use.name != "a" else "b"
    changed = wanted(probe)
    inserts = tuple((place, "pg_catalog.") for place in places)
    within = [(place - start, place - start, words.encode()) for place, words in inserts]
    for tries, (begin, end) in enumerate(_candidates(encoded, use.name)):
        if tries >= _MAX_TRIES:
            return None
        edited = spliced(encoded, [*within, (begin, end, f'"{probe}"'.encode())])
        if edited is not None and same_tree(edited.decode(), changed, parse):
            return replace(use, start=start + begin, end=start + end, inserts=inserts)
    return None


def _candidates(encoded: bytes, name: str) -> Iterator[tuple[int, int]]:
    """Tokens that may be the name."""
    for found in _TOKEN.finditer(encoded):
        token = found[0]
        if token[0] not in b'"uU' or (token[1:2] != b"&" and token[0] != 0x22):
            bare = "".join(c.lower() if c.isascii() else c for c in token.decode("utf-8", "replace"))
            if bare.encode()[:_NAME_BYTES].decode("utf-8", "ignore") != name:
                continue
        yield found.span()


def spliced(text: bytes, edits: Sequence[tuple[int, int, bytes]]) -> bytes | None:
    """The bytes with parts of them replaced; None where the parts overlap or lie outside."""
    parts: list[bytes] = []
    at = 0
    for begin, end, words in sorted(edits):
        if begin < at or end > len(text):
            return None
        parts += (text[at:begin], words)
        at = end
    parts.append(text[at:])
    return b"".join(parts)
