"""README's picture of a run's figures: what its script makes of the data kept beside it, small, and whole by itself."""

from __future__ import annotations

import json
import re

import pytest
from defusedxml import ElementTree

from tests.meta.tree import ROOT
from tools import dashboard
from tools.figure import scale
from tools.figure.draw import DATA, PICTURE, picture

KEPT = json.loads(DATA.read_text())


def test_the_picture_is_what_its_script_makes_of_the_data():
    assert PICTURE.read_text() == picture(KEPT), "python -m tools.figure.draw"


def test_the_data_are_of_the_dashboard_and_of_a_run_in_which_something_happened():
    panels = {one.title: one for row in dashboard.ROWS for one in row.panels}
    assert KEPT["panels"].keys() <= panels.keys()
    for title, kept in KEPT["panels"].items():
        assert kept["about"] == panels[title].about, "make figure"
        assert kept["series"], title
    effects = {one["labels"]["effect"] for one in KEPT["panels"]["Decisions"]["series"]}
    assert effects == {"allow", "deny"}


def test_readme_shows_it_and_says_how_it_is_made():
    readme = (ROOT / "README.md").read_text()
    assert f"]({PICTURE.relative_to(ROOT)})" in readme
    assert "`make figure`" in readme


def test_it_is_small_reads_on_light_and_dark_pages_and_loads_nothing():
    text = PICTURE.read_text()
    assert len(text.encode()) < 100_000
    assert "prefers-color-scheme: dark" in text
    tags = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert tags == {"svg", "title", "style", "rect", "text", "path"}
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", text)


@pytest.mark.parametrize(
    ("highest", "lines"),
    [
        (0, [0, 1]),
        (0.9, [0, 0.5, 1]),
        (35, [0, 10, 20, 30, 40]),
        (100, [0, 50, 100]),
        (0.0021, [0, 0.001, 0.002, 0.003]),
    ],
)
def test_a_grid_reaches_above_the_highest_in_round_steps(highest, lines):
    assert scale.grid(highest) == pytest.approx(lines)


def test_numbers_have_few_digits_and_the_unit_that_fits():
    assert [scale.compact(value) for value in (0, 3, 0.25, 1138, 12.6)] == ["0", "3", "0.25", "1138", "13"]
    assert [scale.duration(value) for value in (0, 0.00031, 0.0125, 2)] == ["0", "310 µs", "12.5 ms", "2 s"]
    assert [scale.size(value) for value in (12, 4_050_000)] == ["12 B", "4.05 MB"]
