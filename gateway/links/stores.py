"""Where heads are anchored: a second folder, any store that takes HTTP PUT, an S3-compatible one with object lock.

A store holds, for each writer, the heads by their number, from some first one on without a gap; under 0 there is the
first one, whatever its number. What is there once stays as it is. A folder has one file of lines per writer; the others
one object per head. Calls block, within bounds; what goes wrong is an
``AnchorError`` in words for operators.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import md5, sha256
from http.client import HTTPException
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, urlsplit

from gateway.audit.heads import append_head, read_heads
from gateway.audit.segments import FileCalls, make_folder
from gateway.config import Anchor, S3Store
from gateway.errors import ConfigError
from gateway.links.get import opener
from gateway.links.secret import secret

_WITHIN: Final = 10.0  # seconds for one request
_MAX_LIST_BYTES: Final = 1024 * 1024
_EXISTS: Final = 412  # a store that knows preconditions: it is there already


class AnchorError(Exception):
    """A store did not do what was asked of it. Says why."""


class Store(Protocol):
    """One place for heads."""

    def put(self, writer: str, number: int, line: bytes) -> None:
        """Keep a head; one that is there is left as it is. Raises AnchorError."""
        ...

    def get(self, writer: str, number: int) -> bytes | None:
        """The head that was kept first under this number. Raises AnchorError."""
        ...


class FolderStore:
    """A folder on another disk, or another machine's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, writer: str, number: int, line: bytes) -> None:
        try:
            make_folder(self._directory, FileCalls())
            append_head(self._directory, writer, line, FileCalls())
        except OSError as error:
            raise AnchorError(f"{self._directory}: {error.strerror or error}") from error

    def get(self, writer: str, number: int) -> bytes | None:
        try:
            heads, _ = read_heads(self._directory, writer)
        except OSError as error:
            raise AnchorError(f"{self._directory}: {error.strerror or error}") from error
        if number == 0:
            return heads[0].raw if heads else None
        return next((one.raw for one in heads if one.head.number == number), None)


class HttpStore:
    """Any store that takes PUT and gives it back to GET."""

    def __init__(self, url: str, ca: Path | None = None, token: str | None = None) -> None:
        self._url, self._ca = url.rstrip("/"), ca
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def put(self, writer: str, number: int, line: bytes) -> None:
        headers = {**self._headers, "Content-Type": "application/json", "If-None-Match": "*"}
        _ask("PUT", self._address(writer, number), headers, self._ca, line)

    def get(self, writer: str, number: int) -> bytes | None:
        return _ask("GET", self._address(writer, number), self._headers, self._ca)

    def _address(self, writer: str, number: int) -> str:
        return f"{self._url}/{quote(writer)}/{number:08d}.json"


class LockedStore:
    """A bucket with object lock: nobody can change or remove what is in it, not who holds its keys either."""

    def __init__(self, settings: S3Store, ca: Path | None) -> None:
        try:
            from aws_request_signer import AwsRequestSigner
        except ImportError:
            raise ConfigError(["record.anchors: `s3` needs the extra `s3`: pip install 'sekisho[s3]'"]) from None
        self._settings, self._ca = settings, ca
        self._bucket = f"{settings.endpoint.rstrip('/')}/{quote(settings.bucket)}"
        self._signer = AwsRequestSigner(
            settings.region, secret(settings.access_key_file), secret(settings.secret_key_file), "s3"
        )

    def put(self, writer: str, number: int, line: bytes) -> None:
        until = datetime.now(UTC) + timedelta(days=self._settings.retention_days)
        headers = {
            "Content-Type": "application/json",
            "Content-MD5": b64encode(md5(line, usedforsecurity=False).digest()).decode(),  # asked for with a lock
            "If-None-Match": "*",
            "x-amz-object-lock-mode": self._settings.mode,
            "x-amz-object-lock-retain-until-date": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        self._ask("PUT", f"{self._bucket}/{self._key(writer, number)}", headers, line)

    def get(self, writer: str, number: int) -> bytes | None:
        """The oldest version: whoever may write can put others over it, or hide it, and cannot remove it."""
        key = self._key(writer, number)
        listed = self._ask("GET", f"{self._bucket}?prefix={quote(key, safe='')}&versions=", {})
        versions = _versions(listed or b"", key)
        if not versions:
            return None
        return self._ask("GET", f"{self._bucket}/{key}?versionId={quote(versions[-1], safe='')}", {})

    def _key(self, writer: str, number: int) -> str:
        return f"{quote(self._settings.prefix)}{quote(writer)}/{number:08d}.json"

    def _ask(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> bytes | None:
        signed = self._signer.sign_with_headers(method, url, headers, sha256(body or b"").hexdigest())
        return _ask(method, url, {**headers, **signed}, self._ca, body)


def _versions(listed: bytes, key: str) -> list[str]:
    """Versions of one object, newest first."""
    from defusedxml import ElementTree

    try:
        found = ElementTree.fromstring(listed)
    except (ElementTree.ParseError, ValueError) as error:
        raise AnchorError(f"the store's list is no XML: {error}") from None
    space = found.tag.partition("}")[0] + "}" if found.tag.startswith("{") else ""
    return [
        version.findtext(f"{space}VersionId") or "null"
        for version in found.iter(f"{space}Version")
        if version.findtext(f"{space}Key") == key
    ]


def _ask(method: str, url: str, headers: Mapping[str, str], ca: Path | None, body: bytes | None = None) -> bytes | None:
    """The answer's body; None: there is nothing. Raises AnchorError."""
    try:
        # configuration takes https, and http of a loopback address, only
        request = urllib.request.Request(url, data=body, method=method, headers={**headers, "User-Agent": "sekisho"})  # noqa: S310
        with opener(url, ca).open(request, timeout=_WITHIN) as response:
            if body is not None:
                return b""
            data: bytes = response.read(_MAX_LIST_BYTES + 1)
            if len(data) > _MAX_LIST_BYTES:
                raise AnchorError(f"{url}: the answer is too large")
            return data
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404 and body is None:
                return None
            if error.code == _EXISTS and body is not None:
                return b""
            said = " ".join(error.read(300).decode("utf-8", "replace").split())
        raise AnchorError(f"{urlsplit(url).netloc}: answered {error.code} {said}".rstrip()) from error
    except (OSError, HTTPException, ValueError) as error:
        raise AnchorError(f"{urlsplit(url).netloc}: {getattr(error, 'reason', None) or error}") from error


def open_store(anchor: Anchor) -> Store:
    """The store a configuration names. Raises ConfigError."""
    if anchor.directory is not None:
        return FolderStore(anchor.directory)
    if anchor.url is not None:
        return HttpStore(anchor.url, anchor.ca, None if anchor.token_file is None else secret(anchor.token_file))
    if anchor.s3 is not None:
        return LockedStore(anchor.s3, anchor.ca)
    raise ConfigError([f"record.anchors: {anchor.name}: name a `directory`, a `url` or an `s3`"])
