"""A client's certificate, verified, and the moment -> the principal. The common name is not looked at."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from gateway.config import Certificates
from gateway.errors import AuthenticationError, Reason
from gateway.facts.identity import is_name
from gateway.model import Principal

# The kinds of subject alternative names, as Python's ssl module calls them.
_KINDS: Final[Mapping[str, str]] = MappingProxyType({"uri": "URI", "dns": "DNS", "email": "email"})


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a client's certificate says, after the handshake verified it."""

    names: tuple[tuple[str, str], ...]  # subject alternative names: kind, name
    not_after: int


def certificate_principal(
    names: Iterable[tuple[str, str]], settings: Certificates, *, at: int, expires_at: int
) -> Principal:
    """The principal whom the subject alternative names (kind, name) name. Raises AuthenticationError."""
    kind, pattern = _KINDS[settings.san], re.compile(settings.user)
    found = [(name, match[1]) for of, name in names if of == kind and (match := pattern.fullmatch(name))]
    if len(found) != 1:
        # Never a choice between several: whoever made the certificate decides who it is, not their order in it.
        why = "no name" if not found else "several names"
        raise AuthenticationError(
            Reason.CERTIFICATE_REFUSED, f"the certificate has {why} of the kind {settings.san} that fit"
        )
    subject, user = found[0]
    if not is_name(subject) or not is_name(user):
        raise AuthenticationError(Reason.CERTIFICATE_REFUSED, "the name in the certificate is not printable text")
    return Principal(
        issuer=settings.issuer,
        subject=subject,
        database_user=user,
        groups=settings.groups,
        expires_at=expires_at,
        issued_at=at,
    )
