"""YAML to plain values, by the library's parser in C where it has one: it takes a tenth of the time, and a gateway has
some two hundred texts to read before it starts.

That parser goes down into what is nested without looking where its stack ends, so how deep a text is nested is counted
first, by events, which come one after the other.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

DEEPEST: Final = 100
_LOADER: Final[type[yaml.SafeLoader]] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load_yaml(text: str | bytes) -> Any:
    """The one document of a text, ``None`` where it is empty. Raises yaml.YAMLError."""
    _bounded(text)
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - one of the two safe ones


def load_all_yaml(text: str | bytes) -> list[Any]:
    """The documents of a text. Raises yaml.YAMLError."""
    _bounded(text)
    return list(yaml.load_all(text, Loader=_LOADER))


def _bounded(text: str | bytes) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                mark: Any = event.start_mark  # the parser in C has marks of its own, of the same kind
                raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
