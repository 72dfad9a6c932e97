"""Keys in rows as they pass by: hashed, told apart, never kept."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.doors.pg_subjects import Seen, Values
from gateway.facts.subjects import Cost, Kind, Watch
from gateway.model import Country, DataType, Unit
from gateway.rations import Ration

KIND = Kind(DataType("user.name"), Country("JP"), Unit.PERSON)


def row(*values: bytes | None) -> bytes:
    body = struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return b"D" + struct.pack("!I", len(body) + 4) + body


def seen_of(*places: int, counted: list[Values] | None = None, key: bytes = b"k" * 32, domain: str = "main:a") -> Seen:
    watches = tuple(Watch(place, domain, (KIND,)) for place in places)
    return Seen(Ration(Cost(watches=watches)), key, lambda _, values: (counted or []).append(values))


def look(seen: Seen, *rows: Sequence[bytes | None]) -> Seen:
    data = b"".join(row(*one) for one in rows)
    seen.rows(data, 0, len(rows))
    return seen


def hashes(seen: Seen) -> frozenset[bytes]:
    return frozenset().union(*(values for _, values in seen.used(0).values))


@given(st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=20)), max_size=50))
def test_as_many_hashes_as_values(rows: list[tuple[bytes, bytes]]):
    seen = look(seen_of(1), *rows)
    used = seen.used(len(rows))
    assert (used.rows, used.unkeyed) == (len(rows), 0)
    assert len(hashes(seen)) == len({second for _, second in rows})


def test_rows_without_the_key_are_one_each():
    seen = look(seen_of(0), (b"1",), (None,), (b"1",), ())
    assert (seen.used(0).rows, seen.used(0).unkeyed) == (4, 2)
    assert look(seen_of(), (b"1",), (b"2",)).used(0).unkeyed == 2, "nobody looks"


def test_a_row_must_show_all_keys():
    assert look(seen_of(0, 2), (b"1", b"x", b"2"), (b"1", b"x", None)).used(0).unkeyed == 1


def test_a_row_that_is_cut_or_lies_about_its_length_shows_no_key():
    data = row(b"1") + row(b"22")
    seen = seen_of(0)
    seen.rows(data[:-1], 0, 2)
    assert (seen.used(0).rows, seen.used(0).unkeyed) == (2, 1)
    lying = row(b"1").replace(struct.pack("!i", 1), struct.pack("!i", 999))
    seen = seen_of(0)
    seen.rows(lying, 0, 1)
    assert seen.used(0).unkeyed == 1


def test_a_tag_that_names_more_rows_counts():
    assert look(seen_of(0), (b"1",)).used(7) == look(seen_of(0), (b"1",)).used(7)
    assert look(seen_of(0), (b"1",)).used(7).unkeyed == 6


def test_hashes_hang_on_the_key_and_the_relation():
    one = hashes(look(seen_of(0), (b"1",)))
    assert one == hashes(look(seen_of(0), (b"1",)))
    assert one != hashes(look(seen_of(0, key=b"j" * 32), (b"1",)))
    assert one != hashes(look(seen_of(0, domain="main:b"), (b"1",)))
    assert all(len(value) == 8 for value in one)


def test_a_long_result_takes_bounded_room():
    counted: list[Values] = []
    watches = (Watch(0, "main:a", (KIND,)),)
    seen = Seen(Ration(Cost(watches=watches)), b"k" * 32, lambda _, values: counted.append(values))
    for start in range(0, 40_000, 1000):
        look(seen, *((b"%d" % number,) for number in range(start, start + 1000)))
    assert len(counted) == 2
    told = frozenset().union(*(values for _, values in counted))
    assert len(told | hashes(seen)) == 40_000
    assert len(hashes(seen)) < 16_384
