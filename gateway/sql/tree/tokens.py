"""Text of a tree -> tokens, by the rules of the server's own ``pg_strtok``.

Only space, tab and newline separate; ``( ) { }`` stand alone; a backslash takes the character after it along, whatever
it is. Python's ``\\s`` would be wrong here: a column named with a no-break space is one token to the server. The bytes
of a constant (``4 [ 1 0 0 0 ]``) are made one token, since no reader looks into them.
"""

from __future__ import annotations

import re
from typing import Final

_TOKEN: Final = re.compile(
    r"[0-9]+[ \n]\[(?:[ \n]-?[0-9]+)*[ \n]\]"  # bytes of a constant
    r"|[(){}]"
    r"|[^ \n\t(){}\\]+(?:\\.[^ \n\t(){}\\]*)*"  # a word
    r"|(?:\\.[^ \n\t(){}\\]*)+",  # a word that begins with an escape
    re.DOTALL,
)


def tokenize(text: str) -> list[str]:
    """All tokens of the text, in order."""
    return _TOKEN.findall(text)
