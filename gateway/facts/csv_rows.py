"""Rows of a CSV file of the registry, each with its line; what is odd becomes a problem with its place."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from gateway.facts.fields import Problems

MAX_PROBLEMS: Final = 100  # of one file; a file with more is of another kind


class CsvFile:
    """Rows of one file; a file without bytes has none."""

    def __init__(self, name: str, data: bytes, columns: tuple[str, ...], problems: Problems) -> None:
        self._name = name
        self._data = data
        self._columns = columns
        self._problems = problems
        self._found = 0
        self.line = 0

    def problem(self, text: str, line: int | None = None) -> None:
        """Note a problem of the row just read."""
        self._problems.add(self._name, self.line if line is None else line, text)
        self._found += 1

    def rows(self) -> Iterator[list[str]]:
        """Every row after the header, of as many fields as there are columns."""
        if not self._data:
            return
        reader = csv.reader(io.TextIOWrapper(io.BytesIO(self._data), encoding="utf-8", newline=""), strict=True)
        width = len(self._columns)
        try:
            if tuple(next(reader, ())) != self._columns:
                self.line = 1
                self.problem(f"the first line must be {','.join(self._columns)}")
                return
            for row in reader:
                self.line = reader.line_num
                if self._found >= MAX_PROBLEMS:
                    self.problem("so many problems that the rest of the file was not looked at")
                    return
                if len(row) == width:
                    yield row
                elif row:
                    self.problem(f"{len(row)} fields, where {width} are wanted")
        except UnicodeDecodeError:
            self._problems.add(self._name, reader.line_num + 1, "the file is not UTF-8 (at this line or soon after it)")
        except csv.Error as error:
            self._problems.add(self._name, reader.line_num, f"not CSV: {error}")
