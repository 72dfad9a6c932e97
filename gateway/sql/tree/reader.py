"""Tokens and a major's grammar -> nodes, strictly: exactly the known fields, in order, each in its one form."""

from __future__ import annotations

import re
from typing import Final

from gateway.sql.codes import IncompleteCode
from gateway.sql.tree.fields import Grammar
from gateway.sql.tree.node import Node, Role, Value
from gateway.sql.tree.tokens import tokenize

_NODE = int(Role.NODE)
_NODES = int(Role.NODES)
_PART = int(Role.PART)
_PARTS = int(Role.PARTS)
_PLAIN = int(Role.PLAIN)
_NAMES = int(Role.NAMES)
_DATUM = int(Role.DATUM)
_LABEL = int(Role.LABEL)

_LIST_MARKS = frozenset(("i", "o", "x", "b"))
# Compiled code has no recursion limit that would save the stack. A level of an expression is two: node and list.
_MAX_DEPTH: Final = 800
_TOO_DEEP: Final = "the analysed tree is nested too deeply"
_BYTES: Final = re.compile(r"[0-9]+ \[(?: -?[0-9]+)* \]")  # of a constant: how many, then each


class TreeRefused(Exception):
    """The text is no tree that this reader knows. ``detail`` names a node or field, never a value."""

    def __init__(self, code: IncompleteCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def read_tree(text: str, grammar: Grammar) -> list[Node]:
    """The nodes of one notice: a list ``( {QUERY …} … )``, or nothing where it says ``<>``."""
    tokens = tokenize(text)
    if tokens == ["<>"]:
        return []
    reader = _Reader(tokens, grammar)
    try:
        nodes = reader.top()
    except RecursionError:
        raise TreeRefused(IncompleteCode.TREE_TOO_DEEP, _TOO_DEEP) from None
    except IndexError:
        raise TreeRefused(IncompleteCode.TREE_MALFORMED, "the analysed tree ends early") from None
    return nodes


def read_expressions(text: str, grammar: Grammar) -> list[Node]:
    """The nodes of a stored expression: ``{NODE …}``, or a list of them."""
    if text.startswith("{"):
        text = f"({text})"
    return read_tree(text, grammar)


class _Reader:
    """One pass over one word list."""

    __slots__ = ("depth", "grammar", "position", "tokens")

    def __init__(self, tokens: list[str], grammar: Grammar) -> None:
        self.tokens = tokens
        self.grammar = grammar
        self.position = 0
        self.depth = 0

    def top(self) -> list[Node]:
        value = self.many()
        if self.position != len(self.tokens):
            raise TreeRefused(IncompleteCode.TREE_MALFORMED, "the analysed tree goes on after its end")
        nodes: list[Node] = []
        for item in value or []:
            if not isinstance(item, Node):
                raise TreeRefused(IncompleteCode.TREE_MALFORMED, "the analysed tree is not a list of queries")
            nodes.append(item)
        return nodes

    def node(self) -> Node:
        """``{NAME :field value …}``; the opening brace is the next word."""
        tokens = self.tokens
        position = self.position
        if tokens[position] != "{":
            raise TreeRefused(IncompleteCode.TREE_MALFORMED, "a node was expected")
        name = tokens[position + 1]
        shape = self.grammar.shapes.get(name)
        if shape is None:
            raise TreeRefused(IncompleteCode.NODE_UNKNOWN, _shown(name))
        self.deeper()
        position += 2
        values: list[Value] = []
        steps = shape.steps
        step = 0
        while step < len(steps):
            names, role = steps[step]
            if role == _PLAIN:
                end = position + 2 * len(names)
                if tokens[position:end:2] != names:
                    raise _wrong_field(shape.name, names, tokens[position:end:2])
                values += tokens[position + 1 : end : 2]
                position = end
            else:
                if tokens[position] != names[0]:
                    raise _wrong_field(shape.name, names, tokens[position : position + 1])
                if tokens[position + 1] == "<>":
                    values.append("<>" if role == _DATUM else None)
                    position += 2
                else:
                    self.position = position + 1
                    if role == _NODE or role == _PART:
                        values.append(self.node())
                    elif role == _NODES or role == _PARTS:
                        values.append(self.many())
                    else:
                        values.append(self.leaf(role))
                    position = self.position
            step += 1
            if step == len(steps) and shape.variant >= 0:
                chosen = values[shape.variant]
                variant = self.grammar.shapes.get(f"{name}/{chosen}")
                if variant is None:
                    raise TreeRefused(IncompleteCode.NODE_UNKNOWN, _shown(f"{name}/{chosen}"))
                step = len(shape.steps)
                shape, steps = variant, variant.steps
        if tokens[position] != "}":
            raise _wrong_field(shape.name, ["}"], tokens[position : position + 1])
        self.position = position + 1
        self.depth -= 1
        return Node(shape, values)

    def deeper(self) -> None:
        """One level more."""
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise TreeRefused(IncompleteCode.TREE_TOO_DEEP, _TOO_DEEP)

    def leaf(self, role: int) -> Value:
        """A field's value that is not just one word, not nothing, and holds nothing that is walked."""
        if role == _DATUM:
            return self.datum()
        if role == _NAMES:
            return self.names()
        if role == _LABEL:
            label = self.node()
            if label.name != "ALIAS":
                raise TreeRefused(IncompleteCode.FIELD_UNKNOWN, f"{label.name} in place of ALIAS")
            return label.values[0]
        return self.numbers()

    def datum(self) -> str:
        """``4 [ 1 0 0 0 ]`` as one value, with single spaces."""
        tokens = self.tokens
        start = end = self.position
        word = tokens[end]
        while word != "]":
            if word == "}":  # no further than this node
                raise TreeRefused(IncompleteCode.TREE_MALFORMED, "bytes of a constant were expected")
            end += 1
            word = tokens[end]
        self.position = end + 1
        value = " ".join(tokens[start : self.position])
        if _BYTES.fullmatch(value) is None:
            raise TreeRefused(IncompleteCode.TREE_MALFORMED, "bytes of a constant were expected")
        return value

    def many(self) -> list[Value] | None:
        """``( … )`` of nodes, lists and numbers; the opening parenthesis is the next word."""
        tokens = self.tokens
        if tokens[self.position] != "(":
            raise TreeRefused(IncompleteCode.TREE_MALFORMED, "a list was expected")
        items: list[Value] = []
        word = tokens[self.position + 1]
        if word in _LIST_MARKS:
            return self.numbers()
        self.deeper()
        self.position += 1
        while word != ")":
            if word == "{":
                items.append(self.node())
            elif word == "(":
                items.append(self.many())
            elif word == "<>":
                items.append(None)
                self.position += 1
            else:
                raise TreeRefused(IncompleteCode.TREE_MALFORMED, "a list of nodes was expected")
            word = tokens[self.position]
        self.position += 1
        self.depth -= 1
        return items

    def numbers(self) -> list[Value]:
        """``(i 1 2)``, ``(o 23 25)``, ``(b 1 2)``; the opening parenthesis is the next word."""
        tokens = self.tokens
        start = self.position
        if tokens[start] != "(" or tokens[start + 1] not in _LIST_MARKS:
            raise TreeRefused(IncompleteCode.TREE_MALFORMED, "a list of numbers was expected")
        end = start + 2
        items: list[Value] = []
        word = tokens[end]
        while word != ")":
            if not word.lstrip("-").isdecimal():
                raise TreeRefused(IncompleteCode.TREE_MALFORMED, "a number was expected")
            items.append(word)
            end += 1
            word = tokens[end]
        self.position = end + 1
        return items

    def names(self) -> list[Value] | None:
        """``("a" "b")``: nobody looks at them, but each must be a string and nothing else."""
        tokens = self.tokens
        end = self.position
        if tokens[end] != "(":
            raise TreeRefused(IncompleteCode.TREE_MALFORMED, "a list of names was expected")
        end += 1
        word = tokens[end]
        while word != ")":
            # The server prints a string as one word in quotes, and a missing one in a list as <>.
            if word != "<>" and not (len(word) > 1 and word[0] == '"' and word[-1] == '"'):
                raise TreeRefused(IncompleteCode.TREE_MALFORMED, "a name was expected")
            end += 1
            word = tokens[end]
        self.position = end + 1
        return []


def _wrong_field(node: str, wanted: list[str], found: list[str]) -> TreeRefused:
    """Name the first field that is not the one the table wants."""
    for i, name in enumerate(wanted):
        got = found[i] if i < len(found) else ""
        if got != name:
            if got.startswith(":"):
                return TreeRefused(IncompleteCode.FIELD_UNKNOWN, _shown(f"{node}.{got[1:]}"))
            return TreeRefused(IncompleteCode.FIELD_UNKNOWN, _shown(f"{node}{name.replace(':', '.')} expected"))
    return TreeRefused(IncompleteCode.FIELD_UNKNOWN, _shown(node))


def _shown(name: str) -> str:
    """A name of the tree as a person may see it: short, one line."""
    return "".join(c if c.isalnum() or c in "._/ " else "?" for c in name[:80])
