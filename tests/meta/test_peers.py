"""What `make peer-suites` compares and knows, without running a suite."""

from __future__ import annotations

import pytest

from tests.peers.differences import Reason, compare, known
from tests.peers.suites import SUITES, Result, read

PASSED, FAILED, SKIPPED = Result("passed"), Result("failed", "why"), Result("skipped")


@pytest.mark.parametrize("suite", SUITES)
def test_every_known_difference_has_a_reason_and_tests(suite):
    for reason in known(suite):
        assert reason.why
        assert reason.tests


def test_what_passes_directly_and_not_through_the_gateway_wants_an_explanation():
    direct = {"a": PASSED, "b": PASSED, "c": PASSED, "d.one": PASSED, "e": FAILED, "f": SKIPPED}
    through = {"a": PASSED, "b": FAILED, "d.one": SKIPPED, "e": FAILED, "f": FAILED}
    found = compare(direct, through, (Reason("refused", ("d.*", "b")), Reason("gone", ("a", "x*"))))
    assert found.passed == 4
    assert found.unexplained == ["c"]
    assert found.explained == {"refused": ["b", "d.one"]}
    assert found.outdated == ["a", "x*"]


def test_results_are_read_from_what_pytest_writes(tmp_path):
    path = tmp_path / "results.xml"
    path.write_text(
        '<testsuites><testsuite><testcase classname="t" name="ok"/>'
        '<testcase classname="t" name="bad"><failure message="m">trace</failure></testcase>'
        '<testcase classname="t" name="torn"/>'
        '<testcase classname="t" name="torn"><error message="m">x</error></testcase>'
        '<testcase classname="t" name="left"><skipped/></testcase></testsuite></testsuites>'
    )
    found = read(path)
    assert {name: one.outcome for name, one in found.items()} == {
        "t.ok": "passed",
        "t.bad": "failed",
        "t.torn": "failed",
        "t.left": "skipped",
    }
    assert found["t.bad"].said == "m\ntrace"
