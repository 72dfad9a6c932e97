"""What is owed where: parents and children answer for each other, and everything unclear is refused."""

from __future__ import annotations

import pytest

from gateway.model import Country, Mask, RowFilter, RowLimit, SubjectCountries, UnknownObligation
from gateway.sql.rewrite.duties import Duties, Duty
from gateway.sql.rewrite.refused import RewriteRefused
from tests.unit.sql.golden import catalog

CATALOG = catalog(18)
OIDS = {relation.full_name: oid for oid, relation in CATALOG.relations.items()}


def mask(relation: str, column: str, method: str = "null") -> Mask:
    return Mask(relation=f"app.{relation}", column=column, method=method)


def of(name: str, *obligations: object) -> Duty:
    return Duties(obligations, CATALOG).of(OIDS[f"app.{name}"])  # type: ignore[arg-type]


def test_masks_and_filters_of_a_relation():
    duty = of("messages", mask("messages", "body"), RowFilter(relation="app.messages", predicate="p"))
    assert duty == Duty({"body": "null"}, frozenset({"p"}))
    assert of("stickers", mask("messages", "body")).none


def countries(relation: str, *codes: str) -> SubjectCountries:
    found = tuple(Country(code) for code in codes)
    return SubjectCountries(relation=f"app.{relation}", column="country", countries=found)


def test_subject_countries_are_a_filter_of_our_own():
    duties = Duties([countries("users", "JP", "KR"), countries("users")], CATALOG)
    assert duties.of(OIDS["app.users"]).filters == {"country in JP, KR", "country in no country"}
    assert "ANY (ARRAY['JP'::pg_catalog.text, 'KR'::pg_catalog.text]" in duties.conditions["country in JP, KR"]
    with pytest.raises(RewriteRefused, match="is to be read instead"):
        of("users_vip", countries("users", "JP"))
    assert of("users_vip", countries("users", "JP"), countries("users_vip", "JP")).filters == {"country in JP"}


def test_a_parent_answers_for_its_children_and_partitions():
    assert of("users", mask("users_vip", "phone")).masks == {"phone": "null"}
    assert of("payments", mask("payments_2025", "iban")).masks == {"iban": "null"}
    assert of("users", mask("users_vip", "level")).none  # not to be had through the parent
    with pytest.raises(RewriteRefused, match="masked differently"):
        of("users", mask("users_vip", "phone"), mask("users", "phone", "partial"))
    with pytest.raises(RewriteRefused, match="a row filter that it has not"):
        of("users", RowFilter(relation="app.users_vip", predicate="p"))


def test_a_child_named_directly_must_owe_what_its_parent_owes():
    both = (mask("users", "phone"), mask("users_vip", "phone"))
    assert of("users_vip", *both).masks == {"phone": "null"}
    for obligations in ([mask("users", "phone")], [*both, mask("users", "email")]):
        with pytest.raises(RewriteRefused, match="is to be read instead"):
            of("users_vip", *obligations)
    with pytest.raises(RewriteRefused, match="is to be read instead"):
        of("payments_2025", RowFilter(relation="app.payments", predicate="p"))


def test_the_smallest_limit_counts():
    assert Duties([RowLimit(rows=9), RowLimit(rows=5)], CATALOG).limit == 5
    assert Duties([], CATALOG).limit is None


@pytest.mark.parametrize(
    ("obligations", "why"),
    [
        ([UnknownObligation(name="approval")], "not one that SQL can carry out"),
        ([RowLimit(rows=-1)], "not a number of rows"),
        ([Mask(relation="app.nothing", column="x", method="null")], "does not know"),
        ([countries("messages", "JP")], "app.messages.country, which does not exist"),
        ([mask("users", "nothing")], "does not exist"),
        ([mask("users", "phone"), mask("users", "phone", "partial")], "two different masks"),
    ],
)
def test_what_is_not_understood_is_refused(obligations, why):
    with pytest.raises(RewriteRefused, match=why):
        Duties(obligations, CATALOG)


@pytest.mark.parametrize("name", ["mv_contacts", "v_directory"])
def test_only_tables(name):
    (first, *_) = CATALOG.relations[OIDS[f"app.{name}"]].columns.values()
    with pytest.raises(RewriteRefused, match="only tables"):
        of(name, mask(name, first.name))
