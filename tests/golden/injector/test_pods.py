from __future__ import annotations

import pytest

from gateway.injector.answers import Denied, Patch, Refusal, Untouched
from gateway.injector.patch import inject
from tests.golden.injector.pods import CASES, after, answer, before, settings_of

# What no API server sends.
MALFORMED = {Refusal.POD_MALFORMED, Refusal.NAMESPACE_UNKNOWN}


@pytest.mark.parametrize("case", CASES)
def test_a_pod_becomes_what_is_written(case):
    assert answer(before(case), settings_of(case)) == after(case)


@pytest.mark.parametrize("case", CASES)
def test_twice_is_once(case):
    once, *_ = after(case)
    if "denied" not in once:
        assert answer(once, settings_of(case)) == [once]


def test_the_cases_show_every_kind_of_answer():
    answers = [inject(before(case), settings_of(case)) for case in CASES]
    untouched = {found.untouched for found in answers if isinstance(found, Patch)}
    assert untouched == {None, *Untouched}
    assert {found.reason for found in answers if isinstance(found, Denied)} == set(Refusal) - MALFORMED
