"""/v1/forward-auth: a proxy in front of a service asks here about each request (nginx `auth_request`, Traefik, Caddy).

What the request touches is said by its route (`gateway.routes`), so the facts are ``inferred``. The proxy tells method,
path and host in headers, which count only from a configured edge or caller, and only if there is one set of them: what
a client sends under such a name is the proxy's to overwrite. The body is not here: a request is understood only where
configuration says that the proxy passes on none (`forward_auth_bodiless`).

The answer is 200, 401 or 403, with the decision's id: a proxy takes any other status for a failure, and lets nobody in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import Response, request

from gateway.doors.answers import answer_document, refused_words
from gateway.doors.callers import Words, known, who_asks
from gateway.doors.documents import bearer_of, canonical_address, invalid
from gateway.doors.http.asking import DECISION_ID, VALID_UNTIL
from gateway.doors.http.problems import problem
from gateway.doors.http.room import Room, authorization, caller, origin, traced
from gateway.doors.requests import refuse
from gateway.errors import ANSWERS, AuthenticationError, Reason, SekishoError
from gateway.model import Door
from gateway.needs import Ask
from gateway.routes.reading import read
from gateway.routes.request import HttpRequest

REASON: Final = "Sekisho-Reason"
_NGINX: Final = ("x-original-method", "x-original-uri", "x-original-host")
_FORWARDED: Final = ("x-forwarded-method", "x-forwarded-uri", "x-forwarded-host")
# Of the question here, or of the proxy: they say nothing of the request.
_OURS: Final = frozenset({*_NGINX, *_FORWARDED, "authorization", "cookie", "content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class Forwarded:
    """What the proxy tells of the request."""

    request: HttpRequest
    address: str | None  # of whoever sent it to the proxy


def forward_auth(room: Room) -> Response:
    """Whether a proxy may pass on the request it tells of: 200, 401 or 403, and the decision's id in a header."""
    try:
        ask = _asked(room)
    except SekishoError as error:
        return _refused(refuse(room.desk, Door.HTTP, error, caller()))
    outcome = room.desk.ask(ask)
    told = answer_document(ask, outcome)
    if told["effect"] == "allow":
        response = Response(status=200)
    else:
        response = _refused(SekishoError(outcome.reason, refused_words(outcome)))
    response.headers[DECISION_ID] = str(told["decision_id"])
    response.headers[VALID_UNTIL] = str(told["valid_until"])
    response.headers[REASON] = outcome.reason.value
    return response


def _asked(room: Room) -> Ask:
    """The question. Who asks comes first: a stranger learns nothing of edges and routes. Raises SekishoError."""
    words, where = Words(bearer=bearer_of(authorization())), origin()
    asking, _ = known(room.desk, words, origin=where)
    if asking is None and not room.edges.have(where.address):
        raise AuthenticationError(Reason.EDGE_UNTRUSTED, "only a configured edge or caller may ask for a request")
    routes = room.behind.routes
    if routes is None:
        raise SekishoError(Reason.ROUTE_UNMATCHED, "no routes are configured")
    headers = {name.lower(): value for name, value in request.headers.items()}
    forwarded = forwarded_request(headers, bodiless=room.behind.bodiless)
    matched = routes.match(forwarded.request)
    datasource = matched.route.datasource
    words = Words(bearer=words.bearer, address=forwarded.address)
    asker = who_asks(room.desk, words, datasource, origin=where, edges=room.edges)
    return Ask(
        door=Door.HTTP,
        datasource=datasource,
        profile=room.desk.choose_profile(datasource, asker.principal),
        principal=asker.principal,
        caller=asker.caller,
        peer=asker.peer,
        sql=matched.route.name,
        given=read(matched, forwarded.request),
        session=Door.HTTP.value,
        trace=traced(room),
    )


def forwarded_request(headers: Mapping[str, str], *, bodiless: bool) -> Forwarded:
    """The request that headers tell of; their names are in lower case. ``bodiless``: the proxy passes on no bodies.
    Raises SekishoError.

    A header given twice has come in one line with a comma and a space, which is in no method, path or host.
    """
    nginx, forwarded = ([headers.get(name) for name in names] for names in (_NGINX, _FORWARDED))
    if nginx[1] and forwarded[1]:
        invalid("the request is told of twice: by x-original-uri and by x-forwarded-uri")
    method, target, host = nginx if nginx[1] else forwarded
    if not method or not target:
        invalid("give method and path: X-Original-Method and X-Original-URI, or X-Forwarded-Method and -Uri")
    passed = {name: value for name, value in headers.items() if name not in _OURS}
    # Whether there is a body cannot be seen from here: what is not known to have none may have one.
    passed["content-length"] = "0" if bodiless else "1"
    told = HttpRequest(method=method, host=host or "", target=target, headers=passed)
    return Forwarded(told, _last(headers.get("x-forwarded-for")))


def _last(value: str | None) -> str | None:
    """The right-most address: the only one that the proxy itself has seen."""
    if not value:
        return None
    try:
        return canonical_address(value.rpartition(",")[2].strip())
    except ValueError:
        invalid("the last of X-Forwarded-For is no address")


def _refused(error: SekishoError) -> Response:
    own = ANSWERS[error.reason].http
    response = problem(error.reason, error.detail, status=None if own in (401, 403) else 403)
    response.headers[REASON] = error.reason.value
    return response
