"""The keyed hash of a statement's text, by which the record can tell two statements apart without holding either."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

MIN_KEY_BYTES: Final = 32
_BLOCK: Final = 64  # bytes, of SHA-256
_INNER: Final = bytes(value ^ 0x36 for value in range(256))
_OUTER: Final = bytes(value ^ 0x5C for value in range(256))


class StatementHash:
    """HMAC-SHA256 under one key: equal statements can be found, a guessed one cannot be confirmed without the key.

    RFC 2104 by its two halves, each begun once: that takes a fifth of the time of `hmac.digest`, which begins both anew
    for every statement. A test holds it to the same hashes.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        if len(key) < MIN_KEY_BYTES:
            raise ValueError(f"the key of the statement hash has {len(key)} bytes; it needs {MIN_KEY_BYTES} or more")
        block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = sha256(block.translate(_INNER))
        self._outer = sha256(block.translate(_OUTER))

    def of(self, statement: str) -> str:
        """The hash, in hexadecimal."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(statement.encode("utf-8", "surrogatepass"))
        outer.update(inner.digest())
        return outer.hexdigest()
