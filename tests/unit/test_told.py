"""What is left out of an agreement or a consent grants nothing."""

from __future__ import annotations

import dataclasses

import pytest

from gateway import told
from gateway.words import Country, EntityId

AGREED = told.Agreement(
    id="a", kind="scc", entity=EntityId("line-cn"), last_check_age_days=None, foreign_law_risk="noted"
)


def test_an_agreement_of_which_little_is_recorded_claims_nothing() -> None:
    assert (AGREED.tia_age_days, AGREED.tia_outcome, AGREED.scheme, AGREED.access_control) == (None, None, None, None)
    assert AGREED.onward_ban is False


def test_what_was_told_is_not_changed_afterwards() -> None:
    consent = told.Consent(
        notice="n", subject_country=Country("JP"), status="withdrawn", separate=False, informed=(), row_filter=None
    )
    with pytest.raises(dataclasses.FrozenInstanceError):
        consent.status = "given"  # type: ignore[misc]
