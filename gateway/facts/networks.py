"""networks.yaml: sites, the country each stands in, and the addresses that belong to it.

``direct: true`` says that whoever has such an address stands at the site. A VPN exit, a hosting network or a load
balancer never is: its address tells where a machine is, not where a person is.

Networks of two sites may lie in each other only where the inner site says so (``within: [cluster]``): the closest one
counts, and a network that somebody wrote too wide would else turn an exit into an office, or the other way round.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.facts.fields import Section
from gateway.model import Country

FILE: Final = "networks.yaml"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What an address of such a site is, in words; kinds not named here are places where people sit.
INTERMEDIARY_KINDS: Final = MappingProxyType(
    {
        "vpn-egress": "a VPN exit",
        "hosting": "a hosting network",
        "edge-lb": "a load balancer",
        "cluster": "a cluster network (pods, services, nodes)",
    }
)
KINDS: Final = frozenset({"office", "vdi", *INTERMEDIARY_KINDS})

# A port-forward from anywhere arrives from these: no site may claim them.
_NEVER_A_SITE: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "::/127",
        "::ffff:0:0/96",
        "fe80::/10",
        "ff00::/8",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One place, or one network that hides places."""

    id: str
    country: Country
    kind: str
    direct: bool

    @property
    def hides(self) -> bool:
        """Whether it is known to hide where people are."""
        return self.kind in INTERMEDIARY_KINDS


class Networks:
    """Sites by id, and by address: the longest prefix wins."""

    def __init__(self, sites: Mapping[str, Site], networks: Mapping[Network, Site]) -> None:
        self.sites: Mapping[str, Site] = MappingProxyType(dict(sites))
        tables: dict[tuple[int, int], dict[int, Site]] = {}
        for network, site in networks.items():
            tables.setdefault((network.version, network.prefixlen), {})[int(network.network_address)] = site
        self._tables = {
            version: tuple(
                (bits - length, tables[version, length])
                for length in range(bits, -1, -1)
                if (version, length) in tables
            )
            for version, bits in ((4, 32), (6, 128))
        }

    def tell(self) -> bool:
        """Whether any address says in which country somebody is."""
        return any(site.direct for tables in self._tables.values() for _, table in tables for site in table.values())

    def site_of(self, address: Address) -> Site | None:
        """The site whose network covers the address most closely."""
        number = int(address)
        for shift, table in self._tables[address.version]:
            site = table.get(number >> shift << shift)
            if site is not None:
                return site
        return None


def read_networks(root: Section) -> Networks:
    """All sites of the file."""
    sites: dict[str, Site] = {}
    networks: dict[Network, Site] = {}
    lines: dict[Network, int] = {}
    within: dict[str, tuple[str, ...]] = {}
    for section in root.sections("sites", required=True):
        site = _site(section)
        if site.id in sites:
            section.problem(f"site '{site.id}' stands twice", "id")
        sites[site.id] = site
        within[site.id] = section.texts("within")
        line = section.line_of("cidrs")
        for text in section.texts("cidrs"):
            network = _network(section, text, line)
            if network is None:
                continue
            if network in networks:
                section.problem_at(line, f"network {network} belongs to site '{networks[network].id}' already")
            networks[network], lines[network] = site, line
        section.done()
    root.done()
    for network, outer in _nested(networks):
        inner, other = networks[network].id, networks[outer].id
        if other not in within[inner]:
            why = f"network {network} of site '{inner}' lies in {outer} of site '{other}'"
            root.problem_at(lines[network], f"{why}: say 'within: [{other}]' where that is meant")
    for site_id, names in within.items():
        for name in names:
            if name not in sites:
                root.problem(f"site '{site_id}' is said to lie within '{name}', which is no site")
    return Networks(sites, networks)


def _nested(networks: Mapping[Network, Site]) -> Iterator[tuple[Network, Network]]:
    """Networks of which the closest one around them is another site's, with that one."""
    around: list[Network] = []
    for network in sorted(networks, key=lambda one: (one.version, int(one.network_address), one.prefixlen)):
        while around and not _holds(around[-1], network):
            around.pop()
        if around and networks[around[-1]].id != networks[network].id:
            yield network, around[-1]
        around.append(network)


def _holds(outer: Network, inner: Network) -> bool:
    """Whether the one lies in the other, which begins no later."""
    if outer.version != inner.version or outer.prefixlen > inner.prefixlen:
        return False
    bits = inner.max_prefixlen - outer.prefixlen
    return int(inner.network_address) >> bits == int(outer.network_address) >> bits


def _site(section: Section) -> Site:
    site = Site(
        id=section.identifier(),
        country=section.country("country", required=True) or Country(""),
        kind=section.choice("kind", KINDS),
        direct=section.flag("direct", default=False),
    )
    if site.direct and site.kind in INTERMEDIARY_KINDS:
        section.problem(f"a site of kind '{site.kind}' cannot be direct: it says nothing about where a person is")
    return site


def _network(section: Section, text: str, line: int) -> Network | None:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        section.problem_at(line, f"'{text}' is not a network (such as 192.0.2.0/24, without host bits)")
        return None
    for never in _NEVER_A_SITE:
        if network.version == never.version and network.overlaps(never):
            section.problem_at(line, f"network {network} reaches into {never}, which can belong to no site")
            return None
    return network
