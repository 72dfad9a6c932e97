"""Policy and registry as a bundle from a web server: fetched, verified, looked at as a whole, and only then in force.

The folder keeps what was good last, so that a start without the server works, with its age known::

    current -> versions/5f2c...   turned in one step, when everything in it has been looked at
    versions/<hash>/policy        what `policy.directory` would be
    versions/<hash>/registry      the registry's files
    confirmed                     touched whenever the server says that this is still what there is

What watches folders (`gateway.links.watch`) sees the link turned. A bundle that cannot be used is refused and told;
what is in force stays, and its age grows. Of several workers one fetches, and all see the link.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, Final

from gateway.config import BundleSource, Config
from gateway.errors import ConfigError
from gateway.links.get import FetchError, Got, get
from gateway.links.secret import secret
from gateway.links.sources import CURRENT, POLICY, REGISTRY, FetchedCheck
from gateway.links.watch import Refusal
from gateway.policy.archive import MAX_ARCHIVE, Archive, unpack
from gateway.policy.signature import VerificationKey

_log = logging.getLogger(__name__)
_VERSIONS: Final = "versions"
_CONFIRMED: Final = "confirmed"
_ABOUT: Final = "about.json"
_WITHIN: Final = 30.0  # seconds of one fetch, beside what the server is asked to wait
_FIRST: Final = 15.0  # seconds a start waits for a bundle, where it has none
_AGAIN: Final = 0.05  # seconds between two requests to a server that waits, and two looks at another worker's link
_LONGEST: Final = 30.0  # seconds between two tries while the server fails
_LONG_POLL: Final = "application/vnd.openpolicyagent.bundles"  # OPA's word for a server that waits


class BundleKeeper:
    """Keeps the folder up to date. Lives on the loop."""

    def __init__(self, settings: BundleSource, check: Callable[[Path, Archive], None]) -> None:
        """``check`` looks at a bundle, where it was unpacked, as it would be loaded, and raises ConfigError. Raises it,
        too."""
        self._settings = settings
        self._check = check
        self._folder = settings.directory
        self._key = _verification_key(settings)
        self._token = secret(settings.token_file) if settings.token_file is not None else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bundle")
        self._lock: IO[bytes] | None = None
        self._refused_etag: str | None = None
        self._failures = 0
        self._waits = False  # the server holds a request until there is something new
        self.refusal: Refusal | None = None

    @property
    def changed_at(self) -> float:
        """When the server last said that what is in force is what there is; 0 where it never did."""
        with contextlib.suppress(OSError):
            return (self._folder / _CONFIRMED).stat().st_mtime
        return 0.0

    async def begin(self) -> None:
        """Have a bundle in the folder: a new one, or the last good one. Raises ConfigError where there is none."""
        for name in ("", _VERSIONS):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + _FIRST
        await self.look()
        while not self._has_one() and self._lock is None and time.monotonic() < deadline:
            await asyncio.sleep(_AGAIN)  # another worker is fetching it
            await self.look()
        if not self._has_one():
            why = (
                self.refusal.problems if self.refusal is not None else (f"{self._settings.url}: none could be fetched",)
            )
            raise ConfigError([f"policy.bundle: {problem}" for problem in why])

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._pause())
            await self.look()

    async def look(self) -> bool:
        """One request; True where something new is in force."""
        if not self._mine():
            return False
        loop = asyncio.get_running_loop()
        try:
            got: Got = await loop.run_in_executor(self._thread, self._fetch)
            found: bool = await loop.run_in_executor(self._thread, self._take, got)
        except FetchError as error:
            self._failures += 1
            if self._failures & (self._failures - 1) == 0:  # the first, the second, the fourth
                _log.error("bundle_not_fetched", extra={"why": str(error), "failures": self._failures})
            return False
        except ConfigError as error:
            self._refused_etag = got.etag
            self.refusal = Refusal("bundle", error.problems)
            return False
        except Exception as error:  # an edge: what is in force stays, and the next look must come
            self.refusal = Refusal("bundle", (str(error),), broken=True)
            return False
        if self._failures:
            _log.info("bundle_fetched", extra={"failures": self._failures})
        self._failures = 0
        return found

    def close(self) -> None:
        """Fetch no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._lock is not None:
            self._lock.close()

    def _pause(self) -> float:
        if self._failures:
            return float(min(_LONGEST, self._settings.poll_ms / 1000 * 2 ** min(self._failures, 10)))
        return _AGAIN if self._waits else self._settings.poll_ms / 1000

    def _mine(self) -> bool:
        """Whether it is for this process to fetch."""
        if self._lock is None:
            lock = (self._folder / ".lock").open("ab")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                return False
            self._lock = lock
        return True

    def _has_one(self) -> bool:
        return bool(self._kept())

    # -- in the thread --------------------------------------------------------------------------------------------

    def _fetch(self) -> Got:
        wait = self._settings.wait
        headers = {"Accept": "application/gzip, application/octet-stream"}
        if wait and self._has_one():
            headers["Prefer"] = f"modes=snapshot;wait={wait}"
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        etag = self._refused_etag if self._refused_etag is not None else self._about().get("etag")
        got = get(
            self._settings.url,
            ca=self._settings.ca,
            etag=etag,
            headers=headers,
            within=_WITHIN + (wait if "Prefer" in headers else 0),
            most=MAX_ARCHIVE,
            what="bundle",
        )
        said = got.headers.get("Preference-Applied") or ""
        self._waits = "Prefer" in headers and ("wait" in said or got.headers.get_content_type() == _LONG_POLL)
        return got

    def _take(self, got: Got) -> bool:
        """Put it in force, if it is new and good. Raises ConfigError."""
        if got.body is None:
            if self._refused_etag is not None:  # what there is, is still what cannot be used
                if self.refusal is not None:
                    self.refusal.again()
                return False
            self._confirm()
            return False
        name = hashlib.sha256(got.body).hexdigest()[:16]
        new = self._about().get("name") != name
        about = {"name": name, "etag": got.etag, "url": self._settings.url}
        if new:
            archive = unpack(got.body, self._key)
            self._not_older(archive)
            self._unpack(archive, name)
            number = archive.number
        else:
            number = self._kept().get("number")
        self._write_about({**about, "number": number})
        self._refused_etag = self.refusal = None
        self._confirm()
        if new:
            _log.info("bundle_taken", extra={"version": name})
        return new

    def _not_older(self, archive: Archive) -> None:
        """A signature says who made a bundle, and not when: whoever holds the server could send one back that was good
        once, from before somebody was blocked. Raises ConfigError."""
        now = self._kept().get("number")
        if now is None or self._settings.accept_older:
            return
        if archive.number is None or archive.number < now:
            told = "has no number" if archive.number is None else f"is number {archive.number}"
            raise ConfigError([f"the bundle {told}, and number {now} is in force: an older one is not taken back"])

    def _unpack(self, archive: Archive, name: str) -> None:
        version, link = self._folder / _VERSIONS / name, self._folder / "next"
        if version.exists():
            shutil.rmtree(version)  # of a crash in the middle
        try:
            written = write_out(archive, version)
            link.unlink(missing_ok=True)
            link.symlink_to(Path(_VERSIONS) / name)
            self._check(link, archive)
        except BaseException:
            shutil.rmtree(version, ignore_errors=True)
            raise
        former = os.path.realpath(self._folder / CURRENT)
        link.replace(self._folder / CURRENT)
        for path in (*written, self._folder):  # in force already; a start believes it only when it is on disk, below
            _sync(path)
        for old in (self._folder / _VERSIONS).iterdir():  # whoever reads the former one just now finishes
            if not self._in_force(old) and str(old.resolve()) != former:
                shutil.rmtree(old)

    def _in_force(self, version: Path) -> bool:
        return os.path.realpath(self._folder / CURRENT) == str(version.resolve())

    def _about(self) -> Mapping[str, Any]:
        """Of what is in force: what the server called it, if it is this one."""
        kept = self._kept()
        return kept if kept.get("url") == self._settings.url else {}

    def _kept(self) -> Mapping[str, Any]:
        """The same, of whatever server: nothing where what is in force was not on disk when all ended."""
        try:
            about = json.loads((self._folder / _ABOUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        known = isinstance(about, dict) and self._in_force(self._folder / _VERSIONS / str(about.get("name")))
        return dict(about) if known else {}

    def _write_about(self, about: Mapping[str, str | int | None]) -> None:
        part = self._folder / f"{_ABOUT}.part"
        part.write_text(json.dumps(about), encoding="utf-8")
        _sync(part)
        part.replace(self._folder / _ABOUT)

    def _confirm(self) -> None:
        (self._folder / _CONFIRMED).touch()


async def begin_bundles(config: Config, closing: contextlib.AsyncExitStack) -> BundleKeeper | None:
    """Have policy, and perhaps the registry, where a configuration loads them from. Raises ConfigError."""
    if config.policy.bundle is None:
        return None
    bundles = BundleKeeper(config.policy.bundle, FetchedCheck(config))
    closing.callback(bundles.close)
    await bundles.begin()
    return bundles


def write_out(archive: Archive, folder: Path) -> list[Path]:
    """Unpack it into a new folder. The files, which may not be on disk yet."""
    written = []
    for below, files in ((POLICY, archive.policy), (REGISTRY, archive.registry)):
        (folder / below).mkdir(parents=True)
        for name, data in files.items():
            path = folder / below / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as stream:
                stream.write(data)
            written.append(path)
    return written


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _verification_key(settings: BundleSource) -> VerificationKey | None:
    if settings.key is None:
        return None
    try:
        pem = settings.key.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{settings.key}: cannot be read"]) from error
    return VerificationKey(pem=pem, algorithm=settings.algorithm, scope=settings.scope)
