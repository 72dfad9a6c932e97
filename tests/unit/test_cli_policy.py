"""`sekisho packs` and `sekisho test`: what they print, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.engines import opa_with
from tests.golden.policy_cases import FOLDER, POLICIES
from tests.packs import packs

GOLDEN = FOLDER / "eu_uk_gdpr.yaml"


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    """One case of which the answer is another."""
    (tmp_path / "people.yaml").write_text((FOLDER / "people.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(
        "cases:\n"
        "  - {case: right, who: sato, what: users, expect: {effect: allow, rules: []}}\n"
        "  - {case: wrong, basis: a hope, who: li, what: users, expect: {effect: allow, rules: [], message: x}}\n",
        encoding="utf-8",
    )
    return path


def test_packs_lists_rules_with_owner_citation_dates_mode_and_cases() -> None:
    found = invoke("packs", "--policies", POLICIES, "--as-of", "2025-04-07")
    assert found.exit_code == 0
    assert "law/us_dsp  (owner: legal; people of US)" in found.output
    assert "us-dsp-301  No data brokerage with covered persons" in found.output
    assert "enforce, from 2025-04-08, not in force; 28 CFR 202.301" in found.output
    assert "shadow, from 2024-03-28; House policy, after the PPC recommendation" in found.output
    assert "cases D11" in found.output
    assert "(owner: privacy; only where an authority asked)" in found.output
    assert "datasource line-app: also house/vendors, house/china" in found.output


def test_packs_says_what_is_from_memory() -> None:
    found = invoke("packs")
    told = found.output[found.output.index("verify before relying on it:") :]
    assert "regimes/eu/adequacy/JP ((EU) 2019/419)" in told
    assert "regimes/us/exemptions/202.505" in told


def test_packs_counts_the_cases_in_which_a_rule_speaks() -> None:
    found = json.loads(invoke("packs", "--cases", GOLDEN, "--json").output)
    rules = {rule["id"]: rule for rule in found["rules"]}
    assert "eu_uk_gdpr: G10 an order of a US court, served directly" in rules["eu-gdpr-48"]["denies_in"]
    assert rules["us-dsp-301"]["denies_in"] == []
    assert rules["us-dsp-301"]["in_force"]
    assert found["datasources"]["line-app"] == {"also": ["house/vendors", "house/china"]}
    assert "no case given" in invoke("packs", "--cases", GOLDEN).output


def test_cases_that_are_answered_as_they_say_are_good() -> None:
    found = invoke("test", GOLDEN)
    assert found.exit_code == 0
    assert "ok      eu_uk_gdpr: G01" in found.output
    assert " 0 failed" in found.output.splitlines()[-1]


def test_a_case_that_is_answered_otherwise_is_shown_with_both(wrong: Path) -> None:
    found = invoke("test", wrong, "--policies", POLICIES)
    assert found.exit_code == 1
    assert "FAILED  mine: wrong\n        because of a hope\n" in found.output
    assert '        effect\n          - "allow"\n          + "deny"\n' in found.output
    assert '          + ["jp-appi-28", ' in found.output
    assert "2 cases, 1 failed" in found.output


def test_the_same_as_json(wrong: Path) -> None:
    found = invoke("test", wrong, "--json")
    told = json.loads(found.output)
    assert (found.exit_code, told["failed"], told["engine"]) == (1, 1, "embedded")
    right, other = told["cases"]
    assert right == {"case": "mine: right", "ok": True, "differences": []}
    assert {one["what"] for one in other["differences"]} == {"effect", "rules", "message"}


def test_a_file_that_is_none_could_not_be_run(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    path.write_text("cases: [", encoding="utf-8")
    found = invoke("test", path)
    assert found.exit_code == 2
    assert "not YAML" in found.output


def test_an_opa_that_is_not_there_could_not_be_asked(wrong: Path) -> None:
    found = invoke("test", wrong, "--engine", "opa", "--opa-url", "http://127.0.0.1:1")
    assert found.exit_code == 2
    assert "--opa-url: OPA at http://127.0.0.1:1: nothing answers there" in found.output
    assert "start one there" in found.output


@pytest.mark.needs("opa")
def test_a_real_opa_answers_the_same_cases() -> None:
    with opa_with(packs()) as opa:
        found = invoke("test", GOLDEN, "--policies", POLICIES, "--engine", "opa", "--opa-url", opa.url)
    assert found.exit_code == 0, found.output
    assert " 0 failed" in found.output.splitlines()[-1]
