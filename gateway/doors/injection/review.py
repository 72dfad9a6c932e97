"""An AdmissionReview of Kubernetes (admission.k8s.io/v1) and its answer. Pure.

Read by hand and not by a client's models: only these few fields mean anything here, and a field Kubernetes adds is no
mistake of anybody's. What is no review at all has no `uid` to answer to, and is a problem of HTTP's.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from gateway.doors.documents import MAX_NAME, invalid, shown
from gateway.injector.answers import Denied, Patch, Refusal, Untouched
from gateway.injector.patch import inject
from gateway.injector.settings import InjectorSettings
from gateway.model import JsonValue

VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
INJECTED: Final = "injected"
UNEXPECTED: Final = "unexpected"  # a review of something else than a pod that is made
MALFORMED: Final = "malformed"  # no review
RESULTS: Final = (INJECTED, *Untouched, *Refusal, UNEXPECTED, MALFORMED)
"""Every word an answer is counted under."""

_DEEPEST: Final = 64  # a pod's own schema has some 15 levels, the fields managers keep of it some 20
_UNEXPECTED: Final = "this webhook is for pods that are made (resources: [pods], operations: [CREATE])"
_MOST_WARNINGS: Final = 16
_LONGEST_WARNING: Final = 256  # an API server cuts longer ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What is asked."""

    uid: str
    pod: Mapping[str, JsonValue]
    namespace: str
    dry_run: bool
    unexpected: str = ""  # why it is none of this webhook's, where it is not


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, and the word it is counted under."""

    result: str
    document: dict[str, Any]


def read_review(document: object) -> Review:
    """The review in a document. Raises SekishoError where it is none."""
    _bounded(document)
    review = _object(document, "the body")
    if review.get("apiVersion") != VERSION or review.get("kind") != KIND:
        given = f"{shown(str(review.get('apiVersion')))} {shown(str(review.get('kind')))}"
        invalid(f"{given} is not understood; this webhook takes {KIND} of {VERSION} (admissionReviewVersions: [v1])")
    request = _object(review.get("request"), "request")
    uid = request.get("uid")
    if not isinstance(uid, str) or not 0 < len(uid) <= MAX_NAME:
        invalid(f"request.uid must be text of 1 to {MAX_NAME} characters")
    kind = _object(request.get("kind"), "request.kind")
    asked = (kind.get("group", ""), kind.get("version"), kind.get("kind"), request.get("operation"))
    expected = asked == ("", "v1", "Pod", "CREATE") and not request.get("subResource")
    namespace = request.get("namespace", "")
    if not isinstance(namespace, str):
        invalid("request.namespace must be text")
    return Review(
        uid=uid,
        pod=_object(request.get("object"), "request.object") if expected else {},
        namespace=namespace,
        dry_run=request.get("dryRun") is True,
        unexpected="" if expected else _UNEXPECTED,
    )


def answer(review: Review, settings: InjectorSettings) -> Answer:
    """What becomes of the pod."""
    if review.unexpected:
        return _denied(review.uid, UNEXPECTED, review.unexpected, HTTPStatus.BAD_REQUEST)
    match inject(review.pod, settings, namespace=review.namespace):
        case Denied(reason, detail):
            return _denied(review.uid, reason.value, f"{detail} ({reason})", HTTPStatus.FORBIDDEN)
        case Patch() as found:
            result = INJECTED if found.operations else str(found.untouched)
            response: dict[str, Any] = {"allowed": True}
            if found.operations:
                response["patchType"] = "JSONPatch"
                response["patch"] = base64.b64encode(json.dumps(found.operations).encode()).decode()
            if found.warnings:
                told = found.warnings[:_MOST_WARNINGS]
                response["warnings"] = [f"sekisho: {warning}"[:_LONGEST_WARNING] for warning in told]
            return _answer(review.uid, result, response)


def _denied(uid: str, result: str, message: str, status: HTTPStatus) -> Answer:
    reason = "Forbidden" if status is HTTPStatus.FORBIDDEN else "BadRequest"
    said = {"status": "Failure", "code": int(status), "reason": reason, "message": f"sekisho: {message}"}
    return _answer(uid, result, {"allowed": False, "status": said})


def _answer(uid: str, result: str, response: dict[str, Any]) -> Answer:
    # The annotation is in the audit log of the cluster, where a denial has its reason as well.
    full = {"uid": uid, **response, "auditAnnotations": {"result": result}}
    return Answer(result, {"apiVersion": VERSION, "kind": KIND, "response": full})


def _object(value: object, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        invalid(f"{name} must be an object")
    return value


def _bounded(document: object) -> None:
    """Refuse what is nested deeper than any pod. Without recursion: that is what is bounded."""
    level: list[object] = [document]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    invalid("the body is nested too deeply")
