from gateway.facts.control import MOST_ABOVE, Controls, OwnershipTest, control
from gateway.facts.entities import Entities, Entity
from gateway.facts.ownership import Ownership
from gateway.facts.period import Period
from gateway.model import Answer, Country, EntityId

TEST = OwnershipTest(id="t", countries=frozenset({Country("CN")}), share=50, headquarters=False)
Given = tuple[str, str, float | None] | tuple[str, str, float | None, int | None, int | None]


def world(*holdings: Given, **countries: str | None) -> Entities:
    """Entities by their country, all with their owners known, and holdings."""
    names = {name for edge in holdings for name in edge[:2]} | set(countries)
    entities = {
        EntityId(name): Entity(
            id=EntityId(name),
            name=name,
            country=None if countries.get(name, "JP") is None else Country(countries.get(name) or "JP"),
            headquarters=None,
            lei=None,
            owners_known=True,
        )
        for name in names
    }
    edges = tuple(
        Ownership(EntityId(edge[0]), EntityId(edge[1]), edge[2], Period(*edge[3:]), line)
        for line, edge in enumerate(holdings)
    )
    return Entities.build(entities, edges, (), ())


def answer(graph: Entities, entity: str, day: int = 0, test: OwnershipTest = TEST) -> Answer:
    return control(graph, test, EntityId(entity), day).answer


def test_more_than_a_share_is_not_the_share_itself() -> None:
    graph = world(("cn", "a", 25.0), cn="CN")
    assert (
        answer(graph, "a", test=OwnershipTest(id="25+", countries=TEST.countries, share=25, headquarters=False))
        == "yes"
    )
    over = OwnershipTest(id="25", countries=TEST.countries, share=25, or_more=False, headquarters=False)
    assert answer(graph, "a", test=over) == "no"


def test_shares_are_added_exactly() -> None:
    graph = world(*[(f"cn{number}", "a", 0.1) for number in range(500)], **{f"cn{n}": "CN" for n in range(500)})
    assert answer(graph, "a") == "yes"


def test_answer_says_from_when_until_when() -> None:
    graph = world(("cn", "a", 100.0, 10, 20), cn="CN")
    for day, expected, since, until in [
        (9, "no", None, 10),
        (10, "yes", 10, 20),
        (19, "yes", 10, 20),
        (20, "no", 20, None),
    ]:
        found = control(graph, TEST, EntityId("a"), day)
        assert (found.answer, found.since, found.until) == (expected, since, until)
        assert found.holds_on(day)


def test_a_yes_is_explained_once_for_each_entity() -> None:
    graph = world(("cn", "x", 50.0), ("cn", "y", 50.0), ("x", "a", 30.0), ("y", "a", 30.0), cn="CN")
    steps = control(graph, TEST, EntityId("a"), 0).steps
    assert [step.entity for step in steps] == ["a", "x", "y", "cn"]
    assert steps[0].holders == (("x", 30.0), ("y", 30.0))


def test_more_owners_than_anybody_follows_are_unknown() -> None:
    graph = world(*[(f"o{number + 1}", f"o{number}", 100.0) for number in range(MOST_ABOVE + 1)])
    found = control(graph, TEST, EntityId("o0"), 0)
    assert found.answer == "unknown"
    assert found.gaps[0].what == "owners"


def test_answers_are_kept_for_their_days() -> None:
    controls = Controls(world(("cn", "a", 100.0, 10, None), cn="CN"), [TEST])
    before = controls.ask("t", EntityId("a"), 3)
    assert controls.ask("t", EntityId("a"), 9) is before
    after = controls.ask("t", EntityId("a"), 10)
    assert (before.answer, after.answer) == ("no", "yes")
    assert len(controls) == 1


def test_what_is_kept_is_bounded() -> None:
    controls = Controls(world(*[("cn", f"a{n}", 100.0) for n in range(10)], cn="CN"), [TEST], most=4)
    for number in range(10):
        controls.ask("t", EntityId(f"a{number}"), 0)
    assert len(controls) <= 4


def test_another_graph_keeps_what_was_not_touched() -> None:
    first = world(("cn", "a", 50.0), ("jp", "a", 50.0), ("a", "b", 100.0), ("jp", "c", 100.0), cn="CN")
    controls = Controls(first, [TEST])
    kept = controls.ask("t", EntityId("c"), 0)
    gone = controls.ask("t", EntityId("b"), 0)
    second = world(("cn", "a", 40.0), ("jp", "a", 60.0), ("a", "b", 100.0), ("jp", "c", 100.0), cn="CN")
    other = controls.carried_to(second, [TEST], {EntityId("a")})
    assert other.ask("t", EntityId("c"), 0) is kept
    assert gone.answer == "yes"
    assert other.ask("t", EntityId("b"), 0).answer == "no"


def test_another_test_of_the_same_name_keeps_nothing() -> None:
    graph = world(("cn", "a", 50.0), cn="CN")
    controls = Controls(graph, [TEST])
    assert controls.ask("t", EntityId("a"), 0).answer == "yes"
    stricter = OwnershipTest(id="t", countries=TEST.countries, share=60, headquarters=False)
    assert controls.carried_to(graph, [stricter], ()).ask("t", EntityId("a"), 0).answer == "no"
