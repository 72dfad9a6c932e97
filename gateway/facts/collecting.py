"""Making millions of objects that live long: Python's collector of cycles would walk through them again and again.

Nothing a registry is made of is a cycle. While it is loaded the collector rests; what was loaded is then set aside from
it, so that it neither takes seconds of the loading nor stops a running gateway for a moment, every now and then, after.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MANY: Final = 100_000  # entities from which it is worth it


@contextmanager
def uncollected() -> Iterator[None]:
    """The collector rests. It is one for the whole process: cycles of others wait for a few seconds."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def set_aside() -> None:
    """What there is now is not looked at again. It goes when nobody holds it any more, as most things do."""
    gc.freeze()
