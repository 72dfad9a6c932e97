"""For how long the record is kept: what configuration says, else what the packs' data say, and never a part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.audit.retention import Period
from gateway.config import Config, Policy
from gateway.config_record import Record, Retention
from gateway.errors import ConfigError
from gateway.links.retention_table import read_periods, retention_table
from gateway.links.sources import load_policy, packaged_policies

HOUSE: dict[str, Any] = {"record_readers": {"retention_years": 3}}
US: dict[str, Any] = {"years": 10, "subject_countries": ["US"], "citation": "28 CFR 202.1101"}


def test_the_packs_have_the_periods_of_their_laws() -> None:
    assert read_periods(load_policy(packaged_policies()).data) == [
        Period("APPI 29, 30", ("JP",), 3),
        Period("28 CFR 202.1101", ("US",), 10),
        Period("house policy", (), 3),
    ]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {**US, "years": 0},
        {**US, "years": True},
        {**US, "years": "10"},
        {**US, "subject_countries": []},
        {**US, "subject_countries": ["USA"]},
        {**US, "subject_countries": "US"},
        {**US, "citation": ""},
        {**US, "yeers": 10},
        {key: value for key, value in US.items() if key != "years"},
        "ten years",
    ],
)
def test_a_regime_that_cannot_be_read_leaves_no_table(said: Any) -> None:
    with pytest.raises(ConfigError, match="regimes/us: record_retention must have"):
        read_periods({"regimes": {"us": {"record_retention": said}}, "house": HOUSE})


@pytest.mark.parametrize("house", [{}, {"record_readers": {}}, {"record_readers": {"retention_years": "three"}}])
def test_the_house_must_say_what_it_keeps_of_everybody_else(house: Any) -> None:
    with pytest.raises(ConfigError, match="house/record_readers: retention_years"):
        read_periods({"regimes": {"us": {"record_retention": US}}, "house": house})


def test_configuration_s_own_table_takes_the_place_of_all_of_it(tmp_path: Path) -> None:
    config: Config = object.__new__(Config)  # of which these two parts are looked at
    object.__setattr__(config, "policy", Policy())
    for rows, first in (((), "APPI 29, 30"), ((Retention(regime="house", years=1),), "house")):
        object.__setattr__(config, "record", Record(directory=tmp_path, retention=rows))
        assert retention_table(config)[0].regime == first
