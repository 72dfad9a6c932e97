"""What is asked of `authorize`, what it needs to answer, and the answer a door acts on."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.errors import Reason
from gateway.facts.registry import Registry
from gateway.facts.subjects import Bound, Cost, Kind, Owner
from gateway.facts.tally import Full, Room, SubjectTally
from gateway.model import (
    Caller,
    Complaint,
    DatasourceId,
    Decision,
    Door,
    Durability,
    JsonValue,
    Peer,
    Principal,
    PrincipalId,
    StatementFacts,
    VolumeCount,
)
from gateway.naming import SessionNames
from gateway.reading import Task
from gateway.reuse import Standing
from gateway.search_path import PathState
from gateway.sql.catalog import Catalog
from gateway.sql.named import Names
from gateway.trace_context import Context

if TYPE_CHECKING:
    from gateway.rations import Ration


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question of a door: may this principal, standing there, run this text?"""

    door: Door
    datasource: DatasourceId
    profile: str
    principal: Principal
    peer: Peer
    caller: Caller | None = None  # who asks for the principal; None: it asks for itself
    sql: str
    given: StatementFacts | None = None  # what it does, where no server is asked: ``sql`` is words, without values
    parameter_types: tuple[int, ...] = ()
    supports: frozenset[str] = frozenset()  # kinds of obligations the door, or its caller, can fulfil
    executes: bool = True  # rows may flow from it; False: a plan is made, and it will be asked about again
    counts: bool = False  # the door tells what went out (`Authority.completed`)
    own_session: bool = False  # its own session says what a text means, each time: nothing known stands for it
    sends: bool = False  # the door sends the text on by itself, so obligations are to be written into it
    seen: tuple[StatementFacts, ...] = ()  # an open portal serves what it was opened for, whatever is true since
    names: SessionNames | None = None  # what the session's names stand for; None: nobody here knows
    search_path: str | None = None  # the session's, as `gateway.search_path` writes it; None: the datasource's own
    path_state: PathState = PathState.SETTLED
    session: str
    trace: Context | None = field(default=None, compare=False)  # the caller's word: the order never looks at it


@dataclass(frozen=True, slots=True)
class NeedTree:
    """The server's analysed tree of one statement, as the profile's role would run it."""

    datasource: DatasourceId
    profile: str
    text: str
    parameter_types: tuple[int, ...]
    principal: PrincipalId  # for whom: nobody may keep the twin busy for everybody else
    relations: Names = frozenset()  # that the text names: what its analysis may be held up by
    patient: bool = True  # whether whoever asks may be kept waiting: not a door with a few threads for everybody
    search_path: str | None = None  # under which path; None: the datasource's own
    counted: bool = True  # as one more unknown statement of the principal; False: it follows from one that was
    paid: bool = False  # its text's turn was waited for: no second time


@dataclass(frozen=True, slots=True)
class NeedTurn:
    """A text that nobody knows yet is about to be read: when it is the principal's turn. Answered with nothing."""

    principal: PrincipalId
    patient: bool = True


@dataclass(frozen=True, slots=True)
class Analysis:
    """The answer to NeedTree: the printed trees, or the server's own complaint; and the catalog they are read with."""

    trees: tuple[str, ...]
    complaint: Complaint | None
    catalog: Catalog
    search_path: tuple[str, ...] = ()  # the schemas that names without one were looked up in


@dataclass(frozen=True, slots=True)
class NeedReading:
    """Work that would hold up everybody else if it were done in their midst; answered as ``task.perform()`` would."""

    task: Task
    principal: PrincipalId
    patient: bool = True


@dataclass(frozen=True, slots=True)
class NeedDecision:
    """The policy engine's answer to one input document."""

    document: Mapping[str, JsonValue]
    principal: PrincipalId | None = None  # for whom: nobody may keep the engine busy for everybody else


@dataclass(frozen=True, slots=True)
class NeedDurable:
    """An entry of the record, at least as durable as this."""

    entry: Mapping[str, JsonValue]
    durability: Durability


@dataclass(frozen=True, slots=True)
class NeedCounts:
    """What went to an employer so far, these kinds included; answered with None where nobody can say."""

    owner: Owner
    kinds: frozenset[Kind]
    at: int

    def at_first(self) -> tuple[VolumeCount, ...]:
        """The answer where nothing went out yet."""
        return SubjectTally().counts(self.owner, self.kinds, self.at)


@dataclass(frozen=True, slots=True)
class NeedRoom:
    """Room for one execution within all bounds, reserved from now on; answered with a Room or with Full."""

    owner: Owner
    cost: Cost
    bounds: tuple[Bound, ...]
    at: int
    last: int | None = None  # rows that were given the last time
    keep: bool = True  # False: how many rows it would be

    def at_first(self) -> Room | Full:
        """The answer where nothing went out yet."""
        return SubjectTally().reserve(self.owner, self.cost, self.bounds, self.at, self.last)


NEVER: Final = 253402300799  # the end of the year 9999
Need = NeedTurn | NeedTree | NeedReading | NeedDecision | NeedDurable | NeedCounts | NeedRoom
Work = Generator[Need, Any, "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a door acts on. Exactly one of ``decision`` and ``complaint`` is set."""

    reason: Reason
    decision: Decision | None = None
    complaint: Complaint | None = None
    ration: Ration | None = None  # for the door to settle: what was reserved for this execution
    standing: Standing | None = None  # what was understood; for allowed statements, what further executions refer to
    message: str = ""
    detail: str = ""
    hint: str = ""
    sqlstate: str = "00000"

    @property
    def allowed(self) -> bool:
        """Whether the statement may go on."""
        return self.decision is not None and self.decision.allowed


class World(Protocol):
    """The facts' sources as they stand now; swapped whole by the composition root when files change."""

    @property
    def registry(self) -> Registry:
        """People, entities, networks, catalog, disclosures."""
        ...

    @property
    def policy_revision(self) -> str:
        """Hash of the rules in force."""
        ...

    @property
    def revised_ns(self) -> int:
        """When rules and registry in force were taken."""
        ...

    def epoch(self, datasource: DatasourceId) -> str | None:
        """The catalog epoch of a datasource; None while nobody can say (its twin is down)."""
        ...

    def stands(self, datasource: DatasourceId, since: str, depends: frozenset[str] | None) -> bool:
        """Whether what was known at an earlier epoch, and rests on these relations, is known now (`reuse.History`)."""
        ...

    def epoch_seen_ns(self, datasource: DatasourceId) -> int:
        """The last moment (nanoseconds since 1970) at which the catalogs were looked at and the epoch held."""
        ...

    def rows_of(self, datasource: DatasourceId, relation: str) -> int | None:
        """How many rows a relation has, as its server estimates; None where it cannot tell."""
        ...

    def stale_from(self, datasource: DatasourceId) -> int:
        """From when on policy and registry are too old to decide about a datasource, unless they are renewed."""
        ...

    def country_max_age(self, issuer: str) -> int:
        """Seconds for which an issuer's country claim counts."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits that `authorize` enforces."""

    statement_bytes: int
    tree_bytes: int
    known_statements: int
    known_decisions: int
    remote: frozenset[Durability] = frozenset()  # what is allowed and wants one of these has to be elsewhere, too
