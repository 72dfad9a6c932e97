from __future__ import annotations

import pytest

from gateway.injector.patch import Patch, Untouched, inject
from tests.golden.injector.json_patch import apply
from tests.golden.injector.pods import CASES, after, answer, before, settings_of


@pytest.mark.parametrize("case", CASES)
def test_a_pod_becomes_what_is_written(case):
    assert answer(before(case), settings_of(case)) == after(case)


@pytest.mark.parametrize("case", CASES)
def test_twice_is_once(case):
    once = after(case)
    if "denied" not in once:
        assert answer(once, settings_of(case)) == once


def test_the_cases_show_every_kind_of_answer():
    answers = [inject(before(case), settings_of(case)) for case in CASES]
    untouched = {found.untouched for found in answers if isinstance(found, Patch)}
    assert untouched == {None, Untouched.NOT_ASKED, Untouched.NAMESPACE_EXCLUDED}
    assert any(not isinstance(found, Patch) for found in answers)


@pytest.mark.parametrize("path", ["/spec/volumes/-", "/spec/initContainers/1", "/metadata/labels/a"])
def test_the_applier_forgives_nothing(path):
    with pytest.raises((AssertionError, KeyError)):
        apply({"spec": {"initContainers": []}, "metadata": {}}, [{"op": "add", "path": path, "value": 1}])


def test_the_applier_reads_escaped_pointers_and_copies():
    value = {"x": 1}
    made = apply({"a/b": {"~": [0]}}, [{"op": "add", "path": "/a~1b/~0/-", "value": value}])
    value["x"] = 2
    assert made == {"a/b": {"~": [0, {"x": 1}]}}
