from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.errors import ConfigError
from gateway.injector.settings import Image, InjectorSettings, Resources

SETTINGS = InjectorSettings(
    image=Image(repository="registry.example:5000/tools/sekisho", tag="0.1.0"),
    own_namespace="sekisho-system",
    config_secret="sekisho-config",
)
DIGEST = "sha256:" + "0a" * 32


def test_an_image_is_named_by_tag_and_digest():
    assert SETTINGS.image.reference == "registry.example:5000/tools/sekisho:0.1.0"
    assert replace(SETTINGS.image, digest=DIGEST).reference == f"registry.example:5000/tools/sekisho:0.1.0@{DIGEST}"
    assert Image(repository="sekisho", digest=DIGEST).reference == f"sekisho@{DIGEST}"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"image": Image(repository="sekisho")}, "image: a digest or a tag"),
        ({"image": Image(repository="sekisho", tag="latest")}, "image: a digest or a tag"),
        ({"image": Image(repository="sekisho", tag="a b")}, "image.tag"),
        ({"image": Image(repository="Sekisho", tag="1")}, "image.repository"),
        ({"image": Image(repository="sekisho", digest="sha256:12")}, "image.digest"),
        ({"own_namespace": ""}, "own_namespace"),
        ({"config_secret": ""}, "config_secret or config_map"),
        ({"config_map": "A_b"}, "config_map"),
        ({"record_claim": "a/b"}, "record_claim"),
        ({"registry_map": "-a"}, "registry_map"),
        ({"http_port": 80}, "http_port"),
        ({"http_port": 70_000}, "http_port"),
        ({"user": 0}, "user"),
        ({"fs_group": 0}, "fs_group"),
        ({"stop_delay_s": 10}, "stop_delay_s: longer than drain_s"),
        ({"stop_delay_s": 601}, "stop_delay_s"),
        ({"drain_s": -1}, "stop_delay_s"),
        ({"postgres_port": 443}, "postgres_port"),
        ({"postgres_port": 8432}, "http_port: is postgres_port as well"),
        ({"record_sink": "a b"}, "record_sink"),
        ({"record_size": "much"}, "record_size"),
        ({"excluded_namespaces": ("A",)}, "excluded_namespaces: 'A'"),
        ({"image": Image(repository="sekisho", tag="1", pull_secret="A")}, "image.pull_secret"),
        ({"resources": Resources(memory_limit="lots")}, "resources.memory_limit"),
        ({"resources": Resources(cpu_limit="1 core")}, "resources.cpu_limit"),
        ({"resources": Resources(cpu_request="")}, "resources.cpu_request"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict, problem: str):
    with pytest.raises(ConfigError) as caught:
        replace(SETTINGS, **changes)
    (found,) = caught.value.problems
    assert found.startswith(f"injector: {problem}")


def test_every_problem_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        replace(SETTINGS, user=0, http_port=1, config_secret="")
    assert len(caught.value.problems) == 3


def test_own_and_system_namespaces_are_excluded():
    settings = replace(SETTINGS, excluded_namespaces=("monitoring",))
    excluded = ("sekisho-system", "kube-system", "kube-public", "kube-node-lease", "monitoring")
    assert all(map(settings.excludes, excluded))
    assert not settings.excludes("messenger")
