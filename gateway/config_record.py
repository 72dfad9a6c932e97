"""The record's part of the configuration, and what it must fulfil."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.config_draft import Draft, Problem, address_problem
from gateway.config_setting import setting
from gateway.config_sink_rules import sinks
from gateway.config_sinks import Remote, Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """By what the record's heads are signed."""

    key: Path = setting("PEM file with the private Ed25519 key (`sekisho audit keygen`)", required=True)
    interval: int = setting("seconds between two heads while something is written; each segment's end has one too", 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """A bucket with object lock."""

    endpoint: str = setting("address of the store: https, or http of a loopback address", required=True)
    bucket: str = setting("its bucket, made with object lock", required=True)
    region: str = setting("region that requests are signed for", "us-east-1")
    prefix: str = setting("what names in the bucket begin with", "sekisho/")
    access_key_file: Path = setting("file with the access key's id", required=True)
    secret_key_file: Path = setting("file with the secret access key", required=True)
    mode: str = setting(
        "`COMPLIANCE`: nobody can shorten the lock; `GOVERNANCE`: who has a right of its own", "COMPLIANCE"
    )
    retention_days: int = setting("days for which heads are locked", 3650)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A place for signed heads that whoever rules this machine cannot change."""

    name: str = setting("name it has in metrics and reports", required=True)
    directory: Path | None = setting("folder on another disk or machine; or `url`, or `s3`")
    url: str | None = setting("address of a store that takes PUT; each head goes to <url>/<writer>/<number>.json")
    s3: S3Store | None = setting("bucket with object lock")
    ca: Path | None = setting("PEM file with the authorities that sign the store's certificate; none = system's")
    token_file: Path | None = setting("file with the bearer token that `url` asks for; none = it asks for none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how long a regime asks for records."""

    regime: str = setting("the regime, as its citation names it", required=True)
    subject_countries: tuple[str, ...] = setting(
        "countries whose people's data it is about; empty: whatever no other row is for", ()
    )
    years: int = setting("years from an entry's time", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawStatements:
    """Statements as they were asked, values and all, for one reader's eyes."""

    recipient: Path = setting(
        "PEM file with the public key they are sealed for (`sekisho audit keygen --for reading`); the gateway cannot "
        "open them",
        required=True,
    )


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
    anchors: tuple[Anchor, ...] = setting("where signed heads are put as well, out of this machine's reach", ())
    retention: tuple[Retention, ...] = setting(
        "for how long entries are kept, by whose data they are about: the longest that fits counts, and the longest of "
        "all where that is not known; none = what the packs say (`record_retention` of regimes, and the house's)",
        (),
    )
    prune_interval: int = setting(
        "seconds between two prunings of segments whose time is over; 0 = only `sekisho audit prune` does", 0
    )
    raw_statements: RawStatements | None = setting(
        "statements as they were asked, sealed for a reader; none = the record has none"
    )
    hash_key_file: Path | None = setting("file with the key of the statement hash; none = made on first start")
    name: str | None = setting("what sinks know this record by, among those of other gateways; none = the host's name")
    sinks: tuple[Sink, ...] = setting("where the record is shipped to", ())
    remote: Remote | None = setting("a sink that must have an entry before what it allows goes on")


_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,30}")
_FORGED: Final = "whoever changes answers on their way could hide that the record was rewritten"


def anchor(draft: Draft) -> Iterator[Problem]:
    """One place, and what belongs to it."""
    name = draft.get("name")
    if name is not None and _NAME.fullmatch(name) is None:
        yield "name", "1 to 31 small letters, digits, `_` and `-`"
    places = [place for place in ("directory", "url", "s3") if draft.get(place) is not None]
    if {"directory", "url", "s3"} <= draft.values.keys() and len(places) != 1:
        yield "", "name one place: a `directory`, a `url` or an `s3`"
    if (url := draft.get("url")) is not None and (why := address_problem(url, _FORGED)):
        yield "url", why
    if draft.get("token_file") is not None and "url" not in places:
        yield "token_file", "is for `url`"


def s3_store(draft: Draft) -> Iterator[Problem]:
    """Where it is."""
    endpoint = draft.get("endpoint")
    if endpoint is not None and (why := address_problem(endpoint, _FORGED)):
        yield "endpoint", why


def record(draft: Draft) -> Iterator[Problem]:
    """What rests on what."""
    anchors = draft.sections("anchors")
    if anchors and "signing" in draft.values and draft.get("signing") is None:
        yield "signing", "missing, and `anchors` keep signed heads"
    names = [one.get("name") for one in anchors]
    for twice in sorted({name for name in names if name is not None and names.count(name) > 1}):
        yield "anchors", f"name `{twice}` is there {names.count(twice)} times"
    yield from sinks(draft)
