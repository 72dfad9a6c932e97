"""The addresses of all doors, held by a supervisor for its workers, who listen on them side by side (SO_REUSEPORT).

With that option anybody of the same user could listen beside us, a second gateway started by mistake as well. So each
address is bound here first, without it: what is taken already is a problem of the start, as for a single process. Only
then is it opened to the workers. The sockets bound here never listen, so the kernel gives them no connection; they keep
the port while a worker is started anew, and give workers that are to listen on "any free port" the same one.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from gateway.config import GrpcListener, HttpListener, Listeners, PostgresListener
from gateway.config_draft import split_address
from gateway.errors import ConfigError

L = TypeVar("L", PostgresListener, GrpcListener, HttpListener)


@contextmanager
def claimed(listeners: Listeners) -> Iterator[Listeners]:
    """The same listeners with the ports they have got, held meanwhile. Raises ConfigError with every address that
    cannot be had."""
    problems: list[str] = []
    with ExitStack() as held:
        found = dataclasses.replace(
            listeners,
            postgres=tuple(_claim(one, "postgres", held, problems) for one in listeners.postgres),
            grpc=_claim(listeners.grpc, "grpc", held, problems) if listeners.grpc is not None else None,
            http=_claim(listeners.http, "http", held, problems) if listeners.http is not None else None,
        )
        if problems:
            raise ConfigError(problems)
        yield found


def _claim(listener: L, door: str, held: ExitStack, problems: list[str]) -> L:
    host, port = split_address(listener.address)
    try:
        for family, kind, protocol, _, place in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            claim = held.enter_context(socket.socket(family, kind, protocol))
            claim.setsockopt(
                socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
            )  # connections that have ended linger for a minute
            if family == socket.AF_INET6:
                claim.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            address: tuple[str | int | bytes, ...] = place
            claim.bind((address[0], port, *address[2:]))  # the same port, where a name has several addresses
            # Two that are bound and do not listen could have it together by the former; with the workers only by the
            # latter.
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            port = claim.getsockname()[1]
    except OSError as error:
        problems.append(f"listeners.{door} {listener.address}: {error.strerror or error}")
        return listener
    return dataclasses.replace(listener, address=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


@contextmanager
def binding(what: str) -> Iterator[None]:
    """An address that cannot be had is a problem of configuration, with its place. Raises ConfigError."""
    try:
        yield
    except OSError as error:
        raise ConfigError([f"{what}: {error.strerror or error}"]) from error
