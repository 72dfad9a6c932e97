"""Dates: facts are of the UTC day, half open, and stay equal until ``next_change``."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.facts.period import DAY, FAR_FUTURE, Period, day_of, iso, parse_day
from gateway.facts.registry import Registry, load_registry
from gateway.model import DatasourceId, EntityId, Principal

ISSUER = "https://id.test.example"
FIRST = date(2026, 1, 1)
START = (FIRST.toordinal() - date(1970, 1, 1).toordinal()) * DAY
SPAN = 12  # days in which everything happens

days = st.integers(0, SPAN).map(lambda number: (FIRST + timedelta(days=number)).isoformat())
moments = st.integers(START - 2 * DAY, START + (SPAN + 3) * DAY)


@st.composite
def spans(draw: st.DrawFn) -> dict[str, str]:
    found = draw(st.fixed_dictionaries({}, optional={"from": days, "to": days}))
    if len(found) == 2 and found["from"] >= found["to"]:
        del found["to"]
    return found


def optional(key: str) -> st.SearchStrategy[dict[str, str]]:
    return st.one_of(st.just({}), days.map(lambda day: {key: day}))


@st.composite
def registries(draw: st.DrawFn) -> dict[str, Any]:
    trip = draw(st.one_of(st.just({}), days.map(lambda day: {"stay": "trip", "stay_until": day})))
    jobs = [{"entity": entity, **draw(spans())} for entity in draw(st.lists(st.sampled_from("abc"), max_size=3))]
    return {
        "people": {"people": [{"issuer": ISSUER, "subject": "ann", "name": "Ann", "employments": jobs, **trip}]},
        "entities": {
            "entities": [
                {"id": name, "name": name.upper(), "country": "JP", "designations": [{"as": "ciio", **draw(spans())}]}
                for name in "abc"
            ],
            "ownership": [{"owner": "a", "of": "b", "share": 100, **draw(spans())}],
            "contracts": [
                {"id": "k", "principal": "a", "contractor": "c", "purpose": "p", "subcontractors": "none"}
                | draw(spans())
                | draw(optional("last_audit"))
            ],
            "blocks": [{"id": "x", "entity": "b", **draw(spans())}],
        },
        "networks": {"sites": []},
        "catalog": {"datasources": [{"id": "s", "storage_countries": ["JP"], "controller": "a", "tables": {}}]},
        "disclosures": {
            "notices": [
                {
                    "id": "n",
                    "controller": "a",
                    "disclosures": [{"country": "KR", "data_types": ["user"], "consent": True}],
                    "claims": [
                        {"claim": "stored_only_in", "countries": ["JP"], "data_types": ["user"], **draw(spans())}
                    ],
                },
                {
                    "id": "m",
                    "controller": "a",
                    "disclosures": [{"country": "US", "data_types": ["user"], "consent": True}],
                }
                | draw(spans()),
            ]
        },
        "consents": {
            "consents": [
                {"notice": "n", "subject_country": "JP", "separate": True, **draw(spans())},
                {"notice": "n", "subject_country": "KR", "separate": True}
                | draw(optional("withdrawn"))
                | draw(optional("expires")),
            ]
        },
        "adequacy": {
            "adequacy": [{"regime": "jp", "country": "KR", "accepted": True, "citation": "c", **draw(spans())}]
        },
        "agreements": {
            "agreements": [
                {"id": "g", "kind": "scc", "controller": "a", "entity": "b", "foreign_law_risk": "none"}
                | draw(spans())
                | draw(optional("last_check"))
                | draw(days.map(lambda day: {"tia": {"date": day, "outcome": "effective"}}))
            ]
        },
    }


def load(files: dict[str, Any]) -> Registry:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            text = yaml.safe_dump(content, sort_keys=False)
            (Path(folder) / f"{name}.yaml").write_text(text, encoding="utf-8")
        return load_registry(Path(folder))


def facts(registry: Registry, at: int) -> tuple[object, ...]:
    person = Principal(issuer=ISSUER, subject="ann", database_user="ann", expires_at=FAR_FUTURE)
    controller = EntityId("a")
    return (
        registry.datasource(DatasourceId("s"), at),
        registry.employer(person, controller, at),
        registry.assured(controller, at),
    )


@settings(max_examples=80, deadline=None)
@given(registries(), st.lists(moments, min_size=1, max_size=4), st.floats(0, 1, exclude_max=True))
def test_facts_stay_equal_until_next_change(files: dict[str, Any], ats: list[int], part: float) -> None:
    registry = load(files)
    for at in ats:
        change = registry.next_change(at)
        assert change > at
        horizon = min(change, START + (SPAN + 30) * DAY)
        expected = facts(registry, at)
        for later in (at, at + int((horizon - at) * part), horizon - 1):
            if at <= later < change:
                assert facts(registry, later) == expected


@settings(max_examples=40, deadline=None)
@given(registries(), moments)
def test_facts_are_of_the_utc_day(files: dict[str, Any], at: int) -> None:
    registry = load(files)
    midnight = day_of(at) * DAY
    assert facts(registry, at) == facts(registry, midnight) == facts(registry, midnight + DAY - 1)


@given(st.integers(-300_000, 2_000_000))
def test_every_day_reads_back(day: int) -> None:
    assert parse_day(iso(day)) == day


@given(st.one_of(st.none(), st.integers(0, 50)), st.one_of(st.none(), st.integers(51, 99)), st.integers(-5, 105))
def test_period_begins_on_its_first_day_and_ends_before_its_last(start: int | None, end: int | None, day: int) -> None:
    inside = not (start is not None and day < start) and not (end is not None and day >= end)
    assert Period(start, end).covers(day) is inside
