"""Whose sessions are strict: what configuration, rules and the catalog make of it together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Datasource
from gateway.config_load import load
from gateway.facts.registry import load_registry
from gateway.model import Layer, Mode
from gateway.policy.metadata import NamedRelation, RuleRow
from gateway.strictness import Strictness, nowhere, strictness
from tests.houses import House
from tests.worlds import REGISTRY

QUEUE = NamedRelation(datasource=None, relation="public.moderation_queue")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Datasource:
    directory: Path = tmp_path_factory.mktemp("house")
    return load(House(directory, None).layout.config, {}).datasources[0]


def rule(*relations: NamedRelation, **changes: Any) -> RuleRow:
    row = {"id": "house-x", "layer": Layer.HOUSE, "mode": Mode.ENFORCE, "pack": "p", "title": "t", "citation": "c"}
    return RuleRow(**{**row, "relations": relations, **changes})


def of(source: Datasource, *rules: RuleRow) -> Strictness:
    return strictness([source], rules, load_registry(REGISTRY))["messenger"]


@pytest.mark.parametrize(
    ("relation", "strict"),
    [
        (QUEUE, True),
        (NamedRelation(datasource="messenger", relation="public.moderation_queue"), True),
        (NamedRelation(datasource="messenger", relation="public.not_labelled_yet"), True),
        (NamedRelation(datasource="elsewhere", relation="public.moderation_queue"), False),
        (NamedRelation(datasource=None, relation="public.nowhere"), False),
        (NamedRelation(datasource=None, relation="moderation_queue.public"), False),
    ],
)
def test_a_datasource_that_holds_what_a_rule_names(source: Datasource, relation: NamedRelation, strict: bool):
    assert of(source, rule(relation)).strict is strict


def test_a_rule_in_shadow_mode_counts_too(source: Datasource):
    assert of(source, rule(QUEUE, mode=Mode.SHADOW)).strict


@pytest.mark.parametrize(
    ("said", "rules", "strict", "set_aside", "why"),
    [
        (None, [], False, False, ""),
        (None, [rule()], False, False, ""),
        (None, [rule(QUEUE)], True, False, "a relation named by house-x (public.moderation_queue)"),
        (True, [], True, False, "strict: true in the configuration"),
        (True, [rule(QUEUE)], True, False, "a relation named by house-x (public.moderation_queue)"),
        (False, [], False, False, ""),
        (
            False,
            [rule(QUEUE), rule(QUEUE, id="law-y")],
            False,
            True,
            "strict: false in the configuration, despite relations named by "
            "house-x (public.moderation_queue), law-y (public.moderation_queue)",
        ),
    ],
)
def test_configuration_by_name_comes_first(
    source: Datasource, said: bool | None, rules: list[RuleRow], strict: bool, set_aside: bool, why: str
):
    found = of(replace(source, strict=said), *rules)
    assert (found.strict, found.set_aside, found.why) == (strict, set_aside, why)


def test_names_that_nobody_has(source: Datasource):
    names = [
        QUEUE,
        NamedRelation(datasource=None, relation="public.moderation_kue"),
        NamedRelation(datasource="messenger", relation="public.moderation_kue"),
        NamedRelation(datasource="messanger", relation="public.moderation_queue"),
    ]
    assert nowhere([rule(*names)], load_registry(REGISTRY)) == [
        ("house-x", "public.moderation_kue"),
        ("house-x", "messenger:public.moderation_kue"),
        ("house-x", "messanger:public.moderation_queue"),
    ]
