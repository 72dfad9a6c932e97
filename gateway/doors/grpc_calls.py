"""One call at the grpc door: where it comes from, how much time it has, and how it is refused.

A refusal has the status of its reason and a google.rpc.ErrorInfo beside it, which programs read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import unquote

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from gateway.doors.callers import Origin
from gateway.doors.documents import canonical_address
from gateway.errors import AuthenticationError, Reason, SekishoError
from gateway.facts.certificates import PeerCertificate
from gateway.links.certificates import peer_certificate_pem

REASON_KEY: Final = "sekisho-reason"
DOMAIN: Final = "sekisho.v1"
_DETAILS_KEY: Final = "grpc-status-details-bin"  # as every gRPC library names it

Context = grpc.aio.ServicerContext[Any, Any]
From = Callable[[Context], Origin]


def origin_of(context: Context, *, certificates: bool) -> Origin:
    """Where a call comes from. ``certificates``: connections were asked for one. Raises AuthenticationError."""
    return Origin(peer_address(context.peer()), _shown(context) if certificates else None)


def peer_address(peer: str) -> str | None:
    """The IP address in gRPC's name of a peer (`ipv4:1.2.3.4:5`, `ipv6:%5B::1%5D:5`); None for a Unix socket.

    What cannot be read is no address either: such a caller is no edge, and stands in no country.
    """
    scheme, _, rest = peer.partition(":")
    if scheme not in ("ipv4", "ipv6"):
        return None
    host, _, _ = unquote(rest).rpartition(":")
    try:
        return canonical_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def authorization(context: Context) -> list[str]:
    """All values of that metadata key."""
    return metadata_of(context, "authorization")


def metadata_of(context: Context, name: str) -> list[str]:
    """All texts under one metadata key."""
    metadata: Sequence[tuple[str, str | bytes]] = context.invocation_metadata() or ()  # type: ignore[assignment]
    return [value for key, value in metadata if key == name and isinstance(value, str)]


def time_left(context: Context) -> float | None:
    """Seconds until the caller gives up; None: it waits for ever."""
    left: float | None = context.time_remaining()
    return left


async def abort(context: Context, error: SekishoError) -> Any:
    """Ends the call with the status of the reason; what it awaits never returns."""
    answer = error.answer
    code = grpc.StatusCode[answer.grpc]
    text = f"{answer.summary}: {error.detail}" if error.detail else answer.summary
    metadata = ((REASON_KEY, error.reason.value), (_DETAILS_KEY, status_of(code, text, error.reason)))
    await context.abort(code, text, metadata)


def status_of(code: grpc.StatusCode, text: str, reason: Reason) -> bytes:
    """The status with its details, as it goes over the wire."""
    info = AnyMessage()
    info.Pack(ErrorInfo(reason=reason.name, domain=DOMAIN, metadata={"reason": reason.value}))
    packed: bytes = Status(code=code.value[0], message=text, details=[info]).SerializeToString()
    return packed


def _shown(context: Context) -> PeerCertificate:
    """The certificate of the connection, which the library verified. Raises AuthenticationError."""
    try:
        return peer_certificate_pem(b"".join(context.auth_context().get("x509_pem_cert", ())))
    except ValueError as error:
        raise AuthenticationError(Reason.CERTIFICATE_REFUSED, "the certificate cannot be read") from error
