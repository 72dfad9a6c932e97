"""Terminal output: colour where a terminal is, lines that fit it, tables that line up.

What is printed came out of a database or over a wire: control characters in it are spelt out, never sent on.
"""

from __future__ import annotations

import os
import shutil
import textwrap
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, TextIO

_NARROWEST: Final = 40
_WIDEST: Final = 110  # longer lines are hard to read
_BYTES_SHOWN: Final = 12
_CUT: Final = "…"


class Tone(StrEnum):
    """What a piece of text is; the value is its SGR code."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    GOOD = "32"
    BAD = "31"
    ACCENT = "36"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What the output can do."""

    colour: bool
    width: int
    unicode: bool = True

    @classmethod
    def of(cls, out: TextIO, environment: Mapping[str, str] = os.environ) -> Style:
        """Colour where ``out`` is a terminal and nobody asked for none (no-color.org)."""
        terminal = out.isatty()
        colour = terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        columns = shutil.get_terminal_size((100, 24)).columns if terminal else 100
        encoding = (getattr(out, "encoding", None) or "utf-8").lower().replace("-", "")
        return cls(colour=colour, width=max(_NARROWEST, min(columns, _WIDEST)), unicode=encoding == "utf8")


class Screen:
    """Prints to one stream in one style."""

    def __init__(self, out: TextIO, style: Style) -> None:
        """``out`` is flushed after every piece: a person watches."""
        self._out = out
        self.style = style

    def paint(self, text: str, tone: Tone) -> str:
        """The text in its tone, where there is colour."""
        return f"\x1b[{tone.value}m{text}\x1b[0m" if self.style.colour and tone.value else text

    def line(self, text: str = "", tone: Tone = Tone.PLAIN, *, indent: int = 0) -> None:
        """A paragraph, wrapped to the width."""
        for part in self._wrapped(text, indent, indent):
            self._write(self.paint(part, tone))

    def verbatim(self, text: str, *, indent: int = 0, tone: Tone = Tone.PLAIN) -> None:
        """A line that is meant to be copied: never wrapped by us."""
        for part in text.splitlines():
            self._write(" " * indent + self.paint(visible(part), tone))

    def heading(self, text: str) -> None:
        """A line that begins something."""
        self._write("")
        for part in self._wrapped(text, 0, 3):
            self._write(self.paint(part, Tone.STRONG))

    def field(self, name: str, text: str, *, indent: int = 3, label: int = 9, tone: Tone = Tone.PLAIN) -> None:
        """``name  text``, the text wrapped into its own column."""
        column = indent + label
        parts = self._wrapped(text, column, column)
        self._write(" " * indent + self.paint(name.ljust(label), Tone.FAINT) + self.paint(parts[0][column:], tone))
        for part in parts[1:]:
            self._write(self.paint(part, tone))

    def table(self, names: Sequence[str], rows: Sequence[Sequence[object]], *, indent: int = 3) -> None:
        """Rows under their names; cells are cut where all of them together would not fit."""
        cells = [[_cell(value) for value in row] for row in rows]
        widths = [max(map(display_width, column)) for column in zip(names, *cells, strict=True)]
        widths = _fit(widths, self.style.width - indent - 3 * (len(widths) - 1))
        numeric = [all(_is_number(row[i]) for row in rows) for i in range(len(names))]
        pad = " " * indent
        bar, dash, cross = ("│", "─", "┼") if self.style.unicode else ("|", "-", "+")
        header = f" {bar} ".join(_fill(name, width) for name, width in zip(names, widths, strict=True))
        self._write(pad + self.paint(header.rstrip(), Tone.STRONG))
        self._write(pad + self.paint(f"{dash}{cross}{dash}".join(dash * width for width in widths), Tone.FAINT))
        for row in cells:
            line = f" {bar} ".join(
                _fill(cell, width, right=right) for cell, width, right in zip(row, widths, numeric, strict=True)
            )
            self._write(pad + line.rstrip())

    def verdict(self, good: bool, text: str, *, indent: int = 3) -> None:
        """A check mark, or a cross, and what it is about."""
        marks = ("✔", "✘") if self.style.unicode else ("[ok]", "[NOT AS EXPECTED]")
        mark = marks[0] if good else marks[1]
        for part in self._wrapped(f"{mark} {text}", indent, indent + 2):
            self._write(self.paint(part, Tone.GOOD if good else Tone.BAD))

    def _wrapped(self, text: str, first: int, following: int) -> list[str]:
        lines: list[str] = []
        for paragraph in text.splitlines() or [""]:
            lines += textwrap.wrap(
                visible(paragraph),
                width=self.style.width,
                initial_indent=" " * (following if lines else first),
                subsequent_indent=" " * following,
                break_on_hyphens=False,
            )
        return lines or [" " * first]

    def _write(self, text: str) -> None:
        if not self.style.unicode:
            text = text.encode("ascii", "replace").decode()
        self._out.write(text.rstrip() + "\n" if not self.style.colour else text + "\n")
        self._out.flush()


def visible(text: str) -> str:
    """The text with every control character spelt out, so that none reaches the terminal."""
    return "".join(
        character if unicodedata.category(character) not in {"Cc", "Cf"} else f"\\u{ord(character):04x}"
        for character in text
    )


def display_width(text: str) -> int:
    """How many columns a terminal gives the text."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
        for character in text
    )


def cut(text: str, width: int) -> str:
    """The text, cut to ``width`` columns with a mark where something is missing."""
    if display_width(text) <= width:
        return text
    kept = ""
    for character in text:
        if display_width(kept + character) > width - 1:
            break
        kept += character
    return kept + _CUT


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: object) -> str:
    match value:
        case None:
            return "(null)"
        case bool():
            return "yes" if value else "no"
        case bytes() | bytearray() | memoryview():
            data = bytes(value)
            return f"\\x{data[:_BYTES_SHOWN].hex()}{_CUT if len(data) > _BYTES_SHOWN else ''} ({len(data)} bytes)"
        case datetime():
            return value.isoformat(sep=" ", timespec="minutes")
        case _:
            return visible(str(value))


def _fill(text: str, width: int, *, right: bool = False) -> str:
    text = cut(text, width)
    padding = " " * (width - display_width(text))
    return padding + text if right else text + padding


def _fit(widths: list[int], room: int) -> list[int]:
    """The widths, the widest narrowed first until they fit into ``room``; none below four columns."""
    fitted = list(widths)
    while sum(fitted) > room:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= 4:
            break
        fitted[widest] -= 1
    return fitted
