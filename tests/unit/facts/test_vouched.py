"""``vouched:`` of a datasource: what may stand in it, in which form it is kept, and every mistake with its line."""

from __future__ import annotations

import pytest

from gateway.facts.vouched import canonical, read_vouched
from gateway.model import DatasourceId, Vouched
from tests.unit.facts.world import FILES, registry, section

SHA = "0123456789abcdef" * 4
GOOD = f"""\
vouched:
  functions:
    app.initials(text):
      reason: first letters of what it is given
      reviewed: 2026-01-31
      source_sha256: {SHA}
    app.days( int , timestamptz ):
    app.now():
      security_definer: true
  definitions:
    app.recent: {{reason: a number of days}}
    app.size:
"""


def read(text: str) -> tuple[Vouched, list[str]]:
    root, problems = section(text)
    found = read_vouched(root)
    root.done()
    return found, problems.listed()


def test_functions_and_definitions_with_their_places():
    found, problems = read(GOOD)
    assert problems == []
    assert {name: (one.place, one.source_sha256, one.security_definer) for name, one in found.functions.items()} == {
        "app.initials(text)": ("test.yaml:3", SHA, False),
        "app.days(integer, timestamp with time zone)": ("test.yaml:7", "", False),
        "app.now()": ("test.yaml:8", "", True),
    }
    assert found.definitions == {"app.recent": "test.yaml:11", "app.size": "test.yaml:12"}


@pytest.mark.parametrize("text", ["id: x", "vouched:", "vouched: {}", "vouched:\n  functions: {}"])
def test_nothing_is_vouched_for_by_saying_nothing(text):
    root, problems = section(text)
    assert read_vouched(root) == Vouched()
    assert problems.listed() == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("functions: {initials(text): }", "2: 'initials(text)' must be a function with its schema and types"),
        ("functions: {app.initials: }", "2: 'app.initials' must be a function with its schema and types"),
        ('functions: {"app.f(varchar(20))": }', "2: 'app.f(varchar(20))' must be a function with its schema and types"),
        ('functions: {"app.f(text,)": }', "2: 'app.f(text,)' must be a function with its schema and types"),
        ("functions: {pg_catalog.pg_sleep(float8): }", "2: 'pg_catalog.pg_sleep(float8)': only functions of users"),
        (
            "functions: {app.f(int4): , app.f( integer ): }",
            "2: 'app.f( integer )' is app.f(integer), which stands in test.yaml:2 already",
        ),
        ("functions: {app.f(): {source_sha256: abc}}", "2: 'source_sha256' must be 64 digits"),
        ("functions: {app.f(): {reviewed: lately}}", "2: 'reviewed' is not a date"),
        ("functions: {app.f(): {security_definer: perhaps}}", "2: 'security_definer' must be one of"),
        ("functions: {app.f(): {because: x}}", "2: unknown key 'because'"),
        ("functions: [app.f()]", "2: 'functions' must be a mapping"),
        ("definitions: {recent: }", "2: 'recent' must be a name with its schema, or a kind and a name"),
        ("definitions: {app.f(): }", "2: 'app.f()' must be a name with its schema, or a kind and a name"),
        ("definitions: {app.recent: {source_sha256: x}}", "2: unknown key 'source_sha256'"),
        ("triggers: {app.t: }", "2: unknown key 'triggers'"),
    ],
)
def test_every_mistake_has_its_line(line, problem):
    _, problems = read(f"vouched:\n  {line}")
    assert len(problems) == 1
    assert problems[0].startswith(f"test.yaml:{problem}")


def test_the_revision_moves_with_what_is_said_and_not_with_why():
    first, _ = read(GOOD)
    again, _ = read(GOOD.replace("first letters of what it is given", "two letters"))
    assert again.revision == first.revision != ""
    for old, new in ((SHA, SHA[::-1]), ("app.now", "app.then"), ("app.recent", "app.older"), ("true", "false")):
        assert read(GOOD.replace(old, new))[0].revision != first.revision


def test_types_are_named_as_the_server_names_them():
    assert canonical("app.f(int[],VARCHAR, character  varying, app.mood)") == (
        "app.f(integer[], character varying, character varying, app.mood)"
    )
    assert canonical("app.f") is None


def test_a_registry_answers_for_each_datasource(tmp_path):
    catalog = FILES["catalog.yaml"] + "    vouched: {functions: {app.initials(text): }}\n"
    known = registry(tmp_path, catalog=catalog)
    assert set(known.vouched(DatasourceId("shop")).functions) == {"app.initials(text)"}
    assert known.vouched(DatasourceId("another")) == Vouched()
