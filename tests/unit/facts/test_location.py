import pytest

from gateway.facts.location import claim_until, locate
from gateway.facts.networks import Networks, read_networks
from gateway.model import Confidence, Location, LocationSource, Peer
from tests.unit.facts.world import principal, section

SITES = """\
sites:
  - {id: tokyo, country: JP, kind: office, direct: true, cidrs: [192.0.2.0/25, 10.1.0.0/16, 2001:db8::/48]}
  - {id: shanghai, country: CN, kind: office, direct: true, cidrs: [198.51.100.0/25]}
  - {id: exit, country: JP, kind: vpn-egress, cidrs: [192.0.2.192/26]}
  - {id: cloud, country: JP, kind: hosting, cidrs: [198.18.0.0/15]}
  - {id: edge, country: JP, kind: edge-lb, cidrs: [203.0.113.0/28]}
  - {id: pods, country: JP, kind: cluster, cidrs: [10.244.0.0/16]}
  - {id: lobby, country: JP, kind: office, cidrs: [203.0.113.128/25]}
"""
AT = 1_800_000_000
NOWHERE = "it says nothing about where the person is"


def networks() -> Networks:
    return read_networks(section(SITES)[0])


def where(
    address: str | None, *, site: str | None = None, claim: str | None = None, issued_at: int | None = AT
) -> Location:
    person = principal(issued_at=issued_at, country=claim)
    return locate(networks(), None, Peer(address=address, site=site), person, AT, 900)


@pytest.mark.parametrize("address", ["192.0.2.7", "10.1.2.3", "2001:db8::7", "::ffff:192.0.2.7", "::ffff:c000:207"])
def test_direct_site_network_attests_its_country(address: str) -> None:
    assert where(address) == Location(
        countries=("JP",),  # type: ignore[arg-type]
        source=LocationSource.SITE_NETWORK,
        confidence=Confidence.ATTESTED,
        site="tokyo",
    )


@pytest.mark.parametrize(
    ("address", "note"),
    [
        (None, f"the peer came by a Unix socket: {NOWHERE}"),
        ("127.0.0.1", f"the address is a loopback address (a port-forward, often): {NOWHERE}"),
        ("::1", f"the address is a loopback address (a port-forward, often): {NOWHERE}"),
        ("::ffff:127.0.0.1", f"the address is a loopback address (a port-forward, often): {NOWHERE}"),
        ("fe80::1", f"the address is a link-local address: {NOWHERE}"),
        ("fe80::1%eth0", f"the address is a link-local address: {NOWHERE}"),
        ("169.254.1.1", f"the address is a link-local address: {NOWHERE}"),
        ("0.0.0.0", f"the address is no address of a person's machine: {NOWHERE}"),
        ("224.0.0.1", f"the address is no address of a person's machine: {NOWHERE}"),
        ("192.0.2.200", f"the address is a VPN exit (exit, JP): {NOWHERE}"),
        ("198.18.5.5", f"the address is a hosting network (cloud, JP): {NOWHERE}"),
        ("203.0.113.1", f"the address is a load balancer (edge, JP): {NOWHERE}"),
        ("10.244.0.9", f"the address is a cluster network (pods, services, nodes) (pods, JP): {NOWHERE}"),
        ("172.16.0.1", "the peer has a private address that no site network of the registry covers"),
        ("8.8.8.8", "the peer has an address that no site network of the registry covers"),
        ("not an address", "the peer's address cannot be read"),
        ("", "the peer's address cannot be read"),
        (
            "203.0.113.200",
            "the address is of lobby (JP), whose network is not marked direct: "
            "the person may stand behind it, anywhere",
        ),
    ],
)
def test_anything_else_is_unknown_and_says_why(address: str | None, note: str) -> None:
    found = where(address)
    assert found == Location(countries=(), source=LocationSource.NONE, confidence=Confidence.UNKNOWN, note=note)
    assert found.unknown


@pytest.mark.parametrize("address", [None, "127.0.0.1", "8.8.8.8", "198.51.100.1"])
def test_listener_bound_to_a_site_attests_its_country(address: str | None) -> None:
    found = where(address, site="shanghai")
    assert (found.countries, found.source, found.confidence, found.site, found.conflict) == (
        ("CN",),
        LocationSource.SITE_LISTENER,
        Confidence.ATTESTED,
        "shanghai",
        False,
    )


def test_listener_needs_no_network_at_its_site() -> None:
    assert where("127.0.0.1", site="lobby").countries == ("JP",)


@pytest.mark.parametrize(
    ("site", "note"),
    [
        ("exit", f"the listener is bound to a VPN exit (exit, JP): {NOWHERE}"),
        ("cloud", f"the listener is bound to a hosting network (cloud, JP): {NOWHERE}"),
        ("moon", "the listener is bound to site moon, which is not in the registry"),
    ],
)
def test_listener_at_an_intermediary_or_unknown_site_is_unknown(site: str, note: str) -> None:
    found = where("192.0.2.7", site=site)
    assert found.unknown
    assert found.note == note


def test_listener_and_address_that_disagree_are_both_kept() -> None:
    found = where("198.51.100.1", site="tokyo")
    assert (found.countries, found.conflict) == (("CN", "JP"), True)
    assert found.note == "tokyo is in JP, but the address is of shanghai (CN)"


def test_listener_reached_from_a_vpn_exit_is_unknown() -> None:
    found = where("192.0.2.200", site="tokyo")
    assert found.unknown
    assert found.note == f"the address is a VPN exit (exit, JP): {NOWHERE}"


def test_fresh_claim_counts_as_declared_only() -> None:
    found = where("192.0.2.200", claim="CN")
    assert (found.countries, found.source, found.confidence) == (("CN",), LocationSource.CLAIM, Confidence.DECLARED)
    assert "VPN exit" in found.note


def test_claim_that_agrees_changes_nothing() -> None:
    assert where("192.0.2.7", claim="JP") == where("192.0.2.7")


@pytest.mark.parametrize("site", [None, "tokyo"])
def test_claim_that_differs_is_a_conflict_of_both(site: str | None) -> None:
    found = where("192.0.2.7", site=site, claim="CN")
    assert (found.countries, found.conflict, found.confidence) == (("CN", "JP"), True, Confidence.DECLARED)
    assert found.note == "tokyo is in JP, but the token's claim says CN"


@pytest.mark.parametrize(("issued_at", "counts"), [(AT, True), (AT - 899, True), (AT - 900, False), (None, False)])
def test_claim_counts_only_while_fresh(issued_at: int | None, counts: bool) -> None:
    found = where("8.8.8.8", claim="CN", issued_at=issued_at)
    assert found.unknown is not counts
    assert ("too old" in found.note) is not counts


def test_claim_has_an_end() -> None:
    assert claim_until(principal(issued_at=100, country="JP"), 900) == 1000
    assert claim_until(principal(issued_at=100), 900) is None
    assert claim_until(principal(country="JP"), 900) is None
