"""The demo's folder, ports and configuration: what the gateway is told, and that it understands it."""

from __future__ import annotations

import ipaddress
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.config_load import load
from gateway.demo.characters import Issuer
from gateway.demo.relay import LOOPBACK
from gateway.demo.settings import (
    DATASOURCE,
    SITES,
    Layout,
    Ports,
    addresses,
    configuration,
    free_ports,
    write_configuration,
)

REGISTRY = Path(__file__).parents[3] / "gateway" / "demo" / "registry"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(root=tmp_path)


def written(layout: Layout) -> tuple[dict[str, Any], Ports]:
    ports = free_ports()
    document = configuration(layout, ports, socket_directory=Path("/run/db"), database="messenger")
    write_configuration(layout.config, document)
    return yaml.safe_load(layout.config.read_text()), ports


def test_the_gateway_reads_it_without_a_problem(layout: Layout):
    layout.make()
    Issuer().write_jwks(layout.jwks)
    _, ports = written(layout)
    config = load(layout.config, {})
    assert config.listeners.http is not None
    assert config.listeners.http.address == f"127.0.0.1:{ports.http}"
    assert [source.id for source in config.datasources] == [DATASOURCE]
    assert config.issuers[0].algorithms == ("ES256",)
    assert config.registry.directory == layout.registry


def test_there_is_one_listener_for_each_place_and_one_edge(layout: Layout):
    document, ports = written(layout)
    listeners = document["listeners"]["postgres"]
    expected: dict[str | None, str] = {site: f"{LOOPBACK}:{ports.sites[site]}" for site in SITES}
    expected[None] = f"{LOOPBACK}:{ports.edge}"
    assert {one.get("site"): one["address"] for one in listeners} == expected
    assert [one["edges"] for one in listeners if "edges" in one] == [["127.0.0.1/32"]]
    assert all(one["plaintext"] == "loopback" for one in listeners)


def test_nothing_is_opened_to_the_network(layout: Layout):
    document, _ = written(layout)
    doors = document["listeners"]
    for listener in (*doors["postgres"], doors["grpc"], doors["http"]):
        assert listener["address"].startswith("127.0.0.1:")


def test_the_datasource_is_the_registrys(layout: Layout):
    document, _ = written(layout)
    (datasource,) = document["datasources"]
    catalog = yaml.safe_load((REGISTRY / "catalog.yaml").read_text())
    assert datasource["id"] == DATASOURCE == catalog["datasources"][0]["id"]
    assert datasource["host"] == "/run/db"


def test_no_port_comes_twice_and_all_are_free():
    ports = free_ports()
    numbers = [*ports.sites.values(), ports.edge, ports.grpc, ports.http]
    assert len(set(numbers)) == len(SITES) + 3
    for number in numbers:
        socket.create_server((LOOPBACK, number)).close()
    assert ports.metrics_url == f"http://127.0.0.1:{ports.http}/metrics"
    assert ports.ready_url == f"http://127.0.0.1:{ports.http}/readyz"


def test_the_folder_is_made_with_what_is_private_closed(layout: Layout):
    layout.make()
    for folder in (layout.tokens, layout.record):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert (layout.registry / "people.yaml").read_bytes() == (REGISTRY / "people.yaml").read_bytes()


def test_every_place_has_an_address_in_its_own_network():
    found = addresses(REGISTRY)
    assert set(found) == set(SITES)
    sites = {site["id"]: site for site in yaml.safe_load((REGISTRY / "networks.yaml").read_text())["sites"]}
    for site, text in found.items():
        address = ipaddress.ip_address(text)
        assert any(address in ipaddress.ip_network(cidr) for cidr in sites[site]["cidrs"])
        others = [cidr for other in sites.values() if other["id"] != site for cidr in other["cidrs"]]
        assert not any(address in ipaddress.ip_network(cidr) for cidr in others)


def test_a_small_network_still_gives_an_address(tmp_path: Path):
    sites = [{"id": site, "cidrs": ["2001:db8::/64", f"192.0.2.{number}/32"]} for number, site in enumerate(SITES)]
    (tmp_path / "networks.yaml").write_text(yaml.safe_dump({"sites": sites}))
    assert list(addresses(tmp_path).values()) == [f"192.0.2.{number}" for number in range(len(SITES))]
