"""Whom a certificate names: by its subject alternative name, once, and by nothing else."""

from __future__ import annotations

import pytest

from gateway.config import Certificates
from gateway.errors import AuthenticationError, Reason
from gateway.facts.certificates import certificate_principal

NAMES = (
    ("DNS", "report.internal"),
    ("URI", "spiffe://corp.example/report"),
    ("email", "report@corp.example"),
    ("IP Address", "10.0.0.1"),
)
SPIFFE = Certificates(issuer="sekisho:certificate", user="spiffe://corp[.]example/([a-z]+)", groups=("engineer",))


def principal(names=NAMES, settings=SPIFFE):
    return certificate_principal(names, settings, at=100, expires_at=200)


def test_a_uri_names_the_principal():
    found = principal()
    assert (found.issuer, found.subject) == ("sekisho:certificate", "spiffe://corp.example/report")
    assert (found.database_user, found.groups, found.mfa) == ("report", ("engineer",), False)
    assert (found.issued_at, found.expires_at) == (100, 200)


@pytest.mark.parametrize(
    ("san", "user", "expected"),
    [
        ("dns", "(.+)", "report.internal"),
        ("dns", "([^.]+)[.]internal", "report"),
        ("email", "([^@]+)@corp[.]example", "report"),
        ("uri", "(.+)", "spiffe://corp.example/report"),
    ],
)
def test_configuration_says_which_kind_and_which_part(san: str, user: str, expected: str):
    assert principal(settings=Certificates(issuer="i", san=san, user=user)).database_user == expected


@pytest.mark.parametrize(
    "names",
    [
        (),
        (("DNS", "spiffe://corp.example/report"),),  # the right text as another kind of name
        (("URI", "spiffe://evil.example/report"),),
        (("URI", "spiffe://corpXexample/report"),),
        (("URI", "x spiffe://corp.example/report"),),
        (("URI", "spiffe://corp.example/report\n"),),
        (("URI", "spiffe://corp.example/report"), ("URI", "spiffe://corp.example/root")),
        (("IP Address", "10.0.0.1"),),
    ],
)
def test_nobody_or_more_than_one(names):
    with pytest.raises(AuthenticationError) as caught:
        principal(names)
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED


@pytest.mark.parametrize("name", ["a\0b", "a\x1b[2J", "\u202eroot", "x" * 300])
def test_a_name_must_be_printable(name: str):
    with pytest.raises(AuthenticationError) as caught:
        principal((("DNS", name),), Certificates(issuer="i", san="dns"))
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED
