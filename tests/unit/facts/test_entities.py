import pytest

from gateway.facts.entities import read_entities
from tests.unit.facts.world import section

GOOD = """\
entities:
  - {id: a, name: A, country: JP, lei: 353800ABCDEFGHIJKL56}
  - {id: b, name: B, country: KR, headquarters: KR}
  - {id: c, name: C}
ownership:
  - {owner: a, of: b, share: 60}
  - {owner: c, of: b, share: 40, from: 2020-01-01}
contracts:
  - {id: k1, principal: a, contractor: c, purpose: support, data_types: [user.name], last_audit: 2025-01-01}
blocks:
  - {id: stop, country: KR, from: 2026-01-01, reason: order of the board}
"""


def test_good_file_is_read_and_indexed() -> None:
    root, problems = section(GOOD)
    found = read_entities(root)
    assert problems.listed() == []
    assert found.by_id["c"].country is None  # type: ignore[index]
    assert [edge.owner for edge in found.owners_of["b"]] == ["a", "c"]  # type: ignore[index]
    assert [contract.subcontractors for contract in found.contracts_of["a"]] == ["unknown"]  # type: ignore[index]
    assert [block.id for block in found.blocks] == ["stop"]
    assert len(found.days) == 3


ENTITIES = "entities:\n  - {id: a, name: A, country: JP}\n  - {id: b, name: B, country: KR}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (ENTITIES + "  - {id: a, name: A}\n", "test.yaml:4: entity 'a' stands twice"),
        (ENTITIES + "  - {id: c, name: C, country: UK}\n", "test.yaml:4: 'country' is not an ISO 3166-1"),
        (ENTITIES + "  - {id: c, name: C, lei: x}\n", "test.yaml:4: 'lei' must be 20"),
        (ENTITIES + "ownership:\n  - {owner: a, of: z, share: 1}\n", "test.yaml:5: 'of' names an entity that is not"),
        (ENTITIES + "ownership:\n  - {owner: a, of: b, share: 100.01}\n", "test.yaml:5: 'share' must be more than 0"),
        (ENTITIES + "ownership:\n  - {owner: a, of: b, share: 0}\n", "test.yaml:5: 'share' must be more than 0"),
        (ENTITIES + "ownership:\n  - {owner: a, of: a, share: 5}\n", "test.yaml:5: an entity cannot own itself"),
        (
            ENTITIES + "contracts:\n  - {id: k, principal: a, contractor: a, purpose: p}\n",
            "test.yaml:5: an entity cannot be its own contractor",
        ),
        (
            ENTITIES + "contracts:\n" + "  - {id: k, principal: a, contractor: b, purpose: p}\n" * 2,
            "test.yaml:6: contract 'k' stands twice",
        ),
        (ENTITIES + "contracts:\n  - {id: k, principal: a, contractor: b}\n", "test.yaml:5: 'purpose' is missing"),
        (ENTITIES + "blocks:\n  - {id: k}\n", "test.yaml:5: a block names either 'entity', 'country' or 'principal'"),
        (ENTITIES + "blocks:\n  - {id: k, entity: a, country: JP}\n", "test.yaml:5: a block names either"),
        (ENTITIES + "owners: []\n", "test.yaml:4: unknown key 'owners'"),
    ],
)
def test_odd_file_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_entities(root)
    assert any(listed.startswith(problem) for listed in problems.listed()), problems.listed()


def test_one_lei_belongs_to_one_entity() -> None:
    entity = "  - {{id: {0}, name: N, lei: 353800ABCDEFGHIJKL56}}\n"
    root, problems = section("entities:\n" + entity.format("a") + entity.format("b"))
    read_entities(root)
    assert problems.listed() == ["test.yaml:3: the LEI belongs to 'a' already"]


@pytest.mark.parametrize(
    ("first", "second", "over"),
    [
        ("share: 60", "share: 40", False),
        ("share: 60", "share: 40.02", True),
        ("share: 60, to: 2021-01-01", "share: 60, from: 2021-01-01", False),
        ("share: 60, to: 2021-01-02", "share: 60, from: 2021-01-01", True),
    ],
)
def test_shares_held_at_the_same_time_stay_within_the_whole(first: str, second: str, over: bool) -> None:
    root, problems = section(
        ENTITIES
        + f"  - {{id: c, name: C}}\nownership:\n  - {{owner: a, of: c, {first}}}\n  - {{owner: b, of: c, {second}}}\n"
    )
    read_entities(root)
    assert bool(problems.listed()) is over
