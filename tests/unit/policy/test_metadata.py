"""A rule says what it is, in its module and in its pack's table, and both agree."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.policy.metadata import NamedRelation, check_rules, rule_rows, rule_table, rule_texts

MODULE = """# METADATA
# title: Pack
package house.x

# METADATA
# title: A rule
# description: Needs something.
# custom:
#   id: house-a
#   layer: house
#   citation: "House policy"
#   effective_from: 2020-01-01
#   mode: enforce
passed contains "house-a" if input.a == true
"""


def row(**changes: Any) -> dict[str, Any]:
    return {
        "title": "A rule",
        "layer": "house",
        "citation": "House policy",
        "effective_from": "2020-01-01",
        "effective_to": None,
        "mode": "enforce",
        "owner": "security",
        "order": 1,
        **changes,
    }


def data(rows: Any) -> dict[str, Any]:
    return {"house": {"x": {"rules": rows}}}


def check(module: str = MODULE, rows: Any = None) -> list[str]:
    return check_rules([("house/x/x.rego", module)], data({"house-a": row()} if rows is None else rows))


def test_a_rule_that_says_everything() -> None:
    assert check() == []
    (rule,) = rule_texts("house/x/x.rego", MODULE)
    assert (rule.id, rule.place, rule.pack) == ("house-a", "house/x/x.rego:14", "house/x")


def test_the_table_of_a_pack() -> None:
    assert list(rule_rows(data({"house-a": row()}), "house/x")) == ["house-a"]
    assert rule_rows({}, "house/x") == {}
    assert rule_rows({"house": 1}, "house/x") == {}


@pytest.mark.parametrize("line", ["id", "layer", "citation", "effective_from", "mode", "title", "description"])
def test_metadata_lacks_something(line: str) -> None:
    spoilt = "\n".join(text for text in MODULE.splitlines() if not text.startswith((f"# {line}:", f"#   {line}:")))
    assert any("METADATA" in problem and line in problem for problem in check(spoilt))


@pytest.mark.parametrize("field", sorted(row()))
def test_a_row_lacks_something(field: str) -> None:
    short = row()
    del short[field]
    assert f"house/x/x.rego:14: the row of house-a lacks {field}" in check(rows={"house-a": short})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"layer": "custom"}, "layer must be one of law, promise, house"),
        ({"mode": "warn"}, "mode must be one of enforce, shadow"),
        ({"effective_from": "2020-13-01"}, "effective_from must be a day, YYYY-MM-DD"),
        ({"effective_from": 2020}, "effective_from must be a day, YYYY-MM-DD"),
        ({"effective_to": "later"}, "effective_to must be a day, YYYY-MM-DD, or null"),
        ({"order": "first"}, "order must be a whole number"),
        ({"order": True}, "order must be a whole number"),
        ({"owner": ""}, "owner must be a text"),
        ({"extra": 1}, "has an unknown field extra"),
    ],
)
def test_a_row_that_says_something_else(changes: dict[str, Any], problem: str) -> None:
    assert any(problem in found for found in check(rows={"house-a": row(**changes)}))


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "shadow"},
        {"layer": "law"},
        {"citation": "Somewhere"},
        {"effective_from": "2030-01-01"},
        {"effective_to": "2024-01-01"},
    ],
)
def test_the_table_cannot_say_other_than_the_module(changes: dict[str, Any]) -> None:
    (name,) = changes
    expected = f"house/x/x.rego:14: the METADATA of house-a and its row differ in {name}"
    assert check(rows={"house-a": row(**changes)}) == [expected]


def test_an_end_is_said_in_both() -> None:
    ended = MODULE.replace("#   mode:", "#   effective_to: 2024-01-01\n#   mode:")
    assert check(ended, {"house-a": row(effective_to="2024-01-01")}) == []
    assert check(ended) == ["house/x/x.rego:15: the METADATA of house-a and its row differ in effective_to"]


def test_a_rule_without_metadata() -> None:
    bare = 'package house.x\n\npassed contains "house-a" if input.a\n'
    assert check(bare) == ["house/x/x.rego:3: rule house-a has no METADATA above it"]


def test_metadata_that_is_not_yaml_counts_as_none() -> None:
    assert check(MODULE.replace("# title: A rule", "# title: [")) == [
        "house/x/x.rego:14: rule house-a has no METADATA above it"
    ]


def test_metadata_without_custom_fields() -> None:
    bare = 'package house.x\n\n# METADATA\n# title: A\npassed contains "house-a" if input.a\n'
    assert check(bare) == ["house/x/x.rego:5: the METADATA of house-a has no custom fields"]


def test_a_rule_without_a_row() -> None:
    assert check(rows={}) == ["house/x/x.rego:14: rule house-a has no row in house/x/data.yaml"]


def test_a_row_without_a_rule() -> None:
    assert check(rows={"house-a": row(), "house-b": row()}) == [
        "house/x/data.yaml:1: rule house-b is in the table but in no module"
    ]


def test_a_rule_defined_twice() -> None:
    twice = MODULE + '\npassed contains "house-a" if input.b == true\n'
    assert "house/x/x.rego:16: rule house-a is already defined at house/x/x.rego:14" in check(twice)


def naming(relations: str) -> str:
    return MODULE.replace("#   mode: enforce\n", f"#   mode: enforce\n#   {relations}\n")


def test_a_rule_names_relations():
    module = naming("relations: [public.users, 'messenger:public.messages', 'public.a:b']")
    assert check(module) == [
        "house/x/x.rego:15: the METADATA of house-a: 'public.a:b' must be written schema.relation or "
        "datasource:schema.relation"
    ]
    module = naming("relations: [public.users, 'messenger:public.messages']")
    assert check(module) == []
    (row_of,) = rule_table([("house/x/x.rego", module)], data({"house-a": row()}))
    assert row_of.relations == (
        NamedRelation(datasource=None, relation="public.users"),
        NamedRelation(datasource="messenger", relation="public.messages"),
    )
    assert [str(one) for one in row_of.relations] == ["public.users", "messenger:public.messages"]
    (without,) = rule_table([("house/x/x.rego", MODULE)], data({"house-a": row()}))
    assert without.relations == ()


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("relations: public.users", "relations must be a list of texts"),
        ("relations: [1]", "relations must be a list of texts"),
        ("relations: [users]", "'users' must be written schema.relation or datasource:schema.relation"),
        ("relations: ['public. users']", "'public. users' must be written schema.relation"),
        ("relations: [':public.users']", "':public.users' must be written schema.relation"),
        ("relation: [public.users]", "has an unknown custom field relation"),
    ],
)
def test_relations_that_are_none(said: str, problem: str):
    (found,) = check(naming(said))
    assert found.startswith("house/x/x.rego:15: the METADATA of house-a")
    assert problem in found
