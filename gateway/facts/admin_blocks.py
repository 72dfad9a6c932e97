"""What was blocked by `sekisho block`, as it is kept: a file that only Sekisho writes, beside the registry's own.

    next: 3
    blocks:
      - {"id": "admin-2", "country": "KP", "from": "2026-11-22", "reason": "...", "by": "os:ann", "at": "2026-11-..."}
    ...

It is replaced as a whole and ends in ``...``, so what was cut is known for it. It can only add to the blocks of the
registry: whatever it says, those stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError
from gateway.facts.blocks import ADMIN, Block, read_block
from gateway.facts.fields import Problems, Section, read_section
from gateway.facts.folder import ends
from gateway.facts.period import iso
from gateway.facts.yaml_tree import MAX_BYTES
from gateway.model import EntityId

FILE: Final = "admin-blocks.yaml"
MOST: Final = 10_000  # blocks; whoever needs more blocks countries


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminBlock:
    """One block, who made it, and when."""

    block: Block
    by: str
    at: str


@dataclass(frozen=True, slots=True)
class AdminBlocks:
    """All of them. ``next`` is the number of the next one: no number is given twice."""

    kept: tuple[AdminBlock, ...] = ()
    next: int = 1

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What they stop."""
        return tuple(one.block for one in self.kept)


def read_file(path: Path) -> bytes | None:
    """The file as it is now; None where there is none. Raises ConfigError."""
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror or error}"]) from None


def read_admin(data: bytes, problems: Problems) -> AdminBlocks:
    """What the file says. Whether whoever is named is there is for the registry to say."""
    root = read_section(data, FILE, problems)
    if root is None:
        return AdminBlocks()
    if not ends(data):
        root.problem("the file is cut: it does not end in '...'")
    following = int(root.number("next"))
    if not root.has("blocks"):
        root.problem("'blocks' is missing")
    kept = tuple(_kept(section) for section in root.sections("blocks"))
    root.done()
    seen = {one.block.id for one in kept}
    if len(seen) != len(kept) or len(kept) > MOST:
        root.problem(f"a block stands twice, or there are more than {MOST}")
    return AdminBlocks(kept, following)


def written(admin: AdminBlocks) -> bytes:
    """The file that says so."""
    head = f"# Written by `sekisho block` and `sekisho unblock`.\nnext: {admin.next}\n"
    if not admin.kept:
        return f"{head}blocks: []\n...\n".encode()
    return (head + "blocks:\n" + "".join(f"  - {_line(one)}\n" for one in admin.kept) + "...\n").encode()


def _line(one: AdminBlock) -> str:
    # JSON, which is YAML too; not in ASCII, as YAML knows no pairs of surrogates.
    return json.dumps(dict(_fields(one)), ensure_ascii=False)


def _fields(one: AdminBlock) -> Iterable[tuple[str, str]]:
    block = one.block
    yield "id", block.id
    yield block.whom
    for key, day in (("from", block.period.start), ("to", block.period.end)):
        if day is not None:
            yield key, iso(day)
    yield "reason", block.reason
    yield "by", one.by
    yield "at", one.at


def _kept(section: Section) -> AdminBlock:
    block = read_block(section, _as_written)
    if block.id and not block.id.startswith(ADMIN):
        section.problem(f"ids in this file begin with '{ADMIN}'")
    found = AdminBlock(block=block, by=section.text("by"), at=section.text("at"))
    section.done()
    return found


def _as_written(section: Section, key: str) -> EntityId:
    return EntityId(section.entity(key))
