"""Facts of one person and one moment are worked out once for a revision, however many statements there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.demo.characters import MORI, SATO
from gateway.facts import employer, location
from gateway.facts.assurances import Assurances
from tests.houses import House
from tests.integration.postgres_wire import until

pytestmark = pytest.mark.integration


def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each kind of fact was worked out."""
    found: Counter[str] = Counter()

    def count(where: Any, name: str) -> None:
        real = getattr(where, name)

        def call(*arguments: Any, **named: Any) -> Any:
            found[name] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(where, name, call)

    count(employer, "employer_facts")
    count(location, "locate")
    count(Assurances, "on")
    return found


def test_a_session_of_many_statements_asks_once(
    new_house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = new_house()
    found = counted(monkeypatch)
    began = datetime.now(UTC).date()
    with house.connect(SATO) as connection, house.connect(SATO) as other:
        for number in range(20):
            for one in (connection, other):
                one.execute(f"SELECT id AS c{number} FROM stickers WHERE id = %s", (number,))
        decisions = [entry for entry in house.entries("decision") if entry["principal"]["subject"] == "sato"]
        assert len({entry["statement"]["text"] for entry in decisions}) == 20, "each was a question of its own"
        days = 1 + (datetime.now(UTC).date() - began).days  # of midnight, all is asked anew
        assert found["employer_facts"] <= days
        assert found["locate"] == 1
        assert found["on"] <= days

        with house.connect(MORI) as third:
            third.execute("SELECT id FROM stickers")
        assert found["employer_facts"] <= days + 1
        assert found["locate"] == 2

        before = house.application.desk.known_registry.revision  # type: ignore[union-attr]
        people = house.layout.registry / "people.yaml"
        found.clear()
        people.write_text(people.read_text() + "# another revision\n")
        until(lambda: house.application.desk.known_registry.revision != before)  # type: ignore[union-attr]
        for number in range(5):
            connection.execute(f"SELECT id AS d{number} FROM stickers")
        days = 1 + (datetime.now(UTC).date() - began).days
        assert 1 <= found["employer_facts"] <= days
        assert found["locate"] == 1
