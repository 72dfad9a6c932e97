"""Sketches count distinct values, are kept as text, and are loaded with the first of them only."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gateway.facts import sketches


def of(*values: int) -> object:
    sketch = sketches.empty()
    for value in values:
        sketch.update(value)
    return sketch


def test_a_value_counts_once_and_a_few_are_counted_exactly() -> None:
    assert sketches.at_most(of()) == 0
    assert sketches.at_most(of(1, 2, 3, 2, 1)) == 3
    assert sketches.at_most(sketches.merged([of(1, 2), None, of(2, 3)])) == 3


def test_the_bound_of_many_is_above_them() -> None:
    assert 100_000 <= sketches.at_most(of(*range(100_000))) < 105_000


def test_what_was_written_is_read() -> None:
    many = of(*range(10_000))
    assert sketches.at_most(sketches.read(sketches.written(many))) == sketches.at_most(many)


@pytest.mark.parametrize("text", ["", "no base64!", "aGVsbG8="])
def test_what_is_no_sketch_is_not_read(text: str) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        sketches.read(text)


def test_a_gateway_that_counts_nobody_does_not_load_the_library() -> None:
    asked = "import sys, gateway.app; print(sorted({'numpy', 'datasketches'} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
