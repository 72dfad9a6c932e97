from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.injector.answers import Denied, Patch, Refusal, Untouched
from gateway.injector.json_patch import apply
from gateway.injector.patch import inject
from gateway.injector.settings import Form
from gateway.injector.sidecar import VOLUMES
from tests.unit.injector.test_settings import SETTINGS

CLASSIC = replace(SETTINGS, form=Form.CLASSIC)
ASKS = {"sekisho.dev/inject": "true", "sekisho.dev/record-claim": "record"}


def pod(spec: dict | None = None, annotations: dict | None = None, namespace: str | None = "messenger") -> dict:
    metadata: dict[str, Any] = {"annotations": ASKS | (annotations or {})}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {"metadata": metadata, "spec": {"containers": [{"name": "api", "image": "a:1"}]} | (spec or {})}


def injected(given_pod: dict, settings=SETTINGS) -> Any:
    found = inject(given_pod, settings)
    assert isinstance(found, Patch), found
    return apply(given_pod, found.operations)


def refused(given_pod: dict, settings=SETTINGS, **kwargs: str) -> Refusal:
    found = inject(given_pod, settings, **kwargs)
    assert isinstance(found, Denied), found
    assert found.detail
    return found.reason


@pytest.mark.parametrize("value", [None, "false"])
def test_a_pod_that_does_not_ask_stays_as_it_is(value):
    asked = pod({"hostNetwork": True})
    asked["metadata"]["annotations"] = {} if value is None else {"sekisho.dev/inject": value}
    assert inject(asked, SETTINGS) == Patch(untouched=Untouched.NOT_ASKED)


@pytest.mark.parametrize("value", ["True", "yes", "1", "", True])
def test_an_answer_that_is_neither_is_denied(value):
    assert refused(pod(annotations={"sekisho.dev/inject": value})) is Refusal.ANNOTATION_INVALID


def test_the_namespace_is_the_request_s_before_the_pod_s():
    assert inject(pod(namespace=None), SETTINGS, namespace="kube-system") == Patch(
        untouched=Untouched.NAMESPACE_EXCLUDED
    )
    assert inject(pod(), SETTINGS, namespace="sekisho-system") == Patch(untouched=Untouched.NAMESPACE_EXCLUDED)
    found = inject(pod(namespace=None), SETTINGS, namespace="messenger")
    assert isinstance(found, Patch)
    assert found.operations
    assert refused(pod(namespace=None)) is Refusal.NAMESPACE_UNKNOWN


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"hostNetwork": True}, Refusal.HOST_NETWORK),
        ({"hostPID": True}, Refusal.SHARED_PROCESSES),
        ({"shareProcessNamespace": True}, Refusal.SHARED_PROCESSES),
        ({"os": {"name": "windows"}}, Refusal.NOT_LINUX),
        ({"containers": []}, Refusal.POD_MALFORMED),
        ({"containers": "api"}, Refusal.POD_MALFORMED),
        ({"containers": [7]}, Refusal.POD_MALFORMED),
        ({"volumes": {}}, Refusal.POD_MALFORMED),
        ({"securityContext": []}, Refusal.POD_MALFORMED),
        ({"initContainers": [{"name": "sekisho"}]}, Refusal.NAME_TAKEN),
        ({"containers": [{"name": "sekisho"}]}, Refusal.NAME_TAKEN),
        ({"volumes": [{"name": "sekisho-config", "emptyDir": {}}]}, Refusal.NAME_TAKEN),
        ({"volumes": [{"name": "sekisho-record", "emptyDir": {}}]}, Refusal.RECORD_VOLUME_NOT_DURABLE),
        ({"volumes": [{"name": "sekisho-record", "hostPath": {"path": "/x"}}]}, Refusal.RECORD_VOLUME_NOT_DURABLE),
        ({"volumes": [{"name": "sekisho-record", "ephemeral": {}}]}, Refusal.RECORD_VOLUME_NOT_DURABLE),
        ({"volumes": [{"name": "x", "persistentVolumeClaim": {"claimName": "record"}}]}, Refusal.VOLUME_SHARED),
    ],
)
@pytest.mark.parametrize("settings", [SETTINGS, CLASSIC], ids=["native", "classic"])
def test_a_pod_that_cannot_be_served_safely_is_denied(spec, reason, settings):
    assert refused(pod(spec), settings) is reason


@pytest.mark.parametrize("where", ["containers", "initContainers"])
@pytest.mark.parametrize("volume", sorted(VOLUMES))
def test_our_volumes_are_mounted_by_nobody_else(volume, where):
    """Also not in advance: the volume would be there once the sidecar is."""
    curious = {"name": "curious", "image": "c:1", "volumeMounts": [{"name": volume, "mountPath": "/x"}]}
    assert refused(pod({where: [curious]})) is Refusal.VOLUME_SHARED


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
def test_a_pod_that_is_to_end_needs_the_native_form(policy):
    assert refused(pod({"restartPolicy": policy}), CLASSIC) is Refusal.NEVER_ENDS
    assert injected(pod({"restartPolicy": policy}))["spec"]["initContainers"]


def test_the_record_needs_a_claim():
    nameless = pod()
    del nameless["metadata"]["annotations"]["sekisho.dev/record-claim"]
    assert refused(nameless) is Refusal.RECORD_VOLUME_MISSING
    assert refused(pod(annotations={"sekisho.dev/record-claim": ""})) is Refusal.RECORD_VOLUME_MISSING
    assert refused(pod(annotations={"sekisho.dev/record-claim": "../x"})) is Refusal.ANNOTATION_INVALID
    by_settings = injected(nameless, replace(SETTINGS, record_claim="of-all"))
    assert _record(by_settings) == {"claimName": "of-all"}
    assert _record(injected(pod(), replace(SETTINGS, record_claim="of-all"))) == {"claimName": "record"}
    brought = pod({"volumes": [{"name": "sekisho-record", "persistentVolumeClaim": {"claimName": "mine"}}]})
    assert _record(injected(brought)) == {"claimName": "mine"}


def _record(made: Any) -> Any:
    (volume,) = [volume for volume in made["spec"]["volumes"] if volume["name"] == "sekisho-record"]
    return volume["persistentVolumeClaim"]


def test_a_native_sidecar_stands_before_all_others_and_a_classic_one_after():
    spec = {"initContainers": [{"name": "migrate", "image": "m:1"}]}
    made, classic = injected(pod(spec))["spec"], injected(pod(spec), CLASSIC)["spec"]
    assert [item["name"] for item in made["initContainers"]] == ["sekisho", "migrate"]
    assert [item["name"] for item in made["containers"]] == ["api"]
    assert [item["name"] for item in classic["initContainers"]] == ["migrate"]
    assert [item["name"] for item in classic["containers"]] == ["api", "sekisho"]


def test_the_group_of_the_pod_s_volumes_stays_where_there_is_one():
    def group(security: dict | None, settings=SETTINGS) -> Any:
        spec = {} if security is None else {"securityContext": security}
        return injected(pod(spec), settings)["spec"].get("securityContext")

    ours = {"fsGroup": 65532, "fsGroupChangePolicy": "OnRootMismatch"}
    assert group(None) == ours
    assert group({"runAsUser": 7}) == ours | {"runAsUser": 7}
    assert group({"fsGroupChangePolicy": "Always"}) == {"fsGroup": 65532, "fsGroupChangePolicy": "Always"}
    assert group({"fsGroup": 0}) == {"fsGroup": 0}
    assert group(None, replace(SETTINGS, fs_group=None)) is None


def test_the_registry_s_credentials_come_along():
    settings = replace(SETTINGS, image=replace(SETTINGS.image, pull_secret="registry"))
    ours, theirs = {"name": "registry"}, {"name": "other"}
    for given_secrets, expected in ((None, [ours]), ([], [ours]), ([theirs], [theirs, ours]), ([ours], [ours])):
        made = injected(pod({"imagePullSecrets": given_secrets}), settings)
        assert made["spec"]["imagePullSecrets"] == expected


def test_what_the_author_should_know():
    hasty = pod({"terminationGracePeriodSeconds": 25})
    found = inject(hasty, CLASSIC)
    assert isinstance(found, Patch)
    assert [text for text in found.warnings if "terminationGracePeriodSeconds is 25" in text]
    native = inject(hasty, SETTINGS)
    assert isinstance(native, Patch)
    assert native.warnings == ()


def test_a_copy_without_a_claim_is_known_again_only_where_a_sink_has_what_decides():
    nameless = pod()
    del nameless["metadata"]["annotations"]["sekisho.dev/record-claim"]
    remote = replace(SETTINGS, record_sink="kafka")
    made = injected(nameless, remote)
    assert inject(made, remote) == Patch(untouched=Untouched.ALREADY_INJECTED)
    assert refused(made) is Refusal.MARK_FALSE
    brought = pod({"volumes": [{"name": "sekisho-record", "emptyDir": {}}]})
    assert refused(brought, remote) is Refusal.RECORD_VOLUME_NOT_DURABLE


def test_nulls_are_as_good_as_nothing():
    spec = {"volumes": None, "initContainers": None, "securityContext": None, "os": None}
    assert injected(pod(spec))["spec"] == injected(pod())["spec"] | {"os": None}


@pytest.mark.parametrize("settings", [SETTINGS, CLASSIC], ids=["native", "classic"])
def test_a_marked_pod_is_known_after_others_had_their_hands_on_it(settings):
    made = injected(pod(), settings)
    where = "initContainers" if settings is SETTINGS else "containers"
    (ours,) = [item for item in made["spec"][where] if item["name"] == "sekisho"]
    ours |= {"imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log"}
    ours["resources"] = {"limits": {"memory": "1Gi"}}
    ours["env"].append({"name": "HTTPS_PROXY", "value": "http://proxy.example"})
    ours["livenessProbe"]["successThreshold"] = 1
    made["spec"]["volumes"][0]["projected"]["defaultMode"] = 420
    assert inject(made, settings) == Patch(untouched=Untouched.ALREADY_INJECTED)


def _without_sidecar(made: Any) -> None:
    made["spec"]["initContainers"].clear()


def _other_image(made: Any) -> None:
    made["spec"]["initContainers"][0]["image"] = "registry.example/other:1"


def _as_root(made: Any) -> None:
    made["spec"]["initContainers"][0]["securityContext"]["runAsNonRoot"] = False


def _other_arguments(made: Any) -> None:
    made["spec"]["initContainers"][0]["args"].append("--config=/tmp/mine.yaml")


def _ends(made: Any) -> None:
    del made["spec"]["initContainers"][0]["restartPolicy"]


def _record_gone(made: Any) -> None:
    for volume in made["spec"]["volumes"]:
        if volume["name"] == "sekisho-record":
            del volume["persistentVolumeClaim"]
            volume["emptyDir"] = {}


@pytest.mark.parametrize(
    "change",
    [_without_sidecar, _other_image, _as_root, _other_arguments, _ends, _record_gone],
    ids=lambda f: f.__name__,
)
def test_a_mark_is_not_believed_by_itself(change):
    made = injected(pod())
    change(made)
    assert refused(made) is Refusal.MARK_FALSE


def test_a_marked_pod_is_still_looked_at():
    made = injected(pod())
    made["spec"]["hostNetwork"] = True
    assert refused(made) is Refusal.HOST_NETWORK


names = st.sampled_from(["api", "worker", "proxy", "migrate"])
containers: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.fixed_dictionaries({"name": names, "image": st.just("a:1")}, optional={"volumeMounts": st.just([])}), max_size=3
)
specs = st.fixed_dictionaries(
    {"containers": containers.filter(bool)},
    optional={
        "initContainers": st.none() | containers,
        "volumes": st.none() | st.lists(st.just({"name": "uploads", "emptyDir": {}}), max_size=2),
        "securityContext": st.none() | st.dictionaries(st.sampled_from(["fsGroup", "runAsUser"]), st.integers(1, 9)),
        "restartPolicy": st.just("Always"),
        "hostNetwork": st.just(False),
    },
)


@given(
    spec=specs,
    form=st.sampled_from(Form),
    registry=st.sampled_from(["", "registry"]),
    more=st.dictionaries(st.sampled_from(["a/b", "c~d", "e"]), st.text(max_size=3)),
)
def test_twice_is_once_and_nothing_of_the_pod_is_lost(spec, form, registry, more):
    settings = replace(SETTINGS, form=form, registry_map=registry)
    first = pod(spec, more)
    as_given = copy.deepcopy(first)
    once = injected(first, settings)
    assert first == as_given
    assert inject(once, settings) == Patch(untouched=Untouched.ALREADY_INJECTED)
    for key in ("containers", "initContainers", "volumes"):
        kept = [item for item in once["spec"].get(key) or [] if not item["name"].startswith("sekisho")]
        assert kept == (spec.get(key) or [])
    marks = once["metadata"]["annotations"]
    assert {key: value for key, value in marks.items() if key != "sekisho.dev/injected"} == ASKS | more


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "fsGroup", "x"]), inner),
    max_leaves=6,
)


@given(
    spec=anything | st.dictionaries(st.sampled_from(["containers", "volumes", "os", "securityContext"]), anything),
    annotations=anything | st.dictionaries(st.sampled_from(list(ASKS)), anything),
)
def test_whatever_comes_is_answered(spec, annotations):
    found = inject({"metadata": {"namespace": "a", "annotations": annotations}, "spec": spec}, SETTINGS)
    assert isinstance(found, Patch | Denied)
