"""What a session asks of its door: values, equal by what they say, that nobody can change on the way."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from gateway.errors import Reason
from gateway.pgwire import actions


def test_actions_are_equal_by_what_they_say():
    assert actions.Judge("SELECT 1", (23,), True) == actions.Judge("SELECT 1", (23,), True, ticket=None, fresh=False)
    assert actions.ToServer(b"x") != actions.ToClient(b"x")
    assert actions.Close(Reason.MESSAGE_REFUSED, "") != actions.Close(Reason.MESSAGE_MALFORMED, "")


EXAMPLES: tuple[actions.Action, ...] = (
    actions.ToServer(b"x"),
    actions.ToClient(b"x"),
    actions.Judge("SELECT 1", (), True),
    actions.Analysed((), None, False),
    actions.Completed("t", 1, "00000"),
    actions.Refused(Reason.LIMIT_EXCEEDED),
    actions.Close(Reason.LIMIT_EXCEEDED, ""),
    actions.Leave(),
)


def test_there_is_an_example_of_each():
    assert {type(one) for one in EXAMPLES} == set(typing.get_args(actions.Action))


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: type(one).__name__)
def test_an_action_cannot_be_changed(one):
    assert dataclasses.is_dataclass(one)
    for name in ("data", *(field.name for field in dataclasses.fields(one))):
        with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
            setattr(one, name, b"other")
