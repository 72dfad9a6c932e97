"""A column's or table's name -> what may be in it. The words are in `words`.

A name is cut where people cut it: ``userEmail``, ``user-email``, ``USER_EMAIL``. Its words are looked up, alone and as
they follow each other, since a database has a hundred thousand names.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from types import MappingProxyType
from typing import Final

from gateway.draft.sure import Guess, Sure
from gateway.draft.words import COLUMNS, DEVICES, PEOPLE, TECHNICAL, Words

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_WORD: Final = re.compile(r"[a-z0-9]+")
_LONGEST: Final = 4  # words of one entry
Cut = tuple[str, ...]


class _Index:
    """Which entries of a list have a word in a name."""

    def __init__(self, listed: Sequence[Words]) -> None:
        inside: dict[Cut, list[Words]] = defaultdict(list)
        whole: dict[Cut, list[Words]] = defaultdict(list)
        ends: dict[Cut, list[Words]] = defaultdict(list)
        other: list[tuple[str, Words]] = []
        for entry in listed:
            for word in entry.words.split():
                if not word.isascii():
                    other.append((word, entry))
                elif word.startswith("="):
                    whole[tuple(word[1:].split("_"))].append(entry)
                else:
                    inside[tuple(word.split("_"))].append(entry)
                    for form in _forms(word):
                        ends[tuple(form.split("_"))].append(entry)
        self._inside, self._whole, self._ends = map(MappingProxyType, (inside, whole, ends))
        self._other = tuple(other)

    def inside(self, name: str) -> Iterator[Words]:
        """Entries with a word anywhere in a name."""
        cut = _cut(name)
        yield from self._whole.get(cut, ())
        for start in range(len(cut)):
            for end in range(start + 1, min(len(cut), start + _LONGEST) + 1):
                yield from self._inside.get(cut[start:end], ())
        yield from self._not_latin(name)

    def ending(self, name: str) -> Iterator[Words]:
        """Entries whose word is the last of a name, in the plural too: what a table's rows are."""
        cut = _cut(name)
        for start in range(max(0, len(cut) - _LONGEST), len(cut)):
            yield from self._ends.get(cut[start:], ())
        yield from self._not_latin(name)

    def _not_latin(self, name: str) -> Iterator[Words]:
        if not name.isascii():
            written = unicodedata.normalize("NFKC", name).lower()
            yield from (entry for word, entry in self._other if word in written)


def _forms(word: str) -> tuple[str, ...]:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return word, plural, f"{word}n", f"{word}en"


def _cut(name: str) -> Cut:
    bare = unicodedata.normalize("NFKC", name)
    if not bare.isascii():  # `prénom` is written `prenom`, too
        bare = "".join(one for one in unicodedata.normalize("NFD", bare) if not unicodedata.combining(one))
    return tuple(_WORD.findall(_HUMP.sub("_", bare).lower()))


_OF_COLUMNS: Final = _Index(COLUMNS)
_OF_PEOPLE: Final = _Index(PEOPLE)
_OF_DEVICES: Final = _Index(DEVICES)
_OF_NOTHING: Final = _Index(TECHNICAL)


def of_column(name: str, where: str = "its name") -> tuple[Guess, ...]:
    """What a column's name, or its comment, says of what is in it: the surest of each data type."""
    found: dict[str, Guess] = {}
    for words in _OF_COLUMNS.inside(name):
        known = found.get(words.meaning)
        if known is None or known.sure < words.sure:
            found[words.meaning] = Guess(words.meaning, words.sure, where)
    surest = max((guess.sure for guess in found.values()), default=Sure.LOW)
    # `email_body` is an e-mail first of all: a weak word says something only where no strong one stands beside it.
    return tuple(guess for _, guess in sorted(found.items()) if guess.sure == surest)


def of_people(table: str) -> tuple[str, Sure] | None:
    """Which people a table's rows are, by its name: a data subject (or an empty text), and how sure.

    The last word is what a row is: ``user_roles`` are roles, ``app_users`` are users.
    """
    found = {words.meaning: words for words in _OF_PEOPLE.ending(table)}
    # A word that says which people is better than one that says that they are people.
    best = next((words for meaning, words in sorted(found.items(), reverse=True)), None)
    return None if best is None else (best.meaning, best.sure)


def of_devices(table: str) -> bool:
    """Whether a table's rows are devices, by its name."""
    return _any(_OF_DEVICES.ending(table))


def technical(column: str) -> bool:
    """Whether a column says nothing but when or in which order its row was written."""
    return _any(_OF_NOTHING.inside(column))


def _any(found: Iterable[Words]) -> bool:
    return next(iter(found), None) is not None
