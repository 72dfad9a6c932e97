"""catalog.yaml: each datasource's tables and columns, with the data types they hold and whose data it is.

A table is about people unless it says ``about: nobody``. In a table about people every column is listed: with its data
types, or with ``[]`` where it is technical (a creation time). A column or table that is not listed is *unlabelled*, and
counts as about people of an unknown country until somebody labels it. What is ``vouched`` for is read by `vouched`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.facts.fields import Section
from gateway.facts.vouched import read_vouched
from gateway.facts.yaml_tree import Items, Node, Scalar
from gateway.model import (
    ColumnLabel,
    ColumnUse,
    Country,
    DataFacts,
    DatasourceId,
    DataType,
    EntityId,
    StatementFacts,
    Vouched,
)

FILE: Final = "catalog.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One labelled column."""

    data_types: tuple[DataType, ...]
    subject_countries: tuple[Country, ...]  # empty: nobody declared whose data it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of the catalog. ``about_people`` False covers all its columns, listed nowhere."""

    about_people: bool
    subject_countries: tuple[Country, ...]
    columns: Mapping[str, Column]

    def column(self, name: str) -> Column | None:
        """The label of a column, or None where it is unlabelled."""
        return self.columns.get(name) if self.about_people else _NOBODY


_NOBODY: Final = Column(data_types=(), subject_countries=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One datasource of the catalog."""

    id: DatasourceId
    storage_countries: tuple[Country, ...]
    controller: EntityId
    tables: Mapping[str, Table]
    row_filters: Mapping[str, str]  # by name: the SQL condition on the rows of the relation it is asked for
    vouched: Vouched
    line: int


def read_catalog(root: Section) -> Mapping[DatasourceId, Source]:
    """All datasources of the file."""
    sources: dict[DatasourceId, Source] = {}
    for section in root.sections("datasources", required=True):
        source = Source(
            id=DatasourceId(section.identifier()),
            storage_countries=section.countries("storage_countries", required=True),
            controller=EntityId(section.identifier("controller")),
            tables=MappingProxyType(
                {name: _table(section, name, line, node) for name, line, node in section.named_nodes("tables")}
            ),
            row_filters=_row_filters(section),
            vouched=read_vouched(section),
            line=section.line_of("controller"),
        )
        section.choice("unlabelled", ("deny",), "deny")
        if source.id in sources:
            section.problem(f"datasource '{source.id}' stands twice", "id")
        sources[source.id] = source
        section.done()
    root.done()
    return MappingProxyType(sources)


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
        section.done()  # columns and subject countries beside `about: nobody` contradict it
        return Table(about_people=False, subject_countries=(), columns=MappingProxyType({}))
    countries = section.countries("subject_countries")
    columns = {
        column: _column(section, column, column_line, column_node, countries)
        for column, column_line, column_node in section.named_nodes("columns")
    }
    section.done()
    return Table(about_people=True, subject_countries=countries, columns=MappingProxyType(columns))


def _column(parent: Section, name: str, line: int, node: Node, countries: tuple[Country, ...]) -> Column:
    """``name: [types]``, or a mapping with ``data_types`` and ``subject_countries`` of its own."""
    if isinstance(node, Items):
        types = parent.data_types_of(parent.texts_of(node, name), line)
        return Column(data_types=types, subject_countries=countries)
    if isinstance(node, Scalar):
        parent.problem_at(line, f"'{name}' must be a list of data types ([] for a technical column)")
        return _NOBODY
    section = parent.section_of(node)
    types = section.data_types("data_types", required=True)
    own = section.countries("subject_countries", required=True)
    section.done()
    return Column(data_types=types, subject_countries=own)


def data_facts(source: Source, statement: StatementFacts) -> DataFacts:
    """Whose data of which types the statement touches.

    Rows of a people table are data about people whichever column is read, and if none is (``count(*)``): such a
    relation brings its subject countries, and no data types.
    """
    labels = tuple(_label(source, use) for use in statement.columns)
    relations = sorted({*statement.relations, *(use.relation for use in statement.columns)})
    tables = {name: source.tables[name] for name in relations if name in source.tables}
    people = {name: table for name, table in tables.items() if table.about_people}
    unlabelled = {name for name in relations if name not in tables}
    unlabelled.update(
        f"{label.relation}.{label.column}" for label in labels if label.relation in tables and not label.labelled
    )
    countries = {country for table in people.values() for country in table.subject_countries}
    countries.update(country for label in labels for country in label.subject_countries)
    return DataFacts(
        about_people=bool(people or unlabelled),
        data_types=tuple(sorted({kind for label in labels for kind in label.data_types})),
        subject_countries=tuple(sorted(countries)),
        subject_known=not unlabelled and _subject_known(people, labels),
        storage_countries=source.storage_countries,
        controller=source.controller,
        columns=labels,
        unlabelled=tuple(sorted(unlabelled)),
    )


def _subject_known(people: Mapping[str, Table], labels: tuple[ColumnLabel, ...]) -> bool:
    """True where every touched row's people have a declared country: by the table, or by each column read of it."""
    by_column = {label.relation for label in labels}
    return all(label.subject_known for label in labels) and all(
        table.subject_countries or name in by_column for name, table in people.items()
    )


def _label(source: Source, use: ColumnUse) -> ColumnLabel:
    table = source.tables.get(use.relation)
    column = table.column(use.column) if table is not None else None
    about_people = table is None or table.about_people
    return ColumnLabel(
        relation=use.relation,
        column=use.column,
        use=use.use,
        data_types=column.data_types if column is not None else (),
        subject_countries=column.subject_countries if column is not None else (),
        subject_known=column is not None and (bool(column.subject_countries) or not about_people),
        labelled=column is not None,
    )
