"""The list of packs: what is not listed, not owned, or chosen wrongly, does not load."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.policy.bundle import load_bundle
from gateway.policy.packs import check_packs, choices_of, packs_of, unverified
from tests.golden.policy_cases import POLICIES
from tests.packs import packs

BUNDLE = packs()


def test_the_packs_are_listed_with_their_owners() -> None:
    packs = {pack.id: pack for pack in packs_of(BUNDLE.data)}
    assert packs["law/us_dsp"].owner == "legal"
    assert packs["law/us_dsp"].subject_countries == ("US",)
    assert packs["house/employer"].required
    assert packs["house/china"].chosen
    assert packs["house/requests"].with_request
    assert {id for id, pack in packs.items() if pack.action != "statement"} == {"house/record_readers"}
    assert choices_of(BUNDLE.data)["line-app"]["also"] == ["house/vendors", "house/china"]


def test_the_packs_that_come_with_the_gateway_are_in_order() -> None:
    assert check_packs(BUNDLE.modules, BUNDLE.data) == []


def test_modules_without_rules_need_no_list() -> None:
    assert check_packs([("a/b.rego", "package a\n")], {}) == []


def edited(edit: Callable[[Any], Any]) -> list[str]:
    data = copy.deepcopy(dict(BUNDLE.data))
    edit(data["sekisho"]["packs"])
    return check_packs(BUNDLE.modules, data)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda packs: packs["law"].pop("us_dsp"), "law/us_dsp: the pack is not in the list"),
        (lambda packs: packs.clear(), "law/us_dsp: the pack is not in the list"),
        (lambda packs: packs["law"].update(xx={"owner": "a", "subject_countries": ["XX"]}), "law/xx has no rule"),
        (lambda packs: packs["law"]["us_dsp"].pop("owner"), "law/us_dsp: it has no owner"),
        (lambda packs: packs["law"]["us_dsp"].update(subject_countries=[]), "a law says whose people"),
        (lambda packs: packs["law"]["us_dsp"].update(subject_countries="US"), "must be a list of country codes"),
        (lambda packs: packs["house"]["volume"].update(subject_countries=["JP"]), "a law says whose people"),
        (lambda packs: packs["house"]["volume"].update(chosn=True), "unknown key 'chosn'"),
        (lambda packs: packs["house"]["volume"].update(chosen="no"), "chosen must be true or false"),
        (
            lambda packs: packs["house"]["volume"].update(action="audit.write"),
            "action is for packs of the house, and",
        ),
        (lambda packs: packs["law"]["us_dsp"].update(action="audit.read"), "action is for packs of the house"),
        (lambda packs: packs["house"]["employer"].update(chosen=True), "what is required is asked always"),
        (lambda packs: packs.update(court={}), "unknown key 'court'"),
        (lambda packs: packs["datasources"].update(a={"allso": []}), "a: unknown key 'allso'"),
        (lambda packs: packs["datasources"].update(a={"also": ["house/volume"]}), "is no pack that can be chosen"),
        (lambda packs: packs["datasources"].update(a={"without": ["law/xx"]}), "a: there is no pack law/xx"),
        (
            lambda packs: packs["datasources"].update(a={"without": ["house/employer"]}),
            "is required and cannot be left",
        ),
    ],
)
def test_a_list_that_is_wrong_is_told(edit: Callable[[Any], Any], problem: str) -> None:
    assert any(problem in one for one in edited(edit)), edited(edit)


def test_a_bundle_whose_list_leaves_a_pack_out_does_not_load(tmp_path: Path) -> None:
    folder = shutil.copytree(POLICIES, tmp_path / "policies")
    listed = folder / "sekisho" / "packs" / "data.yaml"
    listed.write_text(listed.read_text(encoding="utf-8").replace("  jp_appi:", "  jp_appj:"), encoding="utf-8")
    with pytest.raises(ConfigError) as told:
        load_bundle(folder)
    assert {"law/jp_appi", "sekisho/packs/data.yaml"} <= {problem.split(":")[0] for problem in told.value.problems}


def test_what_is_from_memory_is_told_with_its_place() -> None:
    told = unverified(
        {
            "regimes": {
                "eu": {
                    "list": [{"country": "AD", "citation": "2010/625/EU", "confidence": "memory"}, {"country": "GB"}],
                    "home": ["AT"],
                    "home_confidence": "memory",
                    "kinds_confidence": "official",
                }
            }
        }
    )
    assert told == ["regimes/eu/home", "regimes/eu/list/AD (2010/625/EU)"]
