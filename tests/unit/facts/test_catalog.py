import pytest

from gateway.facts.catalog import Source, data_facts, read_catalog
from gateway.model import ColumnUse, ColumnUseKind, DataFacts, DatasourceId, StatementEffect, StatementFacts
from tests.unit.facts.world import section

CATALOG = """\
datasources:
  - id: shop
    storage_countries: [JP, IE]
    controller: shop
    unlabelled: deny
    tables:
      public.users:
        subject_countries: [TW, JP]
        columns:
          id: [user.unique_id]
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


def source() -> Source:
    root, problems = section(CATALOG)
    found = read_catalog(root)
    assert problems.listed() == []
    return found[DatasourceId("shop")]


def data(*columns: str, relations: tuple[str, ...] = ()) -> DataFacts:
    uses = tuple(
        ColumnUse(relation=column.rpartition(".")[0], column=column.rpartition(".")[2], use=ColumnUseKind.PREDICATE)
        for column in columns
    )
    touched = tuple(sorted({use.relation for use in uses} | set(relations)))
    return data_facts(
        source(),
        StatementFacts(kind="select", effect=StatementEffect.READ, complete=True, relations=touched, columns=uses),
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


HEAD = "datasources:\n  - id: s\n    storage_countries: [JP]\n    controller: c\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD + "    tables:\n      users: {about: nobody}\n", ":6: 'users' must be written with its schema"),
        (HEAD + "    tables:\n      p.t: {about: someone}\n", ":6: 'about' must be one of: nobody"),
        (HEAD + "    tables:\n      p.t: {about: nobody, columns: {a: []}}\n", ":6: unknown key 'columns'"),
        (HEAD + "    tables:\n      p.t: {subject_countries: [JP]}\n", ":6: 'columns' is missing"),
        (HEAD + "    tables:\n      p.t: {columns: {a: }}\n", ":6: 'a' must be a list of data types"),
        (HEAD + "    tables:\n      p.t: {columns: {a: user.name}}\n", ":6: 'a' must be a list of data types"),
        (HEAD + "    tables:\n      p.t: {columns: {a: [name]}}\n", ":6: 'name' is not a data type"),
        (HEAD + "    unlabelled: none\n    tables: {}\n", ":5: 'unlabelled' must be one of: deny"),
        (HEAD, ":2: 'tables' is missing"),
        ("datasources:\n  - {id: s, controller: c, tables: {}}\n", ":2: 'storage_countries' is missing"),
    ],
)
def test_odd_catalog_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_catalog(root)
    assert any(listed.startswith(f"test.yaml{problem}") for listed in problems.listed()), problems.listed()


def test_row_filters_are_named_conditions() -> None:
    root, problems = section(
        CATALOG.replace("    tables:", "    row_filters:\n      koreans: country = 'KR'\n    tables:", 1)
    )
    found = read_catalog(root)[DatasourceId("shop")]
    assert problems.listed() == []
    assert found.row_filters == {"koreans": "country = 'KR'"}
    assert source().row_filters == {}


def test_a_row_filter_is_a_text() -> None:
    root, problems = section(CATALOG.replace("    tables:", "    row_filters: {koreans: [KR]}\n    tables:", 1))
    read_catalog(root)
    assert [text.split(": ", 1)[1] for text in problems.listed()] == ["'koreans' must be a text"]
