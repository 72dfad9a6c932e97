"""What users said by day, and the row filters it becomes where it lies person by person."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts.consents import consents_on, read_consents
from gateway.facts.notices import read_notices
from gateway.facts.period import parse_day
from gateway.facts.registry import load_registry
from gateway.model import DatasourceId, EntityId, RowConsent
from tests.unit.facts.world import registry, section, write_registry

NOTICES = """\
notices:
  - {id: n1, controller: shop, from: 2022-04-01, disclosures: []}
  - {id: old, controller: shop, to: 2022-04-01, disclosures: []}
  - {id: said, kind: announcement, controller: shop, disclosures: []}
  - {id: other, controller: helper, disclosures: []}
"""

CONSENTS = """\
consents:
  - {notice: n1, subject_country: JP, from: 2022-05-01, withdrawn: 2026-11-20, separate: false,
     informed: [measures, country_regime]}
  - {notice: n1, subject_country: TH, from: 2022-05-01, to: 2027-01-01, expires: 2025-01-01, separate: true}
  - {notice: n1, subject_country: KR, expires: 2025-01-01, withdrawn: 2026-01-01, separate: true}
  - {notice: old, subject_country: JP, separate: true}
"""

CATALOG = """\
datasources:
  - id: shop
    storage_countries: [JP]
    controller: shop
    tables:
      public.customers:
        subject_countries: [JP, KR]
        subject_country_column: country
        subject_key: id
        columns: {id: [user.unique_id], email: [user.contact.email], country: []}
      public.orders: {subject_countries: [JP], subject_key: by, columns: {by: [user.unique_id]}}
      public.visits: {subject_key: who, columns: {who: [user.unique_id]}}
      public.phones: {subject_countries: [JP], unit: device, subject_key: id, columns: {id: [user.device]}}
      public.keyless: {subject_countries: [JP], columns: {a: []}}
      public.koreans: {subject_countries: [KR], subject_key: id, columns: {id: []}}
      public.prices: {about: nobody}
      public.consents:
        subject_countries: [JP, KR]
        subject_key: user_id
        columns: {user_id: [user.unique_id], country: [], notice: [], given: [], withdrawn_at: [], until: []}
"""

ROW_LEVEL = """\
consents:
  - notice: n1
    subject_country: JP
    separate: true
    row_level:
      datasource: shop
      table: public.consents
      key: user_id
      notice_column: notice
      country_column: country
      given_column: given
      withdrawn_column: withdrawn_at
      expires_column: until
"""


def day(text: str) -> int:
    found = parse_day(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("on", "found"),
    [
        ("2022-03-31", [("old", "JP", "given")]),
        ("2022-04-30", [("n1", "KR", "given")]),
        ("2022-05-01", [("n1", "JP", "given"), ("n1", "KR", "given"), ("n1", "TH", "given")]),
        ("2025-01-01", [("n1", "JP", "given"), ("n1", "KR", "expired"), ("n1", "TH", "expired")]),
        ("2026-11-20", [("n1", "JP", "withdrawn"), ("n1", "KR", "withdrawn"), ("n1", "TH", "expired")]),
        ("2027-01-01", [("n1", "JP", "withdrawn"), ("n1", "KR", "withdrawn")]),
    ],
)
def test_status_on_the_day(on: str, found: list[object]) -> None:
    root, problems = section(CONSENTS)
    said, notices = read_consents(root), read_notices(section(NOTICES)[0])
    assert problems.listed() == []
    consents = consents_on(said, notices, EntityId("shop"), day(on))
    assert [(one.notice, one.subject_country, one.status) for one in consents] == found
    assert consents_on(said, notices, EntityId("helper"), day(on)) == ()


def test_what_they_were_told_and_how_they_were_asked() -> None:
    said, notices = read_consents(section(CONSENTS)[0]), read_notices(section(NOTICES)[0])
    japan = consents_on(said, notices, EntityId("shop"), day("2023-01-01"))[0]
    assert (japan.informed, japan.separate, japan.row_filter) == (("country_regime", "measures"), False, None)


def test_every_day_on_which_a_status_changes_is_an_edge() -> None:
    japan = next(one for one in read_consents(section(CONSENTS)[0]) if one.subject_country == "JP")
    assert sorted(japan.edges()) == [day("2022-05-01"), day("2026-11-20")]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{subject_country: JP, separate: true}", "'notice' is missing"),
        ("{notice: n1, separate: true}", "'subject_country' is missing"),
        ("{notice: n1, subject_country: JP}", "'separate' is missing"),
        (
            "{notice: n1, subject_country: JP, separate: true, informed: [regime]}",
            "'regime' in 'informed' must be one of",
        ),
        ("{notice: n1, subject_country: JP, separate: true, from: 2020-01-02, expires: 2020-01-01}", "'expires' lies"),
        (
            "{notice: n1, subject_country: JP, separate: true, from: 2020-01-02, withdrawn: 2020-01-01}",
            "'withdrawn' lies",
        ),
        ("{notice: n1, subject_country: JP, separate: true, status: given}", "unknown key 'status'"),
        ("{notice: n1, subject_country: JP, separate: true, row_level: {}}", "'datasource' is missing"),
        ("{notice: n1, subject_country: JP, separate: true, row_level: yes}", "a mapping is wanted here"),
        (
            "{notice: n1, subject_country: JP, separate: true}, {notice: n1, subject_country: JP, separate: false}",
            "line 1 says what JP said",
        ),
    ],
)
def test_odd_consent_is_a_problem(entry: str, problem: str) -> None:
    root, problems = section(f"consents: [{entry}]")
    read_consents(root)
    assert any(listed.startswith(f"test.yaml:1: {problem}") for listed in problems.listed()), problems.listed()


def test_row_level_consent_is_a_filter_at_each_table_of_those_people(tmp_path: Path) -> None:
    found = registry(tmp_path, catalog=CATALOG, disclosures=NOTICES, consents=ROW_LEVEL)
    source = found.catalog[DatasourceId("shop")]
    filters = {one.relation: one for one in found.row_consents(source.id, source.tables)}
    # of people who may be in Japan, told apart by a key of persons, and not where the consent lies itself
    assert set(filters) == {"public.customers", "public.orders", "public.visits"}
    assert filters["public.customers"] == RowConsent(
        name="consent-n1-JP",
        relation="public.customers",
        key="id",
        table="public.consents",
        table_key="user_id",
        country=filters["public.customers"].country,
        equal=(("notice", "n1"), ("country", "JP")),
        given="given",
        withdrawn="withdrawn_at",
        expires="until",
        country_column="country",
        elsewhere=filters["public.customers"].elsewhere,
    )
    assert filters["public.customers"].elsewhere == ("KR",)
    assert (filters["public.visits"].country_column, filters["public.visits"].elsewhere) == (None, ())
    assert source.filters_of("public.orders") == ("consent-n1-JP",)
    assert source.filters_of("public.koreans") == source.filters_of("public.nowhere") == ()
    (consent,) = found.assured(EntityId("shop"), 1_700_000_000).consents
    assert (consent.status, consent.row_filter) == ("given_by_some", "consent-n1-JP")
    assert list(found.row_consents(DatasourceId("elsewhere"), source.tables)) == []
    assert [one.relation for one in found.row_consents(source.id, ["public.orders", "x.y"])] == ["public.orders"]


def test_filters_are_those_of_the_consents_as_they_are_now(tmp_path: Path) -> None:
    first = registry(tmp_path, catalog=CATALOG, disclosures=NOTICES, consents=ROW_LEVEL)
    (tmp_path / "consents.yaml").write_text("consents: []\n", encoding="utf-8")
    second = load_registry(tmp_path, first)
    assert list(second.row_consents(DatasourceId("shop"), ["public.customers"])) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("notice: n1", "notice: n2", ":2: 'n2' is not a notice of disclosures.yaml"),
        ("notice: n1", "notice: said", ":2: 'said' is an announcement: nobody consents to one"),
        ("separate: true", "separate: true\n    to: 2022-04-01", ":2: 'n1' is in force at no time of the consent"),
        ("datasource: shop", "datasource: mall", ":6: 'mall' is not a datasource of catalog.yaml"),
        ("notice: n1", "notice: other", ":6: the notice is another controller's than datasource 'shop'"),
        (
            "table: public.consents",
            "table: public.c",
            ":6: 'public.c' is not a table about people of",
        ),
        ("table: public.consents", "table: public.prices", ":6: 'public.prices' is not a table about people"),
        ("key: user_id", "key: person", ":6: 'person' is not a column of 'public.consents' in catalog.yaml"),
        ("given_column: given", "given_column: yes_said", ":6: 'yes_said' is not a column of 'public.consents'"),
    ],
)
def test_what_a_consent_names_must_be_there(tmp_path: Path, old: str, new: str, problem: str) -> None:
    write_registry(tmp_path, catalog=CATALOG, disclosures=NOTICES, consents=ROW_LEVEL.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path)
    assert any(f"consents.yaml{problem}" in listed for listed in caught.value.problems), caught.value.problems


def test_one_countrys_people_do_not_say_something_else_without_end() -> None:
    entry = "{{notice: n1, subject_country: JP, separate: true, from: {0}-01-01, to: {0}-06-01}}"
    root, problems = section("consents: [" + ", ".join(entry.format(year) for year in range(1800, 1901)) + "]")
    read_consents(root)
    assert problems.listed() == ["test.yaml:1: more than 100 entries about JP and the notice"]
