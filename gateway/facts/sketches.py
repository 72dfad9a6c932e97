"""HyperLogLog sketches of distinct values: how many there were, and never which.

The library is loaded with the first sketch. It brings numpy, 16 MB that a gateway without limits on people never needs.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Final

_LG_K: Final = 13  # 8 KiB, an error of 1 %
_DEVIATIONS: Final = 3  # of the upper bound: one in 700 counts is above it


def empty() -> Any:
    """A sketch of nothing. ``update`` takes a hash."""
    from datasketches import hll_sketch, tgt_hll_type

    return hll_sketch(_LG_K, tgt_hll_type.HLL_8)


def merged(sketches: Iterable[Any]) -> Any:
    """One sketch of all that are in any of these; None is a sketch of nothing."""
    from datasketches import hll_union, tgt_hll_type

    union = hll_union(_LG_K)
    for sketch in sketches:
        if sketch is not None:
            union.update(sketch)
    return union.get_result(tgt_hll_type.HLL_8)


def at_most(sketch: Any) -> int:
    """The upper bound of how many there were. Of a few it is the number itself, give or take what a float is."""
    bound: float = sketch.get_upper_bound(_DEVIATIONS)
    return round(bound)


def written(sketch: Any) -> str:
    """The sketch as text."""
    return base64.b64encode(sketch.serialize_compact()).decode()


def read(text: str) -> Any:
    """What was written. Raises ValueError, or RuntimeError of the library, where it is no sketch."""
    from datasketches import hll_sketch

    return hll_sketch.deserialize(base64.b64decode(text, validate=True))
