"""The proof refuses whatever is not exactly what was meant: every way to get it wrong, tried on real servers."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import psycopg
import pytest

from gateway.model import Mask, RowLimit
from gateway.sql.facts import read_facts
from gateway.sql.rewrite import RewriteRefused, Rewritten, prove, rewrite
from gateway.sql.rewrite.standin import Standin
from tests.golden.make_trees import trees_of
from tests.unit.sql.rewrite.bench import FILTERS, KOREA, MAX_BYTES, NONCE, PATH, PHONE

TEXT = "SELECT u.id, u.phone FROM users u, stickers s WHERE u.country = 'KR' ORDER BY u.id LIMIT $1"
NULL = 'CAST(NULL AS "pg_catalog"."text") AS "phone"'
RAW = f'"{NONCE}"."phone"'
MAIL = f'"{NONCE}"."email"'
FILTER = " WHERE (country = 'KR'\n) OFFSET 0"
OBLIGATIONS = (PHONE, KOREA, RowLimit(rows=3))


def plan(bench, text: str = TEXT, obligations=OBLIGATIONS) -> Rewritten:
    original = trees_of(bench.twin, text)
    return rewrite(
        text,
        obligations,
        catalog=bench.catalog,
        search_path=PATH,
        nonce=NONCE,
        facts=read_facts("select", original, bench.catalog, max_tree_bytes=MAX_BYTES),
        trees=original,
        filters=FILTERS,
    )


def check(bench, made: Rewritten, changed: str, text: str = TEXT) -> None:
    prove(
        made,
        original=trees_of(bench.twin, text),
        changed=trees_of(bench.twin, changed),
        references={one: trees_of(bench.twin, one) for one in made.references},
        catalog=bench.catalog,
        max_tree_bytes=MAX_BYTES,
    )


def tampered(text: str, change: tuple[str, str]) -> str:
    """The first place changed; of the gateway's own name, all."""
    return text.replace(*change, -1 if change[0] == NONCE else 1)


TAMPERED = {
    "the raw column": (NULL, RAW),
    "another column in its place": (NULL, f'{MAIL} AS "phone"'),
    "raw behind a cast": (NULL, f'CAST({RAW} AS "pg_catalog"."text") AS "phone"'),
    "raw in a sub-select": (NULL, f'(SELECT {RAW}) AS "phone"'),
    "no filter": (FILTER, ""),
    "no fence": (FILTER, FILTER.removesuffix(" OFFSET 0")),
    "another fence": ("OFFSET 0", "OFFSET 1"),
    "another filter": ("country = 'KR'\n", "country <> 'KR'\n"),
    "a weaker filter": ("country = 'KR'\n", "country = 'KR' OR true\n"),
    "another relation": ('"app"."users"', '"app"."users_vip"'),
    "only": ('FROM "app"."users"', 'FROM ONLY "app"."users"'),
    "another name": (NONCE, f"{NONCE}_1"),
    "a sorted sub-select": ("OFFSET 0", 'ORDER BY "phone" OFFSET 0'),
    "a distinct sub-select": ('SELECT "sek', 'SELECT DISTINCT "sek'),
    "the relation beside it": ("stickers s", "stickers s, users x"),
    "the relation in place of another": ("stickers s", "users s"),
    "the relation in the filter": ("u.country = 'KR'", "u.country = 'KR' AND EXISTS (SELECT FROM app.users)"),
    "the relation joined": (") u,", ") u JOIN app.users v USING (id),"),
    "the relation itself": ("stickers s WHERE", "stickers s, LATERAL (SELECT * FROM app.users) t WHERE"),
    "another output": ("SELECT u.id, u.phone", "SELECT u.id, u.email"),
    "one output more": ("SELECT u.id, u.phone", "SELECT u.id, u.phone, 1"),
    "another constant": ("u.country = 'KR'", "u.country = 'JP'"),
    "another operator": ("u.country = 'KR'", "u.country > 'KR'"),
    "another order": ("ORDER BY u.id", "ORDER BY u.id DESC"),
    "another type": ('CAST(NULL AS "pg_catalog"."text") AS "phone"', 'CAST(NULL AS "pg_catalog"."int4") AS "phone"'),
    "another modifier": ("character varying(12)", "character varying(13)"),
    "no limit": ("(LEAST($1, '3'::pg_catalog.int8))", "ALL"),
    "the limit as it was": ("(LEAST($1, '3'::pg_catalog.int8))", "$1"),
    "another limit": ("'3'::pg_catalog.int8", "'4'::pg_catalog.int8"),
    "the greater limit": ("LEAST", "GREATEST"),
    "a limit of another parameter": ("LEAST($1,", "LEAST($1 + 1,"),
    "a limit with ties": ("LIMIT (LEAST($1, '3'::pg_catalog.int8))", "FETCH FIRST 3 ROWS WITH TIES"),
    "an offset": ("ORDER BY u.id", "ORDER BY u.id OFFSET 1"),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_a_changed_statement_is_refused(bench, change):
    made = plan(bench)
    assert change[0] in made.text
    changed = tampered(made.text, change)
    with pytest.raises(RewriteRefused):
        check(bench, made, changed)


def test_as_it_was_written_it_is_proved(bench):
    made = plan(bench)
    check(bench, made, made.text)


def test_the_original_is_refused(bench):
    with pytest.raises(RewriteRefused, match="not replaced"):
        check(bench, plan(bench), TEXT)


IN_THE_STANDIN = {name: TAMPERED[name] for name in list(TAMPERED)[:6] + list(TAMPERED)[9:14]}


@pytest.mark.parametrize("change", IN_THE_STANDIN.values(), ids=IN_THE_STANDIN.keys())
def test_a_stand_in_that_was_written_wrong_is_refused(bench, change):
    """Text and reference agree with each other, and both are wrong."""
    made = plan(bench)
    changed = {oid: replace(one, text=tampered(one.text, change)) for oid, one in made.standins.items()}
    assert [one.text for one in changed.values()] != [one.text for one in made.standins.values()]
    text = tampered(made.text, change)
    with pytest.raises(RewriteRefused):
        check(bench, replace(made, standins=MappingProxyType(changed)), text)


WRONG_MASKS = {
    "constant": f'CAST(CASE WHEN {RAW} IS NULL THEN NULL ELSE {RAW} END AS "pg_catalog"."text") AS "phone"',
    "constant by its length": f"CASE WHEN {RAW} LIKE '+81%' THEN 'a' ELSE 'b' END AS \"phone\"",
    "null": f'{RAW} AS "phone"',
    "null or not": f'NULLIF({RAW}, {RAW}) AS "phone"',
    "partial": f'{RAW} AS "phone"',
    "partial of another": f'pg_catalog.lower({MAIL}) AS "phone"',
    "partial of a parameter": '$1::pg_catalog.text AS "phone"',
    "partial by a function of users": f'app.acc({RAW}, 1) AS "phone"',
    "year": f'{RAW}::pg_catalog.bpchar AS "phone"',
}


@pytest.mark.parametrize("name", WRONG_MASKS)
def test_a_mask_that_shows_too_much_is_refused(bench, name):
    made = plan(bench, "SELECT phone FROM users", [PHONE])
    ((oid, standin),) = made.standins.items()
    outputs = tuple(replace(one, shown=name.split()[0]) if one.name == "phone" else one for one in standin.outputs)
    wrong = Standin(oid, False, standin.text.replace(NULL, WRONG_MASKS[name]), NONCE, outputs, False)
    changed = made.text.replace(NULL, WRONG_MASKS[name])
    with pytest.raises(RewriteRefused):
        check(bench, replace(made, standins={oid: wrong}), changed, "SELECT phone FROM users")


def test_no_stand_in_at_all_is_refused(bench):
    made = plan(bench, "SELECT phone FROM users", [PHONE])
    with pytest.raises(RewriteRefused, match="cannot be rewritten"):
        check(bench, replace(made, standins={}), "SELECT phone FROM users", "SELECT phone FROM users")


def test_a_view_that_is_not_replaced_is_refused(bench):
    text = "SELECT contact FROM v_contacts"
    made = plan(bench, text, [PHONE])
    with pytest.raises(RewriteRefused, match="not replaced"):
        check(bench, replace(made, standins={}), text, text)


def test_a_view_whose_stand_in_masks_another_output_is_refused(bench):
    text = "SELECT contact FROM v_contacts"
    made = plan(bench, text, [PHONE])
    ((oid, standin),) = made.standins.items()
    raw = f'SELECT "{NONCE}"."id", "{NONCE}"."label", "{NONCE}"."contact" FROM "app"."v_contacts" AS "{NONCE}"'
    outputs = tuple(replace(one, shown="plain") for one in standin.outputs)
    wrong = replace(standin, text=raw, outputs=outputs)
    with pytest.raises(RewriteRefused, match="not masked"):
        check(bench, replace(made, standins={oid: wrong}), made.text.replace(standin.text, raw), text)


def test_a_missing_tree_is_refused(bench):
    made = plan(bench)
    trees = trees_of(bench.twin, made.text)
    references = {one: trees_of(bench.twin, one) for one in made.references}
    whole = {"original": trees_of(bench.twin, TEXT), "changed": trees, "references": references}
    for name, value in (("original", ()), ("changed", ()), ("references", {}), ("changed", [*trees, *trees])):
        with pytest.raises(RewriteRefused):
            prove(made, **{**whole, name: value}, catalog=bench.catalog, max_tree_bytes=MAX_BYTES)
    with pytest.raises(RewriteRefused, match="larger than the limit"):
        prove(made, **whole, catalog=bench.catalog, max_tree_bytes=100)


def test_a_relation_that_the_server_finds_elsewhere_is_refused(bench):
    """The catalog says one relation and the server means another of that name: no mask is put on the wrong one."""
    bench.session.execute("CREATE TABLE scratch.stickers (id int, name text, price_yen int)")
    text = "SELECT name FROM stickers"
    mask = Mask(relation="app.stickers", column="name", method="null")
    made = plan(bench, text, [mask])
    bench.twin.execute("SET search_path = scratch, app")
    try:
        with pytest.raises((RewriteRefused, psycopg.Error)):
            check(bench, made, made.text, text)
    finally:
        bench.twin.execute("SET search_path = app, public, pg_temp")
        bench.session.execute("DROP TABLE scratch.stickers")
