"""The values every part speaks in: frozen, closed, without behaviour beyond small derivations.

One meaning each, the words of the design: principal, employer chain, location, origin, statement facts, decision,
obligation, finding. Nothing here opens a socket or reads a clock: moments are integers, seconds since
1970-01-01T00:00:00Z, and are always passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.errors import Reason
from gateway.search_path import PathDeed as PathDeed
from gateway.told import Adequacy as Adequacy
from gateway.told import Agreement as Agreement
from gateway.told import Claim as Claim
from gateway.told import Consent as Consent
from gateway.told import Disclosure as Disclosure
from gateway.told import RowConsent as RowConsent
from gateway.who import Caller as Caller
from gateway.who import ChainLink as ChainLink
from gateway.who import EmployerFacts as EmployerFacts
from gateway.who import EvidenceRequest as EvidenceRequest
from gateway.who import HeldFact as HeldFact
from gateway.who import KnownBy as KnownBy
from gateway.who import Location as Location
from gateway.who import Peer as Peer
from gateway.who import Principal as Principal
from gateway.who import Told as Told
from gateway.who import known_by_of as known_by_of
from gateway.who import origin_of as origin_of
from gateway.words import CERTAINTIES as CERTAINTIES
from gateway.words import Answer as Answer
from gateway.words import Assertion as Assertion
from gateway.words import ColumnUseKind as ColumnUseKind
from gateway.words import Confidence as Confidence
from gateway.words import Country as Country
from gateway.words import DatasourceId as DatasourceId
from gateway.words import DataType as DataType
from gateway.words import Door as Door
from gateway.words import Durability as Durability
from gateway.words import Effect as Effect
from gateway.words import EntityId as EntityId
from gateway.words import JsonValue as JsonValue
from gateway.words import Layer as Layer
from gateway.words import LocationSource as LocationSource
from gateway.words import Mode as Mode
from gateway.words import PrincipalId as PrincipalId
from gateway.words import StatementEffect as StatementEffect
from gateway.words import Stay as Stay
from gateway.words import Unit as Unit
from gateway.words import Unlabelled as Unlabelled
from gateway.words import Window as Window


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnUse:
    """One column of one relation and how the statement uses it."""

    relation: str  # schema.table, as the catalog knows it by OID
    column: str
    use: ColumnUseKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """One relation that a statement reads by the row: its rows, or its children's, stand behind rows of the result."""

    relations: tuple[str, ...]  # the one named, then those of which it is the parent
    times: int  # how many of its rows at most stand behind one row of the result
    merged: bool = False  # equal rows of the result are one (DISTINCT): it may stand for more, unless it shows a key
    outputs: tuple[tuple[str, int], ...] = ()  # columns shown as they are, with their place in a row, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementFacts:
    """What one statement does. ``complete`` False: not established; ``incomplete`` and ``detail`` say why.

    ``relations`` lists every relation touched, also those of which no column is read (``count(*)``).
    """

    kind: str  # select, insert, update, delete, begin, set, …
    effect: StatementEffect
    complete: bool
    incomplete: str | None = None  # closed code, e.g. function_refused
    detail: str = ""  # for the person: names a node, function, relation; never a value
    relations: tuple[str, ...] = ()
    columns: tuple[ColumnUse, ...] = ()
    transaction: str | None = None  # begin | commit | rollback | None, for doors that follow it
    confidence: Confidence = Confidence.ATTESTED  # who says so: the server, a route of ours, or the caller
    # What it may do to the session's search_path: for the door that sends it on, no question to rules.
    path: PathDeed = field(default=PathDeed.KEEPS, metadata={"for_the_door": True})
    # What it reads by the row; behind a row of the result stands any number of rows of what is not in it.
    spread: tuple[Spread, ...] = field(default=(), metadata={"for_the_door": True})
    shows: bool = field(default=True, metadata={"for_the_door": True})  # False: no row goes out, whatever it touches
    # OIDs of the relations it rests on; None: any change of the catalogs may change it. No part of what it does.
    depends: frozenset[str] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnLabel:
    """What the catalog says of one touched column: its data types and whose data it is."""

    relation: str
    column: str
    use: ColumnUseKind
    data_types: tuple[DataType, ...]
    subject_countries: tuple[Country, ...]
    subject_known: bool
    labelled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationLabel:
    """What the catalog says of one touched relation: whose data its rows are, and how one tells."""

    relation: str
    about_people: bool
    subject_countries: tuple[Country, ...]
    subject_known: bool
    subject_column: str | None = None  # the column that holds each row's subject country
    subject_key: str | None = None  # the column that tells one person, or device, from another
    unit: Unit = Unit.PERSON  # what the key stands for
    subjects: tuple[str, ...] = ()  # Fides data subjects: customer, employee, patient, …
    row_filters: tuple[str, ...] = ()  # filters of the catalog that fit it


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """Whose data of which types a statement touches, and where it lies."""

    about_people: bool
    data_types: tuple[DataType, ...]
    subject_countries: tuple[Country, ...]
    subject_known: bool  # False: about people, of a country nobody declared
    storage_countries: tuple[Country, ...]
    controller: EntityId
    columns: tuple[ColumnLabel, ...]
    unlabelled: tuple[str, ...]  # relations or columns the catalog does not know
    relations: tuple[RelationLabel, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """Obligation: the column is to be shown masked."""

    relation: str
    column: str
    method: str  # null | constant | partial | year | domain | bucket | hash
    kind: str = field(default="mask", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFilter:
    """Obligation: only rows that fulfil the predicate of the registry named here."""

    relation: str
    predicate: str
    kind: str = field(default="row_filter", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectCountries:
    """Obligation: only rows of people in these countries, by the column that says each row's country."""

    relation: str
    column: str
    countries: tuple[Country, ...]
    kind: str = field(default="subject_countries", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLimit:
    """Obligation: at most so many rows."""

    rows: int
    kind: str = field(default="row_limit", init=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownObligation:
    """An obligation of a kind this version does not know: no door can fulfil it, so it is a denial."""

    name: str
    kind: str = field(default="unknown", init=False)


Obligation = Mask | RowFilter | SubjectCountries | RowLimit | UnknownObligation


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule's word: which rule, whose word, what it cites, and the fact that failed."""

    rule: str
    layer: Layer
    mode: Mode
    citation: str
    message: str
    fact: str  # path into the input, e.g. employer.chain.2.country
    value: JsonValue
    reason: Reason = Reason.POLICY_DENIED
    remedy: str = ""  # what would be allowed, or whom to ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most so many distinct subjects of these types of data, and what is below them, may go to one employer."""

    data_types: tuple[DataType, ...]
    subject_country: Country
    unit: Unit
    window: Window
    most: int
    mode: Mode = Mode.ENFORCE  # shadow: counted, and bound by nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What policy answered to one question: a decision without its identity. Reusable until ``valid_until``.

    ``headroom`` is how many more rows this answer may cover before it must be asked again; None = no rule looked at
    volume. ``findings`` are of all rules that spoke, shadow ones marked by their mode. ``limits``: how many people's
    data may go out in all, which is for each execution to find room in.
    """

    effect: Effect
    reason: Reason
    obligations: tuple[Obligation, ...] = ()
    findings: tuple[Finding, ...] = ()
    cross_border: bool = False
    durability: Durability = Durability.SYNCED
    valid_until: int  # seconds since the epoch; the answer is not reused at or after it
    headroom: int | None = None
    limits: tuple[Limit, ...] = ()
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer to one request: a verdict with its identity and moment. The record knows it by ``id``."""

    id: str
    at: int
    verdict: Verdict
    reused: bool = False

    @property
    def allowed(self) -> bool:
        """True where the statement may go on, under the verdict's obligations."""
        return self.verdict.effect is Effect.ALLOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """The server's own words at Parse: a misspelt column is an answer, not a denial.

    ``fields`` are ErrorResponse fields by their one-letter code (S V C M D H P …), without any that name internals.
    """

    sqlstate: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasourceFacts:
    """The database asked for: where its bytes lie and who is the controller of the data."""

    id: DatasourceId
    storage_countries: tuple[Country, ...]
    controller: EntityId
    controller_name: str
    controller_country: Country | None
    controller_designations: tuple[str, ...] = ()
    unlabelled: Unlabelled = Unlabelled.DENY  # what is to be made of what the catalog does not know
    trust: Confidence = Confidence.ATTESTED  # the least with which it must be known what a statement does


@dataclass(frozen=True, slots=True, kw_only=True)
class VouchedFunction:
    """What the registry says of one function of users: it gives back nothing but what it makes of its arguments."""

    place: str  # file and line it stands in
    source_sha256: str = ""  # of the source that was looked at; empty: of whatever source it has
    security_definer: bool = False  # known to run with its owner's rights


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """What the registry vouches for in one database: code and stored definitions that nobody can see into."""

    revision: str = ""  # changes whenever anything here does
    functions: Mapping[str, VouchedFunction] = field(default_factory=dict)  # by ``schema.name(argument types)``
    definitions: Mapping[str, str] = field(default_factory=dict)  # name -> its place: holds no literal about people


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeCount:
    """How many people's (or devices') data of one type and country went to the employer: upper bounds."""

    data_type: DataType
    subject_country: Country
    unit: Unit
    subjects: int  # distinct, over the rolling twelve months that end now
    subjects_this_year: int  # distinct, since 1 January (UTC)
    rows: int  # over the rolling twelve months


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeFacts:
    """How much of this controller's data about people went to this employer so far in the window."""

    window: str  # ISO 8601 duration, e.g. P1D
    rows: int
    available: bool = True  # False: the counts cannot be read now; what needs one denies
    counts: tuple[VolumeCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """All facts of one request: what a decision is made from, and nothing else.

    ``valid_until`` is the earliest moment at which any fact here may change by the passing of time alone: the token's
    expiry, the next date in the registry, the next UTC midnight (ages are counted in days).
    """

    at: int
    door: Door
    datasource: DatasourceFacts
    profile: str
    principal: Principal
    location: Location
    employer: EmployerFacts
    statement: StatementFacts
    data: DataFacts
    disclosures: tuple[Disclosure, ...]
    agreements: tuple[Agreement, ...]
    claims: tuple[Claim, ...] = ()
    consents: tuple[Consent, ...] = ()
    adequacy: tuple[Adequacy, ...] = ()
    volume: VolumeFacts
    purpose: str | None
    valid_until: int
    registry_revision: str
    caller: Caller | None = None  # None: the principal asks for itself

    @property
    def known_by(self) -> tuple[KnownBy, ...]:
        """Where each fact about the person comes from, and how well it is known."""
        return known_by_of(self.principal, self.location, self.employer)

    @property
    def origin(self) -> tuple[Country, ...]:
        """Every country whose location or law the principal brings, sorted."""
        return origin_of(self.location, self.employer, self.datasource.controller)
