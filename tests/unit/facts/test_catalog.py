import pytest

from gateway.facts.catalog import Column, Source, read_catalog
from gateway.model import Confidence, DatasourceId, Unit, Unlabelled
from tests.unit.facts.world import section

CATALOG = """\
datasources:
  - id: shop
    storage_countries: [JP, IE]
    replicas: [SG, JP]
    controller: shop
    unlabelled: ask
    row_filters:
      koreans: country = 'KR'
    tables:
      public.users:
        subject_key: id
        subject_country_column: country
        subject_countries: [TW, JP]
        subjects: [patient, customer]
        row_filters: [koreans]
        columns:
          id: [user.unique_id]
          country: [user.contact.address.country]
          created_at: []
          parent: {data_types: [user.name], subject_countries: [KR]}
      public.phones:
        subject_key: serial
        unit: device
        columns: {serial: [user.device.device_id]}
      public.stickers: {about: nobody}
"""


def source() -> Source:
    root, problems = section(CATALOG)
    found = read_catalog(root)
    assert problems.listed() == []
    return found[DatasourceId("shop")]


def test_a_datasource_is_where_its_copies_are() -> None:
    assert source().storage_countries == ("IE", "JP", "SG")
    assert source().unlabelled is Unlabelled.ASK
    assert source().trust is Confidence.ATTESTED


def test_a_table_says_whose_its_rows_are() -> None:
    users = source().tables["public.users"]
    assert (users.subject_key, users.unit, users.subjects) == ("id", Unit.PERSON, ("customer", "patient"))
    assert (users.subject_column, users.subject_countries) == ("country", ("JP", "TW"))
    assert users.row_filters == ("koreans",)
    assert users.columns["parent"].subject_countries == ("KR",)
    assert source().row_filters == {"koreans": "country = 'KR'"}


def test_what_a_table_does_not_say() -> None:
    phones, stickers = source().tables["public.phones"], source().tables["public.stickers"]
    assert (phones.unit, phones.subjects, phones.subject_column) == (Unit.DEVICE, (), None)
    assert (stickers.about_people, stickers.subject_key, stickers.column("anything")) == (False, None, NOBODYS)


NOBODYS = Column(data_types=(), subject_countries=())


HEAD = "datasources:\n  - id: s\n    storage_countries: [JP]\n    controller: c\n"
PEOPLE = HEAD + "    tables:\n      p.t:\n        columns: {a: []}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEAD + "    trust: unknown\n", ":5: 'trust' must be one of: attested, declared, inferred"),
        (HEAD + "    tables:\n      users: {about: nobody}\n", ":6: 'users' must be written with its schema"),
        (HEAD + "    tables:\n      p.t: {about: someone}\n", ":6: 'about' must be one of: nobody"),
        (HEAD + "    tables:\n      p.t: {about: nobody, columns: {a: []}}\n", ":6: unknown key 'columns'"),
        (HEAD + "    tables:\n      p.t: {subject_countries: [JP]}\n", ":6: 'columns' is missing"),
        (HEAD + "    tables:\n      p.t: {columns: {a: }}\n", ":6: 'a' must be a list of data types"),
        (HEAD + "    tables:\n      p.t: {columns: {a: user.name}}\n", ":6: 'a' must be a list of data types"),
        (HEAD + "    tables:\n      p.t: {columns: {a: [name]}}\n", ":6: 'name' is not a data type"),
        (HEAD + "    unlabelled: perhaps\n    tables: {}\n", ":5: 'unlabelled' must be one of: ask, deny, none"),
        (HEAD.replace("[JP]", "[]") + "    tables: {}\n", ":3: 'storage_countries' names no country"),
        (HEAD + "    replicas: [Japan]\n    tables: {}\n", ":5: 'Japan' in 'replicas' is not an ISO 3166-1"),
        (HEAD + "    also_stored: [{from: 2020-01-01}]\n    tables: {}\n", ":5: 'country' is missing"),
        (HEAD + "    also_stored: [{country: KR, until: 2020-01-01}]\n    tables: {}\n", ":5: unknown key 'until'"),
        (PEOPLE + "        subject_key: uid\n", ":8: 'subject_key' names 'uid', which is not among the columns"),
        (PEOPLE + "        unit: phone\n", ":8: 'unit' must be one of: device, person"),
        (PEOPLE + "        subjects: [clients]\n", ":8: 'clients' in 'subjects' must be one of: anonymous_user, "),
        (PEOPLE + "        row_filters: [mine]\n", ":6: 'p.t' names a row filter 'mine', which the datasource has not"),
        (PEOPLE + "        subject_country_column: a\n", ":8: 'subject_country_column' needs 'subject_countries'"),
        (
            PEOPLE + "        subject_countries: [JP]\n        subject_country_column: b\n",
            ":9: 'subject_country_column' names 'b', which is not among the columns",
        ),
        (HEAD + "    tables:\n      p.t: {about: nobody, subject_key: a}\n", ":6: unknown key 'subject_key'"),
        (HEAD, ":2: 'tables' is missing"),
        ("datasources:\n  - {id: s, controller: c, tables: {}}\n", ":2: 'storage_countries' is missing"),
    ],
)
def test_odd_catalog_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_catalog(root)
    assert any(listed.startswith(f"test.yaml{problem}") for listed in problems.listed()), problems.listed()


def test_a_row_filter_is_a_text() -> None:
    root, problems = section(CATALOG.replace("country = 'KR'", "[KR]"))
    read_catalog(root)
    assert [text.split(": ", 1)[1] for text in problems.listed()] == ["'koreans' must be a text"]
