"""Cancel keys of our own: what a client gets in BackendKeyData, and the session it stands for.

A cancel request carries nothing but its key, so the server's own key never reaches a client: it would work at the
server directly, and for whoever saw it.

It is a connection of its own, so of a gateway's several workers any may get it. Whose key it is follows from its
process id: worker 0 of 3 issues 3, 6, 9 …, worker 1 issues 1, 4, 7 …. That only says whom to ask: the owner alone knows
the secret, and compares it as it does with a key that came to itself.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable

from gateway.doors.refusals import Refusals
from gateway.metrics import CancelResult, Metrics

_SECRET_BYTES = 4  # protocol 3.0
_LONG_SECRET_BYTES = 32  # protocol 3.2


class CancelKeys:
    """Keys in use. An unknown key and a wrong secret look and cost the same."""

    def __init__(
        self, *, owner: int = 0, owners: int = 1, elsewhere: Callable[[int, int, bytes], None] | None = None
    ) -> None:
        """``elsewhere`` is called with owner, process id and secret of a key that is not this owner's."""
        self._owner = owner
        self._owners = owners
        self._elsewhere = elsewhere
        self._cancels: dict[int, tuple[bytes, Callable[[], None]]] = {}

    def issue(self, cancel: Callable[[], None], *, long: bool = False) -> tuple[int, bytes]:
        """A new key: (process id, secret). ``cancel`` is called when a request brings it."""
        process_id = self._draw()
        while process_id in self._cancels:
            process_id = self._draw()
        secret = secrets.token_bytes(_LONG_SECRET_BYTES if long else _SECRET_BYTES)
        self._cancels[process_id] = (secret, cancel)
        return process_id, secret

    def _draw(self) -> int:
        """A process id of this owner's: from 1 to the most a client's signed number holds."""
        return (secrets.randbelow((2**31 - 1) // self._owners) + 1) * self._owners - (-self._owner % self._owners)

    def revoke(self, process_id: int) -> None:
        """The session ended."""
        self._cancels.pop(process_id, None)

    def use(self, process_id: int, secret: bytes) -> CancelResult:
        """A cancel request came in, here or at another worker."""
        owner = process_id % self._owners
        if owner != self._owner:
            if self._elsewhere is not None:
                self._elsewhere(owner, process_id, secret)
            return CancelResult.ELSEWHERE
        known, cancel = self._cancels.get(process_id, (b"\0" * _SECRET_BYTES, None))
        if not hmac.compare_digest(known, secret) or cancel is None:
            return CancelResult.UNKNOWN
        cancel()
        return CancelResult.SENT


class CancelDesk:
    """Takes cancel requests, so many a minute of one address and in all; further ones are counted and nothing else."""

    def __init__(self, keys: CancelKeys, *, per_address: int, overall: int, metrics: Metrics) -> None:
        self._keys = keys
        self._metrics = metrics
        self._counts = Refusals(per_address=per_address, overall=overall)
        self._next = 0.0

    def asked(self, address: str | None, process_id: int, secret: bytes, now: float) -> None:
        """A request came in; its peer is told nothing, whatever becomes of it."""
        if now >= self._next:
            self._counts.due(now)
            self._next = now + 1.0
        if self._counts.admit(address, now):
            self._metrics.cancel_asked(self._keys.use(process_id, secret))
        else:
            self._metrics.cancel_asked(CancelResult.SUPPRESSED)
