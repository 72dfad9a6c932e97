from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.doors.injection.review import MALFORMED, RESULTS, UNEXPECTED, answer, read_review
from gateway.errors import Reason, SekishoError
from gateway.injector.json_patch import apply
from tests.golden.injector.pods import CASES, after, before, settings_of
from tests.unit.injector.test_settings import SETTINGS


def asked(pod: Any, **request: Any) -> dict[str, Any]:
    """As an API server asks, with fields that mean nothing here."""
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": "messenger",
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller"},
            "object": pod,
            "oldObject": None,
            "dryRun": False,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
            **request,
        },
    }


def answered(document: dict[str, Any], settings=SETTINGS) -> Any:
    found = answer(read_review(document), settings)
    response = found.document.pop("response")
    assert found.document == {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
    assert response["uid"] == document["request"]["uid"]
    assert response["auditAnnotations"] == {"result": found.result}
    assert found.result in RESULTS
    return response


@pytest.mark.parametrize("case", CASES)
def test_every_golden_pod_by_its_review(case):
    pod, expected = before(case), after(case)
    response = answered(asked(pod, namespace=pod["metadata"]["namespace"]), settings_of(case))
    if "denied" in expected[0]:
        assert response["allowed"] is False
        assert "patch" not in response
        said = response["status"]
        assert (said["code"], said["reason"]) == (403, "Forbidden")
        assert said["message"] == f"sekisho: {expected[0]['detail']} ({expected[0]['denied']})"
        return
    assert response["allowed"] is True
    operations = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    assert ("patchType" in response) == bool(operations)
    assert apply(pod, operations) == expected[0]
    warnings = [f"sekisho: {text}" for text in expected[1]["warnings"]] if len(expected) > 1 else []
    assert response.get("warnings", []) == warnings


def test_a_dry_run_is_a_run():
    pod = before("web-application")
    assert answered(asked(pod, dryRun=True)) == answered(asked(pod))
    assert read_review(asked(pod, dryRun=True)).dry_run is True


@pytest.mark.parametrize(
    "request_of",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"operation": None},
        {"kind": {"group": "apps", "version": "v1", "kind": "Deployment"}},
        {"kind": {"group": "", "version": "v2", "kind": "Pod"}},
        {"kind": {}},
        {"subResource": "ephemeralcontainers"},
    ],
)
def test_what_is_none_of_its_business_is_refused(request_of):
    """A webhook registered for something else would otherwise let everything in, unseen."""
    document = asked({}, **request_of)
    response = answered(document)
    assert response["auditAnnotations"] == {"result": UNEXPECTED}
    assert (response["allowed"], response["status"]["code"]) == (False, 400)


def _without(*path: str) -> dict[str, Any]:
    document: Any = asked({})
    inner = document
    for step in path[:-1]:
        inner = inner[step]
    del inner[path[-1]]
    return document


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (None, "the body must be an object"),
        ([], "the body must be an object"),
        ({}, "admissionReviewVersions"),
        (asked({}) | {"apiVersion": "admission.k8s.io/v1beta1"}, r'"admission.k8s.io/v1beta1" "AdmissionReview"'),
        (asked({}) | {"kind": "Pod"}, "is not understood"),
        (_without("request"), "request must be an object"),
        (_without("request", "uid"), "request.uid"),
        (asked({}, uid=""), "request.uid"),
        (asked({}, uid="x" * 256), "request.uid"),
        (asked({}, uid=7), "request.uid"),
        (asked({}, kind="Pod"), "request.kind must be an object"),
        (asked({}, namespace=None), "request.namespace"),
        (asked(None), "request.object must be an object"),
        (asked([]), "request.object must be an object"),
    ],
)
def test_what_is_no_review_is_told(document, why):
    with pytest.raises(SekishoError, match=why) as caught:
        read_review(document)
    assert caught.value.reason is Reason.REQUEST_INVALID


@pytest.mark.parametrize("opening", [lambda inner: [inner], lambda inner: {"a": inner}])
def test_how_deep_it_is_has_an_end(opening):
    deep: Any = {}
    for _ in range(70):
        deep = opening(deep)
    with pytest.raises(SekishoError, match="nested too deeply"):
        read_review(asked(deep))


def test_warnings_are_few_and_short():
    containers = [{"name": "n" * 300, "securityContext": {"privileged": True}} for _ in range(40)]
    annotations = {"sekisho.dev/inject": "true"}
    response = answered(
        asked({"metadata": {"annotations": annotations}, "spec": {"containers": containers}}),
        replace(SETTINGS, record_claim="c"),
    )
    assert len(response["warnings"]) == 16
    assert {len(warning) for warning in response["warnings"]} == {256}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["metadata", "spec", "x"]), inner),
    max_leaves=6,
)


@given(pod=anything, request_of=st.dictionaries(st.sampled_from(["uid", "kind", "namespace", "operation"]), anything))
def test_whatever_comes_is_answered_or_told(pod, request_of):
    try:
        review = read_review(asked(pod, **request_of))
    except SekishoError:  # is told, and nothing else is raised
        return
    assert answer(review, SETTINGS).result in set(RESULTS) - {MALFORMED}
