"""The webhook's application: /inject, and beside it health and metrics. No socket."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from flask import Flask, Response
from prometheus_client.registry import Collector

from gateway.doors.http import beside
from gateway.doors.http.app import application
from gateway.doors.http.operations import JSON, Operation
from gateway.doors.http.problems import json_answer
from gateway.doors.http.room import caller, document
from gateway.doors.http.schemas import ref
from gateway.doors.injection.review import MALFORMED, Answer, Review, answer, read_review
from gateway.doors.requests import refuse
from gateway.errors import Reason, SekishoError
from gateway.injection_metrics import InjectionMetrics
from gateway.injector.settings import InjectorSettings
from gateway.model import Door

_log = logging.getLogger(__name__)


class Keeper:
    """Who counts what never became a review, and knows whether more should come."""

    def __init__(self, metrics: InjectionMetrics) -> None:
        self.metrics = metrics
        self.stopping = threading.Event()

    @property
    def collector(self) -> Collector:
        """All metrics."""
        return self.metrics.registry

    def refused(self, door: Door, reason: Reason, peer_address: str | None, detail: str) -> None:
        """Something was no review, of whatever sender."""
        _log.warning("review_refused", extra={"reason": reason.value, "peer": peer_address, "detail": detail})
        self.metrics.answered(MALFORMED)

    def alive(self) -> bool:
        """It answers, so it is."""
        return True

    def ready(self) -> tuple[bool, list[str]]:
        """Until it stops: it needs nothing that another replica could have and this one not."""
        return (False, ["stopping"]) if self.stopping.is_set() else (True, [])


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRoom:
    """Where reviews are answered."""

    desk: Keeper
    settings: InjectorSettings


def inject_pod(room: WebhookRoom) -> Response:
    """Whether a pod is let in, and the patch that adds the sidecar."""
    began = perf_counter()
    try:
        review = read_review(document())
    except SekishoError as error:
        raise refuse(room.desk, Door.HTTP, error, caller()) from error
    found = answer(review, room.settings)
    room.desk.metrics.answered(found.result, perf_counter() - began)
    _tell(review, found)
    return json_answer(found.document)


def _tell(review: Review, found: Answer) -> None:
    metadata: Any = review.pod.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    pod = named.get("name") or named.get("generateName")
    fields = {"uid": review.uid, "namespace": review.namespace, "pod": pod, "dry_run": review.dry_run}
    _log.info("pod_reviewed", extra={"result": found.result, **fields})


def _beside(path: str, handler: Any) -> Operation:
    return Operation(method="GET", path=path, answer=handler, answers={200: {JSON: ref("Any")}}, tag="injector")


_HEALTH: Final = (_beside("/healthz", beside.healthz), _beside("/readyz", beside.readyz))
_METRICS: Final = _beside("/metrics", beside.metrics)
_INJECT: Final = Operation(
    method="POST", path="/inject", answer=inject_pod, answers={200: {JSON: ref("Any")}}, tag="injector"
)


def webhook_app(room: WebhookRoom) -> Flask:
    """What API servers and probes ask."""
    return application(room, (_INJECT, *_HEALTH))


def metrics_app(room: WebhookRoom) -> Flask:
    """What is scraped: without TLS, as none of it is a secret, and no scraper knows the webhook's authority."""
    return application(room, (*_HEALTH, _METRICS))
