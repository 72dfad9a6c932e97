"""Certificates of the injector that nobody else makes: an authority, a certificate of the webhook's name, in a Secret;
the authority's certificate in the webhook's `caBundle`. Made again before they end.

The authority's key is thrown away when it has signed that one certificate: nobody can ever make another under it. So
each renewal is a new authority, and an API server must believe both until every replica shows the new certificate. The
order is: first both into the `caBundle`, then the new pair into the Secret, and the old authority out of the `caBundle`
when the next pair comes. A run that breaks off anywhere leaves what works; the next one makes it whole.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.links.kubernetes import Cluster, Conflict, KubernetesError

_log = logging.getLogger(__name__)
_TRIES: Final = 5  # against others who write the same objects
_SKEW: Final = datetime.timedelta(minutes=10)  # clocks of API servers
_WEBHOOKS: Final = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"


class Done(StrEnum):
    """What was to be done."""

    NOTHING = "nothing"  # all is well
    BELIEVED = "believed"  # the pair was good, and the webhook's configuration did not know its authority
    RENEWED = "renewed"  # there was no good pair, or it ends soon


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What there should be."""

    namespace: str
    service: str
    secret: str
    webhook: str  # name of the MutatingWebhookConfiguration
    days: int = 90
    renew_before: int = 30  # days before the end

    @property
    def names(self) -> list[str]:
        """As whom an API server and others in the cluster call the webhook."""
        own = f"{self.service}.{self.namespace}"
        return [f"{own}.svc", f"{own}.svc.cluster.local", own]


@dataclass(frozen=True, slots=True)
class Pair:
    """PEM texts: a certificate with its key, and the authority's."""

    certificate: bytes
    key: bytes
    authority: bytes


def make_pair(wanted: Wanted, now: datetime.datetime) -> Pair:
    """A new authority, what it signs, and no way to sign more."""
    ends = now + datetime.timedelta(days=wanted.days)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Sekisho injector {now:%Y-%m-%d %H:%M:%S}")])

    def builder(subject: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return x509.CertificateBuilder(
            issuer_name=ca_name,
            subject_name=subject,
            public_key=public_key,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - _SKEW,
            not_valid_after=ends,
        )

    authority = (
        builder(ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    # A common name has room for 64 characters, and nobody reads it: the names are below.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted.service[:64])])
    certificate = (
        builder(subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in wanted.names]), critical=False)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return Pair(certificate.public_bytes(pem), private, authority.public_bytes(pem))


def good_pair(data: dict[str, str], wanted: Wanted, now: datetime.datetime) -> Pair | None:
    """The pair in a Secret, if it is one, for these names, and does not end soon."""
    try:
        pair = Pair(*(base64.b64decode(data[key], validate=True) for key in ("tls.crt", "tls.key", "ca.crt")))
        certificate = x509.load_pem_x509_certificate(pair.certificate)
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(pair.authority))
        key = serialization.load_pem_private_key(pair.key, password=None)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception as error:  # an edge: whatever is wrong with what somebody put there, the answer is a new pair
        _log.debug("pair_not_good", extra={"why": type(error).__name__})
        return None
    soon = now + datetime.timedelta(days=wanted.renew_before)
    if certificate.not_valid_after_utc < soon or certificate.not_valid_before_utc > now:
        return None
    if key.public_key() != certificate.public_key():
        return None
    return pair if names.get_values_for_type(x509.DNSName) == wanted.names else None


def ensure(cluster: Cluster, wanted: Wanted, now: datetime.datetime) -> Done:
    """See to it that there is a good pair, and that it is believed. Raises KubernetesError."""
    for _ in range(_TRIES):
        try:
            return _ensure(cluster, wanted, now)
        except Conflict as error:  # another run, or somebody else: look anew
            _log.info("changed_meanwhile", extra={"why": str(error)})
    raise KubernetesError("the Secret or the webhook's configuration changes faster than it can be written")


def _ensure(cluster: Cluster, wanted: Wanted, now: datetime.datetime) -> Done:
    path = f"/api/v1/namespaces/{wanted.namespace}/secrets/{wanted.secret}"
    secret = cluster.get(path)
    data = secret.get("data") or {}
    if (pair := good_pair(data, wanted, now)) is not None:
        return Done.BELIEVED if _believe(cluster, wanted, [pair.authority], only_add=True) else Done.NOTHING
    pair = make_pair(wanted, now)
    _believe(cluster, wanted, [pair.authority, *_decoded(data.get("ca.crt"))])
    texts = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": pair.authority}
    new = data | {key: base64.b64encode(text).decode() for key, text in texts.items()}
    cluster.put(path, secret | {"data": new})  # with the `resourceVersion` that was read
    return Done.RENEWED


def _believe(cluster: Cluster, wanted: Wanted, authorities: list[bytes], *, only_add: bool = False) -> bool:
    """Put authorities into the webhook's `caBundle`; whether there was need. ``only_add``: where they are in it, what
    else is there stays: the last one's, that a replica may still show a certificate of."""
    path = f"{_WEBHOOKS}/{wanted.webhook}"
    found = cluster.get(path)
    bundle = b"".join(authorities)
    operations: list[dict[str, Any]] = []
    for index, webhook in enumerate(found.get("webhooks") or []):
        has = b"".join(_decoded((webhook.get("clientConfig") or {}).get("caBundle")))
        if has != bundle and not (only_add and bundle in has):
            where = f"/webhooks/{index}/clientConfig/caBundle"
            operations.append({"op": "add", "path": where, "value": base64.b64encode(bundle).decode()})
    if not operations:
        return False
    version = found["metadata"]["resourceVersion"]
    cluster.patch(path, [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *operations])
    return True


def _decoded(text: Any) -> list[bytes]:
    """What base64 holds, if it is a certificate: an API server refuses a bundle in which one is none."""
    try:
        found = base64.b64decode(text or "", validate=True)
        x509.load_pem_x509_certificates(found)
    except (binascii.Error, ValueError):
        return []
    return [found]


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
