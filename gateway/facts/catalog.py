"""catalog.yaml: each datasource's tables and columns, with the data types they hold and whose data it is.

    datasources:
      - id: messenger
        storage_countries: [JP]
        replicas: [SG]                      # where copies lie, too
        also_stored: [{country: KR, to: 2025-01-01}]  # where some of it lay, or will, for a time
        controller: line-jp
        unlabelled: deny                    # or: ask, none
        trust: attested                     # or: inferred, declared
        row_filters:
          consented: consent_at IS NOT NULL
        tables:
          public.users:
            subject_key: id                 # the column that tells one person, or device, from another
            unit: person                    # or: device
            subjects: [customer]            # which kinds of people: Fides data subjects
            subject_country_column: country # which column says each row's country …
            subject_countries: [JP, TW]     # … and what it may hold; without such a column: whose data all rows are
            row_filters: [consented]        # which of the above may be asked for this table
            columns:
              id: [user.unique_id]
              country: [user.contact.address.country]
              parent: {data_types: [user.name], subject_countries: [KR]}
              created_at: []
          public.stickers: {about: nobody}

A table is about people unless it says ``about: nobody``. In a table about people every column is listed: with its data
types, or with ``[]`` where it is technical (a creation time). A column or table that is not listed is *unlabelled*, and
counts as about people of an unknown country until somebody labels it. ``unlabelled`` says what becomes of a statement
that touches one: it is denied (``deny``), policy decides (``ask``), or it counts as about nobody after all (``none``,
told wherever it matters). ``trust`` says how well it must be known what a statement does to data about people: from the
server itself (``attested``), by what a route of an HTTP service says (``inferred``), or in a caller's own words
(``declared``). What is ``vouched`` for is read by `vouched`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.period import Period
from gateway.facts.vouched import read_vouched
from gateway.facts.yaml_tree import Items, Node, Scalar
from gateway.model import (
    CERTAINTIES,
    Confidence,
    Country,
    DatasourceId,
    DataType,
    EntityId,
    RowConsent,
    Unit,
    Unlabelled,
    Vouched,
)

FILE: Final = "catalog.yaml"
# The data subjects of the Fides taxonomy. A closed set: a misspelt one would be a rule that silently does not apply.
DATA_SUBJECTS: Final = (
    "anonymous_user",
    "citizen_voter",
    "commuter",
    "consultant",
    "customer",
    "employee",
    "job_applicant",
    "next_of_kin",
    "passenger",
    "patient",
    "prospect",
    "shareholder",
    "supplier_vendor",
    "trainee",
    "visitor",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One labelled column."""

    data_types: tuple[DataType, ...]
    subject_countries: tuple[Country, ...]  # empty: nobody declared whose data it is
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the catalog. ``about_people`` False covers all its columns, listed nowhere."""

    about_people: bool
    subject_countries: tuple[Country, ...]
    columns: Mapping[str, Column]
    subject_column: str | None = None  # says each row's country, one of the subject countries
    subject_key: str | None = None  # tells one subject from another
    unit: Unit = Unit.PERSON
    subjects: tuple[str, ...] = ()
    row_filters: tuple[str, ...] = ()  # that rules may ask for
    line: int = 0

    def column(self, name: str) -> Column | None:
        """The label of a column, or None where it is unlabelled."""
        return self.columns.get(name) if self.about_people else _NOBODY


_NOBODY: Final = Column(data_types=(), subject_countries=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One datasource of the catalog."""

    id: DatasourceId
    storage_countries: tuple[Country, ...]  # always; of copies, too
    also_stored: tuple[tuple[Country, Period], ...]  # for a time
    controller: EntityId
    tables: Mapping[str, Table]
    row_filters: Mapping[str, str]  # by name: the SQL condition on the rows of the relation it is asked for
    vouched: Vouched
    unlabelled: Unlabelled
    trust: Confidence
    line: int
    consents: Mapping[str, tuple[RowConsent, ...]] = field(default_factory=dict)  # row filters they make, by table

    def filters_of(self, relation: str) -> tuple[str, ...]:
        """Names of the row filters that rules may ask for a table: the catalog's, and those that consents make."""
        table = self.tables.get(relation)
        listed = table.row_filters if table is not None else ()
        return tuple(sorted({*listed, *(one.name for one in self.consents.get(relation, ()))}))

    def storage_on(self, day: int) -> tuple[Country, ...]:
        """Every country that the data lies in, on a day."""
        return tuple(sorted({*self.storage_countries, *(at for at, when in self.also_stored if when.covers(day))}))


def read_catalog(root: Section) -> Mapping[DatasourceId, Source]:
    """All datasources of the file."""
    sources: dict[DatasourceId, Source] = {}
    for section in root.sections("datasources", required=True):
        source = Source(
            id=DatasourceId(section.identifier()),
            storage_countries=_storage(section),
            also_stored=tuple(_also_stored(part) for part in section.sections("also_stored")),
            controller=EntityId(section.identifier("controller")),
            tables=MappingProxyType(
                {name: _table(section, name, line, node) for name, line, node in section.named_nodes("tables")}
            ),
            row_filters=_row_filters(section),
            vouched=read_vouched(section),
            unlabelled=Unlabelled(section.choice("unlabelled", list(Unlabelled), Unlabelled.DENY)),
            trust=Confidence(section.choice("trust", CERTAINTIES, Confidence.ATTESTED)),
            line=section.line_of("controller"),
        )
        _check_filters(section, source)
        if source.id in sources:
            section.problem(f"datasource '{source.id}' stands twice", "id")
        sources[source.id] = source
        section.done()
    root.done()
    return MappingProxyType(sources)


def _also_stored(section: Section) -> tuple[Country, Period]:
    found = section.country("country", required=True) or Country(""), section.period()
    section.done()
    return found


def _storage(section: Section) -> tuple[Country, ...]:
    """Where the data lies: a copy is the data, whatever it is for."""
    given = section.has("storage_countries")
    own = section.countries("storage_countries", required=True)
    if given and not own:  # whatever a rule asks of all of them would be true of none
        section.problem("'storage_countries' names no country", "storage_countries")
    return tuple(sorted({*own, *section.countries("replicas")}))


def _check_filters(section: Section, source: Source) -> None:
    for name, table in source.tables.items():
        for unknown in sorted(set(table.row_filters) - source.row_filters.keys()):
            section.problem_at(table.line, f"'{name}' names a row filter '{unknown}', which the datasource has not")


def _row_filters(section: Section) -> Mapping[str, str]:
    """``row_filters``: names that rules ask for, each with its condition; what may stand in one, `gateway.sql` says."""
    if not section.has("row_filters"):
        return MappingProxyType({})
    return MappingProxyType({name: section.text_of(node, name) for name, _, node in section.named_nodes("row_filters")})


def _table(parent: Section, name: str, line: int, node: Node) -> Table:
    if "." not in name.strip("."):
        parent.problem_at(line, f"'{name}' must be written with its schema, such as public.{name}")
    section = parent.section_of(node)
    if section.has("about"):
        section.choice("about", ("nobody",))
        section.done()  # columns, keys and subject countries beside `about: nobody` contradict it
        return Table(about_people=False, subject_countries=(), columns=MappingProxyType({}), line=line)
    countries = section.countries("subject_countries")
    columns = {
        column: _column(section, column, column_line, column_node, countries)
        for column, column_line, column_node in section.named_nodes("columns")
    }
    by_column = "subject_country_column"
    if section.has(by_column) and not countries:
        section.problem(f"'{by_column}' needs 'subject_countries': what it may hold", by_column)
    table = Table(
        about_people=True,
        subject_countries=countries,
        columns=MappingProxyType(columns),
        subject_column=_one_of(section, by_column, columns),
        subject_key=_one_of(section, "subject_key", columns),
        unit=Unit(section.choice("unit", list(Unit), Unit.PERSON)),
        subjects=_subjects(section),
        row_filters=section.texts("row_filters"),
        line=line,
    )
    section.done()
    return table


def _one_of(section: Section, key: str, columns: Mapping[str, Column]) -> str | None:
    """A key that names one of the table's columns."""
    name = section.optional_text(key)
    if name is not None and name not in columns:
        section.problem(f"'{key}' names '{name}', which is not among the columns", key)
    return name


def _subjects(section: Section) -> tuple[str, ...]:
    found = section.texts("subjects")
    for name in found:
        if name not in DATA_SUBJECTS:
            section.problem(f"'{name}' in 'subjects' must be one of: {', '.join(DATA_SUBJECTS)}", "subjects")
    return tuple(sorted(found))


def _column(parent: Section, name: str, line: int, node: Node, countries: tuple[Country, ...]) -> Column:
    """``name: [types]``, or a mapping with ``data_types`` and ``subject_countries`` of its own."""
    if isinstance(node, Items):
        types = parent.data_types_of(parent.texts_of(node, name), line)
        return Column(data_types=types, subject_countries=countries, line=line)
    if isinstance(node, Scalar):
        parent.problem_at(line, f"'{name}' must be a list of data types ([] for a technical column)")
        return _NOBODY
    section = parent.section_of(node)
    types = section.data_types("data_types", required=True)
    own = section.countries("subject_countries", required=True)
    section.done()
    return Column(data_types=types, subject_countries=own, line=line)
