"""What a SCRAM exchange is bound to: ``tls-server-end-point``, the hash of the certificate that the server shows.

https://www.rfc-editor.org/rfc/rfc5929#section-4: by the hash function of the certificate's own signature, SHA-256 in
place of MD5 and SHA-1.
"""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

_WEAK: Final = (hashes.MD5, hashes.SHA1)


def end_point(certificate: x509.Certificate) -> bytes | None:
    """The end point; None where this certificate has none (RFC 5929 knows none for Ed25519)."""
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    return certificate.fingerprint(hashes.SHA256() if isinstance(algorithm, _WEAK) else algorithm)
