"""Whoever works at the command line of a gateway: who they are, and that what they ask and do is in the record.

The record of a running gateway is written by the gateway. What is done beside it has a chain of its own in the same
folder, by the writer ``operator``, which every command continues; `sekisho audit` reads all chains together.
"""

from __future__ import annotations

import os
import platform
import pwd
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gateway.audit.record import Entry, Event, session_entry
from gateway.audit.tombstones import KEEPER
from gateway.audit.writer import RecordWriter
from gateway.errors import ConfigError, Reason, RecordUnavailable
from gateway.model import Durability, JsonValue

WRITER: Final = KEEPER
_SEGMENT_BYTES: Final = 64 * 1024 * 1024


def operator() -> str:
    """The user of this machine. What ``sudo`` says of who became root is told beside it: it can be set by anybody."""
    via = sudo_user()
    return f"os:{user_name()}" + (f" (sudo of {via})" if via else "")


def user_name() -> str:
    """Of the user of this machine who runs this."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def sudo_user() -> str:
    """Who they were before ``sudo``, as the environment says; empty where it does not."""
    return "".join(char for char in os.environ.get("SUDO_USER", "") if char.isalnum() or char in "._-")[:64]


@contextmanager
def as_owner(directory: Path) -> Iterator[None]:
    """Root writes as whoever owns the folder: the gateway must be able to read, and to go on with, what is written."""
    owner = directory.stat() if directory.is_dir() else None
    if owner is None or os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def noted(directory: Path, event: Event, detail: str, fields: Mapping[str, JsonValue] | None = None) -> None:
    """Record what is about to be done, on disk. Raises ConfigError where it cannot be."""
    entry = session_entry(
        event,
        at_ns=time.time_ns(),
        principal_id=operator(),
        detail=detail,
        attribution={"host": platform.node()},
    ) | dict(fields or {})
    try:
        append(directory, entry)
    except RecordUnavailable as error:
        raise ConfigError([f"record: {directory}: {error.detail}"]) from None


def append(directory: Path, entry: Entry) -> None:
    """An entry more in the operator's chain, on disk. Raises RecordUnavailable."""
    try:
        with as_owner(directory):
            writer = RecordWriter.open(directory, segment_bytes=_SEGMENT_BYTES, writer=WRITER, beside=True)
            try:
                writer.append(entry, Durability.SYNCED, _nobody_waits)
            finally:
                writer.close()  # when all is on disk, or with what went wrong
    except ConfigError as error:
        raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, "; ".join(error.problems)) from None
    except OSError as error:
        raise RecordUnavailable(Reason.RECORD_UNAVAILABLE, error.strerror or str(error)) from None


def _nobody_waits(error: BaseException | None) -> None:
    """Closing says it."""
