"""What Envoy is told: go on, with the decision's id for the service behind it; or no, with words for the person.

Always an explicit answer. An error of the call would leave it to Envoy's `failure_mode_allow`, and be a way in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import grpc
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2
from google.protobuf.struct_pb2 import Struct

from gateway.errors import ANSWERS, Reason, SekishoError

DECISION: Final = "x-sekisho-decision"
VALID_UNTIL: Final = "x-sekisho-valid-until"
OURS: Final = "x-sekisho-"

_OVERWRITE: Final = base_pb2.HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD
_TOLD: Final = ("decision_id", "effect", "reason", "cross_border", "valid_until", "revision")


def answer(document: Mapping[str, Any], sent: Iterable[str]) -> external_auth_pb2.CheckResponse:
    """The answer to a question that was decided. ``sent``: names of the client's headers."""
    told = {name: document[name] for name in _TOLD}
    if document["effect"] != "allow":
        return _denied(Reason(document["reason"]), document, told)
    response = external_auth_pb2.CheckResponse(dynamic_metadata=_struct(told))
    response.status.code = grpc.StatusCode.OK.value[0]
    ok = response.ok_response
    for name, value in ((DECISION, document["decision_id"]), (VALID_UNTIL, str(document["valid_until"]))):
        _header(ok.headers.add(), name, value)  # in place of what the client may have sent under this name
    made_up = {name for name in sent if name.startswith(OURS)} - {DECISION, VALID_UNTIL}
    ok.headers_to_remove.extend(sorted(made_up))
    return response


def refusal(error: SekishoError) -> external_auth_pb2.CheckResponse:
    """The answer where no question was put."""
    document = {
        "decision_id": "",
        "effect": "deny",
        "reason": error.reason.value,
        "message": f"access denied: {error.answer.summary}",
        "detail": error.detail,
        "hint": "",
    }
    return _denied(error.reason, document, {name: document[name] for name in _TOLD if name in document})


def _denied(reason: Reason, document: Mapping[str, Any], told: Mapping[str, Any]) -> external_auth_pb2.CheckResponse:
    response = external_auth_pb2.CheckResponse(dynamic_metadata=_struct(told))
    response.status.code = grpc.StatusCode.PERMISSION_DENIED.value[0]
    denied = response.denied_response
    status = ANSWERS[reason].http
    denied.status.code = status  # an enum of the same numbers
    _header(denied.headers.add(), "content-type", "application/json")
    _header(denied.headers.add(), "cache-control", "no-store")
    if document["decision_id"]:
        _header(denied.headers.add(), DECISION, document["decision_id"])
    if status == 401:
        words = "" if reason is Reason.TOKEN_MISSING else ', error="invalid_token"'
        _header(denied.headers.add(), "www-authenticate", f'Bearer realm="sekisho"{words}')
    denied.body = json.dumps(document) + "\n"
    return response


def _header(option: Any, name: str, value: str) -> None:
    option.header.key = name
    option.header.value = value
    option.append_action = _OVERWRITE


def _struct(values: Mapping[str, Any]) -> Struct:
    found = Struct()
    found.update(dict(values))
    return found
