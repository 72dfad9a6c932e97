"""``data.regimes.<name>.ownership_tests`` of the policy bundle -> what regimes ask of an entity's owners.

    ownership_tests:
      us-dsp-202: {countries: [CN, HK], at_least: 50, headquarters: true, designated: [some-entity]}

``at_least`` or ``more_than``, in percent. The numbers are the regime's; here they are only read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.errors import ConfigError
from gateway.facts.control import OwnershipTest
from gateway.facts.countries import country
from gateway.model import EntityId, JsonValue

_KEYS: Final = frozenset({"countries", "at_least", "more_than", "headquarters", "designated"})


def read_tests(data: Mapping[str, JsonValue]) -> tuple[OwnershipTest, ...]:
    """The tests of all regimes of a bundle's data, by id. Raises ConfigError with every problem."""
    problems: list[str] = []
    found: dict[str, OwnershipTest] = {}
    for regime, values in _mapping(data.get("regimes")).items():
        for name, said in _mapping(_mapping(values).get("ownership_tests")).items():
            place = f"regimes/{regime}: ownership_tests.{name}"
            if name in found:
                problems.append(f"{place}: another regime has a test of that name")
            found[name] = _test(name, _mapping(said), place, problems)
    if problems:
        raise ConfigError(problems)
    return tuple(found[name] for name in sorted(found))


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    return value if isinstance(value, Mapping) else {}


def _test(name: str, said: Mapping[str, JsonValue], place: str, problems: list[str]) -> OwnershipTest:
    if unknown := sorted(set(said) - _KEYS):
        problems.append(f"{place}: unknown key '{unknown[0]}'")
    shares = [said[key] for key in ("at_least", "more_than") if key in said]
    share = shares[0] if len(shares) == 1 else None
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 100:
        problems.append(f"{place}: one of 'at_least' and 'more_than' is wanted, in percent")
        share = 100.0
    texts = _texts(said.get("countries"))
    countries = {found for text in texts if (found := country(text)) is not None}
    if not texts or len(countries) != len(texts):
        problems.append(f"{place}: 'countries' must be a list of ISO 3166-1 alpha-2 country codes")
    headquarters = said.get("headquarters", False)
    if not isinstance(headquarters, bool):
        problems.append(f"{place}: 'headquarters' must be true or false")
    return OwnershipTest(
        id=name,
        countries=frozenset(countries),
        share=float(share),
        or_more="more_than" not in said,
        headquarters=headquarters is True,
        designated=frozenset(EntityId(text) for text in _texts(said.get("designated", ()))),
    )


def _texts(value: JsonValue) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []
