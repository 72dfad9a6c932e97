"""What the wire and the parser tell each other about names: values, and what a name means is part of a question."""

from __future__ import annotations

from gateway.model import StatementEffect, StatementFacts
from gateway.naming import Meaning, NameDeed, NameKind, NameUse, Naming


def test_meanings_are_equal_where_everything_is() -> None:
    facts = StatementFacts(kind="select", effect=StatementEffect.READ, complete=True)
    one = Meaning("SELECT 1", (23,), None, (facts,))
    assert {one: 1}[Meaning("SELECT 1", (23,), None, (facts,))] == 1
    for other in (
        Meaning("SELECT 2", (23,), None, (facts,)),
        Meaning("SELECT 1", (20,), None, (facts,)),
        Meaning("SELECT 1", (23,), "SELECT NULL", (facts,)),
        Meaning("SELECT 1", (23,)),
    ):
        assert one != other


def test_the_uses_of_a_text_stand_in_the_order_of_its_statements() -> None:
    use = NameUse(kind=NameKind.CURSOR, deed=NameDeed.RUN, name="k")
    assert Naming((None, use)).steps[1] is use
