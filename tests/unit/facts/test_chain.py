from gateway.facts.chain import find_chain, links, owner_links, owner_of_principal
from gateway.facts.entities import Entities, read_entities
from gateway.facts.period import parse_day
from gateway.model import EntityId
from tests.unit.facts.world import section

NAMES = "abcdefgh"


def world(text: str) -> Entities:
    root, problems = section(
        "entities:\n" + "".join(f"  - {{id: {name}, name: {name.upper()}, country: JP}}\n" for name in NAMES) + text
    )
    found = read_entities(root)
    assert problems.listed() == []
    return found


def contract(principal: str, contractor: str, more: str = "") -> str:
    return f"  - {{id: {principal}-{contractor}, principal: {principal}, contractor: {contractor}, purpose: p{more}}}\n"


def owns(owner: str, owned: str, share: float = 100, more: str = "") -> str:
    return f"  - {{owner: {owner}, of: {owned}, share: {share}{more}}}\n"


def chain(entities: Entities, employer: str, day: str = "2026-01-01") -> list[str] | None:
    number = parse_day(day)
    assert number is not None
    hops = find_chain(entities, EntityId("a"), EntityId(employer), number)
    return (
        None
        if hops is None
        else [f"{link.entity}:{link.relation}" for link in links(entities, EntityId("a"), hops, number)]
    )


def owners(entities: Entities, entity: str) -> list[tuple[int, str, float | None]]:
    return [(link.hop, link.entity, link.share_percent) for link in owner_links(entities, EntityId(entity), 20000)]


def test_controller_itself_is_hop_zero() -> None:
    assert chain(world(""), "a") == ["a:controller"]


def test_contractor_at_hop_one_and_subcontractors_below() -> None:
    entities = world("contracts:\n" + contract("a", "b") + contract("b", "c") + contract("c", "d"))
    assert chain(entities, "b") == ["a:controller", "b:contractor"]
    assert chain(entities, "d") == ["a:controller", "b:contractor", "c:subcontractor", "d:subcontractor"]


def test_affiliates_are_found_down_up_and_across_the_group() -> None:
    entities = world("ownership:\n" + owns("a", "b") + owns("c", "a", 50) + owns("c", "d", 51))
    assert chain(entities, "b") == ["a:controller", "b:affiliate"]
    assert chain(entities, "c") == ["a:controller", "c:affiliate"]
    assert chain(entities, "d") == ["a:controller", "c:affiliate", "d:affiliate"]


def test_holding_below_half_makes_no_affiliate() -> None:
    assert chain(world("ownership:\n" + owns("c", "a", 49.99) + owns("c", "d", 100)), "d") is None


def test_contractor_of_an_affiliate_is_a_subcontractor() -> None:
    entities = world("ownership:\n" + owns("a", "b") + "contracts:\n" + contract("b", "c"))
    assert chain(entities, "c") == ["a:controller", "b:affiliate", "c:subcontractor"]


def test_owner_or_sister_of_a_contractor_has_no_chain() -> None:
    entities = world("contracts:\n" + contract("a", "b") + "ownership:\n" + owns("c", "b") + owns("c", "d"))
    assert chain(entities, "c") is None
    assert chain(entities, "d") is None


def test_contracts_lead_downwards_only() -> None:
    assert chain(world("contracts:\n" + contract("b", "a")), "b") is None


def test_shortest_chain_wins_and_contract_goes_before_ownership() -> None:
    entities = world(
        "contracts:\n"
        + contract("a", "b")
        + contract("b", "c")
        + contract("a", "d")
        + contract("d", "c")
        + "ownership:\n"
        + owns("a", "e")
        + owns("a", "d", 60)
        + owns("e", "c", 100)
    )
    assert chain(entities, "d") == ["a:controller", "d:contractor"]
    assert chain(entities, "c") == ["a:controller", "b:contractor", "c:subcontractor"]


def test_cycles_end() -> None:
    entities = world(
        "contracts:\n"
        + contract("a", "b")
        + contract("b", "c")
        + contract("c", "b")
        + "ownership:\n"
        + owns("a", "d", 60)
        + owns("d", "e", 60)
        + owns("e", "d", 40)
        + owns("e", "a", 50)
    )
    assert chain(entities, "h") is None
    assert chain(entities, "e") == ["a:controller", "e:affiliate"]
    assert owners(entities, "d") == [(1, "a", 60.0), (1, "e", 40.0)]


def test_edges_count_only_while_in_force() -> None:
    entities = world("contracts:\n" + contract("a", "b", ", from: 2021-01-01, to: 2022-01-01"))
    assert chain(entities, "b", "2020-12-31") is None
    assert chain(entities, "b", "2021-01-01") is not None
    assert chain(entities, "b", "2021-12-31") is not None
    assert chain(entities, "b", "2022-01-01") is None


def test_owners_are_all_listed_nearest_first_each_once() -> None:
    entities = world(
        "ownership:\n" + owns("b", "a", 64.5) + owns("c", "b", 50) + owns("d", "b", 50) + owns("d", "a", 2)
    )
    assert owners(entities, "a") == [(1, "b", 64.5), (1, "d", 2.0), (2, "c", 50.0)]


def supervised(entities: Entities, contract_id: str) -> str | None:
    (found,) = (one for one in entities.contracts if one.id == contract_id)
    return owner_of_principal(entities, found, 0)


def test_contractor_of_the_owners_side_is_flagged() -> None:
    """NAVER Cloud worked for LINE; NAVER held half of the company that held LINE."""
    entities = world(
        "contracts:\n"
        + contract("a", "b")  # of a sister under the owner two hops up
        + contract("a", "d")  # of the owner itself
        + contract("a", "f")  # of a subsidiary of the principal
        + contract("a", "g")  # of a stranger with a small share
        + "ownership:\n"
        + owns("d", "c", 50)
        + owns("c", "a", 64.5)
        + owns("d", "b", 100)
        + owns("a", "f", 100)
        + owns("c", "g", 49)
    )
    assert supervised(entities, "a-b") == "d"
    assert supervised(entities, "a-d") == "d"
    assert supervised(entities, "a-f") is None
    assert supervised(entities, "a-g") is None
