"""What users were told and consented to, and what was agreed or recognised for a country or an entity.

They are imported from `gateway.model`, like the words they are made of. Each holds as of the moment of the request.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.words import Country, DataType, EntityId


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosure:
    """One country (and, where named, entities) that users were told their data of these types can be read from."""

    notice: str  # id of the notice version
    country: Country
    entities: tuple[EntityId, ...]  # empty: any entity of that country
    data_types: tuple[DataType, ...]  # Fides keys; a key covers its descendants
    consent: bool  # users consented after being told (APPI 28(1)(2), Rule 17)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence users were told about all data of these types: where it lies, or from where it is read."""

    notice: str  # id of the notice version, or of the announcement
    claim: str  # stored_only_in | accessed_only_from
    countries: tuple[Country, ...]
    data_types: tuple[DataType, ...]  # Fides keys; a key covers its descendants
    subject_countries: tuple[Country, ...]  # whose users were told; empty: all


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the users of one country said to one version of a notice."""

    notice: str
    subject_country: Country
    status: str  # given | given_by_some (person by person) | withdrawn | expired
    separate: bool  # asked for on its own, not among other terms (PIPL 39)
    informed: tuple[str, ...]  # what they were told besides: country_regime, measures, inadequate, …
    row_filter: str | None = None  # it is given row by row: for rows this filter of the catalog leaves, and no others


@dataclass(frozen=True, slots=True, kw_only=True)
class RowConsent:
    """A row filter made of where consent lies: it leaves the rows of those who gave it, and of people elsewhere."""

    name: str  # of the filter, as rules ask for it
    relation: str  # whose rows it filters, as schema.table
    key: str  # its column that tells one person from another
    table: str  # where consent lies, as schema.table
    table_key: str  # its column that names the person in the same way
    country: Country  # whose consent it is about
    equal: tuple[tuple[str, str], ...] = ()  # columns of that table that must hold these words
    given: str | None = None  # its column that is true where consent was given
    withdrawn: str | None = None  # its column that is NULL where consent was not withdrawn
    expires: str | None = None  # its column with the moment consent ends, or NULL
    country_column: str | None = None  # of the relation, where one says each row's country …
    elsewhere: tuple[Country, ...] = ()  # … and the countries in it whose people are another matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A safeguard agreed with one entity: equivalent system, SCC, CBPR, … with its last check."""

    id: str
    kind: str  # equivalent_system | scc | idta | bcr | cbpr | standard_contract | certification | no_handling
    entity: EntityId
    last_check_age_days: int | None
    foreign_law_risk: str  # none | noted | cannot_secure
    data_types: tuple[DataType, ...] = ()  # what it is about; empty: all
    scheme: str | None = None  # of a certification: dpf, cbpr, …
    tia_age_days: int | None = None  # days since the transfer impact assessment; None: there is none
    tia_outcome: str | None = None  # effective | ineffective: whether the safeguards hold against the country's law
    onward_ban: bool = False  # the other side may not hand the data on to countries of concern (28 CFR 202.302)
    access_control: bool | None = None  # of no_handling: whether the provider is kept from the data by technical means


@dataclass(frozen=True, slots=True, kw_only=True)
class Adequacy:
    """A country that the registry adds to a regime's list of adequate ones, or takes from it."""

    regime: str  # id of the regime: jp, eu, uk, kr, …
    country: Country
    accepted: bool  # False: not to be relied on, whatever the list that comes with the packs says
    scope: str  # what it covers, in words; empty: everything
    excluded_data_types: tuple[DataType, ...]
    citation: str
