"""What the reader makes: nodes with a shape, and the roles their fields can have."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Union


class Role(IntEnum):
    """What a field holds and how it is printed. The number is what compiled tables carry."""

    PLAIN = 0  # one token of no interest
    VALUE = 1  # one token that somebody looks at
    FUNCTION = 2  # one token: OID of a function
    OPERATOR = 3  # one token: OID of an operator
    TYPE = 4  # one token: OID of the type of a value
    INPUT_TYPE = 5  # one token: OID of a type that a value is converted to
    NODE = 6  # an expression or nothing: walked
    NODES = 7  # a list of expressions (or of lists of them), or nothing: walked
    PART = 8  # a node or nothing, which its owner handles
    PARTS = 9  # a list of nodes or nothing, which its owner handles
    NUMBERS = 10  # a list or set of numbers, or nothing
    FUNCTIONS = 11  # a list of OIDs of functions
    OPERATORS = 12  # a list of OIDs of operators
    TYPES = 13  # a list of OIDs of types
    NAMES = 14  # a list of quoted strings, or nothing
    DATUM = 15  # bytes of a constant, or nothing
    LABEL = 16  # an ALIAS node or nothing; its name is kept
    INPUT_TYPES = 17  # a list of OIDs of types that values are converted to


ONE_TOKEN: Final = frozenset({Role.PLAIN, Role.VALUE, Role.FUNCTION, Role.OPERATOR, Role.TYPE, Role.INPUT_TYPE})


class Shape:
    """One kind of node of one major: its name, its fields in order, and where the walker must look.

    ``steps`` is what the reader follows: runs of one-token fields are checked and taken as slices, everything else one
    by one. A step is (names of a run, role): a run has role ``PLAIN``, other steps have exactly one name.
    ``checks`` are the fields every walker looks at: (index, role).
    """

    __slots__ = ("checks", "fields", "index", "name", "roles", "steps", "variant")

    def __init__(
        self,
        name: str,
        fields: tuple[str, ...],
        roles: tuple[int, ...],
        variant: int = -1,
        prefix: Shape | None = None,
    ) -> None:
        """``prefix`` is the shape whose fields come before these, where this one is chosen by a field of that."""
        steps = _steps(fields, roles)
        if prefix is not None:
            fields = prefix.fields + fields
            roles = prefix.roles + roles
            steps = prefix.steps + steps
        self.name = name
        self.fields: tuple[str, ...] = fields
        self.roles: tuple[int, ...] = roles
        self.index: dict[str, int] = {field: i for i, field in enumerate(fields)}
        self.variant = variant  # index of the field that selects the fields after the last one; -1: none
        self.steps: tuple[tuple[list[str], int], ...] = steps
        self.checks: tuple[tuple[int, int], ...] = tuple(
            (i, role)
            for i, role in enumerate(roles)
            if role
            in (
                Role.FUNCTION,
                Role.OPERATOR,
                Role.TYPE,
                Role.INPUT_TYPE,
                Role.NODE,
                Role.NODES,
                Role.FUNCTIONS,
                Role.OPERATORS,
                Role.TYPES,
                Role.INPUT_TYPES,
            )
        )


def _steps(fields: tuple[str, ...], roles: tuple[int, ...]) -> tuple[tuple[list[str], int], ...]:
    steps: list[tuple[list[str], int]] = []
    run: list[str] = []
    for field, role in zip(fields, roles, strict=True):
        if role in ONE_TOKEN:
            run.append(":" + field)
            continue
        if run:
            steps.append((run, int(Role.PLAIN)))
            run = []
        steps.append(([":" + field], int(role)))
    if run:
        steps.append((run, int(Role.PLAIN)))
    return tuple(steps)


class Node:
    """One node: its shape, and the values of its fields in the shape's order."""

    __slots__ = ("shape", "values")

    def __init__(self, shape: Shape, values: list[Value]) -> None:
        self.shape = shape
        self.values = values

    @property
    def name(self) -> str:
        """The node's name, as the server prints it."""
        return self.shape.name

    def text(self, field: str) -> str:
        """A one-token field."""
        value = self.values[self.shape.index[field]]
        return value if isinstance(value, str) else ""

    def number(self, field: str) -> int:
        """A one-token field that must be a number."""
        value = self.values[self.shape.index[field]]
        return int(value) if isinstance(value, str) else 0

    def node(self, field: str) -> Node | None:
        """A field that holds one node or nothing."""
        value = self.values[self.shape.index[field]]
        return value if isinstance(value, Node) else None

    def nodes(self, field: str) -> list[Node]:
        """A field that holds a list of nodes."""
        value = self.values[self.shape.index[field]]
        if isinstance(value, list):
            return [item for item in value if isinstance(item, Node)]
        return []

    def items(self, field: str) -> list[Value]:
        """A field that holds a list, of whatever."""
        value = self.values[self.shape.index[field]]
        return value if isinstance(value, list) else []

    def present(self, field: str) -> bool:
        """True where the field holds something, if only an empty list."""
        return self.values[self.shape.index[field]] is not None

    def has(self, field: str) -> bool:
        """True where this major's node has such a field."""
        return field in self.shape.index


Value = Union[None, str, Node, "list[Value]"]
