"""Ways to log in that go together and that do not; where keys may come from."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_config_rules import BASE, PG, changed, problems

SERVICE_USERS = {"file": "users.yaml"}
CERTIFICATES = {"issuer": "sekisho:certificate"}
TLS = {"certificate": "a.pem", "key": "a.key"}


def listening(authentication: list[str], *, client_ca: str | None = None, **more: Any) -> dict[str, Any]:
    """BASE with these ways to log in, and what they need."""
    document = changed(*PG, "authentication", to=authentication)
    document["listeners"]["postgres"][0]["tls"] = {**TLS, **({"client_ca": client_ca} if client_ca else {})}
    return {**document, "service_users": SERVICE_USERS, "certificates": CERTIFICATES, **more}


@pytest.mark.parametrize(
    ("ways", "client_ca"),
    [
        (["token"], None),
        (["scram", "oauthbearer"], None),
        (["token", "scram", "certificate"], "clients.pem"),
        (["certificate"], "clients.pem"),
    ],
)
def test_ways_to_log_in_that_go_together(tmp_path, ways, client_ca):
    assert problems(tmp_path, listening(ways, client_ca=client_ca)) == []


def test_the_operating_system_is_no_issuer(tmp_path):
    """Whoever could make tokens of it would be who is at the command line."""
    document = changed("issuers", 0, "issuer", to="os")
    assert any("issuer `os` is the operating system's" in one for one in problems(tmp_path, document))
    taken = {**listening(["certificate"], client_ca="c.pem"), "certificates": {"issuer": "os"}}
    assert any("issuer `os` is another's" in one for one in problems(tmp_path, taken))


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (listening([]), "listeners.postgres[0].authentication: name at least one"),
        (listening(["kerberos"]), "`kerberos` is not one of token, oauthbearer, scram, certificate"),
        (listening(["token", "token"]), "authentication[1]: `token` is there twice"),
        (listening(["token", "oauthbearer"]), "a client can be asked for one of them; use two listeners"),
        (listening(["certificate"]), "`certificate` needs tls.client_ca"),
        (listening(["token"], client_ca="c.pem"), "client_ca without `certificate` in authentication"),
        (listening(["scram"], service_users=None), "service_users: missing: listeners.postgres[0] offers `scram`"),
        (
            listening(["certificate"], client_ca="c.pem", certificates=None),
            "certificates: missing: listeners.postgres[0]",
        ),
        (
            listening(["scram"], service_users={**SERVICE_USERS, "issuer": "https://id.example"}),
            "service_users: issuer `https://id.example` is another's",
        ),
        (
            listening(["scram"], certificates={"issuer": "sekisho:service"}),
            "certificates: issuer `sekisho:service` is another's",
        ),
        (listening(["scram"], service_users={**SERVICE_USERS, "prefixes": []}), "prefixes: name at least one"),
        (listening(["scram"], certificates={**CERTIFICATES, "san": "cn"}), "`cn` is not one of uri, dns, email"),
        (listening(["scram"], certificates={**CERTIFICATES, "user": "("}), "not a regular expression"),
        (listening(["scram"], certificates={**CERTIFICATES, "user": ".+"}), "needs one group in parentheses"),
        (
            changed(*PG, to={"address": "127.0.0.1:1", "plaintext": "loopback", "authentication": ["oauthbearer"]}),
            "`oauthbearer` is offered over TLS only",
        ),
        (
            changed(*PG, "oauth_issuer", to="https://other.example"),
            "oauth_issuer: `https://other.example` is not one of",
        ),
        (
            {
                **listening(["oauthbearer"]),
                "issuers": [{**BASE["issuers"][0], "issuer": name} for name in ("https://a", "https://b")],
            },
            "listeners.postgres[0].oauth_issuer: missing, and there are several issuers",
        ),
    ],
)
def test_ways_to_log_in_that_do_not(tmp_path, document, problem):
    (found,) = problems(tmp_path, document)
    assert problem in found


def key_source(**changes: Any) -> dict[str, Any]:
    issuer = {**BASE["issuers"][0], **changes}
    return {**BASE, "issuers": [{name: value for name, value in issuer.items() if value is not None}]}


@pytest.mark.parametrize(
    "url", ["https://id.example/jwks", "https://id.example:8443/jwks?x=1", "http://127.0.0.1:1/", "http://localhost/k"]
)
def test_where_keys_may_be_fetched(tmp_path, url):
    assert problems(tmp_path, key_source(keys=None, jwks_url=url)) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"keys": None}, "issuers[0].keys: name the issuer's keys once"),
        ({"jwks_url": "https://id.example/k"}, "issuers[0].jwks_url: name the issuer's keys once"),
        ({"keys": None, "jwks_url": "http://id.example/k"}, "http is for a loopback address only"),
        ({"keys": None, "jwks_url": "ftp://id.example/k"}, "is no https address"),
        ({"keys": None, "jwks_url": "file:///etc/passwd"}, "is no https address"),
        ({"keys": None, "jwks_url": "https:///k"}, "is no https address"),
        ({"keys": None, "jwks_url": "https://h:99999/k"}, "not an address"),
        ({"keys": None, "jwks_url": "https://u:p@id.example/k"}, "no user or password"),
        ({"jwks_min_interval": 400}, "jwks_min_interval: is longer than jwks_refresh"),
        ({"jwks_max_age": 100}, "jwks_refresh: is longer than jwks_max_age"),
    ],
)
def test_where_keys_may_not_come_from(tmp_path, changes, problem):
    (found,) = problems(tmp_path, key_source(**changes))
    assert problem in found


# --- callers ---------------------------------------------------------------------------------------------------------

SEARCH = {"name": "search", "certificate": "uri:spiffe://x/search", "datasources": ["messenger"]}
PORTAL = {"name": "portal", "issuer": "https://id.example", "subject": "svc-portal", "datasources": ["messenger"]}


def calling(*callers: dict[str, Any], client_ca: str | None = "callers.pem") -> dict[str, Any]:
    """BASE with these callers, and a gRPC door that asks for certificates."""
    document = {**BASE, "callers": list(callers)}
    tls = {**TLS, **({"client_ca": client_ca} if client_ca else {})}
    return {**document, "listeners": {**BASE["listeners"], "grpc": {"address": "127.0.0.1:7443", "tls": tls}}}


def fronted(*callers: dict[str, Any], **envoy: Any) -> dict[str, Any]:
    """The same, for an Envoy."""
    document = calling(*callers)
    document["listeners"]["grpc"]["envoy"] = envoy
    return document


SAYING = {**SEARCH, "may_assert": ["address", "principal"]}
CERTIFIED = {"certificates": {"issuer": "urn:certified"}}


def test_an_envoy_that_may_say_who_came_to_it(tmp_path):
    assert problems(tmp_path, fronted(SEARCH)) == []
    assert problems(tmp_path, fronted(SAYING, jwt_payload="jwt")) == []
    assert problems(tmp_path, {**fronted(SAYING, client_certificates=True), **CERTIFIED}) == []


def test_callers_known_by_certificate_and_by_token(tmp_path):
    assert problems(tmp_path, calling(SEARCH, {**PORTAL, "may_assert": ["address", "principal"]})) == []
    assert problems(tmp_path, calling(PORTAL, client_ca=None)) == []


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (calling({**SEARCH, "name": "a b"}), "callers[0].name: letters, digits"),
        (calling({**SEARCH, "certificate": "spiffe://x"}), "`spiffe://x` is no `uri:…`, `dns:…` or `email:…`"),
        (calling({**SEARCH, "certificate": "ip:127.0.0.1"}), "`ip:127.0.0.1` is no"),
        (calling({**SEARCH, "certificate": None}), "say by what the caller is known"),
        (calling({**PORTAL, "subject": None}, SEARCH), "say by what the caller is known"),
        (calling({**PORTAL, **SEARCH}), "say by what the caller is known"),
        (calling({**SEARCH, "datasources": []}), "callers[0].datasources: name at least one"),
        (calling({**SEARCH, "datasources": ["payroll"]}), "`payroll` is not one of the datasources"),
        (calling({**SEARCH, "may_assert": ["employer"]}), "`employer` is not one of address, principal"),
        (calling({**PORTAL, "issuer": "https://else"}, SEARCH), "issuer `https://else` is not one of the issuers"),
        (calling(SEARCH, {**PORTAL, "name": "search"}), "`search` is another caller's"),
        (calling(SEARCH, {**SEARCH, "name": "two"}), "`uri:spiffe://x/search` is another caller's"),
        (calling(PORTAL, {**PORTAL, "name": "two"}, SEARCH), "`https://id.example#svc-portal` is another caller's"),
        (calling(PORTAL), "tls.client_ca, and no caller with a `certificate`"),
        (calling(SEARCH, client_ca=None), "no listener (grpc, http) has tls.client_ca"),
        (fronted(SEARCH, jwt_payload="jwt"), "grpc.envoy.jwt_payload counts from no Envoy"),
        ({**fronted(SEARCH, client_certificates=True), **CERTIFIED}, "client_certificates counts from no Envoy"),
        (fronted(SAYING, client_certificates=True), "certificates: missing: listeners.grpc.envoy.client_certificates"),
    ],
)
def test_callers_that_cannot_be(tmp_path, document, problem):
    assert any(problem in found for found in problems(tmp_path, document)), problems(tmp_path, document)
