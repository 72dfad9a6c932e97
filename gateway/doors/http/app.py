"""The WSGI application of the http door: operations by their table, and what goes wrong as a problem. No socket."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from importlib.metadata import version
from typing import Protocol

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from gateway.doors.callers import Edges
from gateway.doors.documents import MAX_BODY
from gateway.doors.http.admin import AdminRoom
from gateway.doors.http.openapi import openapi_document
from gateway.doors.http.operations import ADMIN, OPERATIONS, Operation
from gateway.doors.http.problems import SECURITY, problem, too_large
from gateway.doors.http.room import Behind, Room, caller
from gateway.doors.requests import DeskApi, Refusing, refuse
from gateway.errors import Reason, SekishoError
from gateway.model import Door

_log = logging.getLogger(__name__)


def create_app(desk: DeskApi, edges: Sequence[str] = (), behind: Behind | None = None) -> Flask:
    """The http door's. ``edges`` are networks whose callers may assert a person's address."""
    described = openapi_document(OPERATIONS, version("sekisho"), "Sekisho")
    room = Room(desk=desk, edges=Edges.parse(edges), openapi=described, behind=behind or Behind())
    return application(room, OPERATIONS)


class Served(Protocol):
    """A room of some door."""

    @property
    def desk(self) -> Refusing: ...


def admin_app(room: AdminRoom) -> Flask:
    """The admin port's."""
    return application(replace(room, openapi=openapi_document(ADMIN, version("sekisho"), "Sekisho, admin port")), ADMIN)


def application(room: Served, operations: Sequence[Operation]) -> Flask:
    """An application that serves these, and nothing else."""
    app = Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # a path that is not exactly one of ours is none of ours
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    for operation in operations:
        app.add_url_rule(
            operation.path,
            operation.name,
            partial(operation.answer, room),
            methods=[operation.method],
            provide_automatic_options=False,
        )

    @app.errorhandler(SekishoError)
    def refused(error: SekishoError) -> Response:
        return problem(error.reason, error.detail)

    @app.errorhandler(HTTPException)
    def not_served(error: HTTPException) -> Response:
        """What Flask itself turns away: no such path, no such method, too large, gone before the body was."""
        status = error.code or 500
        if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return refused(refuse(room.desk, Door.HTTP, too_large(), caller()))
        allow = [(name, value) for name, value in error.get_headers() if name == "Allow"]
        return problem(Reason.REQUEST_INVALID, status=status, headers=allow)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        _log.error("request_failed", exc_info=error)
        return refused(refuse(room.desk, Door.HTTP, SekishoError(Reason.INTERNAL), caller()))

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in SECURITY:
            response.headers.setdefault(name, value)
        return response

    return app
