"""What a statement costs in people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gateway.facts.subjects import Bound, Cost, Kind, bounds_of, cost_of, types_above
from gateway.model import (
    ColumnLabel,
    ColumnUseKind,
    Country,
    DataFacts,
    DataType,
    EntityId,
    Limit,
    Mask,
    RelationLabel,
    Spread,
    StatementEffect,
    StatementFacts,
    SubjectCountries,
    Unit,
    Window,
)

JP, KR = Country("JP"), Country("KR")
TYPES = {"id": "user.unique_id", "name": "user.name", "phone": "user.contact.phone"}


def label(column: str, *countries: Country, use: ColumnUseKind = ColumnUseKind.OUTPUT, table: str = "a.users") -> Any:
    return ColumnLabel(
        relation=table,
        column=column,
        use=use,
        data_types=(DataType(TYPES[column]),) if column in TYPES else (),
        subject_countries=countries,
        subject_known=bool(countries),
        labelled=True,
    )


def data(*columns: ColumnLabel, key: str | None = "id", unit: Unit = Unit.PERSON) -> DataFacts:
    relations = sorted({column.relation for column in columns})
    return DataFacts(
        about_people=True,
        data_types=(),
        subject_countries=(JP,),
        subject_known=True,
        storage_countries=(JP,),
        controller=EntityId("line-jp"),
        columns=columns,
        unlabelled=(),
        relations=tuple(
            RelationLabel(
                relation=one, about_people=True, subject_countries=(JP,), subject_known=True, subject_key=key, unit=unit
            )
            for one in relations
        ),
    )


def statement(*spread: Spread, shows: bool = True, relations: tuple[str, ...] = ("a.users",)) -> StatementFacts:
    return StatementFacts(
        kind="select",
        effect=StatementEffect.READ,
        complete=True,
        relations=relations,
        spread=spread,
        shows=shows,
    )


def cost(of: StatementFacts, about: DataFacts, *obligations: Any, sizes: dict[str, int] | None = None) -> Cost:
    return cost_of(of, about, obligations, (sizes or {}).get, datasource="main")


def kinds(*names: str, countries: Sequence[Country] = (JP,), unit: Unit = Unit.PERSON) -> set[Kind]:
    return {Kind(DataType(name), country, unit) for name in names for country in countries}


def by_row(times: int = 1, *outputs: tuple[str, int], merged: bool = False, more: tuple[str, ...] = ()) -> Spread:
    return Spread(relations=("a.users", *more), times=times, outputs=outputs, merged=merged)


def test_a_type_counts_for_all_above_it():
    assert types_above("user.contact.phone") == ("user", "user.contact", "user.contact.phone")


def test_each_row_is_one_without_a_key_among_the_outputs():
    found = cost(statement(by_row(1, ("name", 0))), data(label("name", JP), label("phone", JP, KR)))
    assert set(found.per_row) == kinds("user", "user.name", "user.contact", "user.contact.phone") | kinds(
        "user", "user.contact", "user.contact.phone", countries=(KR,)
    )
    assert set(found.per_row.values()) == {1}
    assert (found.keyed, found.once, found.watches) == ({}, {}, ())


def test_the_key_among_the_outputs_is_watched():
    found = cost(statement(by_row(1, ("name", 0), ("id", 3))), data(label("name", JP), label("id", JP)))
    (watch,) = found.watches
    assert (watch.place, watch.domain) == (3, "main:a.users")
    assert set(watch.kinds) == set(found.per_row) == set(found.keyed) == kinds("user", "user.name", "user.unique_id")


@pytest.mark.parametrize("method", ["hash", "null", "partial"])
def test_a_masked_key_tells_nobody_apart(method: str):
    mask = Mask(relation="a.users", column="id", method=method)
    found = cost(statement(by_row(1, ("id", 0))), data(label("id", JP), label("name", JP)), mask)
    assert not found.watches
    assert found.per_row


def test_what_a_mask_takes_away_is_not_shown():
    about = data(label("name", JP), label("phone", JP))
    null = Mask(relation="a.users", column="phone", method="null")
    assert set(cost(statement(by_row()), about, null).per_row) == kinds("user", "user.name")
    partial = Mask(relation="a.users", column="phone", method="partial")
    assert kinds("user.contact.phone") <= set(cost(statement(by_row()), about, partial).per_row)


def test_a_filter_of_ours_narrows_the_countries_and_nothing_else_does():
    only = SubjectCountries(relation="a.users", column="country", countries=(KR,))
    about = data(label("name", JP, KR))
    assert set(cost(statement(by_row()), about).per_row) == kinds("user", "user.name", countries=(JP, KR))
    assert set(cost(statement(by_row()), about, only).per_row) == kinds("user", "user.name", countries=(KR,))


def test_a_self_join_shows_two_in_a_row():
    assert set(cost(statement(by_row(2)), data(label("name", JP))).per_row.values()) == {2}


def test_children_are_counted_with_their_parent():
    about = data(label("name", JP), label("phone", KR, table="a.users_vip"))
    found = cost(statement(by_row(1, more=("a.users_vip",)), relations=("a.users", "a.users_vip")), about)
    assert set(found.per_row.values()) == {1}
    assert not found.once


def test_an_aggregate_costs_the_tables_size_and_an_unknown_size_is_unknown():
    about = data(label("name", JP))
    assert cost(statement(), about, sizes={"a.users": 500}).once == dict.fromkeys(kinds("user", "user.name"), 500)
    assert "a.users" in cost(statement(), about).unknown
    assert cost(statement(), data(label("created"))).unknown == "", "nothing of anybody in it"


def test_distinct_rows_without_the_key_are_unknown():
    about = data(label("name", JP), label("id", JP))
    assert "DISTINCT" in cost(statement(by_row(1, ("name", 0), merged=True)), about).unknown
    assert cost(statement(by_row(1, ("id", 0), merged=True)), about).unknown == ""


def test_nobody_knows_whose_is_unknown():
    assert "a.users.name" in cost(statement(by_row()), data(label("name"))).unknown


def test_what_shows_nothing_costs_nothing():
    assert cost(statement(by_row(), shows=False), data(label("name", JP))) == Cost()
    write = data(label("name", JP, use=ColumnUseKind.WRITE_TARGET))
    assert not cost(statement(by_row()), write).kinds


def test_devices_are_no_people():
    found = cost(statement(by_row()), data(label("name", JP), unit=Unit.DEVICE))
    assert set(found.per_row) == kinds("user", "user.name", unit=Unit.DEVICE)


def limit(*types: str, country: Country = JP, most: int = 100, window: Window = Window.TWELVE_MONTHS) -> Limit:
    return Limit(
        data_types=tuple(map(DataType, types)), subject_country=country, unit=Unit.PERSON, window=window, most=most
    )


def test_limits_bind_what_they_are_about():
    found = cost(statement(by_row(2)), data(label("name", JP), label("phone", JP)))
    year = limit("user.contact", most=7, window=Window.YEAR)
    assert bounds_of(found, [limit("user.name", country=KR), limit("user.health"), year]) == (
        Bound((Kind(DataType("user.contact"), JP, Unit.PERSON),), year=True, most=7, per_row=2, once=0),
    )


def test_types_of_several_branches_add_up_and_what_is_below_another_does_not():
    found = cost(statement(by_row()), data(label("name", JP), label("phone", JP)))
    (bound,) = bounds_of(found, [limit("user.name", "user.contact", "user.contact.phone")])
    assert [kind.data_type for kind in bound.kinds] == ["user.contact", "user.name"]
    assert bound.per_row == 2
