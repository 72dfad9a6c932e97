import shutil
from pathlib import Path

import pytest

from gateway.errors import ConfigError, Reason, SekishoError
from gateway.facts import yaml_tree
from gateway.facts.assurances import Assured
from gateway.facts.period import FAR_FUTURE
from gateway.facts.registry import load_registry
from gateway.model import DatasourceId, EntityId, Peer, StatementEffect, StatementFacts
from tests.unit.facts.world import FILES, moment, principal, registry, write_registry

DEMO = Path(__file__).parents[3] / "gateway" / "demo" / "registry"
SHOP, SHOP_SOURCE = EntityId("shop"), DatasourceId("shop")


def problems(directory: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_registry(directory)
    return list(caught.value.problems)


def test_registry_answers_for_everything(tmp_path: Path) -> None:
    found = registry(tmp_path)
    at = moment("2026-01-01")
    source = found.datasource(SHOP_SOURCE, at)
    assert source is not None
    assert (source.controller, source.controller_name, source.controller_country) == ("shop", "Shop", "JP")
    assert source.storage_countries == ("JP",)
    assert found.employer(principal(), SHOP, at).same_legal_entity
    assert found.location(Peer(address="192.0.2.1"), principal(), at, 900).countries == ("JP",)
    assert found.sites["office"].kind == "office"
    statement = StatementFacts(
        kind="select", effect=StatementEffect.READ, complete=True, relations=("public.customers",)
    )
    assert found.data(SHOP_SOURCE, statement, at).about_people
    assert found.assured(SHOP, at) == Assured(disclosures=(), claims=(), agreements=(), consents=(), adequacy=())


def test_where_it_lies_is_a_matter_of_the_day(tmp_path: Path) -> None:
    also = "    also_stored: [{country: KR, to: 2025-01-01}]\n    controller:"
    moved = FILES["catalog.yaml"].replace("    controller:", also)
    found = registry(tmp_path, catalog=moved)
    statement = StatementFacts(kind="select", effect=StatementEffect.NONE, complete=True)
    last = moment("2024-12-31")
    for at, countries in ((last, ("JP", "KR")), (moment("2025-01-01"), ("JP",))):
        source = found.datasource(SHOP_SOURCE, at)
        assert source is not None
        assert source.storage_countries == found.data(SHOP_SOURCE, statement, at).storage_countries == countries
    assert found.next_change(last) == moment("2025-01-01"), "no answer stands longer"


def test_same_subject_of_another_issuer_is_somebody_else(tmp_path: Path) -> None:
    other = principal(issuer="https://elsewhere.example")
    assert not registry(tmp_path).employer(other, SHOP, moment("2026-01-01")).known


def test_unknown_datasource_is_no_datasource(tmp_path: Path) -> None:
    found = registry(tmp_path)
    assert found.datasource(DatasourceId("other"), 0) is None
    with pytest.raises(SekishoError) as caught:
        found.data(DatasourceId("other"), StatementFacts(kind="select", effect=StatementEffect.NONE, complete=True), 0)
    assert caught.value.reason is Reason.DATASOURCE_UNKNOWN


def test_revision_is_of_names_and_bytes(tmp_path: Path) -> None:
    first = registry(tmp_path).revision
    assert len(first) == 16
    assert load_registry(tmp_path).revision == first
    elsewhere = tmp_path / "copy"
    shutil.copytree(tmp_path, elsewhere)
    assert load_registry(elsewhere).revision == first
    (elsewhere / "README.md").write_text("not a file of the registry")
    assert load_registry(elsewhere).revision == first
    with (elsewhere / "people.yaml").open("a") as stream:
        stream.write("# a comment\n")
    assert load_registry(elsewhere).revision != first


def test_every_problem_of_every_file_is_listed_with_its_place(tmp_path: Path) -> None:
    write_registry(
        tmp_path,
        people=FILES["people.yaml"].replace("shop", "nobody").replace("name: Ann", "nick: Ann"),
        networks=FILES["networks.yaml"].replace("JP", "UK"),
        catalog=FILES["catalog.yaml"].replace("controller: shop", "controller: nobody"),
        disclosures="notices:\n  - {id: n, controller: nobody, disclosures: []}\n",
        agreements="agreements:\n  - {id: a, kind: scc, controller: shop, entity: nobody, foreign_law_risk: none}\n",
        persons="people: []\n",
    )
    place = tmp_path.name
    assert problems(tmp_path) == [
        f"{place}/agreements.yaml:2: 'nobody' is not an entity of the registry",
        f"{place}/catalog.yaml:4: 'nobody' is not an entity of the registry",
        f"{place}/disclosures.yaml:2: 'nobody' is not an entity of the registry",
        f"{place}/networks.yaml:2: 'country' is not an ISO 3166-1 alpha-2 country code",
        f"{place}/people.yaml:2: 'name' is missing",
        f"{place}/people.yaml:4: unknown key 'nick'",
        f"{place}/people.yaml:8: 'nobody' is not an entity of the registry",
        f"{place}/persons.yaml: no file of a registry (known: adequacy.yaml, agreements.yaml, blocks.yaml, "
        "catalog.yaml, consents.yaml, disclosures.yaml, entities.csv, entities.yaml, networks.yaml, "
        "ownership.csv, people.csv, people.yaml)",
    ]


@pytest.mark.parametrize("name", sorted(FILES))
def test_missing_file_is_a_problem(tmp_path: Path, name: str) -> None:
    (write_registry(tmp_path) / name).unlink()
    assert problems(tmp_path) == [f"{tmp_path.name}/{name}: the file is missing"]


@pytest.mark.parametrize("name", [*sorted(FILES), "disclosures.yaml", "agreements.yaml"])
def test_file_that_is_empty_or_cut_is_a_problem(tmp_path: Path, name: str) -> None:
    write_registry(tmp_path)
    (tmp_path / name).write_text("")
    assert problems(tmp_path) == [f"{tmp_path.name}/{name}:1: the file is empty"]
    (tmp_path / name).write_text("- a\n")
    assert f"{tmp_path.name}/{name}:1: a mapping is wanted here" in problems(tmp_path)


def test_missing_folder_is_a_problem(tmp_path: Path) -> None:
    assert "cannot be read" in problems(tmp_path / "nowhere")[0]


def test_file_over_the_limit_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_registry(tmp_path)
    with (tmp_path / "people.yaml").open("ab") as stream:
        stream.truncate(200 * 1024 * 1024)
    assert problems(tmp_path) == [f"{tmp_path.name}/people.yaml:1: the file is larger than {yaml_tree.MAX_BYTES} bytes"]


def test_next_change_is_the_next_date_of_the_registry(tmp_path: Path) -> None:
    found = registry(tmp_path)
    assert found.next_change(moment("2019-12-31")) == moment("2020-01-01")
    assert found.next_change(moment("2020-01-01") - 1) == moment("2020-01-01")
    assert found.next_change(moment("2020-01-01")) == FAR_FUTURE


def test_next_change_is_midnight_once_something_is_counted_in_days(tmp_path: Path) -> None:
    found = registry(
        tmp_path,
        agreements="agreements:\n  - {id: a, kind: scc, controller: shop, entity: helper, foreign_law_risk: none,"
        " last_check: 2026-03-01}\n",
    )
    assert found.next_change(moment("2026-02-27T12:00:00")) == moment("2026-03-01")
    assert found.next_change(moment("2026-03-01T12:00:00")) == moment("2026-03-02")
    assert found.next_change(moment("2026-03-02")) == moment("2026-03-03")


def test_demo_registry_is_whole() -> None:
    found = load_registry(DEMO)
    assert {person.name.split()[0] for person in found.people.values()} == {
        "Sato",
        "Li",
        "Zhao",
        "Wang",
        "Tanaka",
        "Kim",
        "Mori",
        "Suzuki",
    }
    assert found.datasource(DatasourceId("messenger"), 0) is not None


def test_blocks_are_read_alone(tmp_path: Path) -> None:
    blocks_in_entities = FILES["entities.yaml"] + "blocks:\n  - {id: first, country: CN}\n"
    first = registry(tmp_path, entities=blocks_in_entities)
    data = b"blocks:\n  - {id: second, entity: shop, from: 2021-02-24}\n"
    second = first.with_blocks(data)
    assert [block.id for block in second.entities.blocks] == ["first", "second"]
    ann, shop = principal("ann"), EntityId("shop")
    assert first.employer(ann, shop, moment("2021-02-24")).blocked_by is None
    assert second.employer(ann, shop, moment("2021-02-24")).blocked_by == "second"
    assert second.next_change(moment("2021-02-20")) == moment("2021-02-24")
    (tmp_path / "blocks.yaml").write_bytes(data)
    assert load_registry(tmp_path).revision == second.revision != first.revision
    assert [block.id for block in second.with_blocks(b"blocks: []").entities.blocks] == ["first"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            b"blocks:\n  - {id: x, entity: nobody}\n",
            "blocks.yaml:2: 'entity' names an entity that is not in the registry",
        ),
        (b"", "blocks.yaml:1: the file is empty"),
        (b"bloc", "blocks.yaml:1: a mapping is wanted here"),
        (b"blocks: []\nmore: 1\n", "blocks.yaml:2: unknown key 'more'"),
        (b"{}", "blocks.yaml:1: 'blocks' is missing"),
    ],
)
def test_odd_blocks_are_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry(tmp_path).with_blocks(data)
    assert any(listed.startswith(problem) for listed in caught.value.problems)
