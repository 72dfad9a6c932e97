"""The sub-select that stands in for a relation, as text."""

from __future__ import annotations

from gateway.sql.rewrite.duties import Duty
from gateway.sql.rewrite.masks import Style
from gateway.sql.rewrite.standin import BLANK, PLAIN, Standin, name_of, stand_in
from tests.unit.sql.golden import catalog

CATALOG = catalog(18)
OIDS = {relation.full_name: oid for oid, relation in CATALOG.relations.items()}


def make(duty: Duty, used: frozenset[str] | None) -> Standin:
    return stand_in(
        CATALOG, OIDS["app.regions"], duty, nonce="nonce_01", used=used, filters={"f": "code = 'JP'"}, style=Style()
    )


def test_columns_in_order_what_is_not_used_is_blank():
    made = make(Duty(filters=frozenset({"f"})), frozenset({"code"}))
    assert [(output.name, output.shown) for output in made.outputs] == [("code", PLAIN), ("name", BLANK)]
    assert made.positions == {1: 1, 2: 2}
    assert made.filtered
    assert made.text.startswith('SELECT "nonce_01"."code", ')
    assert made.text.endswith(' AS "name" FROM "app"."regions" AS "nonce_01" WHERE (code = \'JP\'\n) OFFSET 0')


def test_without_a_filter_there_is_no_fence():
    made = make(Duty(), None)
    assert made.text == 'SELECT "nonce_01"."code", "nonce_01"."name" FROM "app"."regions" AS "nonce_01"'
    assert not made.filtered


def test_the_name_without_an_alias():
    assert name_of(CATALOG.relations[OIDS["app.regions"]]) == '"regions"'
