"""Output that fits the terminal, lines up, and lets nothing through to it that could move its cursor."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.demo.show import Screen, Style, Tone, cut, display_width, visible


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def screen(width: int = 60, *, colour: bool = False, unicode: bool = True) -> tuple[Screen, io.StringIO]:
    out = io.StringIO()
    return Screen(out, Style(colour=colour, width=width, unicode=unicode)), out


@pytest.mark.parametrize(
    ("environment", "colour"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_only_where_it_is_wanted(environment: dict[str, str], colour: bool):
    assert Style.of(Terminal(), environment).colour is colour


def test_no_colour_into_a_file_or_pipe():
    style = Style.of(io.StringIO(), {})
    assert not style.colour
    assert style.width == 100


def test_a_very_narrow_terminal_still_has_forty_columns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "7")
    assert Style.of(Terminal(), {}).width == 40
    monkeypatch.setenv("COLUMNS", "500")
    assert Style.of(Terminal(), {}).width == 110


def test_colour_wraps_the_text_and_ends():
    it, out = screen(colour=True)
    it.line("denied", Tone.BAD)
    it.line("plain")
    assert out.getvalue() == "\x1b[31mdenied\x1b[0m\nplain\n"


def test_a_field_keeps_its_column_when_it_wraps():
    it, out = screen(width=40)
    it.field("DETAIL:", "one two three four five six seven eight nine\nsecond line", indent=2, label=8)
    assert out.getvalue().splitlines() == [
        "  DETAIL: one two three four five six",
        "          seven eight nine",
        "          second line",
    ]


def test_a_table_lines_up():
    it, out = screen()
    it.table(("id", "name", "amount"), [(7, "Rin Mori", Decimal("12.00")), (12, None, True)], indent=0)
    assert out.getvalue().splitlines() == [
        "id │ name     │ amount",
        "───┼──────────┼───────",
        " 7 │ Rin Mori │ 12.00",
        "12 │ (null)   │ yes",
    ]


def test_wide_characters_line_up_too():
    it, out = screen()
    it.table(("name", "n"), [("関所", 1), ("ab", 2)], indent=0)
    lines = out.getvalue().splitlines()
    assert {display_width(line.split("│")[0]) for line in lines if "│" in line} == {5}


def test_the_widest_column_is_cut_first():
    it, out = screen(width=40)
    it.table(("id", "body"), [(1, "x" * 200)], indent=0)
    assert all(display_width(line) <= 40 for line in out.getvalue().splitlines())
    assert "…" in out.getvalue()


def test_no_rows_is_a_header_alone():
    it, out = screen()
    it.table(("id",), [], indent=0)
    assert out.getvalue().splitlines() == ["id", "──"]


def test_bytes_and_moments_are_short():
    it, out = screen(width=100)
    it.table(("content", "at"), [(b"\x89PNG" * 20, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))], indent=0)
    assert "\\x89504e4789504e4789504e47… (80 bytes)" in out.getvalue()
    assert "2026-01-02 03:04+00:00" in out.getvalue()


def test_a_value_cannot_move_the_cursor():
    it, out = screen()
    it.table(("name",), [("\x1b[2J\x07evil\r\n",)])
    it.line("\x1b]0;title\x07")
    it.field("x", "\x9b31m\u202etxt")
    it.verbatim("a\x1bb\nc")
    it.verdict(True, "\x1b[0m")
    assert not set(out.getvalue()) & {"\x1b", "\x07", "\r", "\x9b", "\u202e"}
    assert "\\u001b[2J\\u0007evil" in out.getvalue()


def test_without_unicode_everything_is_ascii():
    it, out = screen(unicode=False)
    it.table(("id", "name"), [(1, "…" * 3)])
    it.verdict(True, "good")
    it.verdict(False, "bad")
    assert out.getvalue().isascii()
    assert "[ok] good" in out.getvalue()


def test_the_marks():
    it, out = screen()
    it.verdict(True, "as expected", indent=0)
    it.verdict(False, "not", indent=0)
    assert out.getvalue() == "✔ as expected\n✘ not\n"


def test_copied_lines_are_never_wrapped():
    it, out = screen(width=40)
    it.verbatim("psql " + "x" * 100, indent=2)
    assert out.getvalue() == "  psql " + "x" * 100 + "\n"


@given(st.text(max_size=60), st.integers(1, 30))
def test_cut_never_gives_more_than_asked(text: str, width: int):
    assert display_width(cut(text, width)) <= width


@given(st.lists(st.text(max_size=40), max_size=4), st.integers(40, 110))
def test_nothing_printed_holds_a_control_character(texts: list[str], width: int):
    it, out = screen(width=width)
    for text in texts:
        it.line(text)
        it.field("name", text)
    assert all(visible(line) == line for line in out.getvalue().split("\n"))


def test_fields_fit_the_width():
    it, out = screen(width=40)
    it.field("employer", "Dalian Monitoring Service (CN; hop 2, subcontractor) " * 3)
    assert all(len(line) <= 40 for line in out.getvalue().splitlines())
