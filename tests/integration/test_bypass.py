"""The bypass corpus through the postgres door: nothing leaks, every control passes, nothing is understood less well.

PostgreSQL 18 of the wheel with every test run; the others, and 18 with contrib, with ``make majors``, as in CI. There
statements of one text are sent a second time, by the extended protocol.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bypass import golden, report
from tests.bypass.cases import Case, read_cases
from tests.bypass.judge import Result
from tests.bypass.run import CORPORA, open_stage, run_cases, run_extended
from tests.bypass.talk import function_call
from tests.majors import MAJORS, on_other_majors, require_major

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SERVERS = [(18, "wheel"), *on_other_majors((15, "debian"), *((major, "npm") for major in MAJORS if major != 15))]


def corpus(files: Path) -> list[Case]:
    return [case for file in CORPORA for case in read_cases(file, files)]


def check(major: int, cases: list[Case], results: list[Result]) -> None:
    known = golden.read_shortfalls(major)
    wired = {case.id for case in cases if case.wire}
    assert not [report.line(one) for one in results if one.bad or one.leaked]
    assert not [report.line(one) for one in results if one.verdict == "not_denied"]
    assert not [
        problem for one in results for problem in golden.worse(known.get(one.id, {}), one, wired=one.id in wired)
    ]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("major", "origin"), SERVERS, ids=lambda value: str(value))
def test_the_corpus(major: int, origin: str) -> None:
    require_major(major, origin)
    with open_stage(major, origin) as stage:
        cases = corpus(stage.files)
        results = run_cases(stage, cases, lambda _: None)
        # once more by the extended protocol, where the other majors run: 18 is among them
        again = run_extended(stage, cases, lambda _: None) if origin != "wheel" else []
    assert len({one.id for one in results}) == len(cases) == len(results)
    check(major, cases, results)
    assert not [report.line(one) for one in again if one.leaked or one.verdict == "not_denied"]
    # Evidence that never shows would prove nothing: who may read sees it, save in what others changed or made to fail.
    complete = [one for one in results if one.allowed.get("complete")]
    seen = [one for one in complete if one.allowed["seen"]]
    assert len(seen) > 0.8 * len(complete), [report.line(one) for one in complete if not one.allowed["seen"]]
    if origin != "wheel":
        assert {one.reason for one in results if one.verdict == "skipped" and "has no" in one.reason} == set()


def test_every_case_can_be_read_and_says_what_it_expects() -> None:
    cases = corpus(Path("/nowhere"))
    assert len({case.id for case in cases}) == len(cases) > 200
    assert {case.expected for case in cases} == {"resolve", "deny", "resolve|deny", "allow"}
    assert {step[0] for case in cases for step in case.steps} <= {*"QPBDECSHF@", "Qn", "Qhex"}


@pytest.mark.parametrize(
    ("evidence", "heard", "leaked"),
    [
        ("", "row:+81-90-5550-0001", True),
        ("", "row:hanako@secret.example", True),
        ("", r"row:\x5345435245544a50472d31", True),
        ("", "row:hanako", False),
        ("row:1$", "row:1\ntag:SELECT 1", True),
        ("row:1$", "row:12", False),
        ("row:1$", "E: Key (phone)=(+81-90-5550-0002) exists", True),
        ("row:1$", "E: the text was +81-90-5550-0009", False),
    ],
)
def test_evidence(evidence: str, heard: str, leaked: bool) -> None:
    case = Case("X", "x", "", "SELECT '+81-90-5550-0009'", frozenset(), "deny", evidence=evidence)
    assert case.leaked(heard) is leaked


def test_a_function_call_is_written_as_the_protocol_has_it() -> None:
    assert function_call(7, ["1"]).hex() == "4600000013000000070000000100000001310000"
