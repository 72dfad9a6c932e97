"""Draws the figures of a run for README: ``python -m tools.figure.draw`` makes ``run.svg`` of ``run.json``.

What it draws was asked of a real Prometheus by ``tools/figure/play.py``, with the dashboard's own queries. The same
data makes the same bytes, and a test holds the picture to them. Written with the standard library: what draws charts
for Python brings ten packages and cannot make one picture for light and dark pages.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from tools.figure.scale import compact, duration, grid, size

FOLDER = Path(__file__).parent
DATA = FOLDER / "run.json"
PICTURE = FOLDER / "run.svg"
WIDTH, MARGIN, GAP, INNER = 1200, 24, 18, 14
COLUMN = (WIDTH - 2 * MARGIN - 2 * GAP) / 3
SOFT = 5.5  # how wide a small letter is, about
LINES = 8  # series of one chart that have colours of their own
Series = dict[str, Any]

# One set of colours for each kind of page, told apart by those who see colours otherwise (Okabe and Ito).
STYLE = """
text { font: 12px system-ui, -apple-system, 'Segoe UI', 'Noto Sans', sans-serif; fill: #1f2933; }
.page { fill: #ffffff; stroke: #d5dbe1; } .panel { fill: #f6f8fa; stroke: #e1e6eb; }
.h1 { font-size: 20px; font-weight: 650; } .h2 { font-size: 13.5px; font-weight: 650; }
.soft { fill: #5c6873; font-size: 11px; } .big { font-size: 22px; font-weight: 650; }
.small { font-size: 11px; } .right { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: #dde3e8; fill: none; } .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.c0 { --c: #0072b2; } .c1 { --c: #d55e00; } .c2 { --c: #009e73; } .c3 { --c: #a3497f; }
.c4 { --c: #b8860b; } .c5 { --c: #3f8fc4; } .c6 { --c: #6b7280; } .c7 { --c: #7a5230; }
.line { stroke: var(--c); } .fill { fill: var(--c); } .area { fill: var(--c); fill-opacity: .55; }
.flow { fill: var(--c); fill-opacity: .42; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .page { fill: #0d1117; stroke: #30363d; } .panel { fill: #151b23; stroke: #262d36; }
.soft { fill: #9aa5b1; } .grid { stroke: #2b333d; }
.c0 { --c: #56a9e8; } .c1 { --c: #f0883e; } .c2 { --c: #3fb98f; } .c3 { --c: #d98cb9; }
.c4 { --c: #e3b341; } .c5 { --c: #8cc8f2; } .c6 { --c: #9aa5b1; } .c7 { --c: #c49a6c; }
}
"""


class Sheet:
    """Where shapes are put; coordinates have one decimal, so that no machine rounds them otherwise."""

    def __init__(self, height: float) -> None:
        self.root = Element(
            "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height:.0f}", width=str(WIDTH), role="img"
        )

    def put(self, tag: str, text: str = "", **attributes: object) -> Element:
        """One shape; ``class_`` is its class, floats are rounded."""
        made = {
            name.rstrip("_").replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else str(value)
            for name, value in attributes.items()
        }
        element = SubElement(self.root, tag, made)
        element.text = text or None
        return element

    def text(self, x: float, y: float, text: str, kind: str = "") -> None:
        self.put("text", text, x=float(x), y=float(y), **({"class_": kind} if kind else {}))

    def panel(self, x: float, y: float, width: float, height: float, title: str, about: str) -> None:
        """A box with a title and a line or two below it."""
        self.put("rect", x=float(x), y=float(y), width=float(width), height=float(height), rx=8, class_="panel")
        self.text(x + INNER, y + 24, title, "h2")
        for number, line in enumerate(wrap(about.replace("`", ""), int((width - 2 * INNER) / SOFT))):
            self.text(x + INNER, y + 41 + 14 * number, line, "soft")


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _filled(series: Sequence[Series], count: int) -> list[list[float]]:
    """Values at every moment; before a series began there was nothing of it."""
    rows = []
    for one in series:
        known = {int(moment): value for moment, value in one["points"]}
        rows.append([known.get(moment) or 0.0 for moment in range(count)])
    return rows


def curves(
    sheet: Sheet, box: tuple[float, float, float, float], panel: dict[str, Any], clock: dict[str, Any],
    told: Callable[[float], str], *, stacked: bool = False,
) -> None:  # fmt: skip
    """Lines over time, or layers of them, with a legend of the largest first."""
    x, y, width, height = box
    series = sorted(panel["series"], key=lambda one: (-sum(v for _, v in one["points"]), one["legend"]))[:LINES]
    legend = (len(series) + 1) // 2 if width < 500 else 1
    left, right, top, bottom = x + 52, x + width - INNER - 8, y + 72, y + height - 34 - 16 * legend
    rows = _filled(series, clock["points"])
    highest = max((sum(column) if stacked else max(column) for column in zip(*rows, strict=True)), default=0.0)
    ticks = grid(highest)
    across = (right - left) / (clock["points"] - 1)

    def place(moment: int, value: float) -> tuple[float, float]:
        return left + moment * across, bottom - (bottom - top) * value / ticks[-1]

    for tick in ticks:
        height_at = place(0, tick)[1]
        sheet.put("path", d=_path([(left, height_at), (right, height_at)]), class_="grid")
        sheet.text(left - 7, height_at + 4, told(tick), "soft right")
    for minute in range(clock["points"] * clock["step"] // 60 + 1):
        at = left + minute * 60 / clock["step"] * across
        if at <= right + 1:
            sheet.text(at, bottom + 16, f"{minute}:00", "soft middle")
    floor = [0.0] * clock["points"]
    for number, row in enumerate(rows):
        if stacked:
            top_of = [low + value for low, value in zip(floor, row, strict=True)]
            outline = [place(m, v) for m, v in enumerate(top_of)] + [
                place(m, v) for m, v in reversed([*enumerate(floor)])
            ]
            sheet.put("path", d=_path(outline) + "Z", class_=f"area c{number}")
            floor = top_of
        else:
            sheet.put("path", d=_path(place(m, v) for m, v in enumerate(row)), class_=f"line c{number}")
    for number, one in enumerate(series):
        at_x = left - 36 + (number % 2) * (width - 40) / 2
        at_y = bottom + 36 + 16 * (number // 2)
        sheet.put("rect", x=float(at_x), y=float(at_y - 9), width=10, height=10, rx=2, class_=f"fill c{number}")
        sheet.text(at_x + 15, at_y, one["legend"], "small")


def flows(sheet: Sheet, box: tuple[float, float, float, float], panel: dict[str, Any]) -> None:
    """Ribbons from where people are, or their employers stand, to whose data they asked for."""
    x, y, width, height = box
    amounts: dict[tuple[str, str, str], float] = defaultdict(float)
    for one in panel["series"]:
        labels = one["labels"]
        amounts[labels["origin"], labels["subject"], labels["effect"]] += one["points"][-1][1]
    whole = sum(amounts.values()) or 1.0
    left, right, top, bottom = x + 110, x + width - 110, y + 76, y + height - 40
    sheet.text(left, y + 62, "origin", "soft right")
    sheet.text(right, y + 62, "whose data", "soft")

    def stack(side: int) -> tuple[dict[str, float], dict[str, float]]:
        """Where each country's bar begins, largest first, and how much of it there is."""
        totals: dict[str, float] = defaultdict(float)
        for key, amount in amounts.items():
            totals[key[side]] += amount
        room = bottom - top - 14 * (len(totals) - 1)
        at, begins = top, {}
        for country in sorted(totals, key=lambda one: (-totals[one], one)):
            begins[country] = at
            at += room * totals[country] / whole + 14
        return begins, {country: room * amount / whole for country, amount in totals.items()}

    sides = stack(0), stack(1)
    for (begins, heights), at, kind in ((sides[0], left, "right"), (sides[1], right, "")):
        for country, begin in begins.items():
            tall = heights[country]
            sheet.put("rect", x=float(at - 4), y=float(begin), width=8, height=float(max(tall, 1)), class_="fill c6")
            amount = sum(a for key, a in amounts.items() if country == key[0 if kind else 1])
            label_at = at - 12 if kind else at + 12
            sheet.text(label_at, begin + tall / 2 + 4, f"{country}  {amount:.0f}", kind)
    used = [dict(sides[0][0]), dict(sides[1][0])]
    scales = [(bottom - top - 14 * (len(side[0]) - 1)) / whole for side in sides]
    order = sorted(amounts, key=lambda key: (sides[0][0][key[0]], key[2] != "allow", sides[1][0][key[1]]))
    for origin, subject, effect in order:
        amount = amounts[origin, subject, effect]
        a, b = used[0][origin], used[1][subject]
        thick_a, thick_b = amount * scales[0], amount * scales[1]
        used[0][origin], used[1][subject] = a + thick_a, b + thick_b
        middle, start, end = (left + right) / 2, left + 4, right - 4
        below_a, below_b = a + thick_a, b + thick_b
        sheet.put(
            "path",
            d=f"M{start:.1f},{a:.1f}C{middle:.1f},{a:.1f} {middle:.1f},{b:.1f} {end:.1f},{b:.1f}V{below_b:.1f}"
            f"C{middle:.1f},{below_b:.1f} {middle:.1f},{below_a:.1f} {start:.1f},{below_a:.1f}Z",
            class_=f"flow {'c0' if effect == 'allow' else 'c1'}",
        )
    for number, word in enumerate(("allowed", "denied")):
        at_x = x + width / 2 - 90 + 100 * number
        sheet.put("rect", x=float(at_x), y=float(y + height - 25), width=10, height=10, rx=2, class_=f"fill c{number}")
        sheet.text(at_x + 15, y + height - 16, word)


def tiles(sheet: Sheet, box: tuple[float, float, float, float], panels: dict[str, Any]) -> None:
    """Single numbers, as they stood at the end."""
    x, y, width, height = box
    shown = (
        ("Undisclosed destinations", "Undisclosed", "accesses that users were not told of", compact),
        ("Rules in shadow", "Rules in shadow", "that count and do not act", compact),
        ("Kill-switch", "Kill-switch", "blocks in force", compact),
        ("Writable", "Record", "whether it takes entries", lambda value: "writable" if value == 1 else "not writable"),
        ("Size", "Record", "bytes of its segments", size),
        ("Sessions", "Sessions", "open at the end", compact),
    )
    wide, tall = (width - GAP) / 2, (height - 2 * GAP) / 3
    for number, (panel, title, about, told) in enumerate(shown):
        at_x, at_y = x + (number % 2) * (wide + GAP), y + (number // 2) * (tall + GAP)
        sheet.panel(at_x, at_y, wide, tall, title, about)
        value = sum(one["points"][-1][1] for one in panels[panel]["series"])
        sheet.text(at_x + INNER, at_y + tall - 16, told(value), "big")


def picture(data: dict[str, Any]) -> str:
    """The whole sheet."""
    panels, clock = data["panels"], data["clock"]
    tops, heights = (86, 86 + 280 + GAP, 86 + 280 + 330 + 2 * GAP), (280, 330, 262)
    total = tops[2] + heights[2] + MARGIN
    sheet = Sheet(total)
    sheet.put("title", data["title"])
    sheet.put("style", STYLE)
    sheet.put("rect", x=0.5, y=0.5, width=WIDTH - 1, height=f"{total - 1:.0f}", rx=10, class_="page")
    sheet.text(MARGIN, 42, data["title"], "h1")
    sheet.text(MARGIN, 64, data["about"], "soft")
    columns = [MARGIN + number * (COLUMN + GAP) for number in range(3)]

    def box(row: int, column: int, wide: int = 1) -> tuple[float, float, float, float]:
        return columns[column], tops[row], COLUMN * wide + GAP * (wide - 1), heights[row]

    def chart(row: int, column: int, title: str, told: Callable[[float], str], *, stacked: bool = False) -> None:
        sheet.panel(*box(row, column), title, panels[title]["about"])
        curves(sheet, box(row, column), panels[title], clock, told, stacked=stacked)

    chart(0, 0, "Decisions", compact, stacked=True)
    chart(0, 1, "Denials by rule", compact)
    chart(0, 2, "Denials by country", compact)
    sheet.panel(*box(1, 0, 2), "Country to country", panels["Country to country"]["about"])
    flows(sheet, box(1, 0, 2), panels["Country to country"])
    tiles(sheet, box(1, 2), panels)
    chart(2, 0, "Decision, by stage (p99)", duration)
    chart(2, 1, "Wait for the record (p99)", duration)
    chart(2, 2, "Entries", compact)
    indent(sheet.root, space="")
    return tostring(sheet.root, encoding="unicode") + "\n"


if __name__ == "__main__":
    PICTURE.write_text(picture(json.loads(DATA.read_text())))
