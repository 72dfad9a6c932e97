"""`sekisho block`, `unblock`, `blocks`: whom a name means, what is recorded, and that it can always be pulled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.audit.verify import iter_entries, verify
from gateway.cli import main
from tests.houses import House

ISSUER = "https://id.line.example"


class Place:
    def __init__(self, house: House) -> None:
        self.layout = house.layout

    def sekisho(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, [*arguments, "--config", str(self.layout.config)])

    def good(self, *arguments: str) -> str:
        found = self.sekisho(*arguments)
        assert found.exit_code == 0, found.output
        return found.stdout

    def block(self, name: str, *more: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.good("block", name, "--reason", "audit failed", "--json", *more))
        return found

    def recorded(self) -> list[tuple[object, object]]:
        return [
            (entry["event"], entry["detail"])
            for entry in iter_entries(self.layout.record)
            if entry.get("event") in ("block", "unblock")
        ]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(House(tmp_path, None))


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("CN", "country", "CN"),
        ("line-cn", "entity", "line-cn"),
        ("LINE Corporation", "entity", "line-jp"),
        ("li", "principal", f"{ISSUER}#li"),
        (f"{ISSUER}#li", "principal", f"{ISSUER}#li"),
        ("https://elsewhere.example#stranger", "principal", "https://elsewhere.example#stranger"),
    ],
)
def test_whom_a_name_means(place: Place, name: str, kind: str, found: str) -> None:
    assert place.block(name)[kind] == found


def test_every_call_is_recorded_and_what_was_made_is_lifted(place: Place) -> None:
    said = place.good("block", "CN", "--reason", "licence suspended", "--until", "2099-01-01")
    assert said.startswith("admin-1  country CN from 20")
    assert said.endswith(" until 2099-01-01: licence suspended; sekisho unblock admin-1 lifts it\n")
    place.good("unblock", "admin-1")
    assert place.recorded() == [
        ("block", "admin-1: country CN until 2099-01-01: licence suspended"),
        ("unblock", "admin-1: country CN until 2099-01-01: licence suspended"),
    ]
    assert verify(place.layout.record).ok


def test_all_blocks_are_listed_with_who_made_them(place: Place) -> None:
    (place.layout.registry / "blocks.yaml").write_text(
        "blocks:\n  - {id: stop, country: KP, to: 2020-01-01, reason: sanctions}\n"
    )
    place.block("li")
    listed = json.loads(place.good("blocks", "--json"))[-2:]  # those of the demo's own registry come first
    assert [(one["id"], one["in_force"], one["source"]) for one in listed] == [
        ("stop", False, "blocks.yaml:2"),
        ("admin-1", True, "admin-blocks.yaml:4"),
    ]
    assert listed[1]["by"].startswith("os:")
    text = place.good("blocks").splitlines()[-2:]
    assert text[0] == "stop  country KP until 2020-01-01 (not in force): sanctions, blocks.yaml:2"
    assert text[1].startswith(f"admin-1  principal {ISSUER}#li from 20")


def test_nobody_is_blocked_in_the_beginning(place: Place) -> None:
    entities = place.layout.registry / "entities.yaml"
    entities.write_text(entities.read_text().partition("\nblocks:")[0])
    assert place.good("blocks") == "nobody is blocked\n"


def test_blocks_of_the_registry_are_not_lifted_here(place: Place) -> None:
    (place.layout.registry / "blocks.yaml").write_text("blocks:\n  - {id: stop, country: KP}\n")
    found = place.sekisho("unblock", "stop")
    assert found.exit_code == 2
    assert "no block of `sekisho block`" in found.stderr


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("XX", "no ISO 3166-1 country code"),
        ("nobody", "no country, and no entity or person of the registry"),
        ("#li", "a person is issuer#subject"),
    ],
)
def test_name_of_nobody_blocks_nobody(place: Place, name: str, problem: str) -> None:
    found = place.sekisho("block", name, "--reason", "why")
    assert found.exit_code == 2
    assert problem in found.stderr
    assert place.recorded() == []


def test_end_that_has_come_is_a_mistake(place: Place) -> None:
    found = place.sekisho("block", "CN", "--reason", "why", "--until", "2020-01-01")
    assert (found.exit_code, "that day has come" in found.stderr) == (2, True)


def test_it_can_be_pulled_while_the_registry_is_broken(place: Place) -> None:
    """What is delivered just now must not keep anybody from stopping somebody."""
    (place.layout.registry / "people.yaml").write_text("people: [")
    assert place.block("CN")["country"] == "CN"
    assert place.block(f"{ISSUER}#li")["principal"] == f"{ISSUER}#li"
    found = place.sekisho("block", "line-cn", "--reason", "why")
    assert found.exit_code == 0
    assert "the registry cannot be read" in found.stderr
    assert "is taken for an entity's id" in found.stderr
    listed = place.sekisho("blocks")
    assert "its own blocks are not told" in listed.stderr
    assert [line.split()[0] for line in listed.stdout.splitlines()] == ["admin-1", "admin-2", "admin-3"]


def test_nothing_is_blocked_that_cannot_be_recorded(place: Place) -> None:
    (place.layout.record / "operator.lock").mkdir()
    found = place.sekisho("block", "CN", "--reason", "why")
    assert found.exit_code == 2
    assert not (place.layout.record / "admin-blocks.yaml").exists()
