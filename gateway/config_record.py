"""The record's part of the configuration, and what it must fulfil."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gateway.config_setting import setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """By what the record's heads are signed."""

    key: Path = setting("PEM file with the private Ed25519 key (`sekisho audit keygen`)", required=True)
    interval: int = setting("seconds between two heads while something is written; each segment's end has one too", 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Where the record lies."""

    directory: Path = setting("folder of the record's segments", required=True)
    segment_bytes: int = setting("size at which a new segment is begun", 64 * 1024 * 1024)
    on_full: str = setting(
        "what becomes of statements while the disk is full: `deny`, or `block` (they wait for room, no longer than a "
        "statement may run, and are denied then); nothing is ever done unrecorded",
        "deny",
    )
    signing: Signing | None = setting("by what the record's heads are signed; none = they are not")
    hash_key_file: Path | None = setting("file with the key of the statement hash; none = made on first start")
