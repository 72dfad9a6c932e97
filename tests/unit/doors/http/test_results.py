"""Rows in each format: what PostgreSQL wrote, no digit of it changed."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors.http.results import FORMATS, as_arrow, as_csv, as_json, as_lines
from gateway.doors.inside import Column, Selected
from gateway.errors import Reason, SekishoError

TYPES = {"big": 20, "yes": 16, "real": 701, "exact": 1700, "doc": 3802, "words": 25}
COLUMNS = tuple(Column(name, oid) for name, oid in TYPES.items())
ROWS = [
    ("9007199254740993", "t", "1.5", "0.10", '{"a": 1.10, "b": [1, null]}', 'say "hi",\r\nme'),
    (None, "f", "NaN", "1e5", '["x\\ny"]', ""),
    ("-1", None, "-Infinity", None, None, None),
]
SELECTED = Selected(columns=COLUMNS, rows=ROWS, limited=True)


def test_json_keeps_every_digit() -> None:
    document = json.loads(as_json(SELECTED), parse_float=str)
    assert document["columns"][0] == {"name": "big", "type_oid": 20}
    assert document["limited"] is True
    assert document["rows"] == [
        [9007199254740993, True, "1.5", "0.10", {"a": "1.10", "b": [1, None]}, 'say "hi",\r\nme'],
        [None, False, "NaN", "1e5", ["x\ny"], ""],
        [-1, None, "-Infinity", None, None, None],
    ]


def test_lines_are_objects_of_one_line_each() -> None:
    lines = as_lines(SELECTED).decode().splitlines()
    assert [list(json.loads(line)) for line in lines] == [list(TYPES)] * 3
    broken = Selected(columns=(Column("doc", 114),), rows=[('{\n"a":\r\n 1}',)], limited=False)
    assert [json.loads(line) for line in as_lines(broken).decode().splitlines()] == [{"doc": {"a": 1}}]


def test_csv_tells_nothing_from_an_empty_text() -> None:
    lines = as_csv(SELECTED).decode()
    assert lines.startswith("big,yes,real,exact,doc,words\r\n")
    assert lines.endswith("-1,,-Infinity,,,\r\n")
    assert ',"[""x\\ny""]",""\r\n' in lines


def test_arrow_has_types() -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.ipc.open_stream(as_arrow(SELECTED)).read_all()
    kinds = [str(one.type) for one in table.schema]
    assert kinds == ["int64", "bool", "double", "string", "string", "string"]
    assert table.column("big").to_pylist() == [9007199254740993, None, -1]
    assert table.column("exact").to_pylist() == ["0.10", "1e5", None]
    empty = arrow.ipc.open_stream(as_arrow(Selected(columns=COLUMNS, rows=[], limited=False))).read_all()
    assert empty.num_rows == 0


@pytest.mark.parametrize("write", [as_lines, as_arrow])
def test_two_columns_of_one_name_are_told(write: Any) -> None:
    pytest.importorskip("pyarrow")
    twice = Selected(columns=(Column("a", 25), Column("a", 25)), rows=[("1", "2")], limited=False)
    with pytest.raises(SekishoError, match="two columns have one name") as caught:
        write(twice)
    assert caught.value.reason is Reason.REQUEST_INVALID
    assert json.loads(as_json(twice))["rows"] == [["1", "2"]]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.none(), min_size=1))
def test_any_text_comes_back(values: list[str | None]) -> None:
    selected = Selected(columns=(Column("a", 25),), rows=[(value,) for value in values], limited=False)
    assert [row[0] for row in json.loads(as_json(selected))["rows"]] == values
    assert [json.loads(line)["a"] for line in as_lines(selected).decode().split("\n")[:-1]] == values
    read = list(csv.reader(io.StringIO(as_csv(selected).decode(), newline="")))
    assert [row[0] if row else "" for row in read[1:]] == [value or "" for value in values]


def test_the_first_format_is_json() -> None:
    assert next(iter(FORMATS)) == "application/json"
