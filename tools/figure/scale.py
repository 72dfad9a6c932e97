"""Numbers as a chart shows them, and where its grid lies."""

from __future__ import annotations

import math


def grid(highest: float, lines: int = 4) -> list[float]:
    """From nothing to just above the highest, in steps of 1, 2 or 5 times a power of ten."""
    rough = (highest or 1.0) / lines
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return [step * number for number in range(math.ceil(highest / step * 0.999) + 1)] if highest else [0.0, 1.0]


def compact(value: float) -> str:
    """Few digits, none of them for nothing."""
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def duration(seconds: float) -> str:
    """In the unit that fits."""
    if seconds == 0:
        return "0"
    if seconds < 0.001:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def size(count: float) -> str:
    """Of bytes."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"
