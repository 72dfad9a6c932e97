"""The fast lane of a session, through a real gateway and server: what is recorded, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.demo.characters import SATO
from tests.houses import House
from tests.integration.postgres_wire import SYNC, Wire, bind, execute, parse, query, rows, until

TEXT = "SELECT id FROM stickers WHERE id < 4"
RUN = bind("s") + execute() + SYNC


def completed(house: House, before: int, count: int) -> list[Mapping[str, Any]]:
    """The entries since then, when so many statements have ended."""
    until(lambda: sum(one["kind"] == "completion" for one in house.entries()[before:]) >= count)
    return house.entries()[before:]


def test_each_execution_has_an_entry_before_and_one_after(house: House):
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        before = len(house.entries())
        wire.send(parse(TEXT, "s") + RUN)
        assert rows(wire.until(b"Z")) == 3
        for _ in range(5):
            wire.send(RUN)
            assert rows(wire.until(b"Z")) == 3
        found = completed(house, before, 6)
    assert [one["kind"] for one in found] == ["decision", "completion"] + ["repeat", "completion"] * 5
    repeats = [one for one in found if one["kind"] == "repeat"]
    assert {one["of"] for one in repeats} == {found[0]["decision_id"]}
    assert all(one["rows"] == 3 for one in found if one["kind"] == "completion")
    assert len({one["decision_id"] for one in found}) == 6
    assert "statement_hash" not in repeats[0]


def test_another_constant_is_the_same_statement_with_a_hash_of_its_own(house: House):
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        before = len(house.entries())
        for number in (2, 3, 4, 3):
            wire.send(query(f"SELECT id FROM stickers WHERE id < {number}"))
            assert rows(wire.until(b"Z")) == number - 1
        wire.send(query("SELECT id FROM stickers WHERE id < 3.5"))  # another class: another meaning
        assert rows(wire.until(b"Z")) == 3
        found = [one for one in completed(house, before, 5) if one["kind"] != "completion"]
    assert [one["kind"] for one in found] == ["decision", "repeat", "repeat", "repeat", "decision"]
    first = found[0]
    hashes = [one["statement_hash"] for one in found[1:4]]
    assert {one["of"] for one in found[1:4]} == {first["decision_id"]}
    assert hashes[0] == hashes[2] != hashes[1]
    assert first["statement"]["hash"] not in hashes


def test_data_about_people_waits_for_the_disk_and_counts(house: House):
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        before = len(house.entries())
        wire.send(parse("SELECT phone FROM users WHERE id = 1", "s") + RUN)
        wire.until(b"Z")
        wire.send(RUN)
        assert rows(wire.until(b"Z")) == 1
        found = completed(house, before, 2)
    assert [one["kind"] for one in found] == ["decision", "completion", "repeat", "completion"]


def test_an_error_ends_it_as_ever(house: House):
    with Wire(house.ports.sites["tokyo-hq"]).login(house, SATO) as wire:
        before = len(house.entries())
        for divisor in (1, 2, 0, 3):
            wire.send(query(f"SELECT 1 / {divisor} FROM stickers WHERE id = 1"))
            answer = wire.until(b"Z")
            assert any(kind == b"E" for kind, _ in answer) == (divisor == 0)
        found = completed(house, before, 4)
    states = [one["sqlstate"] for one in found if one["kind"] == "completion"]
    assert states == [None, None, "22012", None]
