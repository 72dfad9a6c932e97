import pytest

from gateway.facts.catalog import Source, read_catalog
from gateway.facts.labels import data_facts
from gateway.model import ColumnUse, ColumnUseKind, DataFacts, DatasourceId, StatementEffect, StatementFacts, Unit
from tests.unit.facts.world import section

CATALOG = """\
datasources:
  - id: shop
    storage_countries: [JP, IE]
    controller: shop
    unlabelled: deny
    row_filters: {koreans: country = 'KR'}
    tables:
      public.users:
        subject_key: id
        subject_country_column: country
        subject_countries: [TW, JP]
        subjects: [customer]
        row_filters: [koreans]
        columns:
          id: [user.unique_id]
          country: []
          phone: [user.contact.phone_number]
          created_at: []
          parent: {data_types: [user.name], subject_countries: [KR]}
      public.guests:
        columns:
          email: [user.contact.email]
      public.logs:
        columns:
          name: {data_types: [user.name], subject_countries: [US]}
          at: []
      public.stickers: {about: nobody}
"""


def source(unlabelled: str = "deny") -> Source:
    root, problems = section(CATALOG.replace("unlabelled: deny", f"unlabelled: {unlabelled}"))
    found = read_catalog(root)
    assert problems.listed() == []
    return found[DatasourceId("shop")]


def data(*columns: str, relations: tuple[str, ...] = (), unlabelled: str = "deny") -> DataFacts:
    uses = tuple(
        ColumnUse(relation=column.rpartition(".")[0], column=column.rpartition(".")[2], use=ColumnUseKind.PREDICATE)
        for column in columns
    )
    touched = tuple(sorted({use.relation for use in uses} | set(relations)))
    return data_facts(
        source(unlabelled),
        StatementFacts(kind="select", effect=StatementEffect.READ, complete=True, relations=touched, columns=uses),
        0,
    )


def test_labelled_column_brings_types_and_subjects() -> None:
    found = data("public.users.phone", "public.users.id")
    assert found.about_people
    assert found.data_types == ("user.contact.phone_number", "user.unique_id")
    assert found.subject_countries == ("JP", "TW")
    assert found.subject_known
    assert found.storage_countries == ("IE", "JP")
    assert found.controller == "shop"
    assert found.unlabelled == ()
    assert [(label.column, label.use, label.labelled) for label in found.columns] == [
        ("phone", ColumnUseKind.PREDICATE, True),
        ("id", ColumnUseKind.PREDICATE, True),
    ]


def test_technical_column_of_a_people_table_is_about_people_without_types() -> None:
    found = data("public.users.created_at")
    assert (found.about_people, found.data_types, found.subject_countries) == (True, (), ("JP", "TW"))


def test_count_of_a_people_table_is_about_people_without_types() -> None:
    found = data(relations=("public.users",))
    assert (found.about_people, found.data_types, found.subject_countries) == (True, (), ("JP", "TW"))
    assert found.subject_known
    assert found.columns == ()


def test_column_may_be_about_others_than_its_table() -> None:
    found = data("public.users.parent")
    assert found.subject_countries == ("JP", "KR", "TW")
    assert found.columns[0].subject_countries == ("KR",)


@pytest.mark.parametrize("touched", [("public.guests.email",), ()])
def test_country_nobody_declared_is_not_known(touched: tuple[str, ...]) -> None:
    found = data(*touched, relations=("public.guests",))
    assert (found.about_people, found.subject_known, found.subject_countries) == (True, False, ())


def test_columns_with_countries_of_their_own_leave_the_rows_of_the_table_undeclared() -> None:
    assert data("public.logs.name").subject_countries == ("US",)
    assert data("public.logs.name").subject_known
    assert not data("public.logs.at").subject_known
    assert not data(relations=("public.logs",)).subject_known


def test_table_about_nobody_covers_every_column() -> None:
    found = data("public.stickers.name", "public.stickers.anything", relations=("public.stickers",))
    assert (found.about_people, found.subject_known, found.unlabelled, found.subject_countries) == (False, True, (), ())
    assert all(label.labelled for label in found.columns)


def test_each_relation_says_whose_its_rows_are() -> None:
    found = data("public.users.phone", "audit.secrets.key", relations=("public.stickers", "public.guests"))
    assert [(one.relation, one.about_people, one.subject_known) for one in found.relations] == [
        ("audit.secrets", True, False),
        ("public.guests", True, False),
        ("public.stickers", False, True),
        ("public.users", True, True),
    ]
    users = found.relations[-1]
    assert (users.subject_countries, users.subject_column, users.subject_key) == (("JP", "TW"), "country", "id")
    assert (users.unit, users.subjects, users.row_filters) == (Unit.PERSON, ("customer",), ("koreans",))


def test_column_not_listed_is_unlabelled() -> None:
    found = data("public.users.shoe_size", "public.users.id")
    assert found.unlabelled == ("public.users.shoe_size",)
    assert not found.columns[0].labelled
    assert not found.subject_known


def test_relation_not_listed_is_unlabelled_and_counts_as_about_people() -> None:
    found = data("audit.secrets.key", relations=("pg_catalog.pg_class",))
    assert found.unlabelled == ("audit.secrets", "pg_catalog.pg_class")
    assert (found.about_people, found.subject_known) == (True, False)


def test_whole_row_by_star_is_not_covered_by_listed_columns() -> None:
    assert data("public.users.*").unlabelled == ("public.users.*",)


def test_statement_without_relation_touches_nothing() -> None:
    found = data()
    assert (found.about_people, found.subject_known, found.columns) == (False, True, ())


def test_what_is_unlabelled_is_about_people_where_policy_is_asked() -> None:
    found = data("public.users.shoe_size", "audit.secrets.key", unlabelled="ask")
    assert found == data("public.users.shoe_size", "audit.secrets.key")
    assert (found.about_people, found.subject_known) == (True, False)


def test_what_is_unlabelled_is_about_nobody_where_the_catalog_says_so() -> None:
    found = data("audit.secrets.key", relations=("audit.secrets",), unlabelled="none")
    assert found.unlabelled == ("audit.secrets",)  # and is told all the same
    assert [(one.about_people, one.subject_known) for one in found.relations] == [(False, True)]
    assert (found.about_people, found.subject_known, found.subject_countries) == (False, True, ())
    assert [(label.labelled, label.subject_known) for label in found.columns] == [(False, True)]


def test_rows_of_people_stay_rows_of_people_where_a_column_is_about_nobody() -> None:
    found = data("public.users.shoe_size", unlabelled="none")
    assert (found.about_people, found.subject_known, found.subject_countries) == (True, True, ("JP", "TW"))
    assert found.unlabelled == ("public.users.shoe_size",)
    assert not data("public.guests.shoe_size", unlabelled="none").subject_known
