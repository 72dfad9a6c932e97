"""What somebody asks of the record."""

from __future__ import annotations

from gateway.inquiry import Looking, Reading, about


def test_reading_is_about_those_it_names() -> None:
    everybody = Reading(what=Looking.DECISIONS)
    assert about(everybody, "i#li", None)
    of_entity = Reading(what=Looking.DECISIONS, entity="line-cn")
    assert about(of_entity, "i#li", "line-cn")
    assert not about(of_entity, "i#li", None), "whose employer nobody knows is of no entity"
    of_person = Reading(what=Looking.DECISIONS, principal="i#li", entity="line-cn")
    assert about(of_person, "i#li", "line-cn")
    assert not about(of_person, "i#wang", "line-cn")
    assert not about(of_person, "i#li", "line-jp")
