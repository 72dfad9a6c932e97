"""For how long the record is kept, by whose data it is about: configuration's own table, or what the packs' data say.

    regimes:
      us: {record_retention: {years: 10, subject_countries: [US], citation: "28 CFR 202.1101"}}
    house:
      record_readers: {retention_years: 3}    # of people whose law asks for nothing

A table that cannot be read whole is none: nothing is pruned by a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, TypeGuard

from gateway.audit.retention import Period
from gateway.config import Config
from gateway.errors import ConfigError
from gateway.facts.countries import country
from gateway.links.sources import load_policy, policy_folder
from gateway.model import JsonValue

_KEYS: Final = {"years", "subject_countries", "citation"}
_HOUSE: Final = "house policy"


def retention_table(config: Config) -> list[Period]:
    """The periods in force. Raises ConfigError."""
    rows = config.record.retention
    if rows:
        return [Period(one.regime, one.subject_countries, one.years) for one in rows]
    return read_periods(load_policy(policy_folder(config)).data)


def read_periods(data: Mapping[str, JsonValue]) -> list[Period]:
    """Those of a bundle's data. Raises ConfigError with every problem."""
    problems: list[str] = []
    regimes = data.get("regimes")
    found = list(_of_regimes(regimes if isinstance(regimes, Mapping) else {}, problems))
    house = data.get("house")
    readers = house.get("record_readers") if isinstance(house, Mapping) else None
    years = readers.get("retention_years") if isinstance(readers, Mapping) else None
    if _is_years(years):
        found.append(Period(_HOUSE, (), years))
    else:
        problems.append("house/record_readers: retention_years must be a number of years, 1 to 100")
    if problems:
        raise ConfigError(problems)
    return found


def _of_regimes(regimes: Mapping[str, JsonValue], problems: list[str]) -> Iterator[Period]:
    for name, values in sorted(regimes.items()):
        if not isinstance(values, Mapping) or "record_retention" not in values:
            continue
        said = values["record_retention"]
        period = _period(said) if isinstance(said, Mapping) and set(said) == _KEYS else None
        if period is None:
            problems.append(
                f"regimes/{name}: record_retention must have 'years' (1 to 100), 'subject_countries' (ISO 3166-1 "
                "alpha-2 codes) and a 'citation'"
            )
        else:
            yield period


def _period(said: Mapping[str, JsonValue]) -> Period | None:
    years, codes, citation = said["years"], said["subject_countries"], said["citation"]
    if not _is_years(years) or not isinstance(citation, str) or not citation:
        return None
    known = [country(code) for code in codes if isinstance(code, str)] if isinstance(codes, list | tuple) else []
    countries = tuple(code for code in known if code is not None)
    if not isinstance(codes, list | tuple) or not countries or len(countries) != len(codes):
        return None
    return Period(citation, countries, years)


def _is_years(value: JsonValue) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100
