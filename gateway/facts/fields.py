"""Reading fields out of a tree, each by its own type. What is odd becomes a problem with its place; reading goes on.

A reader returns a harmless stand-in after noting a problem, so that one run lists every problem of every file. Whoever
holds any problem in the end refuses the whole, so a stand-in never becomes a fact.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from gateway.facts.countries import country
from gateway.facts.lei import looks_like_lei
from gateway.facts.period import Period, parse_day
from gateway.facts.yaml_tree import Fields, Items, Node, Scalar, TreeProblem, read_tree
from gateway.model import Country, DataType

_IDENTIFIER: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_DATA_TYPE: Final = re.compile(r"(user|system)(\.[a-z][a-z0-9_]*)*")
_NUMBER: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Problems:
    """Every problem found, with its place."""

    def __init__(self) -> None:
        self._found: list[tuple[str, int, str]] = []

    def add(self, file: str, line: int, text: str) -> None:
        """Note one; line 0 = the file as a whole."""
        self._found.append((file, line, text))

    def take(self, others: Problems) -> None:
        """Note all of others."""
        self._found += others._found

    def listed(self) -> list[str]:
        """``file:line: text``, by file and line, each once."""
        return [
            f"{file}:{line}: {text}" if line else f"{file}: {text}" for file, line, text in sorted(set(self._found))
        ]


def read_section(data: bytes, file: str, problems: Problems) -> Section | None:
    """The top of a file; None, and a problem noted, where it is no tree."""
    try:
        return Section(read_tree(data), file, problems)
    except TreeProblem as problem:
        problems.add(file, problem.line, problem.text)
        return None


class Section:
    """One mapping of a file, read key by key. ``done`` complains of keys nobody asked for."""

    def __init__(self, node: Node, file: str, problems: Problems) -> None:
        self.file = file
        self.line = node.line
        self._problems = problems
        self._left: dict[str, Node] = {}
        self._lines: dict[str, int] = {}
        if isinstance(node, Fields):
            self._left = dict(node.nodes)
            self._lines = node.lines
        else:
            self.problem("a mapping is wanted here")

    def problem(self, text: str, key: str | None = None) -> None:
        """Note a problem at a key, or at the section's own line."""
        self._problems.add(self.file, self._lines.get(key, self.line) if key is not None else self.line, text)

    def problem_at(self, line: int, text: str) -> None:
        """Note a problem at another line of the same file."""
        self._problems.add(self.file, line, text)

    def line_of(self, key: str) -> int:
        """The line a key stands in."""
        return self._lines.get(key, self.line)

    def done(self) -> None:
        """Every key left over is unknown: an error, since a misspelt key would be a fact silently missing."""
        for key in self._left:
            self.problem(f"unknown key '{key}'", key)
        self._left = {}

    def has(self, key: str) -> bool:
        """True where the key was written with a value and not read yet."""
        node = self._left.get(key)
        return node is not None and not (isinstance(node, Scalar) and node.is_null)

    def optional_text(self, key: str) -> str | None:
        """The text of a key, or None where it is absent."""
        node = self._left.pop(key, None)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return None
        text = self._text_of(node, f"'{key}'")
        return text or None

    def text(self, key: str) -> str:
        """The text of a key that must be there."""
        if not self.has(key):
            self.problem(f"'{key}' is missing", key)
        return self.optional_text(key) or ""

    def identifier(self, key: str = "id") -> str:
        """A required id: lower case letters, digits, dot, dash, underscore."""
        if not self.has(key):
            self.problem(f"'{key}' is missing", key)
        return self.optional_identifier(key) or ""

    def optional_identifier(self, key: str) -> str | None:
        """The same, or None where it is absent."""
        value = self.optional_text(key)
        if value and _IDENTIFIER.fullmatch(value) is None:
            self.problem(f"'{key}' must be lower case letters, digits, '.', '-', '_', at most 63", key)
        return value

    def entity(self, key: str = "entity") -> str:
        """A required reference to an entity: its id, or its LEI."""
        node = self._left.get(key)
        if isinstance(node, Scalar) and looks_like_lei(node.text):
            return self.text(key)
        return self.identifier(key)

    def is_word(self, key: str, word: str) -> bool:
        """Whether a key holds exactly this word; it is read then."""
        node = self._left.get(key)
        if not isinstance(node, Scalar) or node.text != word:
            return False
        del self._left[key]
        return True

    def choice(self, key: str, choices: Collection[str], default: str | None = None) -> str:
        """One of a closed set of words."""
        value = self.optional_text(key)
        if value is None and default is None:
            self.problem(f"'{key}' is missing", key)
        elif value is not None and value not in choices:
            self.problem(f"'{key}' must be one of: {', '.join(sorted(choices))}", key)
        return value if value is not None and value in choices else default or ""

    def flag(self, key: str, default: bool | None = None) -> bool:
        """``true`` or ``false``, in exactly these letters."""
        return self.choice(key, ("true", "false"), None if default is None else str(default).lower()) == "true"

    def number(self, key: str) -> float:
        """A required number, zero or more."""
        value = self.text(key)
        if value and _NUMBER.fullmatch(value) is None:
            self.problem(f"'{key}' must be a number", key)
            return 0.0
        return float(value or 0)

    def country(self, key: str, *, required: bool = False) -> Country | None:
        """An ISO 3166-1 code."""
        value = self.text(key) if required else self.optional_text(key)
        code = country(value) if value else None
        if value and code is None:
            self.problem(f"'{key}' is not an ISO 3166-1 alpha-2 country code", key)
        return code

    def day(self, key: str) -> int | None:
        """A date, or None where it is absent."""
        value = self.optional_text(key)
        if value is None:
            return None
        day = parse_day(value)
        if day is None:
            self.problem(f"'{key}' is not a date (YYYY-MM-DD)", key)
        return day

    def period(self) -> Period:
        """``from`` and ``to``: half open, either may be absent."""
        start, end = self.day("from"), self.day("to")
        if start is not None and end is not None and start >= end:
            self.problem("'to' must be later than 'from' ('to' is the first day no longer in force)", "to")
            return Period()
        return Period(start, end)

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts, each once."""
        node = self._left.pop(key, None)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            if required:
                self.problem(f"'{key}' is missing", key)
            return ()
        return self.texts_of(node, key)

    def texts_of(self, node: Node, key: str) -> tuple[str, ...]:
        """A list of texts held by a node."""
        if not isinstance(node, Items):
            self._problems.add(self.file, node.line, f"'{key}' must be a list")
            return ()
        found: dict[str, None] = {}
        for item in node.nodes:
            text = self._text_of(item, f"'{key}'")
            if text in found:
                self._problems.add(self.file, item.line, f"'{text}' stands twice in '{key}'")
            elif text:
                found[text] = None
        return tuple(found)

    def countries(self, key: str, *, required: bool = False) -> tuple[Country, ...]:
        """A list of country codes, sorted."""
        found = []
        for text in self.texts(key, required=required):
            code = country(text)
            if code is None:
                self.problem(f"'{text}' in '{key}' is not an ISO 3166-1 alpha-2 country code", key)
            else:
                found.append(code)
        return tuple(sorted(found))

    def data_types(self, key: str, *, required: bool = False) -> tuple[DataType, ...]:
        """A list of Fides keys, sorted."""
        return self.data_types_of(self.texts(key, required=required), self.line_of(key))

    def data_types_of(self, texts: tuple[str, ...], line: int) -> tuple[DataType, ...]:
        """Fides keys out of texts already read."""
        for text in texts:
            if _DATA_TYPE.fullmatch(text) is None:
                self._problems.add(self.file, line, f"'{text}' is not a data type (a key such as user.contact.email)")
        return tuple(sorted(DataType(text) for text in texts))

    def words(self, key: str) -> tuple[str, ...]:
        """A list of words as ids are made, sorted."""
        found = self.texts(key)
        for text in found:
            if _IDENTIFIER.fullmatch(text) is None:
                self.problem(f"'{text}' in '{key}' must be lower case letters, digits, '.', '-', '_', at most 63", key)
        return tuple(sorted(found))

    def words_or_sections(self, key: str) -> Iterator[tuple[Section | None, str]]:
        """A list whose items are texts, or mappings that say more."""
        node = self._left.pop(key, None)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            return
        if not isinstance(node, Items):
            self._problems.add(self.file, node.line, f"'{key}' must be a list")
            return
        for item in node.nodes:
            if isinstance(item, Fields):
                yield self.section_of(item), ""
            else:
                yield None, self._text_of(item, f"'{key}'")

    def sections(self, key: str, *, required: bool = False) -> Iterator[Section]:
        """A list of mappings."""
        node = self._left.pop(key, None)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            if required:
                self.problem(f"'{key}' is missing", key)
            return
        if not isinstance(node, Items):
            self._problems.add(self.file, node.line, f"'{key}' must be a list")
            return
        for item in node.nodes:
            yield Section(item, self.file, self._problems)

    def section(self, key: str) -> Section | None:
        """A mapping that may be there."""
        there, node = self.has(key), self._left.pop(key, None)
        return self.section_of(node) if there and node is not None else None

    def named_nodes(self, key: str) -> Iterator[tuple[str, int, Node]]:
        """A mapping whose keys are names: (name, line, value)."""
        node = self._left.pop(key, None)
        if node is None or (isinstance(node, Scalar) and node.is_null):
            self.problem(f"'{key}' is missing", key)
            return
        yield from self.named_nodes_of(node, key)

    def named_nodes_of(self, node: Node, key: str) -> Iterator[tuple[str, int, Node]]:
        """The same of a node."""
        if not isinstance(node, Fields):
            self._problems.add(self.file, node.line, f"'{key}' must be a mapping")
            return
        for name, value in node.nodes.items():
            yield name, node.lines[name], value

    def text_of(self, node: Node, name: str) -> str:
        """The text held by a node."""
        return self._text_of(node, f"'{name}'")

    def section_of(self, node: Node) -> Section:
        """A section of the same file."""
        return Section(node, self.file, self._problems)

    def _text_of(self, node: Node, what: str) -> str:
        if not isinstance(node, Scalar) or node.is_null:
            self._problems.add(self.file, node.line, f"{what} must be a text")
            return ""
        if len(node.text) > 1000 or not node.text.isprintable() or node.text != node.text.strip() or not node.text:
            self._problems.add(
                self.file, node.line, f"{what} must be 1 to 1000 printable characters, without outer blanks"
            )
            return ""
        return node.text
