"""A text without the comment that `sqlcommenter` ends it with: another trace in it is no other statement.

Such a comment differs in each statement of an application, which would be one that nobody knows each time. What it
stands in place of is white space, as long as it *is* a comment, and that is certain of any text that is whole: it holds
nothing that begins or ends a literal, a quoted name, a dollar quote or another comment, but for single quotes, of which
there is an even number, and its first character is no end of another comment. So within a literal it would leave that
open, and so would a comment around it; within a comment to the line's end it is one all the same. What is not whole
means nothing with or without it.

Only what nobody but the server's statistics reads is taken for one: a hint (``/*+ … */``) is not.
"""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 2048
_SPACE: Final = " \t\r\n;"
# Pairs of URL-encoded words, as the specification has them; more of one than that is somebody's words.
_WORD: Final = r"[A-Za-z0-9_.~%+@:-]"
_REMARK: Final = re.compile(rf"/\*{_WORD}{{1,128}}='{_WORD}*'(?:,{_WORD}{{1,128}}='{_WORD}*')*\*/")
MARK: Final = "\0"  # no text that got this far holds one


def bare(text: str) -> str:
    """The text with white space in the place of such a comment at its end; the very same object where there is none."""
    tail = text[-_LONGEST:].rstrip(_SPACE)
    if not tail.endswith("*/"):
        return text
    begin = tail.rfind("/*")
    if begin < 1 or tail[begin - 1] == "*":  # its slash may be the end of a comment: `/*/**/*a='b'*/` is one in all
        return text
    if _REMARK.fullmatch(tail, begin) is None:
        return text
    whole = text.rstrip(_SPACE)
    return whole[: len(whole) - (len(tail) - begin)] + " " + text[len(whole) :]
