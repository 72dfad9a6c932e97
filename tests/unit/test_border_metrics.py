"""Data about people: who sees whose, of what kind; series on first use, and never without a bound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from gateway import border_metrics
from gateway.border_metrics import BorderMetrics
from gateway.errors import Reason
from gateway.metrics import Metrics
from gateway.model import (
    Confidence,
    Country,
    DataType,
    Door,
    Effect,
    EmployerFacts,
    Finding,
    Layer,
    Location,
    LocationSource,
    Mode,
    Understanding,
    Verdict,
)
from tests.unit.test_model import understanding

PHONE = DataType("user.contact.phone_number")


def understood(place: str | None = "CN", subjects: tuple[str, ...] = ("JP",), known: bool = True) -> Understanding:
    where = Location(
        countries=() if place is None else (Country(place),),
        source=LocationSource.NONE if place is None else LocationSource.SITE_NETWORK,
        confidence=Confidence.ATTESTED,
    )
    facts = understanding(where, EmployerFacts(known=True, complete=True))
    data = replace(
        facts.data,
        about_people=True,
        data_types=(PHONE, DataType("user.contact.email"), DataType("user.name")),
        subject_countries=tuple(Country(one) for one in subjects),
        subject_known=known,
    )
    return replace(facts, data=data)


def verdict(effect: Effect = Effect.ALLOW, *findings: Finding, cross_border: bool = True) -> Verdict:
    reason = Reason.ALLOWED if effect is Effect.ALLOW else Reason.POLICY_DENIED
    return Verdict(
        effect=effect, reason=reason, findings=findings, cross_border=cross_border, valid_until=1, revision="r"
    )


def border(registry: CollectorRegistry, countries: tuple[str, ...]) -> BorderMetrics:
    return Metrics(registry, rules={}, datasources=[], incomplete_codes=[], version="0", countries=countries).border


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def series(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """By the values of their labels, in the order of the labels' names."""
    found = [sample for family in registry.collect() for sample in family.samples if sample.name == f"sekisho_{name}"]
    return {tuple(sample.labels[one] for one in sorted(sample.labels)): sample.value for sample in found}


def undisclosed(mode: Mode = Mode.ENFORCE) -> Finding:
    return Finding(
        rule="promise-disclosure", layer=Layer.PROMISE, mode=mode, citation="", message="", fact="", value=None
    )


def test_an_access_counts_once_for_each_pair_of_countries_and_category(registry: CollectorRegistry) -> None:
    traffic = border(registry, ()).traffic(Door.HTTP, understood(), verdict())
    traffic.passed()
    traffic.passed()
    assert series(registry, "cross_border_accesses_total") == {
        ("user.contact", "allow", "CN", "JP"): 2,
        ("user.name", "allow", "CN", "JP"): 2,
    }


def test_rows_and_bytes_count_for_each_origin_and_category_inside_a_border_too(registry: CollectorRegistry) -> None:
    metrics = border(registry, ())
    metrics.traffic(Door.POSTGRES, understood("JP"), verdict(cross_border=False)).returned(7, 400)
    assert series(registry, "cross_border_accesses_total") == {}
    assert series(registry, "rows_returned_total") == {
        ("user.contact", "postgres", "JP"): 7,
        ("user.name", "postgres", "JP"): 7,
    }
    assert series(registry, "bytes_returned_total")["user.name", "postgres", "JP"] == 400


def test_what_is_denied_crosses_as_denied_and_returns_nothing(registry: CollectorRegistry) -> None:
    border(registry, ()).traffic(Door.HTTP, understood(), verdict(Effect.DENY)).passed()
    assert series(registry, "cross_border_accesses_total")["user.name", "deny", "CN", "JP"] == 1
    assert series(registry, "rows_returned_total") == {}


def test_an_unknown_place_and_unknown_subjects_are_told(registry: CollectorRegistry) -> None:
    facts = understood(None, (), known=False)
    border(registry, ()).traffic(Door.HTTP, facts, verdict(Effect.DENY)).passed()
    assert set(series(registry, "cross_border_accesses_total")) == {
        ("user.contact", "deny", "unknown", "unknown"),
        ("user.name", "deny", "unknown", "unknown"),
    }


def test_countries_that_are_not_configured_are_other(registry: CollectorRegistry) -> None:
    metrics = border(registry, ("JP",))
    metrics.traffic(Door.HTTP, understood("CN", ("JP", "KR")), verdict()).passed()
    pairs = {labels[2:] for labels in series(registry, "cross_border_accesses_total")}
    assert pairs == {("other", "JP"), ("other", "other")}


def test_nobodys_data_is_not_counted(registry: CollectorRegistry) -> None:
    facts = understood()
    facts = replace(facts, data=replace(facts.data, about_people=False))
    traffic = border(registry, ()).traffic(Door.HTTP, facts, verdict())
    traffic.passed()
    traffic.returned(5, 50)
    assert series(registry, "cross_border_accesses_total") == series(registry, "rows_returned_total") == {}


@pytest.mark.parametrize("mode", list(Mode))
def test_a_country_users_were_not_told_of_is_counted_in_shadow_too(registry: CollectorRegistry, mode: Mode) -> None:
    metrics = border(registry, ())
    assert series(registry, "undisclosed_destinations_total") == {(): 0}
    before = metrics.traffic(Door.HTTP, understood(), verdict(Effect.ALLOW, undisclosed(mode)))
    before.passed()  # by a rule that does not say so of itself
    metrics.rules_loaded(["promise-disclosure"])
    metrics.traffic(Door.HTTP, understood(), verdict(Effect.ALLOW, undisclosed(mode))).passed()
    assert series(registry, "undisclosed_destinations_total") == {(): 1}


def test_blocks_are_asked_for_at_each_scrape(registry: CollectorRegistry) -> None:
    metrics = border(registry, ())
    pulled: list[str] = []
    assert series(registry, "blocks") == {("country",): 0, ("entity",): 0, ("principal",): 0}
    metrics.keep_blocks(lambda kind: pulled.count(kind))
    pulled.append("country")
    assert series(registry, "blocks") == {("country",): 1, ("entity",): 0, ("principal",): 0}


def test_places_looked_up(registry: CollectorRegistry) -> None:
    metrics = border(registry, ())
    assert set(series(registry, "location_resolutions_total").values()) == {0}
    metrics.located(understood().location)
    metrics.located(understood(None).location)
    metrics.located(replace(understood().location, conflict=True))
    counted = series(registry, "location_resolutions_total")
    assert {labels: count for labels, count in counted.items() if count} == {
        ("known", "site_network"): 1,
        ("unknown", "none"): 1,
        ("conflict", "site_network"): 1,
    }


def test_hostile_words_make_no_more_series_than_there_may_be(
    registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(border_metrics, "MOST_SERIES", 50)
    metrics = border(registry, ())
    for number in range(500):
        facts = understood(f"{number % 26:c}{number}", (f"x{number}",))
        facts = replace(facts, data=replace(facts.data, data_types=(DataType(f"user.kind{number}.deep"),)))
        metrics.traffic(Door.HTTP, facts, verdict()).passed()
    counted = series(registry, "cross_border_accesses_total")
    assert len(counted) == 51
    assert counted["other", "other", "other", "other"] == 450
