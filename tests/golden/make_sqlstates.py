"""Makes ``gateway/pgwire/data/sqlstates.txt``: what each SQLSTATE means, as the ``errcodes.txt`` of each server says.

    python -m tests.golden.make_sqlstates …/share/postgresql/errcodes.txt [more of them]

A code stands once with the words of the newest server that has it; a code that only an older one has stays.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.pgwire import conditions

DATA = Path(conditions.__file__).with_name("data") / "sqlstates.txt"
HEAD = """\
# What each SQLSTATE means, in PostgreSQL's own names of its conditions (errcodes.txt, appendix A of the
# manual), versions 13 to 18.
#
# "[23] words" is a class, "23505 words" a condition of it. Made by tests/golden/make_sqlstates.py; a test compares it
# with the errcodes.txt of every server at hand.
"""
_CLASS = re.compile(r"Section: Class (\w\w) - ([^(]+)")
_CONDITION = re.compile(r"([0-9A-Z]{5})\s+[EWS]\s+\w+\s+(\w+)\s*$")
_CAPITALISED = re.compile(r"\b[A-Z][a-z]+\b")


def read_errcodes(text: str) -> dict[str, str]:
    """Class or SQLSTATE -> words, from one ``errcodes.txt``; a second macro of a code has no name, and is left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if section := _CLASS.match(line):
            found[section[1]] = _CAPITALISED.sub(lambda word: word[0].lower(), section[2].strip())
        elif condition := _CONDITION.match(line):
            found.setdefault(condition[1], condition[2].replace("_", " "))
    return found


def written(known: Mapping[str, str]) -> str:
    """The data file for these words."""
    # "23" sorts before "23505": each class stands above its conditions.
    lines = (f"[{code}] {known[code]}" if len(code) == 2 else f"{code} {known[code]}" for code in sorted(known))
    return HEAD + "\n".join(lines) + "\n"


def main(files: Iterable[str]) -> None:
    """Write the data file from these, oldest server first."""
    known: dict[str, str] = {}
    for file in files:
        known.update(read_errcodes(Path(file).read_text(encoding="utf-8")))
    DATA.write_text(written(known), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
