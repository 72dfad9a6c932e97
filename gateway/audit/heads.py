"""Signed heads: what a writer's chain had come to, said under a key that who rewrites the record does not have.

A head names writer, segment, first and last entry of it, and the hash of the last one; so it speaks for every entry
before it as well. One is made whenever a segment ends, and now and then in between. They lie beside the segments, one
line each, in ``<writer>.heads.jsonl``, numbered in their order; `gateway.links.anchors` puts the same lines where
whoever rules this machine cannot reach them. The signature is Ed25519, over the head's canonical JSON.

What is kept of them (``kept``): all that an anchor does not have yet, the last one of each segment, and of segments
that were pruned the last one of all. So there are about as many as segments. Nothing goes unsaid by that: each head is
signed by itself, and the last one of a segment speaks for all that is in it and before; only the words "rewritten from
this entry on" are as coarse as a segment then. At an anchor all of them stay.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
)

from gateway.audit.chain import canonical
from gateway.audit.key_files import private_key, public_key
from gateway.audit.segments import FileCalls, create_file, sync_folder, write_all
from gateway.errors import ConfigError
from gateway.model import JsonValue

VERSION: Final = 1
MAX_HEAD_BYTES: Final = 4096
_SUFFIX: Final = ".heads.jsonl"
_SAID: Final = "sekisho head"  # around what is signed: nothing else signed with the key can be taken for a head


class HeadInvalid(Exception):
    """A line that is no head of ours. Says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is signed. ``closed``: the segment ended there. ``number``: of the writer's heads, from 0."""

    writer: str
    number: int
    segment: int
    first_seq: int
    last_seq: int
    hash: str
    at_us: int
    closed: bool
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head as it lies there: nothing says yet that the signature is good."""

    head: Head
    key_id: str
    signature: bytes
    signed: bytes
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Signer:
    """The gateway's key."""

    key: Ed25519PrivateKey
    key_id: str

    def line(self, head: Head) -> bytes:
        """The head with its signature, as it is kept."""
        fields: dict[str, JsonValue] = asdict(head)
        signature, key_id = self.sign(_SAID, fields)
        return canonical({"head": fields, "key_id": key_id, "signature": signature}).encode() + b"\n"

    def sign(self, said: str, fields: Mapping[str, JsonValue]) -> tuple[str, str]:
        """Signature and key id of other facts; ``said`` keeps kinds of facts apart."""
        return b64encode(self.key.sign(_signed(said, fields))).decode(), self.key_id


@dataclass(frozen=True, slots=True)
class Keys:
    """Public keys that count, by their id."""

    by_id: Mapping[str, Ed25519PublicKey]

    def check(self, key_id: str, signature: bytes, signed: bytes) -> bool | None:
        """Whether the signature is good. None: no key of that id is known."""
        key = self.by_id.get(key_id)
        if key is None:
            return None
        try:
            key.verify(signature, signed)
        except InvalidSignature:
            return False
        return True

    def check_facts(self, said: str, fields: Mapping[str, JsonValue], key_id: str, signature: str) -> bool | None:
        """The same for other facts that were signed."""
        try:
            raw = b64decode(signature, validate=True)
        except ValueError:
            return False
        return self.check(key_id, raw, _signed(said, fields))


def _signed(said: str, fields: Mapping[str, JsonValue]) -> bytes:
    return canonical({said: dict(fields)}).encode()


def load_signer(path: Path) -> Signer:
    """The private key of a PEM file. Raises ConfigError."""
    key = private_key(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError([f"{path}: not an Ed25519 key; `sekisho audit keygen` makes one"])
    return Signer(key, key_id(key.public_key()))


def load_keys(paths: Iterable[Path]) -> Keys:
    """The public keys of PEM files. Raises ConfigError with every problem."""
    found: dict[str, Ed25519PublicKey] = {}
    problems: list[str] = []
    for path in paths:
        try:
            key = public_key(path)
        except ConfigError as error:
            problems += error.problems
            continue
        if isinstance(key, Ed25519PublicKey):
            found[key_id(key)] = key
        else:
            problems.append(f"{path}: not an Ed25519 key")
    if problems:
        raise ConfigError(problems)
    return Keys(found)


def key_id(key: Ed25519PublicKey) -> str:
    """By which a key is told from others: the beginning of its SHA-256."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def heads_path(directory: Path, writer: str) -> Path:
    """Where this writer's heads lie."""
    return directory / f"{writer}{_SUFFIX}"


def list_heads(directory: Path) -> list[str]:
    """Writers that have heads in the folder. Raises OSError."""
    return sorted(name.removesuffix(_SUFFIX) for name in os.listdir(directory) if name.endswith(_SUFFIX))


def parse_head(raw: bytes) -> SignedHead:
    """A line read back. Raises HeadInvalid: where it lies, anybody may have written it."""
    try:
        value: Any = json.loads(raw)
        fields, signature = value["head"], b64decode(value["signature"], validate=True)
        version = fields["version"]
        if isinstance(version, int) and version > VERSION:
            raise HeadInvalid(f"a head of version {version}; this program knows versions up to {VERSION}")
        head = Head(**fields)
        whole = all(type(getattr(head, name)) is kind for name, kind in _TYPES) and isinstance(value["key_id"], str)
        if not whole or len(value) != 3:
            raise HeadInvalid("it does not have the fields of a head")
        return SignedHead(head, value["key_id"], signature, _signed(_SAID, fields), raw)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise HeadInvalid("it is no head") from error


def read_heads(directory: Path, writer: str) -> tuple[list[SignedHead], list[tuple[int, str]]]:
    """The writer's heads, and the lines that are none, each with why. A line without its end is what a crash left.
    Raises OSError."""
    heads: list[SignedHead] = []
    wrong: list[tuple[int, str]] = []
    try:
        file = heads_path(directory, writer).open("rb")
    except FileNotFoundError:
        return heads, wrong
    with file:
        number = 0
        while raw := file.readline(MAX_HEAD_BYTES):
            number += 1
            cut_short = not raw.endswith(b"\n") and len(raw) < MAX_HEAD_BYTES
            if cut_short or (b"\0" in raw and not file.peek(1)):  # zeros: of a power cut
                break
            try:
                heads.append(parse_head(raw))
            except HeadInvalid as error:
                wrong.append((number, str(error)))
    return heads, wrong


def append_head(directory: Path, writer: str, line: bytes, calls: FileCalls) -> None:
    """Keep a head, on disk when this returns. Raises OSError. One process at a time does so for one writer."""
    path = heads_path(directory, writer)
    new = not path.exists()
    fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(fd).st_size
        begin = max(0, size - 2 * MAX_HEAD_BYTES)
        tail = os.pread(fd, 2 * MAX_HEAD_BYTES, begin)
        end = tail.rfind(b"\n") + 1
        last = tail.rfind(b"\n", 0, max(0, end - 1)) + 1
        whole = begin + (last if b"\0" in tail[last:end] else end)
        if whole < size:
            os.ftruncate(fd, whole)  # what a crash left: nobody was told of it
        write_all(fd, line, calls)
        calls.fdatasync(fd)
    finally:
        os.close(fd)
    if new:
        sync_folder(directory, calls)


def kept(heads: Sequence[SignedHead], anchored: int, oldest: int) -> list[SignedHead]:
    """Those that are still needed. ``anchored``: the number of the last head that every anchor has; ``oldest``: the
    first segment there is."""
    last = {max(one.head.segment, oldest - 1): one.head.number for one in heads}
    return [
        one for one in heads if one.head.number > anchored or last[max(one.head.segment, oldest - 1)] == one.head.number
    ]


def replace_heads(directory: Path, writer: str, heads: Sequence[SignedHead], calls: FileCalls) -> None:
    """Keep these and no others; whoever reads sees the file as it was, or as it is then. Raises OSError."""
    path = heads_path(directory, writer)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(create_file(unfinished, b"".join(one.raw for one in heads), calls))
    unfinished.rename(path)
    sync_folder(directory, calls)


_TYPES: Final = (
    *((name, str) for name in ("writer", "hash")),
    *((name, int) for name in ("number", "segment", "first_seq", "last_seq", "at_us", "version")),
    ("closed", bool),
)
