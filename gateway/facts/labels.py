"""A statement and the catalog -> whose data of which types it touches.

Rows of a people table are data about people whichever column is read, and if none is (``count(*)``): such a relation
brings its subject countries, and no data types. Where a column says each row's country, the rows may be of every
country declared for it. What is unlabelled is about people of an unknown country, unless the datasource says ``none``.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.facts.catalog import Source, Table
from gateway.model import ColumnLabel, ColumnUse, DataFacts, RelationLabel, StatementFacts, Unlabelled


def data_facts(source: Source, statement: StatementFacts, day: int) -> DataFacts:
    """Whose data of which types the statement touches, and where it lies on a day."""
    labels = tuple(_label(source, use) for use in statement.columns)
    relations = sorted({*statement.relations, *(use.relation for use in statement.columns)})
    tables = {name: source.tables[name] for name in relations if name in source.tables}
    people = {name: table for name, table in tables.items() if table.about_people}
    unlabelled = {name for name in relations if name not in tables}
    unlabelled.update(
        f"{label.relation}.{label.column}" for label in labels if label.relation in tables and not label.labelled
    )
    doubted = bool(unlabelled) and source.unlabelled is not Unlabelled.NONE
    countries = {country for table in people.values() for country in table.subject_countries}
    countries.update(country for label in labels for country in label.subject_countries)
    return DataFacts(
        about_people=bool(people) or doubted,
        data_types=tuple(sorted({kind for label in labels for kind in label.data_types})),
        subject_countries=tuple(sorted(countries)),
        subject_known=not doubted and _subject_known(people, labels),
        storage_countries=source.storage_on(day),
        controller=source.controller,
        columns=labels,
        unlabelled=tuple(sorted(unlabelled)),
        relations=tuple(_relation(source, name) for name in relations),
    )


def _subject_known(people: Mapping[str, Table], labels: tuple[ColumnLabel, ...]) -> bool:
    """True where every touched row's people have a declared country: by the table, or by each column read of it."""
    by_column = {label.relation for label in labels if label.subject_countries}
    return all(label.subject_known for label in labels) and all(
        table.subject_countries or name in by_column for name, table in people.items()
    )


def _relation(source: Source, name: str) -> RelationLabel:
    table = source.tables.get(name)
    if table is None:
        nobodys = source.unlabelled is Unlabelled.NONE
        return RelationLabel(relation=name, about_people=not nobodys, subject_countries=(), subject_known=nobodys)
    return RelationLabel(
        relation=name,
        about_people=table.about_people,
        subject_countries=table.subject_countries,
        subject_known=bool(table.subject_countries) or not table.about_people,
        subject_column=table.subject_column,
        subject_key=table.subject_key,
        unit=table.unit,
        subjects=table.subjects,
        row_filters=source.filters_of(name),
    )


def _label(source: Source, use: ColumnUse) -> ColumnLabel:
    table = source.tables.get(use.relation)
    column = table.column(use.column) if table is not None else None
    # Of an unlabelled column nobody knows whose it is, unless all that is unlabelled is said to be about nobody.
    nobodys = source.unlabelled is Unlabelled.NONE if column is None else table is not None and not table.about_people
    return ColumnLabel(
        relation=use.relation,
        column=use.column,
        use=use.use,
        data_types=column.data_types if column is not None else (),
        subject_countries=column.subject_countries if column is not None else (),
        subject_known=nobodys or (column is not None and bool(column.subject_countries)),
        labelled=column is not None,
    )
