"""How the gateway is reached, with which identity, for how long, and what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict

import grpc

from gateway.config_draft import is_loopback, split_address

_REASON_KEY: Final = "sekisho-reason"
_SERVICE: Final = "sekisho.v1.AccessService"
# To ask twice is to be recorded twice, and does no harm. What went out is told once: a second time it would be another
# completion, so that call is not tried again; nor is a stream, of which the program knows how far it came.
_ASKED_AGAIN: Final = ("Authorize", "AuthorizeBatch", "Explain")
_CONFIG: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{"service": _SERVICE, "method": method} for method in _ASKED_AGAIN],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.05s",
                    "maxBackoff": "0.5s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)
_PASSING: Final = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED")
_OPTIONS: Final = (
    ("grpc.service_config", _CONFIG),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


class Refused(Exception):
    """No question was put, or no answer came in time. Whatever it was about must not be done.

    try:
        answer = sekisho.authorize("messenger", sql, within=0.5)
    except Refused as refused:
        log(refused.reason or refused.status)  # "token_expired"; "UNAVAILABLE": the gateway was not reached
    """

    def __init__(self, reason: str, status: str, detail: str) -> None:
        super().__init__(f"{reason or status}: {detail}")
        self.reason = reason  # a code of the gateway's; empty: it was not reached, or did not answer
        self.status = status  # of gRPC, by name
        self.detail = detail

    @property
    def passes(self) -> bool:
        """Whether it may be over when somebody tries again; what is wrong with the question itself stays wrong."""
        return self.status in _PASSING

    @classmethod
    def of(cls, error: Any) -> Refused:
        """From a ``grpc.RpcError`` of a call."""
        metadata = dict(error.trailing_metadata() or ())
        return cls(metadata.get(_REASON_KEY, ""), error.code().name, error.details() or "")


@contextmanager
def refusing() -> Iterator[None]:
    """gRPC's errors as Refused."""
    try:
        yield
    except grpc.RpcError as error:
        raise Refused.of(error) from error


class Options(TypedDict, total=False):
    """What a client may be given beside its address; see `Settings`."""

    token: str | Callable[[], str]
    ca: Path | None
    certificate: Path | None
    key: Path | None
    plaintext: bool
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A gateway, and who the program is there."""

    address: str  # host:port
    token: str | Callable[[], str] = ""  # the program's own; called for each call, where it has to be fresh
    ca: Path | None = None  # authorities that sign the gateway's certificate; None: the system's
    certificate: Path | None = None  # to show: the program is known by it
    key: Path | None = None
    plaintext: bool = False  # without TLS: on a loopback address only
    timeout: float = 5.0  # seconds of a call, tries again included; the gateway knows it and decides within it

    def __post_init__(self) -> None:
        if self.plaintext and not is_loopback(split_address(self.address)[0]):
            raise ValueError("tokens never cross a network in the clear: plaintext is for a loopback address")
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("a certificate and its key go together")
        if self.timeout <= 0:
            raise ValueError("timeout: more than 0 seconds")

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        token = self.token() if callable(self.token) else self.token
        return (("authorization", f"Bearer {token}"),) if token else ()

    def channel(self) -> grpc.Channel:
        """A channel for threads."""
        if self.plaintext:
            return grpc.insecure_channel(self.address, options=_OPTIONS)
        return grpc.secure_channel(self.address, self._credentials(), options=_OPTIONS)

    def aio_channel(self) -> grpc.aio.Channel:
        """A channel for a loop."""
        if self.plaintext:
            return grpc.aio.insecure_channel(self.address, options=_OPTIONS)
        return grpc.aio.secure_channel(self.address, self._credentials(), options=_OPTIONS)

    def _credentials(self) -> grpc.ChannelCredentials:
        read = [path.read_bytes() if path is not None else None for path in (self.ca, self.key, self.certificate)]
        return grpc.ssl_channel_credentials(*read)
