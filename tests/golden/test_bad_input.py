"""Whatever is wrong in a registry is listed with its place, all of it in one run, and the whole is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.facts import yaml_tree
from gateway.facts.registry import load_registry
from tests.leis import with_check_digits
from tests.unit.facts.world import FILES, write_registry

A, B, C = (with_check_digits(f"54930{letter}KJTIIGC8Y1R1"[:18]) for letter in "ABC")
THREE = "entities:\n  - {id: a, name: A, country: JP}\n  - {id: b, name: B, country: KR}\n  - {id: c, name: C}\n"
ROWS = "lei,name,country,headquarters,status,owners_unknown\n" + "".join(
    f"{one},N,JP,JP,ISSUED,\n" for one in (A, B, C)
)
HELD = "owner,of,share,from,to,basis\n"

# What is wrong, the file with it, and what is said of it.
CASES: dict[str, tuple[str, str, str]] = {
    "cycle": (
        "entities.yaml",
        THREE + "ownership:\n  - {owner: a, of: b, share: 51}\n  - {owner: b, of: c, share: 60}\n"
        "  - {owner: c, of: a, share: 100}\n",
        "entities.yaml:6: majorities in a circle: b owned by a owned by c owned by b",
    ),
    "cycle of imported holdings": (
        "ownership.csv",
        HELD + f"{A},{B},51,,,\n{B},{A},100,2020-01-01,,\n",
        f"ownership.csv:3: majorities in a circle: {A} owned by {B} owned by {A}",
    ),
    "over 100 %": (
        "entities.yaml",
        THREE + "ownership:\n  - {owner: a, of: c, share: 60}\n  - {owner: b, of: c, share: 40.5}\n",
        "entities.yaml:7: the shares of 'c' held at the same time are over 100 percent",
    ),
    "over 100 % of imported holdings": (
        "ownership.csv",
        HELD + f"{A},{C},60,,,\n{B},{C},60,,,\n",
        f"ownership.csv:3: the shares of '{C}' held at the same time are over 100 percent",
    ),
    "dates reversed": (
        "entities.yaml",
        FILES["entities.yaml"].replace("from: 2020-01-01", "from: 2020-01-01, to: 2019-01-01"),
        "entities.yaml:5: 'to' must be later than 'from'",
    ),
    "dates of imported holdings reversed": (
        "ownership.csv",
        HELD + f"{A},{B},50,2020-01-01,2020-01-01,\n",
        "ownership.csv:2: 'to' must be later than 'from'",
    ),
    "unknown entity": (
        "people.yaml",
        FILES["people.yaml"].replace("entity: shop", "entity: nobody"),
        "people.yaml:8: 'nobody' is not an entity of the registry",
    ),
    "unknown owner": ("ownership.csv", HELD + f"nobody,{B},50,,,\n", "ownership.csv:2: 'nobody' is not an entity"),
    "duplicate LEI": (
        "entities.yaml",
        f"entities:\n  - {{id: shop, name: S, country: JP, lei: {A}}}\n  - {{id: b, name: B, lei: {A}}}\n",
        "entities.yaml:3: the LEI belongs to 'shop' already",
    ),
    "duplicate LEI of an import": ("entities.csv", ROWS + f"{A},N,JP,,,\n", f"entities.csv:5: LEI {A} for the second"),
    "overlapping networks": (
        "networks.yaml",
        "sites:\n  - {id: one, country: JP, kind: office, cidrs: [10.0.0.0/8]}\n"
        "  - {id: two, country: KR, kind: office, cidrs: [10.1.0.0/16]}\n",
        "networks.yaml:3: network 10.1.0.0/16 of site 'two' lies in 10.0.0.0/8 of site 'one'",
    ),
    "bomb of aliases": (
        "people.yaml",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "people.yaml:1: anchors and aliases are not taken",
    ),
    "bomb of depth": ("people.yaml", "[" * 100_000, "people.yaml:1: nested deeper than 16 levels"),
    "bomb of keys": ("people.yaml", "a: 1\na: 1\n", "people.yaml:2: key 'a' for the second time"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_listed_with_its_place_and_the_whole_is_refused(tmp_path: Path, name: str) -> None:
    file, text, problem = CASES[name]
    write_registry(tmp_path)
    (tmp_path / "entities.csv").write_text(ROWS)
    running = load_registry(tmp_path)
    (tmp_path / file).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path, running)
    assert any(found.startswith(f"{tmp_path.name}/{problem}") for found in caught.value.problems), caught.value.problems
    assert running.people, "what runs is as it was"


def test_all_of_it_is_listed_in_one_run(tmp_path: Path) -> None:
    write_registry(tmp_path)
    (tmp_path / "entities.csv").write_text(ROWS)
    wanted = []
    for name in ("over 100 %", "dates of imported holdings reversed", "overlapping networks", "bomb of aliases"):
        file, text, problem = CASES[name]
        (tmp_path / file).write_text(text)
        wanted.append(f"{tmp_path.name}/{problem}")
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path)
    for problem in wanted:
        assert any(found.startswith(problem) for found in caught.value.problems), problem


@pytest.mark.parametrize("name", ["people.yaml", "blocks.yaml", "disclosures.yaml"])
def test_file_of_200_megabytes_is_refused_and_not_read_to_its_end(tmp_path: Path, name: str) -> None:
    write_registry(tmp_path)
    with (tmp_path / name).open("ab") as stream:
        stream.truncate(200 * 1024 * 1024)
    with pytest.raises(ConfigError) as caught:
        load_registry(tmp_path)
    assert caught.value.problems == (f"{tmp_path.name}/{name}:1: the file is larger than {yaml_tree.MAX_BYTES} bytes",)
