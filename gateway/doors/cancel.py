"""Cancel keys of our own: what a client gets in BackendKeyData, and the session it stands for.

A cancel request carries nothing but its key, so the server's own key never reaches a client: it would work at the
server directly, and for whoever saw it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

_SECRET_BYTES = 4  # protocol 3.0


class CancelKeys:
    """Keys in use. An unknown key and a wrong secret look and cost the same."""

    def __init__(self) -> None:
        self._cancels: dict[int, tuple[bytes, Callable[[], None]]] = {}

    def issue(self, cancel: Callable[[], None]) -> tuple[int, bytes]:
        """A new key: (process id, secret). ``cancel`` is called when a request brings it."""
        process_id = secrets.randbelow(2**31 - 1) + 1
        while process_id in self._cancels:
            process_id = secrets.randbelow(2**31 - 1) + 1
        secret = secrets.token_bytes(_SECRET_BYTES)
        self._cancels[process_id] = (secret, cancel)
        return process_id, secret

    def revoke(self, process_id: int) -> None:
        """The session ended."""
        self._cancels.pop(process_id, None)

    def use(self, process_id: int, secret: bytes) -> None:
        """A cancel request came in."""
        known, cancel = self._cancels.get(process_id, (b"\0" * _SECRET_BYTES, None))
        if hmac.compare_digest(known, secret) and cancel is not None:
            cancel()
