import ipaddress
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.errors import ConfigError
from gateway.facts.geoip import CountryDatabase, load_countries
from gateway.facts.location import locate
from gateway.facts.networks import read_networks
from gateway.model import Confidence, Country, Location, LocationSource, Peer
from tests.unit.facts.world import principal, section

AT = 1_800_000_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both kinds that there are, and of what hides people."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="Test-Country")
    entries: dict[str, Any] = {
        "8.8.8.0/24": {"country": {"iso_code": "US"}},
        "1.12.0.0/16": {"country_code": "CN"},
        "1.13.0.0/16": {"country": "KR"},
        "9.9.9.0/24": {"country": {"iso_code": "US"}, "traits": {"is_anonymous_vpn": True}},
        "5.5.5.0/24": {"country": {"iso_code": "EU"}},
        "2a00::/16": {"country": {"iso_code": "DE"}},
        "7.7.7.0/24": {"city": "nowhere"},
    }
    for network, entry in entries.items():
        writer.insert_network(IPSet([network]), entry)
    file = tmp_path_factory.mktemp("countries") / "countries.mmdb"
    writer.to_db_file(str(file))
    return file


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("8.8.8.8", "US"),
        ("1.12.9.9", "CN"),
        ("1.13.9.9", "KR"),
        ("2a00::7", "DE"),
        ("9.9.9.9", None),
        ("5.5.5.5", None),
        ("7.7.7.7", None),
        ("4.4.4.4", None),
    ],
)
def test_country_of_an_address(path: Path, address: str, expected: str | None) -> None:
    assert load_countries(path).country(ipaddress.ip_address(address)) == expected


def where(database: CountryDatabase, address: str, *, edge: bool = True, **other: Any) -> Location:
    text = "sites:\n  - {id: tokyo, country: JP, kind: office, direct: true, cidrs: [1.12.7.0/24]}\n"
    networks = read_networks(section(text)[0])
    peer = Peer(address=address, via_edge=edge, site=other.get("site"))
    return locate(networks, database, peer, principal(issued_at=AT, country=other.get("claim")), AT, 900)


def test_only_an_address_that_an_edge_vouches_for_is_asked_about(path: Path) -> None:
    database = load_countries(path)
    found = where(database, "1.12.9.9")
    assert (found.countries, found.source, found.confidence) == (("CN",), LocationSource.GEOIP, Confidence.INFERRED)
    assert where(database, "1.12.9.9", edge=False).unknown
    assert where(database, "127.0.0.1").unknown
    assert where(database, "10.0.0.1").unknown
    assert where(database, "9.9.9.9").unknown


def test_site_of_the_registry_comes_before_the_database(path: Path) -> None:
    found = where(load_countries(path), "1.12.7.7")
    assert (found.countries, found.confidence) == (("JP",), Confidence.ATTESTED)


def test_database_that_differs_from_a_claim_or_a_listener_is_a_conflict(path: Path) -> None:
    database = load_countries(path)
    claimed = where(database, "1.12.9.9", claim="JP")
    assert (claimed.countries, claimed.conflict, claimed.confidence) == (("CN", "JP"), True, Confidence.DECLARED)
    assert "the address is in CN" in claimed.note
    bound = where(database, "1.12.9.9", site="tokyo")
    assert (bound.countries, bound.conflict, bound.confidence) == (("CN", "JP"), True, Confidence.INFERRED)
    assert where(database, "1.12.9.9", claim="CN").countries == (Country("CN"),)


@pytest.mark.parametrize("data", [b"", b"no database", b"\xab\xcd\xefMaxMind.com", b"\xab\xcd\xefMaxMind.com\xff\xff"])
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd.mmdb"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match="not a MaxMind database"):
        load_countries(path)


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_countries(tmp_path / "none.mmdb")
