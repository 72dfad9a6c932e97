"""Who came to the real Envoy: claims its jwt_authn filter verified, certificates it took, and from which Envoy
either is believed. One Envoy with a listener for each case, and mutual TLS between it and the gateway.
"""

from __future__ import annotations

import copy
import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.characters import AUDIENCE, ISSUER
from gateway.demo.settings import free_port
from gateway.errors import Reason
from tests.envoys import LOOPBACK, SITES, Front, start_front
from tests.houses import House
from tests.servers import Issued, TestCa

pytestmark = pytest.mark.integration
TYPE = "type.googleapis.com/envoy.extensions"
CERTIFIED = "urn:example:certificates"
STICKERS = "/stickers/_search?_source=id&size=3"
PHONES = "/users/_search?_source=phone&size=3"
FORGED = {
    "x-forwarded-client-cert": "By=spiffe://x/envoy;Hash=00;URI=spiffe://x/people/li",
    "x-jwt-payload": '{"sub": "li"}',
    "x-envoy-peer-metadata": '{"sub": "li"}',
}
ENVOYS = {  # clusters of the gateway: which certificate is shown there
    "mesh": "spiffe://x/envoy",
    "reporter": "spiffe://x/reporter",
    "stranger": "spiffe://x/stranger",
    "bare": None,
}


@dataclass(frozen=True, slots=True)
class Place:
    """An Envoy with its listeners, by the name of the cluster asked; `certified` takes clients' certificates."""

    front: Front
    ports: dict[str, int]
    clients: TestCa

    def ask(self, listener: str, target: str, headers: dict[str, str], shown: Issued | None = None) -> tuple[int, Any]:
        """Status, and the document if it is one."""
        connection: http.client.HTTPConnection
        if listener == "certified":
            context = ssl.create_default_context(cafile=str(self.clients.path))
            if shown is not None:
                context.load_cert_chain(shown.certificate, shown.key)
            connection = http.client.HTTPSConnection(LOOPBACK, self.ports[listener], timeout=20, context=context)
        else:
            connection = http.client.HTTPConnection(LOOPBACK, self.ports[listener], timeout=20)
        try:
            connection.request("GET", target, headers={"x-forwarded-for": SITES["tokyo-hq"], **headers})
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body.startswith(b"{") else body.decode()
        finally:
            connection.close()

    def reason(self, listener: str, target: str, headers: dict[str, str], shown: Issued | None = None) -> str:
        """Why it was denied; nothing of it arrived."""
        before = len(self.front.service.arrived)
        status, said = self.ask(listener, target, headers, shown)
        assert (status >= 400, self.front.service.arrived[before:]) == (True, [])
        return str(said["reason"]) if isinstance(said, dict) else said

    def bearer(self, who: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.front.token(who)}"}

    def last(self) -> Any:
        return self.front.house.entries("decision")[-1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("identity")
    for name in ("envoys", "clients"):
        (folder / name).mkdir()
    envoys, clients = TestCa(folder / "envoys"), TestCa(folder / "clients")
    own = envoys.issue(LOOPBACK)
    callers = [
        {"name": "mesh", "certificate": "uri:spiffe://x/envoy", "may_assert": ["address", "principal"]},
        {"name": "reporter", "certificate": "uri:spiffe://x/reporter", "may_assert": ["address"]},
    ]
    tls = {"certificate": str(own.certificate), "key": str(own.key), "client_ca": str(envoys.path)}
    settings = {
        "listeners": {
            "grpc": {"tls": tls, "envoy": {"networks": [], "jwt_payload": "person", "client_certificates": True}}
        },
        "callers": [{**one, "datasources": ["search"]} for one in callers],
        "certificates": {"issuer": CERTIFIED, "user": "spiffe://x/people/(.+)", "groups": ["engineer"]},
    }
    ports = {name: free_port() for name in ("certified", *ENVOYS)}

    def adapt(document: dict[str, Any], house: House) -> None:
        resources = document["static_resources"]
        (listener,), (search, sekisho) = resources["listeners"], resources["clusters"]
        resources["clusters"] = [search, *(_cluster(sekisho, name, envoys) for name in ENVOYS)]
        listeners = [_listener(listener, name, ports[name], name, house) for name in ENVOYS]
        certified = _listener(listener, "certified", ports["certified"], "mesh", house)
        certified["filter_chains"][0]["transport_socket"] = _asking(clients)
        # The worst there is: what clients write goes through. Nobody believes it.
        _manager(certified)["forward_client_cert_details"] = "ALWAYS_FORWARD_ONLY"
        resources["listeners"] = [*listeners, certified]

    front = start_front(folder, settings=settings, adapt=adapt)
    yield Place(front, ports, clients)
    front.stop()


def _manager(listener: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def _listener(model: dict[str, Any], name: str, port: int, cluster: str, house: House) -> dict[str, Any]:
    made = copy.deepcopy(model)
    made["name"], made["address"]["socket_address"]["port_value"] = name, port
    filters = _manager(made)["http_filters"]
    filters[0]["typed_config"] |= {
        "grpc_service": {"envoy_grpc": {"cluster_name": cluster}, "timeout": "10s"},
        "metadata_context_namespaces": ["envoy.filters.http.jwt_authn"],
        "include_peer_certificate": True,
    }
    people = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"filename": str(house.layout.jwks)},
        "payload_in_metadata": "person",
    }
    either = {"requires_any": {"requirements": [{"provider_name": "people"}, {"allow_missing": {}}]}}
    filters.insert(
        0,
        {
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": f"{TYPE}.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"people": people},
                "rules": [{"match": {"prefix": "/"}, "requires": either}],
            },
        },
    )
    return made


def _pair(shown: Issued) -> dict[str, Any]:
    return {"certificate_chain": {"filename": str(shown.certificate)}, "private_key": {"filename": str(shown.key)}}


def _cluster(model: dict[str, Any], name: str, authority: TestCa) -> dict[str, Any]:
    made, identity = copy.deepcopy(model), ENVOYS[name]
    made["name"] = made["load_assignment"]["cluster_name"] = name
    common: dict[str, Any] = {"validation_context": {"trusted_ca": {"filename": str(authority.path)}}}
    if identity is not None:
        common["tls_certificates"] = [_pair(authority.issue(identity))]
    made["transport_socket"] = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPE}.transport_sockets.tls.v3.UpstreamTlsContext",
            "common_tls_context": {**common, "alpn_protocols": ["h2"]},
        },
    }
    return made


def _asking(authority: TestCa) -> dict[str, Any]:
    """TLS at Envoy's own door; a client may show a certificate of this authority."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_certificates": [_pair(authority.issue(LOOPBACK))],
                "validation_context": {"trusted_ca": {"filename": str(authority.path)}},
            },
        },
    }


def test_claims_that_envoy_verified_are_who_asks(place: Place) -> None:
    before = len(place.front.service.arrived)
    status, said = place.ask("mesh", STICKERS, {**place.bearer("sato"), **FORGED})
    assert status == 200, said
    (arrived,) = place.front.service.arrived[before:]
    assert "authorization" not in arrived.headers, "jwt_authn takes it off: nothing but its word is left"
    principal, caller = (place.last()[name] for name in ("principal", "caller"))
    assert (principal["id"], principal["asserted_by"]) == (f"{ISSUER}#sato", "mesh")
    assert (caller["id"], caller["identity"]) == ("mesh", "uri:spiffe://x/envoy")
    assert caller["asserts"] == ["address", "principal"]


def test_they_are_its_word_and_rules_know(place: Place) -> None:
    assert place.reason("mesh", PHONES, place.bearer("li")) == Reason.POLICY_DENIED
    entry = place.last()
    assert entry["principal"]["id"] == f"{ISSUER}#li"
    assert {"house-asserted-principal", "jp-appi-28"} <= {one["rule"] for one in entry["findings"]}


def test_what_a_client_writes_is_no_metadata(place: Place) -> None:
    assert place.reason("mesh", STICKERS, FORGED) == Reason.TOKEN_MISSING
    header, payload, _ = place.front.token("sato").split(".")
    forged = {"authorization": f"Bearer {header}.{payload}.{'A' * 86}"}
    assert "Jwt verification fails" in place.reason("mesh", STICKERS, {**forged, **FORGED}), "Envoy's own word"


@pytest.mark.parametrize(
    ("envoy", "reason"),
    [("reporter", Reason.CALLER_NOT_ALLOWED), ("stranger", Reason.CALLER_UNKNOWN), ("bare", "")],
)
def test_another_callers_certificate_is_not_enough(place: Place, envoy: str, reason: str) -> None:
    """One that may not say who asks; one that is no caller; none at all: then there is no connection to the gateway."""
    assert place.reason(envoy, STICKERS, place.bearer("sato")) == reason


def test_a_certificate_that_envoy_took_is_who_asks_where_there_is_no_token(place: Place) -> None:
    sato = place.clients.issue("spiffe://x/people/sato")
    status, said = place.ask("certified", STICKERS, FORGED, sato)
    assert status == 200, said
    assert place.front.service.arrived[-1].headers["x-forwarded-client-cert"] == FORGED["x-forwarded-client-cert"]
    principal = place.last()["principal"]
    assert (principal["id"], principal["asserted_by"]) == (f"{CERTIFIED}#spiffe://x/people/sato", "mesh")
    assert place.ask("certified", STICKERS, place.bearer("kim"), sato)[0] == 200
    assert place.last()["principal"]["id"] == f"{ISSUER}#kim", "a token says more"


def test_certificates_that_are_nobody_s(place: Place, tmp_path: Path) -> None:
    assert place.reason("certified", STICKERS, FORGED) == Reason.TOKEN_MISSING, "none was shown"
    other = place.clients.issue("spiffe://x/services/batch")
    assert place.reason("certified", STICKERS, FORGED, other) == Reason.CERTIFICATE_REFUSED
    both = place.clients.issue("spiffe://x/people/sato", "spiffe://x/people/li")
    assert place.reason("certified", STICKERS, {}, both) == Reason.CERTIFICATE_REFUSED, "never a choice"
    elsewhere = TestCa(tmp_path).issue("spiffe://x/people/sato")
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
        place.ask("certified", STICKERS, {}, elsewhere)
