"""A column's or table's name -> what may be in it. The words are in `words`.

A name is cut where people cut it: ``userEmail``, ``user-email``, ``USER_EMAIL``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from gateway.draft.sure import Guess, Sure
from gateway.draft.words import COLUMNS, DEVICES, PEOPLE, TECHNICAL

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")


def of_column(name: str, where: str = "its name") -> tuple[Guess, ...]:
    """What a column's name, or its comment, says of what is in it: the surest of each data type."""
    whole, plain = _as_words(name)
    found: dict[str, Guess] = {}
    for words in COLUMNS:
        known = found.get(words.meaning)
        if (known is None or known.sure < words.sure) and words.fit(whole, plain):
            found[words.meaning] = Guess(words.meaning, words.sure, where)
    surest = max((guess.sure for guess in found.values()), default=Sure.LOW)
    # `email_body` is an e-mail first of all: a weak word says something only where no strong one stands beside it.
    return tuple(guess for guess in found.values() if guess.sure == surest)


def of_people(table: str) -> tuple[str, Sure] | None:
    """Which people a table's rows are, by its name: a data subject (or an empty text), and how sure.

    The last word is what a row is: ``user_roles`` are roles, ``app_users`` are users.
    """
    name = _as_words(table)
    return next(((words.meaning, words.sure) for words in PEOPLE if words.end(*name)), None)


def of_devices(table: str) -> bool:
    """Whether a table's rows are devices, by its name."""
    return DEVICES.end(*_as_words(table))


def technical(column: str) -> bool:
    """Whether a column says nothing but when or in which order its row was written."""
    return TECHNICAL.fit(*_as_words(column))


def _as_words(name: str) -> tuple[str, str]:
    whole = unicodedata.normalize("NFKC", name)
    bare = "".join(one for one in unicodedata.normalize("NFD", whole) if not unicodedata.combining(one))
    return whole.lower(), f"_{_NOT_A_WORD.sub('_', _HUMP.sub('_', bare).lower()).strip('_')}_"
