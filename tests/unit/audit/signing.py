"""Keys, and signed records to break."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.chain import Link, canonical, link, read_line
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.heads import Head, Keys, Signer, append_head, key_id
from gateway.audit.segments import FileCalls
from tests.unit.audit.chains import START_NS, WRITER, Lines, claims, lay, sample_lines


def signer(seed: int = 1) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Signer(key, key_id(key.public_key()))


def keys(*seeds: int) -> Keys:
    return Keys({signer(seed).key_id: signer(seed).key.public_key() for seed in seeds or (1,)})


def heads_of(lines: Lines) -> list[Head]:
    """A head at the end of every segment, and one in the middle of the last."""
    heads: list[Head] = []
    for index, segment in enumerate(lines):
        ends = [(len(segment) - 1, True)] if index + 1 < len(lines) else [(1, False), (len(segment) - 1, False)]
        for place, closed in ends:
            last = claims(segment[place])
            heads.append(
                Head(
                    writer=WRITER,
                    number=len(heads),
                    segment=index,
                    first_seq=claims(segment[0])["seq"],
                    last_seq=last["seq"],
                    hash=last["hash"],
                    at_us=START_NS // 1000,
                    closed=closed,
                )
            )
    return heads


def lay_signed(directory: Path, lines: Lines | None = None, heads: list[Head] | None = None, seed: int = 1) -> Path:
    """The sample record, or another one, with heads of the sample, or others."""
    lay(directory, sample_lines() if lines is None else lines, None if lines is None else end_of(lines))
    for head in heads_of(sample_lines()) if heads is None else heads:
        append_head(directory, head.writer, signer(seed).line(head), FileCalls())
    return directory


def end_of(lines: Lines) -> bytes:
    """A checkpoint that fits."""
    last = claims(lines[-1][-1])
    state = Checkpoint(writer=WRITER, segment=len(lines) - 1, seq=last["seq"], hash=last["hash"], closed=True)
    return state.slot()[0]


def rewritten(lines: Lines, seq: int) -> Lines:
    """The record as a forger makes it who edits one entry and chains all later ones anew."""
    made: Lines = []
    prev = ""
    for segment in lines:
        made.append([])
        for raw in segment:
            found = read_line(raw)
            assert isinstance(found, Link)
            content = dict(found.entry) | ({"session": "another"} if found.seq == seq else {})
            line, digest = link(canonical(content), found.seq, found.prev if found.seq < seq else prev or found.prev)
            made[-1].append(raw if found.seq < seq else line)
            prev = found.hash if found.seq < seq else digest
    return made
