from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts import bulk
from gateway.facts.bulk import ENTITY_COLUMNS, OWNERSHIP_COLUMNS, Bulk, read_bulk
from gateway.facts.csv_rows import MAX_PROBLEMS
from gateway.facts.fields import Problems
from gateway.facts.registry import FILES as FILES_THERE
from gateway.facts.registry import load_registry
from gateway.model import EntityId
from tests.leis import with_check_digits
from tests.unit.facts.world import FILES, registry, write_registry

A, B, C = (with_check_digits(f"9999TEST{letter * 10}") for letter in "ABC")
ENTITIES = f"""{",".join(ENTITY_COLUMNS)}
{A},"Alpha, Inc.",US,US,ISSUED,
{B},Beta,CN,HK,LAPSED,LAPSED
{C},Gamma,,,ISSUED,NON_PUBLIC
"""
HOLDINGS = f"""{",".join(OWNERSHIP_COLUMNS)}
{A},{B},,2019-01-01,,consolidation
{B},{C},50.5,,2024-01-01,
"""


def read(entities: str = ENTITIES, holdings: str = HOLDINGS) -> tuple[Bulk, list[str]]:
    problems = Problems()
    return read_bulk(entities.encode(), holdings.encode(), problems), problems.listed()


def test_rows_are_read() -> None:
    found, problems = read()
    assert problems == []
    assert found.rows[A] == ("Alpha, Inc.", "US", "US", "ISSUED", "")
    assert found.rows[C] == ("Gamma", None, None, "ISSUED", "NON_PUBLIC")
    assert [(edge.owner, edge.share, edge.basis) for edge in found.owners_of[B]] == [(A, None, "consolidation")]
    assert [(edge.owned, edge.share) for edge in found.owned_by[B]] == [(C, 50.5)]
    assert len(found.days) == 2


@pytest.mark.parametrize(
    ("entities", "holdings", "problem"),
    [
        (ENTITIES + f"{A},Again,US,US,,\n", HOLDINGS, f"entities.csv:5: LEI {A} for the second time"),
        (ENTITIES + "x,X,US,US,,\n", HOLDINGS, "entities.csv:5: 'x' is not an LEI"),
        (ENTITIES.replace(",US,US", ",UK,US"), HOLDINGS, "entities.csv:2: 'UK' is not an ISO 3166-1"),
        (ENTITIES.replace("Beta", ""), HOLDINGS, "entities.csv:3: 'name' must be"),
        (ENTITIES.replace("Beta,", ""), HOLDINGS, "entities.csv:3: 5 fields, where 6 are wanted"),
        (ENTITIES.replace("LAPSED,", "x" * 1001 + ","), HOLDINGS, "entities.csv:3: 'status' and"),
        (ENTITIES.replace("lei,", "LEI,"), HOLDINGS, "entities.csv:1: the first line must be lei,name"),
        (ENTITIES.replace("Beta", 'B"eta"x'), HOLDINGS, ""),
        (ENTITIES.replace("Gamma", '"Gamma'), HOLDINGS, "entities.csv:4: not CSV: unexpected end of data"),
        (ENTITIES, HOLDINGS.replace("50.5", "0"), "ownership.csv:3: 'share' must be more than 0"),
        (ENTITIES, HOLDINGS.replace("50.5", "1e1"), "ownership.csv:3: 'share' must be more than 0"),
        (ENTITIES, HOLDINGS.replace("50.5", "101"), "ownership.csv:3: 'share' must be more than 0"),
        (ENTITIES, HOLDINGS.replace("2019-01-01", "2019"), "ownership.csv:2: '2019' is not a date"),
        (ENTITIES, HOLDINGS.replace(",,2024-01-01", ",2024-01-01,2024-01-01"), "ownership.csv:3: 'to' must be later"),
        (ENTITIES, HOLDINGS.replace("consolidation", "rumour"), "ownership.csv:2: 'basis' must be one of"),
        (ENTITIES, HOLDINGS + f"{A},{A},1,,,\n", "ownership.csv:4: an entity cannot own itself"),
        (ENTITIES, HOLDINGS + f"{A},{C},60,2020-01-01,,\n", "ownership.csv:4: the shares of"),
    ],
)
def test_odd_row_is_a_problem_with_its_line(entities: str, holdings: str, problem: str) -> None:
    _, problems = read(entities, holdings)
    assert any(listed.startswith(problem) for listed in problems) if problem else problems == [], problems


def test_text_that_is_not_utf8_is_a_problem() -> None:
    problems = Problems()
    read_bulk(ENTITIES.encode() + b"\xff\xfe\n", b"", problems)
    assert "the file is not UTF-8" in problems.listed()[0]


def test_a_file_of_problems_is_not_read_to_its_end() -> None:
    _, problems = read(ENTITIES + "x,X,US,US,,\n" * 10 * MAX_PROBLEMS)
    assert MAX_PROBLEMS <= len(problems) <= MAX_PROBLEMS + 2
    assert any("the rest of the file was not looked at" in problem for problem in problems)


def imported(directory: Path, holdings: str = HOLDINGS, **files: str) -> Path:
    write_registry(directory, **files)
    (directory / "entities.csv").write_text(ENTITIES)
    (directory / "ownership.csv").write_text(holdings)
    return directory


def test_what_is_written_by_hand_and_imported_is_one_entity(tmp_path: Path) -> None:
    entities = FILES["entities.yaml"].replace("name: Shop,", f"name: Shop, lei: {C},")
    entities += (
        f"ownership:\n  - {{owner: shop, of: helper, share: 100}}\n  - {{owner: {A}, of: helper, share: unknown}}\n"
    )
    found = load_registry(imported(tmp_path, entities=entities)).entities
    assert found.named(C) == "shop"
    assert C not in found.by_id
    assert found.by_id[EntityId("shop")].name == "Shop"
    assert [(edge.owner, edge.owned) for edge in found.owners_of[EntityId("shop")]] == [(B, "shop")]
    assert [edge.owned for edge in found.owned_by[EntityId(B)]] == ["shop"]
    assert [edge.owner for edge in found.owners_of[EntityId("helper")]] == [A, "shop"]
    assert sorted(found.by_id) == sorted(["shop", "helper", A, B])
    assert len(found.by_id) == 4
    assert found.by_id[EntityId(B)].owners_note == "LAPSED"
    assert len(list(found.ownerships)) == 4


def test_holding_written_by_hand_replaces_the_imported_one(tmp_path: Path) -> None:
    entities = FILES["entities.yaml"] + f"ownership:\n  - {{owner: {A}, of: {B}, share: 49.9}}\n"
    found = load_registry(imported(tmp_path, entities=entities)).entities
    assert [(edge.owner, edge.share) for edge in found.owners_of[EntityId(B)]] == [(A, 49.9)]


def test_holding_of_nobody_known_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_registry(imported(tmp_path, holdings=HOLDINGS + f"{A},somebody,1,,,\n"))
    assert caught.value.problems == (f"{tmp_path.name}/ownership.csv:4: 'somebody' is not an entity of the registry",)


def test_what_is_the_same_is_not_read_again(tmp_path: Path) -> None:
    first = load_registry(imported(tmp_path))
    (tmp_path / "people.yaml").write_text(FILES["people.yaml"].replace("Ann", "Anna"))
    second = load_registry(tmp_path, first)
    assert second.entities.bulk is first.entities.bulk
    assert second.revision != first.revision
    (tmp_path / "ownership.csv").write_text(HOLDINGS.replace("50.5", "50"))
    assert load_registry(tmp_path, second).entities.bulk is not first.entities.bulk


def test_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bulk.MAX_BYTES > 200 * 1024 * 1024  # all entities that have an LEI fit
    registry(tmp_path)
    with (tmp_path / "entities.csv").open("wb") as stream:
        stream.truncate(bulk.MAX_BYTES + 1)
    limits = {**FILES_THERE.limits, "entities.csv": 1000}
    monkeypatch.setattr("gateway.facts.registry.FILES", replace(FILES_THERE, limits=limits))
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path)
    assert caught.value.problems == (f"{tmp_path.name}/entities.csv: the file is larger than 1000 bytes",)
