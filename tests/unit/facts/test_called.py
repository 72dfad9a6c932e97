"""Whom a name means."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.errors import ConfigError
from gateway.facts.called import find_entity, find_person
from gateway.facts.registry import load_registry
from tests.worlds import REGISTRY

DEMO = load_registry(REGISTRY)


def test_an_entity_is_found_by_its_id_and_by_its_name_alone() -> None:
    key = next(iter(DEMO.entities.by_hand))
    assert find_entity(DEMO, key) == key
    assert find_entity(DEMO, DEMO.entities.by_hand[key].name.upper()) == key
    assert find_entity(DEMO, "nobody at all") is None


def test_a_person_is_found_by_a_subject_that_only_one_has() -> None:
    key, person = next(iter(DEMO.people.items()))
    assert find_person(DEMO, key) is person
    assert find_person(DEMO, key.rpartition("#")[2]) is person
    assert find_person(DEMO, "nobody") is None


def test_two_of_one_name_are_told() -> None:
    two = SimpleNamespace(people={key: SimpleNamespace(id=key) for key in ("a#li", "b#li")})
    with pytest.raises(ConfigError, match="several people"):
        find_person(cast(Any, two), "li")
