from __future__ import annotations

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from gateway.doors.documents import MAX_BODY
from gateway.doors.injection.review import RESULTS
from gateway.doors.injection.webhook import Keeper, WebhookRoom, metrics_app, webhook_app
from gateway.injection_metrics import InjectionMetrics
from tests.golden.injector.pods import before
from tests.unit.doors.injection.test_review import asked
from tests.unit.injector.test_settings import SETTINGS


@pytest.fixture
def room() -> WebhookRoom:
    metrics = InjectionMetrics(CollectorRegistry(), results=RESULTS, version="1")
    return WebhookRoom(desk=Keeper(metrics), settings=SETTINGS)


@pytest.fixture
def client(room: WebhookRoom) -> FlaskClient:
    return webhook_app(room).test_client()


def counted(room: WebhookRoom, result: str) -> float | None:
    return room.desk.metrics.registry.get_sample_value("sekisho_injections_total", {"result": result})


def test_a_review_is_answered_counted_and_logged(room, client, caplog):
    with caplog.at_level(logging.INFO, "gateway"):
        answer = client.post("/inject?timeout=5s", json=asked(before("web-application")))
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json["response"]["patchType"] == "JSONPatch"
    assert counted(room, "injected") == 1
    (line,) = [record for record in caplog.records if record.message == "pod_reviewed"]
    told: Any = line
    assert (told.result, told.namespace, told.pod) == ("injected", "messenger", "messenger-api-6d5f9-")


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "not valid JSON"),
        (b"{", 400, "not valid JSON"),
        (b'{"a": 1, "a": 2}', 400, "given twice"),
        (b"\xff", 400, "UTF-8"),
        (b"[" * 200_000, 400, "nested too deeply"),
        (b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview"}', 400, "admissionReviewVersions"),
        (b" " * (MAX_BODY + 1), 413, "at most"),
    ],
)
def test_what_is_no_review_is_told_and_counted(room, client, body, status, why):
    answer = client.post("/inject", data=body, content_type="application/json")
    assert answer.status_code == status
    assert why in answer.json["detail"]
    assert counted(room, "malformed") == 1


def test_other_types_paths_and_methods_are_refused(client):
    assert client.post("/inject", data=b"{}", content_type="text/plain").status_code == 400
    assert client.get("/inject").status_code == 405
    assert client.post("/").status_code == 404
    assert client.get("/metrics").status_code == 404
    assert client.get("/openapi.json").status_code == 404


def test_health_and_readiness_differ(room, client):
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    room.desk.stopping.set()
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 503]


def test_metrics_are_apart(room):
    client = metrics_app(room).test_client()
    assert client.post("/inject", json={}).status_code == 404
    assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    assert 'sekisho_injections_total{result="injected"} 0.0' in client.get("/metrics").text


def test_hostile_pods_make_no_series(room, client):
    def series() -> int:
        return sum(len(family.samples) for family in room.desk.metrics.registry.collect())

    before_all = series()
    for text in ("x" * 300, "\u202eevil", 'a"} 1\n', "'; DROP TABLE"):
        pod = {"metadata": {"name": text, "annotations": {text: text, "sekisho.dev/inject": text}}, "spec": {text: {}}}
        assert client.post("/inject", json=asked(pod, namespace=text)).status_code == 200
        assert client.post("/inject", json={"kind": text}).status_code == 400
    assert series() == before_all
