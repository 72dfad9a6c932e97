"""The keys that tokens are verified with, kept up to date: files watched, addresses fetched in the background.

Never on the way of a login: a login finds the keys that are known. What an issuer removes stops working within
``jwks_refresh`` seconds of a good fetch; what it adds works after the next fetch, which an unknown key asks for early.
While fetches fail the keys known last are kept for ``jwks_max_age`` seconds, loudly; then its tokens are refused.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from gateway.config import Issuer
from gateway.errors import ConfigError
from gateway.facts.identity import KeyUnknown, TokenVerifier
from gateway.facts.keys import Keys
from gateway.links.get import FetchError
from gateway.links.jwks import load_keys, usable
from gateway.links.jwks_fetch import WITHIN, Fetched, fetch
from gateway.links.tasks import TaskGroup
from gateway.links.watch import FolderWatch, Signature, signature
from gateway.model import Principal

_log = logging.getLogger(__name__)
_MOST_KNOWN: Final = 1024  # tokens
_LONGEST_KNOWN: Final = 4096  # characters of one
_FIRST_WAIT: Final = WITHIN + 1.0  # seconds the start waits for keys; who comes later is told that none are known


class Counts(Protocol):
    """What is counted (`gateway.metrics.Metrics`)."""

    def issuer_keys(self, issuer: str, *, known: bool) -> None:
        """Whether tokens of an issuer can be verified."""

    def keys_fetched(self, issuer: str, *, ok: bool) -> None:
        """An issuer was asked for its keys."""


class RemoteKeys:
    """The keys of one issuer that has an address. Lives on the loop."""

    def __init__(
        self,
        issuer: Issuer,
        url: str,
        *,
        swap: Callable[[Keys | None], None],
        metrics: Counts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._url = url
        self._swap = swap
        self._metrics = metrics
        self._clock = clock
        self._wanted = asyncio.Event()
        # A thread of its own: an issuer that answers slowly keeps nobody else's work waiting.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jwks")
        self._etag: str | None = None
        self._good_at: float | None = None  # moment of the last good fetch
        self._pause = float(issuer.jwks_min_interval)  # seconds until the next
        self._failures = 0
        self._known = False
        self.trouble = "its keys have not been fetched yet"

    def want(self) -> None:
        """Look soon: somebody came with a key we do not know."""
        self._wanted.set()

    async def run(self) -> None:
        """Look for ever, never more often than ``jwks_min_interval``: whoever sends unknown keys cannot hurry us."""
        least = self._issuer.jwks_min_interval
        while True:
            await asyncio.sleep(least)
            with suppress(TimeoutError):  # nobody wanted it sooner
                async with asyncio.timeout(max(0.0, self._wait() - least)):
                    await self._wanted.wait()
            await self.look()

    async def look(self) -> bool:
        """One fetch; True where it was good."""
        self._wanted.clear()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(2 * WITHIN):
                found = await loop.run_in_executor(self._thread, fetch, self._url, self._issuer.jwks_ca, self._etag)
            self._take(found)
        except FetchError as error:
            self._failed(str(error))
        except TimeoutError:
            self._failed(f"{self._url}: it took too long")
        except ConfigError as error:
            self._failed("; ".join(error.problems))
        except Exception:  # an edge: whatever it is, the keys grow old and the next look must come
            _log.exception("key_fetch_failed", extra={"issuer": self._issuer.issuer})
            self._failed("an error of the gateway's own; the log has it")
        return not self.trouble

    def close(self) -> None:
        """Fetch no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _take(self, found: Fetched) -> None:
        if found.document is not None:
            keys = usable(found.document, self._issuer.issuer)
            self._etag = found.etag
            self._swap(keys)
        if not self._known or self._failures:
            _log.info("keys_fetched", extra={"issuer": self._issuer.issuer})
        self._known, self._failures, self.trouble = True, 0, ""
        self._good_at = self._clock()
        least, most = self._issuer.jwks_min_interval, self._issuer.jwks_refresh
        self._pause = float(most if found.max_age is None else min(max(found.max_age, least), most))
        self._metrics.keys_fetched(self._issuer.issuer, ok=True)
        self._metrics.issuer_keys(self._issuer.issuer, known=True)

    def _failed(self, why: str) -> None:
        self._metrics.keys_fetched(self._issuer.issuer, ok=False)
        self._failures += 1
        self._pause = float(
            min(self._issuer.jwks_min_interval * 2 ** min(self._failures, 10), self._issuer.jwks_refresh)
        )
        _log.error("keys_not_fetched", extra={"issuer": self._issuer.issuer, "why": why, "failures": self._failures})
        self.trouble = f"its keys could not be fetched: {why}"
        if self._good_at is None or self._age() >= self._issuer.jwks_max_age:
            self.trouble += "; its tokens are refused"
            if self._known:
                _log.error("keys_too_old", extra={"issuer": self._issuer.issuer})
                self._known, self._etag = False, None
                self._swap(None)
            self._metrics.issuer_keys(self._issuer.issuer, known=False)

    def _age(self) -> float:
        return self._clock() - self._good_at if self._good_at is not None else 0.0

    def _wait(self) -> float:
        """Seconds until the next look; the moment at which the keys are too old is one."""
        left = self._issuer.jwks_max_age - self._age() if self._known else self._pause
        return min(self._pause, max(left, 0.0))


class KeyKeeper:
    """What verifies tokens now. ``verify`` may be called by any thread, the rest belongs to the loop."""

    def __init__(
        self, issuers: tuple[Issuer, ...], verifier: TokenVerifier, *, metrics: Counts, seen: dict[str, Signature]
    ) -> None:
        """``seen``: of each issuer's file, taken before it was loaded into ``verifier``."""
        self._verifier = verifier
        # Tokens that were good, by which keys and when first: each is shown again and again, and its signature takes
        # longer to verify than all else of a decision that stands. With other keys none of them counts.
        self._known: dict[str, tuple[TokenVerifier, int, Principal]] = {}
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._remote: dict[str, RemoteKeys] = {}
        self._files: list[FolderWatch[Keys]] = []
        for issuer in issuers:
            if issuer.jwks_url is not None:
                swap = self._swapping(issuer.issuer)
                self._remote[issuer.issuer] = RemoteKeys(issuer, issuer.jwks_url, swap=swap, metrics=metrics)
                metrics.issuer_keys(issuer.issuer, known=False)
            elif issuer.keys is not None:
                self._files.append(self._watch(issuer, issuer.keys, seen.get(issuer.issuer, ())))
                metrics.issuer_keys(issuer.issuer, known=True)

    def verify(self, token: str, *, at: int) -> Principal:
        """The principal of a token. Raises AuthenticationError."""
        verifier = self._verifier
        known = self._known.get(token)
        if known is not None and known[0] is verifier and known[1] <= at < known[2].expires_at:
            return known[2]
        try:
            principal = verifier.verify(token, at=at)
            if len(token) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[token] = (verifier, at, principal)
            return principal
        except KeyUnknown as error:
            remote = self._remote.get(error.issuer)
            if remote is not None:
                self._loop.call_soon_threadsafe(remote.want)
            raise

    def believe(self, claims: Mapping[str, Any], *, at: int) -> Principal:
        """The principal of claims that somebody else has verified, whom configuration trusts. Raises
        AuthenticationError."""
        return self._verifier.believe(claims, at=at)

    async def start(self, tasks: TaskGroup) -> None:
        """Fetch what has an address, then keep everything up to date. An issuer that is down is only noted."""
        if self._remote:
            looks = [tasks.spawn(remote.look(), f"keys of {name}") for name, remote in self._remote.items()]
            await asyncio.wait(looks, timeout=_FIRST_WAIT)
        for name, remote in self._remote.items():
            tasks.spawn(remote.run(), f"keys of {name}")
        for watch in self._files:
            tasks.spawn(watch.run(), "watch keys")

    def close(self) -> None:
        """Fetch no more."""
        for remote in self._remote.values():
            remote.close()

    def troubles(self) -> list[str]:
        """What is wrong with keys, for /readyz."""
        return [f"issuer {name}: {remote.trouble}" for name, remote in self._remote.items() if remote.trouble]

    def _swapping(self, issuer: str) -> Callable[[Keys | None], None]:
        def swap(keys: Keys | None) -> None:
            self._verifier = self._verifier.with_keys(issuer, keys)

        return swap

    def _watch(self, issuer: Issuer, path: Path, seen: Signature) -> FolderWatch[Keys]:
        def load(_: Path) -> Keys:
            return load_keys(issuer)

        return FolderWatch(
            path, what=f"keys of {issuer.issuer}", load=load, swap=self._swapping(issuer.issuer), seen=seen
        )


def key_files_seen(issuers: tuple[Issuer, ...]) -> dict[str, Signature]:
    """The state of each issuer's file: to be taken before they are loaded."""
    return {issuer.issuer: signature(issuer.keys) for issuer in issuers if issuer.keys is not None}
