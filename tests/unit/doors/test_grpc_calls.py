"""Whence a call comes, and what its refusal says to programs."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from gateway.doors.grpc_calls import DOMAIN, peer_address, status_of
from gateway.errors import ANSWERS, Reason


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:4711", "192.0.2.1"),
        ("ipv6:%5B::1%5D:4711", "::1"),
        ("ipv6:[2001:DB8::1]:4711", "2001:db8::1"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:4711", "192.0.2.1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:4711", "fe80::1"),
        ("unix:", None),
        ("unix:/run/sekisho.sock", None),
        ("unix-abstract:192.0.2.1:1", None),
        ("ipv4:", None),
        ("ipv4:somewhere:1", None),
        ("", None),
    ],
)
def test_peers_are_named_in_grpcs_own_way(peer: str, address: str | None) -> None:
    assert peer_address(peer) == address


@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_has_its_status_and_its_word(reason: Reason) -> None:
    code = grpc.StatusCode[ANSWERS[reason].grpc]
    status = Status.FromString(status_of(code, "why", reason))
    info = ErrorInfo()
    assert (status.code, status.message, status.details[0].Unpack(info)) == (code.value[0], "why", True)
    assert (info.reason, info.domain, info.metadata["reason"]) == (reason.name, DOMAIN, reason.value)
