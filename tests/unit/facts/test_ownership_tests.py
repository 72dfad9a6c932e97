from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.facts.control import OwnershipTest
from gateway.facts.ownership_tests import read_tests
from gateway.model import EntityId
from tests.packs import packs

GOOD: dict[str, Any] = {"countries": ["CN", "HK"], "at_least": 50, "headquarters": True, "designated": ["e"]}


def data(**tests: Any) -> dict[str, Any]:
    return {"regimes": {"us": {"ownership_tests": tests, "other": 1}, "jp": {"list": []}}}


def test_tests_are_read_by_id() -> None:
    over = {"countries": ["CN"], "more_than": 25.5}
    assert read_tests(data(b=GOOD, a=over)) == (
        OwnershipTest(id="a", countries=frozenset({"CN"}), share=25.5, or_more=False, headquarters=False),  # type: ignore[arg-type]
        OwnershipTest(
            id="b",
            countries=frozenset({"CN", "HK"}),  # type: ignore[arg-type]
            share=50.0,
            or_more=True,
            headquarters=True,
            designated=frozenset({EntityId("e")}),
        ),
    )


@pytest.mark.parametrize("document", [{}, {"regimes": None}, {"regimes": {"us": {"ownership_tests": None}}}])
def test_a_bundle_without_tests_has_none(document: dict[str, Any]) -> None:
    assert read_tests(document) == ()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"at_least": 0}, "one of 'at_least' and 'more_than' is wanted, in percent"),
        ({"at_least": 101}, "one of 'at_least'"),
        ({"at_least": True}, "one of 'at_least'"),
        ({"at_least": "50"}, "one of 'at_least'"),
        ({"more_than": 50}, "one of 'at_least'"),
        ({"countries": []}, "'countries' must be a list"),
        ({"countries": ["CN", "XX"]}, "'countries' must be a list"),
        ({"countries": "CN"}, "'countries' must be a list"),
        ({"headquarters": "yes"}, "'headquarters' must be true or false"),
        ({"owners": 1}, "unknown key 'owners'"),
    ],
)
def test_odd_test_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_tests(data(t=GOOD | change))
    assert caught.value.problems[0].startswith(f"regimes/us: ownership_tests.t: {problem}")


def test_a_name_is_given_once() -> None:
    document = {"regimes": {"a": {"ownership_tests": {"t": GOOD}}, "b": {"ownership_tests": {"t": GOOD}}}}
    with pytest.raises(ConfigError, match="another regime has a test of that name"):
        read_tests(document)


def test_the_packs_that_come_along_test_for_countries_of_concern() -> None:
    bundle = packs()
    (test,) = read_tests(bundle.data)
    assert (test.id, test.share, test.or_more) == ("us-dsp-202", 50.0, True)
    assert sorted(test.countries) == sorted(bundle.data["regimes"]["us"]["countries_of_concern"])
