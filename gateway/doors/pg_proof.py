"""How a client of the postgres door proves who it is: a token, SCRAM, OAUTHBEARER, or the certificate of its TLS.

A server asks for one thing, before it knows who is there. What is asked (`choose_proof`) depends on the listener and on
what every peer can know: whether a certificate was shown, and how the name in the start-up packet *begins*. It never
depends on whether that name exists.

1. The listener takes certificates and one was shown (TLS verified it): nothing more is asked.
2. It takes SCRAM and the name begins with one of ``service_users.prefixes``: SCRAM, -PLUS offered under TLS.
3. Else OAUTHBEARER or a token as password, whichever it takes; configuration does not allow both, as a client cannot
   be offered a choice between them.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.config import Certificates
from gateway.errors import AuthenticationError, ClientProtocolError, Reason, SekishoError
from gateway.facts.certificates import PeerCertificate, certificate_principal
from gateway.links.service_users import ServiceUsers
from gateway.metrics import LoginMethod
from gateway.model import Caller, Peer, Principal
from gateway.pgwire import oauthbearer, sasl
from gateway.pgwire.scram_server import ScramServer, mechanisms

_NONCE_BYTES: Final = 18  # PostgreSQL's SCRAM_RAW_NONCE_LEN

VerifyToken = Callable[[str], Principal]


@dataclass(frozen=True, slots=True)
class Proven:
    """The client has proven who it is; ``last`` is to be sent before AuthenticationOk."""

    principal: Principal
    last: bytes = b""
    caller: Caller | None = None  # who opened the session for them, at another door of this gateway


class Proof(Protocol):
    """One login. Begin it, then give it the body of every ``p`` message. Raises SekishoError where it fails."""

    method: LoginMethod
    failure: AuthenticationError | None  # what the login failed of; the client knows, and may say one thing more

    def begin(self) -> bytes | Proven:
        """What to ask first."""

    def receive(self, body: bytes) -> bytes | Proven:
        """What to ask next."""


class Discovery(AuthenticationError):
    """A client without a token asked where to get one, was told, and will come again: nobody tried to log in."""


class TokenProof:
    """A signed token in place of a password."""

    method = LoginMethod.TOKEN
    failure: AuthenticationError | None = None

    def __init__(self, verify: VerifyToken) -> None:
        self._verify = verify

    def begin(self) -> bytes | Proven:
        """Ask for the password."""
        return sasl.ASK_CLEARTEXT

    def receive(self, body: bytes) -> bytes | Proven:
        """The token."""
        return Proven(self._verify(sasl.read_password(body)))


class BearerProof:
    """A signed token by OAUTHBEARER."""

    method = LoginMethod.OAUTHBEARER

    def __init__(self, verify: VerifyToken, *, issuer: str, scope: str) -> None:
        self._verify = verify
        self._document = oauthbearer.error_document(issuer, scope)
        self.failure: AuthenticationError | None = None

    def begin(self) -> bytes | Proven:
        """Offer the mechanism."""
        return sasl.ask_sasl((oauthbearer.MECHANISM,))

    def receive(self, body: bytes) -> bytes | Proven:
        """The token; or the acknowledgement of why it was not taken, after which the login fails."""
        if self.failure is not None:
            if body != oauthbearer.ACKNOWLEDGEMENT:
                raise ClientProtocolError(Reason.MESSAGE_MALFORMED, "malformed OAUTHBEARER message: no acknowledgement")
            raise self.failure
        _, message = sasl.read_initial_response(body, (oauthbearer.MECHANISM,))
        token = oauthbearer.read_token(message)
        if not token:
            self.failure = Discovery(Reason.TOKEN_MISSING, "no token was given; the issuer was named")
        else:
            try:
                return Proven(self._verify(token))
            except AuthenticationError as error:
                if error.reason is Reason.ISSUER_KEYS_UNAVAILABLE:
                    raise  # another token would not help
                self.failure = error
        return sasl.sasl_continue(self._document)


class ScramProof:
    """A password that the gateway does not know, of a service user."""

    method = LoginMethod.SCRAM
    failure: AuthenticationError | None = None

    def __init__(self, users: ServiceUsers, name: str, *, end_point: bytes | None, lifetime: int) -> None:
        self._users = users
        self._name = name
        self._end_point = end_point
        self._lifetime = lifetime
        self._exchange: ScramServer | None = None
        self._principal: Principal | None = None

    def begin(self) -> bytes | Proven:
        """Offer the mechanisms."""
        return sasl.ask_sasl(mechanisms(self._end_point))

    def receive(self, body: bytes) -> bytes | Proven:
        """The exchange."""
        if self._exchange is None:
            mechanism, message = sasl.read_initial_response(body, mechanisms(self._end_point))
            self._exchange = self._open(mechanism)
            return sasl.sasl_continue(self._exchange.answer(message))
        answer = self._exchange.answer(body)
        if not self._exchange.done or self._principal is None:
            raise AuthenticationError(Reason.INTERNAL, "")
        return Proven(self._principal, sasl.sasl_final(answer))

    def _open(self, mechanism: str) -> ScramServer:
        now = int(time.time())
        user, good = self._users.find(self._name, now)
        self._principal = Principal(  # of nobody, too: what is done here must not tell who exists
            issuer=self._users.issuer,
            subject=user.subject,
            database_user=user.name,
            groups=user.groups,
            issued_at=now,
            expires_at=user.expires_at(now, self._lifetime),
        )
        return ScramServer(
            user.verifier,
            doomed=not good,
            mechanism=mechanism,
            binding=self._end_point,
            nonce=secrets.token_urlsafe(_NONCE_BYTES),
            user=self._name,
        )


class CertificateProof:
    """The certificate that the client showed in the handshake."""

    method = LoginMethod.CERTIFICATE
    failure: AuthenticationError | None = None

    def __init__(self, certificate: PeerCertificate, settings: Certificates, *, lifetime: int) -> None:
        self._certificate = certificate
        self._settings = settings
        self._lifetime = lifetime

    def begin(self) -> bytes | Proven:
        """Nothing is asked: the handshake proved it."""
        now = int(time.time())
        expires = min(now + self._lifetime, self._certificate.not_after)
        return Proven(certificate_principal(self._certificate.names, self._settings, at=now, expires_at=expires))

    def receive(self, body: bytes) -> bytes | Proven:
        """Nothing was asked."""
        raise ClientProtocolError(Reason.MESSAGE_REFUSED, "nothing was asked")


class KnownProof:
    """Somebody who was proven at another door of this gateway, and how their session ended."""

    method = LoginMethod.TOKEN
    failure: AuthenticationError | None = None

    def __init__(self, principal: Principal, peer: Peer, caller: Caller | None = None) -> None:
        self.principal = principal
        self.peer = peer
        self.caller = caller
        self.ended: SekishoError | None = None

    def begin(self) -> bytes | Proven:
        """Nothing is asked."""
        return Proven(self.principal, caller=self.caller)

    def receive(self, body: bytes) -> bytes | Proven:
        """A password that nobody asked for."""
        raise ClientProtocolError(Reason.MESSAGE_REFUSED, "no password was asked for")

    def end(self, reason: Reason, detail: str) -> None:
        """The session ends, for a reason of the gateway's: the first one counts."""
        self.ended = self.ended or SekishoError(reason, detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one listener takes, with everything needed to check it."""

    ways: tuple[str, ...]
    verify_token: VerifyToken
    service_users: ServiceUsers | None
    certificates: Certificates | None
    oauth_issuer: str
    oauth_scope: str
    lifetime: int


def choose_proof(offer: Offer, name: str, *, end_point: bytes | None, certificate: PeerCertificate | None) -> Proof:
    """What is asked of a client that gave this name (see the module). Raises AuthenticationError where nothing fits."""
    ways, users = offer.ways, offer.service_users
    if "certificate" in ways and certificate is not None and offer.certificates is not None:
        return CertificateProof(certificate, offer.certificates, lifetime=offer.lifetime)
    if "scram" in ways and users is not None and users.asked(name):
        return ScramProof(users, name, end_point=end_point, lifetime=offer.lifetime)
    if "oauthbearer" in ways:
        return BearerProof(offer.verify_token, issuer=offer.oauth_issuer, scope=offer.oauth_scope)
    if "token" in ways:
        return TokenProof(offer.verify_token)
    raise AuthenticationError(Reason.LOGIN_NOT_OFFERED, "this listener has no way to log in to such a name")
