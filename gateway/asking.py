"""Asking about the record at the command line: who asks, may they, and that they asked is recorded before the answer.

The operating system vouches for whoever sits there: issuer ``os``, their user, their groups; and `OWNER` where they run
as the owner of the record's folder, who could open its files without asking anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.carry import carry
from gateway.config import Config
from gateway.errors import SekishoError
from gateway.inquiry import MACHINE, Inquiry, Reading
from gateway.links.engines import begin_engine
from gateway.links.sources import Sources, load_sources
from gateway.model import DatasourceId, Peer, Principal
from gateway.needs import NEVER, Need, NeedDecision, NeedDurable, Outcome
from gateway.operators import append, sudo_user, user_name
from gateway.readers import Readers
from gateway.world import DecisionIds, LiveWorld

OWNER: Final = "record-owner"
_SITTING: Final = 3600  # seconds for which an answer may hold: whoever watches longer is asked about again


class NotAllowed(SekishoError):
    """The rules, or what they hang on, say no. With the words for whoever asked."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason, outcome.detail)
        self.outcome = outcome


class _Now(LiveWorld):
    """Rules and registry as a command reads them, this moment: they are as new as their files."""

    def stale_from(self, datasource: DatasourceId) -> int:
        return NEVER


def operating_principal(record: Path, at: int) -> Principal:
    """Whoever runs this command, as the operating system says."""
    user = os.geteuid()
    owner = record.stat().st_uid if record.is_dir() else user
    # A group of the machine that is called like the owner's is another one.
    groups = {name for gid in {os.getegid(), *os.getgroups()} if (name := _group(gid)) != OWNER}
    if user in (0, owner):
        groups.add(OWNER)
    return Principal(
        issuer=MACHINE, subject=user_name(), database_user="", groups=tuple(sorted(groups)), expires_at=at + _SITTING
    )


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def ask(config: Config, reading: Reading, asked: str, *, sources: Sources | None = None) -> int:
    """Have the rules decide whether this may be read, and record that it was asked. Until when the answer holds. Raises
    NotAllowed, or ConfigError where it cannot be asked. ``asked``: the question in words, for whoever reads it."""
    return asyncio.run(_ask(config, sources or load_sources(config), reading, asked))


async def _ask(config: Config, sources: Sources, reading: Reading, asked: str) -> int:
    now_ns = time.time_ns()
    directory = config.record.directory
    world = _Now(config, sources.registry, sources.bundle.revision)
    readers = Readers(world=world, sightings=None, new_id=DecisionIds())
    inquiry = Inquiry(
        door=None,
        principal=operating_principal(directory, now_ns // 1_000_000_000),
        peer=Peer(address=None),
        reading=reading,
    )
    said: Mapping[str, str] = {"host": platform.node(), "sudo_user": sudo_user(), "asked": asked}
    work = readers.authorize(inquiry, now_ns, {name: text for name, text in said.items() if text})
    async with contextlib.aclosing(await begin_engine(config.policy, sources.bundle)) as engine:

        async def meet(need: Need) -> object:
            if isinstance(need, NeedDecision):
                return await engine.judge(need.document)
            if isinstance(need, NeedDurable):
                append(directory, dict(need.entry))
            return None

        outcome = await carry(work, meet)
    if outcome.decision is None or not outcome.allowed:
        raise NotAllowed(outcome)
    return outcome.decision.verdict.valid_until
