"""What every operation of the http door is given: the desk, whom to believe, and the request it is in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from flask import Response, request

from gateway.config import Trino
from gateway.doors.callers import Edges, Origin
from gateway.doors.documents import canonical_address, invalid, parse_json
from gateway.doors.http.tls import CERTIFICATE
from gateway.doors.inside import QueryBounds, Selected, Selecting
from gateway.doors.requests import DeskApi, refuse
from gateway.errors import SekishoError
from gateway.model import Door
from gateway.routes.table import Routes
from gateway.trace_context import Context


class Queries(Protocol):
    """Who runs a SELECT (`gateway.doors.inside.InnerSessions`)."""

    bounds: QueryBounds

    def check(self, sql: str) -> None:
        """Raises SekishoError where it is anything but one SELECT."""

    def select(self, asked: Selecting) -> Selected:
        """What came of it; from any thread but the loop's. Raises SekishoError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """What some operations need beside the desk; None: they are not served."""

    queries: Queries | None = None  # who runs a SELECT
    record: Path | None = None  # the folder of the record
    routes: Routes | None = None  # what requests of services touch
    trino: Trino | None = None  # whose access control asks
    bodiless: bool = False  # the proxies that ask about them pass on no bodies


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where operations are carried out."""

    desk: DeskApi
    edges: Edges
    openapi: Mapping[str, Any]  # what this door serves, as it says itself
    behind: Behind = field(default_factory=Behind)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """What is refused within never became a question: it is recorded and counted here, and by nobody else."""
        try:
            yield
        except SekishoError as error:
            raise refuse(self.desk, Door.HTTP, error, caller()) from error


Answering = Callable[[Any], Response]  # in a room of its door


def caller() -> str | None:
    """The address of the socket's other end. Forwarding headers are not read here: anyone can write them."""
    address = request.remote_addr
    return canonical_address(address) if address else None


def origin() -> Origin:
    """Where the request comes from, and the certificate that was shown with it."""
    return Origin(caller(), request.environ.get(CERTIFICATE))


def authorization() -> list[str]:
    """All values of that header."""
    return request.headers.getlist("Authorization")


def traced(room: Room) -> Context | None:
    """The trace that the caller is in, as its headers say."""
    headers = request.headers
    return room.desk.context_of(headers.getlist("traceparent"), headers.getlist("tracestate"))


def document() -> object:
    """The request's JSON document. Raises SekishoError."""
    if request.mimetype != "application/json":
        invalid("content-type must be application/json")
    return parse_json(request.get_data(cache=False))
