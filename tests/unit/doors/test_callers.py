"""Who may ask for whom: by certificate, by token, by assertion, and never by anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gateway import config as c
from gateway.doors.callers import Asker, Callers, Edges, Origin, Words, who_asks, who_completes, who_reads
from gateway.errors import AuthenticationError, ConfigError, Reason, SekishoError
from gateway.facts.certificates import PeerCertificate
from gateway.model import Caller, Peer, Principal, PrincipalId

ISSUER = "https://id.example"
NOW = 1_800_000_000
SEARCH = c.Caller(
    name="search",
    certificate="uri:spiffe://example/search",
    datasources=("messenger",),
    may_assert=("address", "principal"),
)
PORTAL = c.Caller(name="portal", issuer=ISSUER, subject="svc-portal", datasources=("messenger",))
CERTIFICATE = PeerCertificate((("URI", "spiffe://example/search"), ("DNS", "search.example")), NOW + 600)
NOBODY = Edges(())
SOMEWHERE = Origin("203.0.113.9")
EDGE = Edges.parse(["198.51.100.0/24"])


def principal(subject: str, **changes: Any) -> Principal:
    return Principal(issuer=ISSUER, subject=subject, database_user=subject, expires_at=NOW + 300, **changes)


class KnownPeople:
    """Tokens are subjects; somebody's groups are the registry's."""

    def __init__(self, *callers: c.Caller, groups: Mapping[str, Sequence[str]] | None = None) -> None:
        self.callers = Callers(callers or (SEARCH, PORTAL), {ISSUER}, clock=lambda: float(NOW))
        self._groups = groups or {}
        self.verified: list[str] = []

    def verify_token(self, token: str) -> Principal:
        self.verified.append(token)
        if token == "bad":
            raise AuthenticationError(Reason.TOKEN_EXPIRED)
        return principal(token)

    def groups_of(self, named: PrincipalId) -> Sequence[str]:
        return self._groups.get(named, ())


def asks(words: Words, *, origin: Origin = SOMEWHERE, edges: Edges = NOBODY, **more: Any) -> Asker:
    desk = more.get("desk") or KnownPeople()
    return who_asks(desk, words, more.get("datasource", "messenger"), origin=origin, edges=edges)


def refused(words: Words, **more: Any) -> Reason:
    with pytest.raises(SekishoError) as caught:
        asks(words, **more)
    return caught.value.reason


BY_CERTIFICATE = Origin("203.0.113.9", CERTIFICATE)


def test_a_person_asks_for_themself() -> None:
    for words in (Words(token="sato"), Words(bearer="sato")):
        assert asks(words) == Asker(principal("sato"), None, Peer(address="203.0.113.9"))


def test_a_caller_by_certificate_passes_on_a_persons_token() -> None:
    for words in (Words(token="sato"), Words(bearer="sato")):
        found = asks(words, origin=BY_CERTIFICATE)
        assert found.principal == principal("sato")
        assert found.caller == Caller(id="search", identity="uri:spiffe://example/search", expires_at=NOW + 600)


def test_a_caller_by_token_passes_on_a_persons_token() -> None:
    found = asks(Words(token="sato", bearer="svc-portal"))
    assert found.principal == principal("sato")
    assert found.caller == Caller(id="portal", identity=f"{ISSUER}#svc-portal", expires_at=NOW + 300)


def test_a_callers_token_alone_is_the_caller_asking_for_itself() -> None:
    found = asks(Words(bearer="svc-portal"))
    assert (found.principal, found.caller) == (principal("svc-portal"), None)


def test_nobody_passes_on_a_token_without_being_a_configured_caller() -> None:
    assert refused(Words(token="sato", bearer="li")) is Reason.CALLER_UNKNOWN
    assert refused(Words(token="sato", bearer="bad")) is Reason.TOKEN_EXPIRED
    assert refused(Words(token="bad", bearer="svc-portal")) is Reason.TOKEN_EXPIRED


@pytest.mark.parametrize(
    "names",
    [
        (),
        (("URI", "spiffe://example/other"),),
        (("DNS", "spiffe://example/search"),),  # the right name of another kind
        (("URI", "spiffe://example/search/"),),
    ],
)
def test_a_certificate_that_names_no_caller_is_refused_whatever_token_is_beside_it(
    names: tuple[tuple[str, str], ...],
) -> None:
    origin = Origin("203.0.113.9", PeerCertificate(names, NOW + 600))
    assert refused(Words(token="sato"), origin=origin) is Reason.CALLER_UNKNOWN


def test_a_certificate_that_names_two_callers_is_refused() -> None:
    other = c.Caller(name="other", certificate="dns:search.example", datasources=("messenger",))
    desk = KnownPeople(SEARCH, other)
    assert refused(Words(token="sato"), origin=BY_CERTIFICATE, desk=desk) is Reason.CALLER_UNKNOWN


def test_a_connection_does_not_outlive_its_certificate() -> None:
    origin = Origin("203.0.113.9", PeerCertificate(CERTIFICATE.names, NOW))
    assert refused(Words(token="sato"), origin=origin) is Reason.CERTIFICATE_REFUSED


def test_a_caller_with_a_certificate_gives_one_token() -> None:
    assert refused(Words(token="sato", bearer="li"), origin=BY_CERTIFICATE) is Reason.REQUEST_INVALID


def test_no_decision_is_anonymous() -> None:
    assert refused(Words()) is Reason.TOKEN_MISSING
    assert refused(Words(), origin=BY_CERTIFICATE) is Reason.TOKEN_MISSING


def test_a_caller_asks_about_its_datasources_only() -> None:
    words = Words(token="sato", bearer="svc-portal")
    assert refused(words, datasource="payroll") is Reason.CALLER_NOT_ALLOWED
    assert asks(Words(token="sato"), datasource="payroll").caller is None


# --- what is asserted ------------------------------------------------------------------------------------------------


def test_an_asserted_principal_has_the_registrys_groups_and_nothing_of_a_token() -> None:
    desk = KnownPeople(SEARCH, groups={f"{ISSUER}#sato": ("engineer",)})
    found = asks(Words(principal=(ISSUER, "sato")), origin=BY_CERTIFICATE, desk=desk)
    assert found.principal == Principal(
        issuer=ISSUER,
        subject="sato",
        database_user="sato",
        groups=("engineer",),
        expires_at=NOW + 600,  # as good as the caller's own identity, and no longer
        asserted_by="search",
    )
    assert found.caller is not None
    assert found.caller.asserts == ("principal",)
    assert desk.verified == []


def test_a_principal_is_asserted_by_configured_callers_that_may_only() -> None:
    named = (ISSUER, "sato")
    assert refused(Words(principal=named)) is Reason.CALLER_UNKNOWN
    assert refused(Words(principal=named, bearer="li")) is Reason.CALLER_UNKNOWN
    assert refused(Words(principal=named, bearer="svc-portal")) is Reason.CALLER_NOT_ALLOWED
    words = Words(principal=named)
    assert refused(words, origin=BY_CERTIFICATE, datasource="payroll") is Reason.CALLER_NOT_ALLOWED


def test_an_edges_network_asserts_addresses_and_no_principals() -> None:
    words = Words(principal=(ISSUER, "sato"), bearer="svc-portal", address="192.0.2.7")
    assert refused(words, origin=Origin("198.51.100.9"), edges=EDGE) is Reason.CALLER_NOT_ALLOWED


def test_a_principal_of_an_issuer_nobody_configured_is_refused() -> None:
    words = Words(principal=("https://else.example", "sato"))
    assert refused(words, origin=BY_CERTIFICATE) is Reason.CALLER_NOT_ALLOWED


def test_the_person_is_given_once() -> None:
    words = Words(principal=(ISSUER, "sato"), token="sato")
    assert refused(words, origin=BY_CERTIFICATE) is Reason.REQUEST_INVALID
    assert refused(Words(principal=(ISSUER, "sato"), token="sato", bearer="svc-portal")) is Reason.REQUEST_INVALID


def test_an_address_is_asserted_by_who_may() -> None:
    believed = Peer(address="192.0.2.7", via_edge=True)
    found = asks(Words(token="sato", address="192.0.2.7"), origin=BY_CERTIFICATE)
    assert (found.peer, found.caller and found.caller.asserts) == (believed, ("address",))
    words = Words(token="sato", bearer="svc-portal", address="192.0.2.7")
    assert refused(words) is Reason.CALLER_NOT_ALLOWED
    found = asks(words, origin=Origin("198.51.100.9"), edges=EDGE)  # the network's right is everybody's in it
    assert (found.peer, found.caller and found.caller.asserts) == (believed, ("address",))
    assert refused(Words(token="sato", address="192.0.2.7")) is Reason.EDGE_UNTRUSTED


def test_edges_name_every_network_that_is_none() -> None:
    with pytest.raises(ConfigError) as caught:
        Edges.parse(["10.0.0.1/8", "10.0.0.0/8", "elsewhere"])
    assert len(caught.value.problems) == 2


def test_callers_of_the_configuration_may_assert_people_of_all_its_issuers() -> None:
    class Settings:
        callers = (SEARCH,)
        issuers = (c.Issuer(issuer=ISSUER, audience="sekisho"),)
        service_users = None
        certificates = c.Certificates(issuer="sekisho:certificate")

    configured: Any = Settings()
    callers = Callers.of(configured)
    caller = Caller(id="search", identity="", expires_at=NOW)
    for issuer in (ISSUER, "sekisho:certificate"):
        assert callers.asserted((issuer, "x"), caller, ()).issuer == issuer


# --- who tells what went out -----------------------------------------------------------------------------------------


def test_what_went_out_is_told_by_who_asked() -> None:
    desk = KnownPeople()

    def told(words: Words, origin: Origin = SOMEWHERE) -> frozenset[str]:
        return who_completes(desk, words, origin=origin)

    assert told(Words(token="sato")) == {f"{ISSUER}#sato"}
    assert told(Words(), BY_CERTIFICATE) == {"caller search"}  # the person's token may have expired meanwhile
    assert told(Words(token="sato", bearer="svc-portal")) == {"caller portal"}
    assert told(Words(bearer="svc-portal")) == {"caller portal", f"{ISSUER}#svc-portal"}
    with pytest.raises(AuthenticationError) as caught:
        told(Words())
    assert caught.value.reason is Reason.TOKEN_MISSING


# --- who reads the record --------------------------------------------------------------------------------------------


def test_the_record_is_read_with_ones_own_token() -> None:
    desk = KnownPeople()
    assert who_reads(desk, Words(bearer="sato"), origin=SOMEWHERE).principal == principal("sato")
    found = who_reads(desk, Words(token="sato"), origin=BY_CERTIFICATE)
    assert (found.principal, found.caller and found.caller.id) == (principal("sato"), "search")
    with pytest.raises(AuthenticationError) as caught:
        who_reads(desk, Words(principal=(ISSUER, "sato")), origin=BY_CERTIFICATE)
    assert caught.value.reason is Reason.CALLER_NOT_ALLOWED
