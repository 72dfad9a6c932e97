"""Routes that say themselves what they are about: `/users/{id}/phone` shows one column of one relation."""

from __future__ import annotations

from gateway.model import StatementFacts
from gateway.routes.bodies import json_body, keys_of, no_body
from gateway.routes.found import facts_of
from gateway.routes.request import HttpRequest, only, parameters_of
from gateway.routes.table import Matched
from gateway.words import Confidence

KIND = "route"


def read(matched: Matched, request: HttpRequest) -> StatementFacts:
    """What the configuration says, for requests with nothing in them that it does not know. Raises Unread."""
    route = matched.route
    only(parameters_of(matched.query), route.parameters)
    if route.body_fields:
        keys_of(json_body(request), "the body", route.body_fields)
    else:
        no_body(request)
    return facts_of(KIND, route.effect, route.relations, route.columns, Confidence.INFERRED)
