"""The keyed hash of a statement's text, by which the record can tell two statements apart without holding either."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

MIN_KEY_BYTES: Final = 32


class StatementHash:
    """HMAC-SHA256 under one key: equal statements can be found, a guessed one cannot be confirmed without the key.

    The key is taken in once and each statement goes on from there: less than half of the time of `hmac.digest`, which
    takes it in anew for every statement.
    """

    __slots__ = ("_begun", "_seal")

    def __init__(self, key: bytes, seal: Callable[[str], str] | None = None) -> None:
        """``seal``: the text itself, for a reader who has a key; it follows the hash, behind a blank."""
        self._seal = seal
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the key of the statement hash has {len(key)} bytes; it needs {MIN_KEY_BYTES} or more")
        self._begun = hmac.new(key, digestmod="sha256")

    def of(self, statement: str) -> str:
        """The hash, in hexadecimal, and what is sealed, if anything is."""
        mac = self._begun.copy()
        mac.update(statement.encode("utf-8", "surrogatepass"))
        return mac.hexdigest() if self._seal is None else f"{mac.hexdigest()} {self._seal(statement)}"
