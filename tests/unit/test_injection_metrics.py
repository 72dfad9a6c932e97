from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from gateway.injection_metrics import InjectionMetrics


def test_every_series_is_there_from_the_start_and_no_other_comes() -> None:
    registry = CollectorRegistry()
    metrics = InjectionMetrics(registry, results=["injected", "malformed"], version="1.2")

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, labels)

    assert value("sekisho_injections_total", result="injected") == 0
    assert value("sekisho_injector_certificate_reloads_total", result="refused") == 0
    assert value("sekisho_injector_build_info", version="1.2") == 1
    metrics.answered("injected", 0.002)
    metrics.answered("malformed")
    metrics.reloaded(True)
    metrics.reloaded(False)
    metrics.certificate(1_800_000_000.0)
    assert value("sekisho_injections_total", result="injected") == 1
    assert value("sekisho_injections_total", result="malformed") == 1
    assert value("sekisho_injection_duration_seconds_count") == 1
    assert value("sekisho_injector_certificate_reloads_total", result="taken") == 1
    assert value("sekisho_injector_certificate_reloads_total", result="refused") == 1
    assert value("sekisho_injector_certificate_end_seconds") == 1_800_000_000
    with pytest.raises(KeyError):
        metrics.answered("a pod's own word", 0.1)
