"""The children as manifests: owned, selected, safe, and compared by intent."""

import json

import pytest
from kubernetes.aio import client

from llmfleet import names
from llmfleet.api.access import Access
from llmfleet.api.workload import AcceleratorType, EngineType
from llmfleet.core import manifests
from llmfleet.core.manifests import is_current
from llmfleet.core.revision import revision_of
from llmfleet.core.template import Defaults, freeze
from llmfleet_runtime.contract import EngineConfig, LiveConfig, Order
from tests.builders import DEFAULTS, UID, Modifier, Raw, child, deployment, parsed, revision, with_metadata, with_spec

FOREIGN = with_metadata(
    labels={"app.kubernetes.io/instance": "argo", "mine": "1"},
    annotations={"kubectl.kubernetes.io/last-applied-configuration": "{}", "mine": "1"},
)


def everything(*modifiers: Modifier, defaults: Defaults = DEFAULTS) -> dict[str, Raw]:
    """All children by kind; the live document as ``Live``."""
    ours = parsed(deployment(*modifiers))
    of = revision_of(ours)
    frozen = freeze(ours, of, defaults)
    return {
        "ControllerRevision": manifests.controller_revision(ours, of, 1, frozen),
        "ConfigMap": manifests.engine_config_map(ours, of, frozen),
        "Live": manifests.live_config(ours, LiveConfig(number=1)),
        "Service": manifests.service(ours),
        "PodDisruptionBudget": manifests.budget(ours, 1),
        "NetworkPolicy": manifests.network_policy(ours, Access(sources=()), ("llmfleet-system",)),
        "Deployment": manifests.fleet(ours, of, frozen, 2),
        "Job": manifests.inspection_job(ours, of, defaults),
        "Quantizing": manifests.quantizing_job(ours, of, Order(model="a/b", methods=("AWQ",), out="/c"), 1, defaults),
    }


def pod_of(*modifiers: Modifier, defaults: Defaults = DEFAULTS) -> Raw:
    template: Raw = everything(*modifiers, defaults=defaults)["Deployment"]["spec"]["template"]
    return template


def container_of(*modifiers: Modifier, defaults: Defaults = DEFAULTS) -> Raw:
    (container,) = pod_of(*modifiers, defaults=defaults)["spec"]["containers"]
    return dict(container)


KINDS = sorted(everything())
MODELS = {
    "ControllerRevision": client.V1ControllerRevision, "ConfigMap": client.V1ConfigMap, "Live": client.V1ConfigMap,
    "Service": client.V1Service, "PodDisruptionBudget": client.V1PodDisruptionBudget,
    "NetworkPolicy": client.V1NetworkPolicy, "Deployment": client.V1Deployment,
    "Job": client.V1Job, "Quantizing": client.V1Job,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_member_is_missing_or_misspelt(kind: str) -> None:
    """Judged by the models that the Kubernetes client brings, which refuse both."""
    MODELS[kind].model_validate(everything(with_spec(pod=PLACEMENT, model={"uri": "pvc://models/tiny"}))[kind])


@pytest.mark.proves("R50")
@pytest.mark.parametrize("kind", KINDS)
def test_each_child_is_owned_by_the_object_alone(kind: str) -> None:
    (owner,) = everything()[kind]["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": "llmfleet.io/v1alpha1", "kind": "LLMDeployment", "name": "qwen", "uid": UID,
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


@pytest.mark.proves("R50", "R13")
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_objects_own_metadata_is_copied(kind: str) -> None:
    assert everything(FOREIGN)[kind] == everything()[kind]


@pytest.mark.proves("R16")
@pytest.mark.parametrize("kind", KINDS)
def test_no_child_keeps_anybody_waiting_when_it_is_deleted(kind: str) -> None:
    assert "finalizers" not in everything()[kind]["metadata"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_child_carries_our_labels(kind: str) -> None:
    assert everything()[kind]["metadata"]["labels"].items() >= {
        "app.kubernetes.io/managed-by": "llmfleet", "llmfleet.io/deployment": "qwen", "llmfleet.io/uid": UID,
    }.items()  # fmt: skip


def test_children_are_named_after_the_object_and_its_revision() -> None:
    of = revision(deployment())
    found = {kind: each["metadata"]["name"] for kind, each in everything().items()}
    assert found == {
        "ControllerRevision": f"qwen-{of}", "ConfigMap": f"qwen-{of}", "Deployment": f"qwen-{of}",
        "Live": "qwen-live", "Service": "qwen", "PodDisruptionBudget": "qwen",
        "NetworkPolicy": "qwen", "Job": f"qwen-{of}-facts", "Quantizing": f"qwen-{of}-quant",
    }  # fmt: skip


def test_selectors_carry_uid_and_revision() -> None:
    found = everything()
    both = {"llmfleet.io/uid": UID, "llmfleet.io/revision": revision(deployment())}
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == both
    assert found["Service"]["spec"]["selector"] == {"llmfleet.io/uid": UID}
    assert found["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == {"llmfleet.io/uid": UID}
    assert pod_of()["metadata"]["labels"].items() >= both.items()


@pytest.mark.proves("R65")
def test_pods_meet_the_restricted_pod_security_level() -> None:
    pod, container = pod_of()["spec"], container_of()
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
    }  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    assert {kind for volume in pod["volumes"] for kind in volume} <= {"name", "projected", "emptyDir"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()


@pytest.mark.parametrize(
    ("accelerator", "expected"),
    [
        ({}, {"nvidia.com/gpu": "1"}),
        ({"type": "NVIDIA"}, {"nvidia.com/gpu": "1"}),
        ({"type": "AMD"}, {"amd.com/gpu": "1"}),
        ({"type": "CPU"}, {}),
        ({"resourceName": "nvidia.com/mig-1g.10gb"}, {"nvidia.com/mig-1g.10gb": "1"}),
    ],
)
def test_each_replica_asks_for_its_device(accelerator: Raw, expected: dict[str, str]) -> None:
    resources = container_of(with_spec(accelerator=accelerator))["resources"]
    assert (resources["requests"], resources["limits"]) == (expected, expected)


def test_resources_arrive_beside_the_device() -> None:
    wanted = with_spec(resources={"requests": {"cpu": 8, "ephemeral-storage": "1Gi"}, "limits": {"memory": "96Gi"}})
    assert container_of(wanted)["resources"] == {
        "requests": {"cpu": "8", "ephemeral-storage": "1Gi", "nvidia.com/gpu": "1"},
        "limits": {"memory": "96Gi", "nvidia.com/gpu": "1"},
    }


@pytest.mark.parametrize(("type_", "image"), [("NVIDIA", "cuda:1"), ("AMD", "rocm:1"), ("CPU", "cpu:1")])
def test_the_image_is_the_operators_for_the_accelerator(type_: str, image: str) -> None:
    assert container_of(with_spec(accelerator={"type": type_}))["image"] == image


def test_an_own_image_comes_before_the_operators() -> None:
    assert container_of(with_spec(engine={"image": "mine:2"}))["image"] == "mine:2"


def test_products_become_node_affinity_for_any_of_them() -> None:
    affinity = pod_of(with_spec(accelerator={"products": ["L4", "H100"]}))["spec"]["affinity"]["nodeAffinity"]
    (term,) = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["L4", "H100"]}]


PLACEMENT = {
    "serviceAccountName": "reader",
    "priorityClassName": "high",
    "runtimeClassName": "nvidia",
    "schedulerName": "other",
    "nodeSelector": {"pool": "gpu"},
    "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
}


@pytest.mark.parametrize("member", sorted(PLACEMENT))
def test_placement_arrives_as_it_is_and_absent_stays_absent(member: str) -> None:
    assert pod_of(with_spec(pod={member: PLACEMENT[member]}))["spec"][member] == PLACEMENT[member]
    assert member not in pod_of()["spec"]


@pytest.mark.proves("R69", "S73")
def test_a_service_account_lends_its_rights_to_no_pod() -> None:
    pod = pod_of(with_spec(pod={"serviceAccountName": "cluster-admin-sa"}))["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert not any("serviceAccountToken" in str(volume) for volume in pod["volumes"])


def test_pull_secrets_and_spread() -> None:
    pod = pod_of(with_spec(pod={"imagePullSecrets": ["a"], "topologySpread": [{"topologyKey": "zone"}]}))["spec"]
    assert pod["imagePullSecrets"] == [{"name": "a"}]
    (spread,) = pod["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("zone", "ScheduleAnyway")


def test_a_users_label_never_takes_the_place_of_ours() -> None:
    labels = pod_of(with_spec(pod={"labels": {names.UID_LABEL: "mine", "team": "a"}}))["metadata"]["labels"]
    assert (labels[names.UID_LABEL], labels["team"]) == (UID, "a")


@pytest.mark.proves("S61")
@pytest.mark.parametrize(
    ("uri", "model", "claim"),
    [
        ("hf://Qwen/Qwen3-8B", "Qwen/Qwen3-8B", None),
        ("file:///models/tiny", "/models/tiny", None),
        ("pvc://my.claim/a/b", "/models/a/b", "my.claim"),
    ],
)
def test_where_the_model_comes_from(uri: str, model: str, claim: str | None) -> None:
    found = everything(with_spec(model={"uri": uri}))
    assert EngineConfig.model_validate_json(found["ConfigMap"]["data"]["engine.json"]).model == model
    volumes = found["Deployment"]["spec"]["template"]["spec"]["volumes"]
    claims = [each["persistentVolumeClaim"] for each in volumes if "persistentVolumeClaim" in each]
    assert claims == ([{"claimName": claim, "readOnly": True}] if claim else [])


@pytest.mark.proves("S51")
def test_a_value_that_the_kubelet_would_expand_is_out_of_its_sight() -> None:
    variable = {"name": "A", "value": "$(HOME)"}
    found = everything(with_spec(engine={"env": [variable]}))
    assert json.loads(found["ConfigMap"]["data"]["engine.json"])["env"] == [variable]
    assert "$(HOME)" not in json.dumps(found["Deployment"])


def test_a_hub_of_the_operators_settings_reaches_the_pod() -> None:
    assert "HF_ENDPOINT" not in {each["name"] for each in container_of()["env"]}
    hub = Defaults(DEFAULTS.images, hf_endpoint="https://hub.example")
    assert {"name": "HF_ENDPOINT", "value": "https://hub.example"} in container_of(defaults=hub)["env"]


def test_another_engine_has_its_own_image_document_and_variables() -> None:
    images = {("LlamaCpp", "NVIDIA"): "llama:1"}
    defaults = Defaults(DEFAULTS.images, engine_images=images)
    raw = with_spec(engine={"type": "LlamaCpp"}, model={"uri": "pvc://models/a.gguf"})
    container = container_of(raw, defaults=defaults)
    assert container["image"] == "llama:1"
    assert [each["name"] for each in container["env"] if each["name"].startswith("VLLM_")] == []
    document = json.loads(everything(raw)["ConfigMap"]["data"]["engine.json"])
    assert (document["engine"], document["model"]) == ("LlamaCpp", "/models/a.gguf")
    assert "engine" not in json.loads(everything()["ConfigMap"]["data"]["engine.json"])


def test_images_of_further_engines_are_part_of_what_a_revision_is_made_by() -> None:
    other = Defaults(DEFAULTS.images, engine_images={("LlamaCpp", "CPU"): "llama:2"})
    assert other.made_by != DEFAULTS.made_by
    assert other.image(EngineType.LLAMA_CPP, AcceleratorType.CPU) == "llama:2"
    assert other.image(EngineType.VLLM, AcceleratorType.CPU) == DEFAULTS.images[AcceleratorType.CPU]


@pytest.mark.proves("R57")
def test_a_start_may_take_its_whole_timeout() -> None:
    probe = container_of(with_spec(lifecycle={"startupTimeoutSeconds": 61}))["startupProbe"]
    assert probe["failureThreshold"] * probe["periodSeconds"] >= 61
    spec = everything(with_spec(lifecycle={"startupTimeoutSeconds": 4000}))["Deployment"]["spec"]
    assert spec["progressDeadlineSeconds"] > 4000


@pytest.mark.proves("R57")
def test_the_grace_period_covers_the_longest_drain() -> None:
    assert pod_of()["spec"]["terminationGracePeriodSeconds"] > 3600


def test_the_drain_time_changes_no_pod_template() -> None:
    assert pod_of(with_spec(lifecycle={"drainTimeoutSeconds": 5})) == pod_of()


def test_a_record_reads_back_as_what_was_frozen() -> None:
    ours = parsed(deployment())
    frozen = freeze(ours, revision_of(ours), DEFAULTS)
    assert manifests.frozen_of(everything()["ControllerRevision"]) == frozen


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_intent_carries_the_same_stamp(kind: str) -> None:
    manifest = everything()[kind]
    assert everything()[kind]["metadata"]["annotations"] == manifest["metadata"]["annotations"]
    assert is_current(manifest, child(json.loads(json.dumps(manifest))))


def test_another_intent_is_not_current() -> None:
    assert not is_current(everything(with_spec(service={"port": 80}))["Service"], child(everything()["Service"]))


def test_an_annotation_of_the_service_that_was_taken_back_is_not_current() -> None:
    live = child(everything(with_spec(service={"annotations": {"a": "b"}}))["Service"])
    assert not is_current(everything()["Service"], live)
