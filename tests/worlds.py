"""The demo's registry, rules and people without sockets or clocks: for tests that ask `authorize` itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from gateway.authorize import Authority
from gateway.demo.characters import CHARACTERS, ISSUER
from gateway.demo.settings import DATASOURCE
from gateway.facts.registry import Registry, load_registry
from gateway.facts.sightings import Sightings
from gateway.facts.subjects import Cost
from gateway.facts.tally import Room, SubjectTally, Used
from gateway.facts.volume import VolumeCounter
from gateway.model import DatasourceId, Door, Durability, Peer, Principal
from gateway.needs import (
    NEVER,
    Ask,
    Bounds,
    Need,
    NeedCounts,
    NeedDecision,
    NeedDurable,
    NeedReading,
    NeedRoom,
    NeedTree,
    NeedTurn,
    Outcome,
)
from gateway.policy.inprocess import InProcessEngine
from gateway.rations import Rations
from gateway.reuse import History
from gateway.sql.changes import Changes
from tests.driving import run_sync
from tests.packs import packs

ROOT = Path(__file__).parents[1]
REGISTRY = ROOT / "gateway" / "demo" / "registry"
NOW = 1_795_000_000  # 2026-11-18
SECOND = 1_000_000_000
_PEOPLE = {one.subject: one for one in CHARACTERS}


@cache
def packaged_engine() -> InProcessEngine:
    """The packs as they come, compiled once in a process: an engine keeps nothing of what it was asked."""
    return InProcessEngine(packs())


class StillWorld:
    """A world that a test moves by hand."""

    def __init__(self, registry: Registry, policy_revision: str) -> None:
        self.registry = registry
        self.policy_revision = policy_revision
        self.revised_ns = 0
        self.current_epoch: str | None = "epoch-1"
        self.history = History()
        self.seen_ns = 0
        self.sizes: dict[str, int] = {}

        self.stale = NEVER

    def epoch(self, datasource: DatasourceId) -> str | None:
        return self.current_epoch

    def moved(self, epoch: str | None, *relations: str) -> None:
        """The catalogs change: these relations, or everything where none is named."""
        if self.current_epoch is not None:
            self.history.moved(self.current_epoch, Changes(not relations, frozenset(relations)))
        self.current_epoch = epoch

    def stands(self, datasource: DatasourceId, since: str, depends: frozenset[str] | None) -> bool:
        return self.history.stands(since, depends)

    def epoch_seen_ns(self, datasource: DatasourceId) -> int:
        return self.seen_ns

    def rows_of(self, datasource: DatasourceId, relation: str) -> int | None:
        return self.sizes.get(relation)

    def stale_from(self, datasource: DatasourceId) -> int:
        return self.stale

    def country_max_age(self, issuer: str) -> int:
        return 900


class Bench:
    """An Authority with everything it needs, and every need it had."""

    def __init__(
        self, analyses: Callable[[str], Any], registry: Path = REGISTRY, *, tally: SubjectTally | None = None
    ) -> None:
        """``tally``: counts people there; without it nobody does."""
        self.tally = tally
        self.engine = packaged_engine()
        self.world = StillWorld(load_registry(registry), self.engine.revision)
        self.volume = VolumeCounter()
        self.sightings = Sightings(window=600, most=100)
        self.analyses = analyses
        self.needs: list[Need] = []
        self.turns = 0  # of texts that nobody knew
        self.raises: dict[type, Exception] = {}
        self.authority = self.new_authority()

    def new_authority(self) -> Authority:
        numbers = itertools.count(1)
        return Authority(
            world=self.world,
            volume=self.volume,
            sightings=self.sightings,
            bounds=Bounds(statement_bytes=131_072, tree_bytes=8_388_608, known_statements=100, known_decisions=100),
            new_id=lambda: f"d-{next(numbers)}",
            hash_key=b"k" * 32,
            own_name="sekisho_0f3a9c2b",
            rations=Rations(self.world, self.tally, b"k" * 32) if self.tally is not None else None,
        )

    def ask(self, who: str, site: str, sql: str, **changes: Any) -> Ask:
        expires = changes.pop("expires_at", NOW + 3600)
        principal = Principal(
            issuer=ISSUER,
            subject=who,
            database_user=who,
            groups=_PEOPLE[who].groups if who in _PEOPLE else (),
            mfa=True,
            expires_at=expires,
            issued_at=NOW - 60,
        )
        document: dict[str, Any] = {
            "door": Door.POSTGRES,
            "datasource": DatasourceId(DATASOURCE),
            "profile": "engineer",
            "principal": principal,
            "peer": Peer(address=None, site=site),
            "sql": sql,
            "session": "s-1",
        }
        return Ask(**{**document, **changes})

    def answer(self, need: Need) -> Any:
        if isinstance(need, NeedTurn):
            self.turns += 1
        else:
            self.needs.append(need)
        if type(need) in self.raises:
            raise self.raises[type(need)]
        match need:
            case NeedTurn():
                return None
            case NeedTree():
                return self.analyses(need.text)
            case NeedReading():
                return need.task.perform()
            case NeedDecision():
                return self.engine.evaluate(need.document)
            case NeedDurable():
                return None
            case NeedCounts():
                return self.tally.counts(need.owner, need.kinds, need.at) if self.tally is not None else None
            case NeedRoom():
                return self._room(need)

    def _room(self, need: NeedRoom) -> Any:
        assert self.tally is not None
        found = self.tally.reserve(need.owner, need.cost, need.bounds, need.at, need.last)
        if isinstance(found, Room) and not need.keep:
            self.tally.settle(found, Cost(), need.owner, Used(), need.at)
        return found

    def decide(self, ask: Ask, at: int = NOW, authority: Authority | None = None) -> Outcome:
        self.needs.clear()
        return run_sync((authority or self.authority).authorize(ask, at * SECOND), self.answer)

    @property
    def kinds(self) -> list[type]:
        return [type(need) for need in self.needs]

    @property
    def entry(self) -> Mapping[str, Any]:
        """The entry of the last decision."""
        return next(need.entry for need in reversed(self.needs) if isinstance(need, NeedDurable))

    @property
    def durability(self) -> Durability:
        return next(need.durability for need in reversed(self.needs) if isinstance(need, NeedDurable))
