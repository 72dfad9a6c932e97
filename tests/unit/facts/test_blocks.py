import pytest

from gateway.facts.blocks import Block, Blocks, lifted, read_blocks
from gateway.facts.period import Period
from gateway.model import Country, EntityId
from tests.unit.facts.world import section


def block(entity: str = "a", start: int | None = None, end: int | None = None, name: str = "x") -> Block:
    return Block(id=name, entity=EntityId(entity), country=None, period=Period(start, end), line=1)


@pytest.mark.parametrize(
    ("former", "latter", "gone"),
    [
        ([], [block()], 0),
        ([block()], [], 1),
        ([block()], [block(name="renamed")], 0),
        ([block(start=5)], [block(start=5), block("b")], 0),
        ([block(start=5)], [block(start=4)], 0),
        ([block(start=5)], [block(start=6)], 1),
        ([block(end=9)], [block()], 0),
        ([block()], [block(end=9)], 1),
        ([block(end=9)], [block(end=8)], 1),
        ([block("a"), block("b")], [block("a")], 1),
    ],
)
def test_what_is_stopped_no_longer_is_lifted(former: list[Block], latter: list[Block], gone: int) -> None:
    assert len(list(lifted(tuple(former), tuple(latter)))) == gone


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("blocks:\n  - {id: x}\n", "test.yaml:2: a block names either 'entity', 'country' or 'principal'"),
        ("blocks:\n  - {id: x, country: CN, principal: 'i#s'}\n", "test.yaml:2: a block names either 'entity', 'coun"),
        ("blocks:\n  - {id: x, principal: ann}\n", "test.yaml:2: 'principal' must be an issuer and a subject"),
        ("blocks:\n  - {id: x, principal: 'i#'}\n", "test.yaml:2: 'principal' must be an issuer and a subject"),
        ("blocks:\n  - {id: admin-1, country: CN}\n", "test.yaml:2: ids that begin with 'admin-' are given by"),
        ("blocks:\n  - {id: x, country: XX}\n", "test.yaml:2: 'country' is not an ISO 3166-1"),
        ("blocks:\n  - {id: x, country: CN}\n  - {id: x, country: KR}\n", "test.yaml:3: block 'x' stands twice"),
        ("blocks:\n  - {id: given, country: CN}\n", "test.yaml:2: block 'given' stands twice"),
        ("blocks:\n  - {id: x, country: CN, why: y}\n", "test.yaml:2: unknown key 'why'"),
    ],
)
def test_odd_block_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_blocks(root, lambda part, key: EntityId(part.entity(key)), frozenset({"given"}))
    assert problems.listed()[0].startswith(problem)


def test_blocks_in_force_are_those_of_the_day_wherever_they_are_written() -> None:
    country = Block(id="cn", country=Country("CN"), period=Period(3, 5))
    blocks = Blocks(own=(block(),), listed=(country,), admin=(block(start=4, name="later"),))
    assert [blocks.in_force("entity", day) for day in (2, 4)] == [1, 2]
    assert [blocks.in_force("country", day) for day in (2, 3, 4, 5)] == [0, 1, 1, 0]
    assert blocks.in_force("principal", 4) == 0
