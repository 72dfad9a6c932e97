"""Two countries for one person within minutes are both, flagged; the memory is bounded and says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Limits
from gateway.facts.sightings import Placed, Presence, Sighting, Sightings
from gateway.model import Confidence, Country, Location, LocationSource, PrincipalId

AT = 1_795_000_000
WINDOW = 600
STEP = 60
KEEP = WINDOW + STEP
SATO, LI = PrincipalId("i#sato"), PrincipalId("i#li")
NOWHERE = Location(countries=(), source=LocationSource.NONE, confidence=Confidence.UNKNOWN, note="a VPN exit")


def at_site(country: str, confidence: Confidence = Confidence.ATTESTED) -> Location:
    return Location(countries=(Country(country),), source=LocationSource.SITE_NETWORK, confidence=confidence)


JP, CN, KR = at_site("JP"), at_site("CN"), at_site("KR")


@pytest.fixture
def sightings() -> Sightings:
    return Sightings(window=WINDOW, most=10)


def presence_of(placed: Placed) -> Presence:
    assert placed.presence is not None
    return placed.presence


def test_one_country_stays_one(sightings: Sightings) -> None:
    for at in (AT, AT + 30, AT + 86_400):
        placed = sightings.place(SATO, JP, at)
        assert placed.location == JP
        assert presence_of(placed).stands(at)


def test_two_countries_within_minutes_are_both(sightings: Sightings) -> None:
    first = sightings.place(SATO, JP, AT)
    second = sightings.place(SATO, CN, AT + WINDOW - 1)
    assert second.location.countries == ("CN", "JP")
    assert second.location.conflict
    assert second.location.simultaneous
    assert second.location.confidence is Confidence.ATTESTED
    assert second.location.note == "within 10 minutes the same person was also in JP"
    assert not presence_of(first).stands(AT + WINDOW), "the first is looked at again"
    again = sightings.place(SATO, JP, AT + WINDOW)
    assert again.location.countries == ("CN", "JP")
    assert again.location.simultaneous
    assert presence_of(second).stands(AT + WINDOW), "it knew of both"


def test_of_two_people_each_is_where_they_are(sightings: Sightings) -> None:
    first, second = sightings.place(SATO, JP, AT), sightings.place(LI, CN, AT)
    assert (first.location, second.location) == (JP, CN)
    assert presence_of(first).stands(AT + 1)


def test_after_the_window_the_other_place_is_forgotten(sightings: Sightings) -> None:
    sightings.place(SATO, JP, AT)
    both = sightings.place(SATO, CN, AT + 1)
    assert both.until == AT + KEEP, "then it is to be asked again"
    alone = sightings.place(SATO, CN, AT + KEEP)
    assert alone.location == CN
    assert sightings.place(SATO, JP, AT + KEEP + 1).location.simultaneous, "now China is what was seen lately"


def test_a_journey_is_no_conflict_once_it_took_longer_than_the_window(sightings: Sightings) -> None:
    sightings.place(SATO, JP, AT)
    assert sightings.place(SATO, KR, AT + 9000).location == KR


def test_an_unknown_place_is_no_sighting(sightings: Sightings) -> None:
    sightings.place(SATO, JP, AT)
    unknown = sightings.place(SATO, NOWHERE, AT + 1)
    assert unknown == Placed(NOWHERE)
    assert sightings.place(SATO, JP, AT + 2).location == JP


def test_no_better_known_than_the_least_known_of_them(sightings: Sightings) -> None:
    sightings.place(SATO, at_site("CN", Confidence.DECLARED), AT)
    found = sightings.place(SATO, JP, AT + 1).location
    assert found.confidence is Confidence.DECLARED
    assert found.countries == ("CN", "JP")


def test_sources_that_disagree_are_two_places(sightings: Sightings) -> None:
    both = Location(
        countries=(Country("CN"), Country("JP")),
        source=LocationSource.SITE_NETWORK,
        confidence=Confidence.DECLARED,
        conflict=True,
        note="the token's claim says CN",
    )
    placed = sightings.place(SATO, both, AT)
    assert placed.location == both, "not by itself at two places at once"
    third = sightings.place(SATO, KR, AT + 1).location
    assert third.countries == ("CN", "JP", "KR")
    again = sightings.place(SATO, both, AT + 2).location
    assert again.note == "within 10 minutes the same person was also in KR; the token's claim says CN"


def test_whoever_goes_on_under_a_standing_answer_is_still_seen(sightings: Sightings) -> None:
    presence = presence_of(sightings.place(SATO, JP, AT))
    for at in range(AT, AT + 3600, 10):
        assert presence.stands(at)
    assert sightings.place(SATO, CN, AT + 3600).location.simultaneous
    assert not presence.stands(AT + 3601)


def test_within_a_step_nothing_is_noted_and_still_the_window_is_kept(sightings: Sightings) -> None:
    presence = presence_of(sightings.place(SATO, JP, AT))
    assert presence.stands(AT + STEP - 1)  # seen, not noted
    assert sightings.place(SATO, CN, AT + STEP - 1 + WINDOW).location.simultaneous


def test_a_clock_set_back_forgets_nothing(sightings: Sightings) -> None:
    presence = presence_of(sightings.place(SATO, JP, AT))
    assert presence.stands(AT - 7200)
    assert sightings.place(SATO, CN, AT - 7200).location.simultaneous


def test_without_room_a_place_is_not_certain(sightings: Sightings) -> None:
    full = Sightings(window=WINDOW, most=1)
    known = full.place(SATO, JP, AT)
    placed = full.place(LI, CN, AT + 1)
    assert placed.location.countries == ("CN",)
    assert placed.location.confidence is Confidence.UNKNOWN
    assert not placed.location.conflict
    assert "limits.sightings" in placed.location.note
    assert placed.presence is None
    assert placed.until == AT + 1 + STEP, "asked again soon"
    assert full.place(SATO, JP, AT + 2).location == JP, "who is known stays known"
    assert full.place(LI, CN, AT + 2 + KEEP).location == CN, "what has expired makes room"
    assert not presence_of(known).stands(AT + 2 + KEEP), "of whom it was the trail, must be asked again"


def test_a_trail_that_was_given_up_and_begun_again_is_another_one() -> None:
    full = Sightings(window=WINDOW, most=1)
    old = presence_of(full.place(SATO, JP, AT))
    full.place(LI, CN, AT + KEEP)
    full.place(SATO, CN, AT + 3 * KEEP)
    assert not old.stands(AT + 3 * KEEP)


def test_another_worker_is_told_once_in_a_step_and_knows(sightings: Sightings) -> None:
    told: list[Sighting] = []
    sightings.tell = told.append
    presence = presence_of(sightings.place(SATO, JP, AT))
    sightings.place(SATO, JP, AT + 1)
    assert presence.stands(AT + 30)
    assert told == [Sighting(SATO, Country("JP"), Confidence.ATTESTED, AT)]
    assert presence.stands(AT + STEP)
    assert [one.at for one in told] == [AT, AT + STEP]
    other = Sightings(window=WINDOW, most=10)
    own = presence_of(other.place(SATO, CN, AT + 5))
    other.heard(Sighting.read(told[0].plain()))
    assert not own.stands(AT + 6)
    assert other.place(SATO, CN, AT + 6).location.countries == ("CN", "JP")
    assert len(told) == 2, "what is heard is not told again"


def test_a_worker_that_starts_knows_what_the_others_knew(sightings: Sightings) -> None:
    sightings.place(SATO, JP, AT)
    sightings.place(SATO, CN, AT + 1)
    sightings.place(LI, CN, AT + 2)
    another = Sightings(window=WINDOW, most=10)
    for plain in sightings.snapshot():
        another.heard(Sighting.read(plain))
    assert sorted(another.snapshot()) == sorted(sightings.snapshot())
    assert another.place(LI, JP, AT + 3).location.countries == ("CN", "JP")


def test_what_is_configured_is_what_it_keeps() -> None:
    sightings = Sightings.of(Limits(sighting_window=100, sightings=1))
    sightings.place(SATO, JP, AT)
    assert sightings.place(SATO, CN, AT + 90).location.note.startswith("within 100 seconds")
    assert sightings.place(LI, CN, AT + 91).location.confidence is Confidence.UNKNOWN


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["JP", "CN", "KR"]), st.integers(0, 400)),
        max_size=40,
    )
)
def test_it_says_what_a_memory_without_bounds_would_say(steps: list[tuple[str, str, int]]) -> None:
    """Who was elsewhere within the window is always flagged; who was not for longer than a tenth more, never."""
    sightings, seen, at = Sightings(window=WINDOW, most=10), [], AT
    answers: list[tuple[str, str, Placed]] = []
    for person, country, later in steps:
        at += later
        placed = sightings.place(PrincipalId(person), at_site(country), at)
        seen.append((person, country, at))
        surely = {where for who, where, then in seen if who == person and at - then < WINDOW}
        perhaps = {where for who, where, then in seen if who == person and at - then < KEEP}
        assert surely <= set(placed.location.countries) <= perhaps | {country}
        assert placed.location.simultaneous == placed.location.conflict == (len(placed.location.countries) > 1)
        # An answer given earlier that knows less than is known now does not stand.
        for who, _, earlier in answers:
            if who == person and earlier.presence is not None and not surely <= set(earlier.location.countries):
                assert not earlier.presence.stands(at)
        answers.append((person, country, placed))
