from pathlib import Path

import pytest

from gateway.facts.changes import touched
from gateway.facts.entities import Entities
from gateway.facts.registry import load_registry
from tests.leis import with_check_digits
from tests.unit.facts.world import write_registry

A, B, C = (with_check_digits(f"9999TEST{letter * 10}") for letter in "ABC")
ENTITIES = "entities:\n  - {id: shop, name: Shop, country: JP}\n  - {id: helper, name: Helper, country: KR}\n"
OWNED = "ownership:\n  - {owner: shop, of: helper, share: 60}\n"
LISTED = f"lei,name,country,headquarters,status,owners_unknown\n{A},Alpha,US,US,,\n{B},Beta,CN,CN,,\n"
HELD = f"owner,of,share,from,to,basis\n{A},{B},50,,,\n"


def world(directory: Path, entities: str = ENTITIES + OWNED, listed: str = LISTED, held: str = HELD) -> Entities:
    directory.mkdir()
    write_registry(directory, entities=entities)
    (directory / "entities.csv").write_text(listed)
    (directory / "ownership.csv").write_text(held)
    return load_registry(directory).entities


@pytest.mark.parametrize(
    ("entities", "listed", "held", "expected"),
    [
        (ENTITIES + "\n" + OWNED, LISTED, HELD + "\n", set()),  # only lines moved
        (ENTITIES + OWNED.replace("60", "50"), LISTED, HELD, {"helper"}),
        (ENTITIES.replace("KR", "CN") + OWNED, LISTED, HELD, {"helper"}),
        (ENTITIES + OWNED + "  - {owner: shop, of: " + A + ", share: 1}\n", LISTED, HELD, {A}),
        (ENTITIES.replace("Shop,", f"Shop, lei: {B},") + OWNED, LISTED, HELD, {"shop", B}),
        (ENTITIES + OWNED, LISTED + f"{C},Gamma,,,,\n", HELD, {C}),
        (ENTITIES + OWNED, LISTED.replace("Beta", "Beta Ltd"), HELD, {B}),
        (ENTITIES + OWNED, LISTED, HELD.replace("50", "49"), {B}),
        (ENTITIES + OWNED, LISTED, HELD.splitlines()[0] + "\n", {B}),
    ],
)
def test_only_what_is_other_than_before_is_touched(
    tmp_path: Path, entities: str, listed: str, held: str, expected: set[str]
) -> None:
    former = world(tmp_path / "former")
    latter = world(tmp_path / "latter", entities, listed, held)
    assert touched(former, latter) == expected
    assert touched(latter, former) == expected
