import ipaddress

import pytest

from gateway.facts.networks import Networks, read_networks
from tests.unit.facts.world import section

SITES = """\
sites:
  - {id: wide, country: JP, kind: office, direct: true, cidrs: [10.0.0.0/8, 2001:db8::/32]}
  - {id: vpn, country: KR, kind: vpn-egress, within: [wide], cidrs: [10.1.0.0/16, 2001:db8:1::/48]}
  - {id: one, country: CN, kind: office, direct: true, within: [vpn], cidrs: [10.1.2.3/32]}
"""


def networks(text: str) -> Networks:
    root, problems = section(text)
    found = read_networks(root)
    assert problems.listed() == []
    return found


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("10.9.9.9", "wide"),
        ("10.1.9.9", "vpn"),
        ("10.1.2.3", "one"),
        ("11.0.0.0", None),
        ("9.255.255.255", None),
        ("2001:db8:2::1", "wide"),
        ("2001:db8:1::1", "vpn"),
        ("2001:db9::1", None),
    ],
)
def test_longest_prefix_wins(address: str, site: str | None) -> None:
    found = networks(SITES).site_of(ipaddress.ip_address(address))
    assert (found.id if found else None) == site


def test_sites_are_known_by_id_even_without_an_address() -> None:
    assert networks("sites: [{id: branch, country: JP, kind: office}]").sites["branch"].direct is False


SITE = "sites:\n  - {{id: a, country: JP, kind: office, direct: true, cidrs: [{0}]}}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SITE.format("192.0.2.1/24"), "test.yaml:2: '192.0.2.1/24' is not a network"),
        (SITE.format("localhost"), "test.yaml:2: 'localhost' is not a network"),
        (SITE.format("127.0.0.0/8"), "test.yaml:2: network 127.0.0.0/8 reaches into 127.0.0.0/8"),
        (SITE.format("0.0.0.0/0"), "test.yaml:2: network 0.0.0.0/0 reaches into"),
        (SITE.format("'::/0'"), "test.yaml:2: network ::/0 reaches into"),
        (SITE.format("'::ffff:c000:200/120'"), "test.yaml:2: network ::ffff:"),
        (SITE.format("169.254.1.0/24"), "test.yaml:2: network 169.254.1.0/24 reaches into 169.254.0.0/16"),
        (SITE.format("192.0.2.0/24, 192.0.2.0/24"), "test.yaml:2: '192.0.2.0/24' stands twice"),
        ("sites:\n  - {id: a, country: JP, kind: cafe}\n", "test.yaml:2: 'kind' must be one of"),
        ("sites:\n  - {id: a, kind: office}\n", "test.yaml:2: 'country' is missing"),
        ("sites:\n" + "  - {id: a, country: JP, kind: office}\n" * 2, "test.yaml:3: site 'a' stands twice"),
        (
            "sites:\n  - {id: a, country: JP, kind: vpn-egress, direct: true}\n",
            "test.yaml:2: a site of kind 'vpn-egress' cannot be direct",
        ),
    ],
)
def test_odd_site_is_a_problem(text: str, problem: str) -> None:
    root, problems = section(text)
    read_networks(root)
    assert any(listed.startswith(problem) for listed in problems.listed()), problems.listed()


def test_same_network_at_two_sites_is_a_problem() -> None:
    root, problems = section(
        "sites:\n"
        "  - {id: a, country: JP, kind: office, cidrs: [192.0.2.0/24]}\n"
        "  - {id: b, country: KR, kind: office, cidrs: [192.0.2.0/24]}\n"
    )
    read_networks(root)
    assert problems.listed() == ["test.yaml:3: network 192.0.2.0/24 belongs to site 'a' already"]


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        ("cidrs: [10.1.0.0/16]", "test.yaml:3: network 10.1.0.0/16 of site 'vpn' lies in 10.0.0.0/8 of site 'wide'"),
        ("within: [wide], cidrs: [10.1.0.0/16]", None),
        ("within: [other], cidrs: [11.1.0.0/16]", "test.yaml:1: site 'vpn' is said to lie within 'other', which is no"),
        ("cidrs: [11.0.0.0/8]", None),
        ("cidrs: ['2001:db8::/32']", None),
        ("cidrs: [9.0.0.0/8, 0.0.0.0/5]", "test.yaml:3: network 0.0.0.0/5 reaches into 0.0.0.0/8"),
        ("cidrs: [10.0.0.0/7]", "test.yaml:2: network 10.0.0.0/8 of site 'wide' lies in 10.0.0.0/7 of site 'vpn'"),
    ],
)
def test_networks_of_two_sites_overlap_in_words_only(inner: str, problem: str | None) -> None:
    """What is inside of an office by mistake would make an exit a place, or a place an exit."""
    root, problems = section(
        "sites:\n"
        "  - {id: wide, country: JP, kind: office, direct: true, cidrs: [10.0.0.0/8]}\n"
        f"  - {{id: vpn, country: JP, kind: vpn-egress, {inner}}}\n"
    )
    read_networks(root)
    found = problems.listed()
    assert found == [] if problem is None else any(one.startswith(problem) for one in found), found


def test_networks_of_one_site_may_lie_in_each_other() -> None:
    cidrs = "[10.0.0.0/8, 10.1.0.0/16, 10.1.1.0/24]"
    assert networks(f"sites: [{{id: wide, country: JP, kind: office, cidrs: {cidrs}}}]").sites.keys() == {"wide"}
