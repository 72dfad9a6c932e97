"""The longest prefix, against a plain reference that looks at every network."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.facts.networks import Network, Networks, Site
from gateway.model import Country


def network(number: int, length: int) -> Network:
    return ipaddress.ip_network((number, length), strict=False)


# few bits of freedom, so that networks nest and addresses fall into them
numbers = st.integers(0, 255).map(lambda low: (10 << 24) | (low << 16) | (low << 8) | low)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(numbers, st.integers(8, 32)), max_size=12), numbers)
def test_site_is_of_the_longest_network_that_covers_the_address(entries: list[tuple[int, int]], number: int) -> None:
    networks = {
        network(base, length): Site(id=f"s{place}", country=Country("JP"), kind="office", direct=True)
        for place, (base, length) in enumerate(entries)
    }
    address = ipaddress.IPv4Address(number)
    covering = [found for found in networks if address in found]
    expected = networks[max(covering, key=lambda found: found.prefixlen)] if covering else None
    assert Networks({}, networks).site_of(address) == expected
