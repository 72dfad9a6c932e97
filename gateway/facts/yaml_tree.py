"""YAML as a bounded tree of texts with line numbers. No types are guessed: ``NO`` stays the country, ``2021`` the text.

Only what a registry needs is taken: mappings with unique text keys, lists, scalars. Anchors, aliases, tags and several
documents in one file are refused, so a small file can never become a large tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_NODES: Final = 2_000_000
MAX_DEPTH: Final = 16

_NULLS: Final = frozenset({"", "~", "null"})


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value, as written. ``quoted`` tells ``""`` from nothing."""

    line: int
    text: str
    quoted: bool = False

    @property
    def is_null(self) -> bool:
        """True for a key without a value, ``~`` and ``null``."""
        return not self.quoted and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping, in the order of the file."""

    line: int
    nodes: dict[str, Node]
    lines: dict[str, int]


Node = Scalar | Items | Fields


class TreeProblem(Exception):
    """The text is not a tree we take; ``line`` says where."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line
        self.text = text


def read_tree(data: bytes) -> Node:
    """The tree of one file. Raises TreeProblem at the first thing that cannot be read."""
    if len(data) > MAX_BYTES:
        raise TreeProblem(1, f"the file is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TreeProblem(data.count(b"\n", 0, error.start) + 1, "the file is not UTF-8") from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(yaml.parse(text, Loader=loader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise TreeProblem(mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError:
        raise TreeProblem(1, "not YAML: a character that YAML does not allow") from None


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


class _Builder:
    """Turns parser events into nodes, counting nodes and depth as it goes."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._nodes = 0

    def document(self) -> Node:
        """The one document of the file."""
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise TreeProblem(_line(event), "a second document in one file")
                root = self._node(next(self._events), 1)
        if root is None:
            raise TreeProblem(1, "the file is empty")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        line = _line(event)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise TreeProblem(line, f"more than {MAX_NODES} values in one file")
        if depth > MAX_DEPTH:
            raise TreeProblem(line, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise TreeProblem(line, "anchors and aliases are not taken: write the value out")
        if event.tag is not None:
            raise TreeProblem(line, "tags are not taken")
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(line, event.value, quoted=event.style not in (None, ""))
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(line, tuple(self._sequence(depth)))
        return self._mapping(line, depth)

    def _sequence(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            yield self._node(event, depth + 1)

    def _mapping(self, line: int, depth: int) -> Fields:
        nodes: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise TreeProblem(key.line, "a key that is not a text")
            if key.text in nodes:
                raise TreeProblem(key.line, f"key '{key.text}' for the second time (first in line {lines[key.text]})")
            nodes[key.text] = self._node(next(self._events), depth + 1)
            lines[key.text] = key.line
        return Fields(line, nodes, lines)
