"""The statement inside a statement: EXPLAIN is judged as what it explains, COPY as the query it copies.

Older servers print no tree for what stands inside, so the inner text must be analysed by itself. Where it begins is
found by trying: a suffix of the text counts only if the parser makes exactly the same tree of it (places aside) as of
the part inside the whole. What cannot be proved that way is not found, and the statement is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

_BEGINNING: Final = re.compile(r"\b(?:SELECT|WITH|VALUES|TABLE|INSERT|UPDATE|DELETE|MERGE)\b|\(", re.IGNORECASE)
_MAX_TRIES: Final = 32
_PLACES: Final = frozenset({"location", "list_start", "list_end", "stmt_location", "stmt_len"})


def inner_start(text: str, wanted: Any, parse: Callable[[str], list[dict[str, Any]]]) -> int | None:
    """Where the statement that parses to ``wanted`` begins in ``text``, or None. ``parse`` gives [] for what fails."""
    shape = _without_places(wanted)
    for tries, found in enumerate(_BEGINNING.finditer(text)):
        if tries >= _MAX_TRIES:
            return None
        parsed = parse(text[found.start() :])
        if len(parsed) == 1 and _without_places(parsed[0].get("stmt")) == shape:
            return found.start()
    return None


def same_tree(text: str, wanted: Any, parse: Callable[[str], list[dict[str, Any]]]) -> bool:
    """Whether a text is one statement that parses to ``wanted``."""
    parsed = parse(text)
    return len(parsed) == 1 and bool(_without_places(parsed[0].get("stmt")) == _without_places(wanted))


def _without_places(tree: Any) -> Any:
    """The tree without the offsets of its parts."""
    if isinstance(tree, dict):
        return {key: _without_places(value) for key, value in tree.items() if key not in _PLACES}
    if isinstance(tree, list):
        return [_without_places(value) for value in tree]
    return tree
