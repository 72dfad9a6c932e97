"""``RETURNING WITH (OLD AS o, NEW AS n)``: grammar of PostgreSQL 18, which the gate's parser, of 17, does not know.

A text that does not parse is tried again with such clauses blanked out. What the parser then says is used for nothing
but the kind of the statement: the server is asked about the text as it is, and its tree says what it does. A clause in
a string or a comment changes no tree when it is blanked, so a text that parses only without it has it where it counts.
"""

from __future__ import annotations

import re
from typing import Final

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_ALIAS: Final = rf"(?:OLD|NEW)\s+AS\s+{_NAME}"
_CLAUSE: Final = re.compile(
    rf"(?<=\bRETURNING)(\s+WITH\s*\(\s*{_ALIAS}\s*(?:,\s*{_ALIAS}\s*)?\))", re.IGNORECASE | re.ASCII
)


def without_aliases(text: str) -> str | None:
    """The text without these clauses, every place in it as it was; None where it has none."""
    changed = _CLAUSE.sub(lambda found: " " * len(found[0]), text)
    return changed if changed != text else None
