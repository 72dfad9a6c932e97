"""An answer for people and for programs."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime

from gateway.reports.query.ask import Answer
from gateway.reports.query.shown import MOST_ROWS, table, write_csv, write_json, write_ndjson

FIRST = datetime.fromisoformat("2021-03-17T12:00:00")
ROW = ("CN, JP", "line-cn", 1200, None, ["a", "b"], FIRST, True)
NAMES = ("country", "entity", "rows", "reason", "rules", "first", "mfa")


def answer(*rows: tuple, total: tuple | None = None, notes: tuple[str, ...] = ()) -> Answer:
    return Answer(names=NAMES, rows=iter(rows), total=total, notes=notes)


def test_table_reads_well() -> None:
    text = table(
        answer(
            ROW, ("JP", "x", 3, "y", [], FIRST, False), total=(None, None, 1203, None, None, FIRST, None), notes=("n",)
        ),
        width=100,
    )
    assert text.splitlines() == [
        "country  entity    rows  reason  rules  first                mfa",
        "CN, JP   line-cn  1,200  -       a, b   2021-03-17 12:00:00  yes",
        "JP       x            3  y       -      2021-03-17 12:00:00  no",
        "in all            1,203  -       -      2021-03-17 12:00:00  -",
        "",
        "note: n",
    ]


def test_long_text_goes_on_in_the_next_line() -> None:
    lines = table(Answer(names=("what", "n"), rows=iter([("word " * 20, 5)])), width=30).splitlines()
    assert max(map(len, lines)) <= 30
    assert " ".join(line[:27].strip() for line in lines[1:]).split() == ["word"] * 20 or len(lines) > 4


def test_text_moves_no_cursor() -> None:
    assert "\x1b" not in table(Answer(names=("a",), rows=iter([("x\x1b[2Jy",)])), width=80)


def test_nothing_and_too_much() -> None:
    assert table(answer(), width=80) == "Nothing in these entries."
    text = table(Answer(names=("n",), rows=iter([(1,)] * (MOST_ROWS + 1))), width=80)
    assert text.endswith("note: only the first 1,000 rows: --format csv has all")


def test_for_programs() -> None:
    out = io.StringIO()
    write_csv(answer(ROW), out)
    names, row = csv.reader(io.StringIO(out.getvalue()))
    assert tuple(names) == NAMES
    assert row == ["CN, JP", "line-cn", "1200", "", "a, b", "2021-03-17T12:00:00Z", "True"]
    out = io.StringIO()
    write_json(answer(ROW, ROW, total=ROW, notes=("n",)), out)
    document = json.loads(out.getvalue())
    assert len(document["rows"]) == 2
    assert (
        document["rows"][0]
        == document["total"]
        == dict(zip(NAMES, (*ROW[:5], "2021-03-17T12:00:00Z", True), strict=True))
    )
    assert document["notes"] == ["n"]
    out = io.StringIO()
    write_ndjson(answer(ROW, ROW), out)
    assert [json.loads(line)["rows"] for line in out.getvalue().splitlines()] == [1200, 1200]
    out = io.StringIO()
    write_json(answer(), out)
    assert json.loads(out.getvalue()) == {"rows": [], "total": None, "notes": []}
