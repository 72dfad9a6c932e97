"""A file that grows while it is read: what a reader meets beside a writer, whose one write it may see in parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def grows_when_its_end_is_read(monkeypatch: pytest.MonkeyPatch, path: Path, grow: Callable[[], None]) -> None:
    """``grow`` is called once, when a line without an end has been read."""
    real_open, left = Path.open, [grow]

    class Growing:
        def __init__(self, file: Any) -> None:
            self._file = file

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def __enter__(self) -> Growing:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def readline(self, size: int = -1) -> bytes:
            raw: bytes = self._file.readline(size)
            if raw and not raw.endswith(b"\n") and left:
                left.pop()()
            return raw

    def opened(self: Path, *arguments: Any, **named: Any) -> Any:
        file = real_open(self, *arguments, **named)
        return Growing(file) if self == path and left else file

    monkeypatch.setattr(Path, "open", opened)
