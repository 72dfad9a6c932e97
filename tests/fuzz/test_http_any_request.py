"""Any request that the description allows, and many that it does not: no 500, and every answer is one it describes.

A scripted desk stands in: this is about the door. `make test` looks at a few of each operation, `make fuzz` at many.
"""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gateway.doors.http.app import create_app
from gateway.doors.http.room import Behind
from tests.unit.doors.http.test_forwarding import ROUTES
from tests.unit.doors.http.test_selecting import ScriptedQueries
from tests.unit.doors.test_requests import ScriptedDesk

pytestmark = pytest.mark.integration
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "3"))
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

APP = create_app(
    ScriptedDesk(),
    ("127.0.0.0/8",),
    Behind(queries=ScriptedQueries(), record=Path("/nowhere"), routes=ROUTES, bodiless=True),
)
schema = schemathesis.openapi.from_wsgi("/openapi.json", APP).exclude(path_regex="^/docs|^/openapi|z$|^/metrics")


@schema.parametrize()
@hypothesis.settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
def test_every_answer_is_one_that_is_described(case: schemathesis.Case) -> None:
    case.call_and_validate(headers={"Authorization": "Bearer good"}, checks=CHECKS)
