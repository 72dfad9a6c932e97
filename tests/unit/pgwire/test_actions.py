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


@pytest.mark.parametrize("kind", typing.get_args(actions.Action), ids=lambda kind: kind.__name__)
def test_an_action_cannot_be_changed(kind):
    assert dataclasses.is_dataclass(kind)
    one = kind(*[None for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING])
    with pytest.raises((dataclasses.FrozenInstanceError, TypeError)):
        one.data = b"other"
