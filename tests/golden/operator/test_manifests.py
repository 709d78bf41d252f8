"""What the operator emits, byte for byte: a difference here is a difference in every cluster."""

from dataclasses import replace

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from llmfleet.core.fleet import plan
from llmfleet.core.manifests import inspection_job, quantizing_job
from llmfleet.core.plan import Apply
from llmfleet.core.revision import revision_of
from llmfleet_runtime.contract import Order
from tests.builders import DEFAULTS, NOW, deployment, look, parsed, with_autoscaling, with_spec

FULL = (
    with_autoscaling(2, 8),
    with_spec(
        model={"uri": "pvc://models/llama/8b", "servedNames": ["support-chat", "llama"]},
        engine={
            "image": "registry.example/vllm:0.32.0",
            "maxModelLen": 8192,
            "maxConcurrency": 256,
            "dtype": "BFloat16",
            "args": [{"name": "tool-call-parser", "value": "llama3_json"}, {"name": "enable-auto-tool-choice"}],
            "env": [{"name": "TZ", "value": "UTC"}],
        },
        accelerator={"type": "NVIDIA", "products": ["NVIDIA-H100-80GB-HBM3", "NVIDIA-L40S"]},
        resources={
            "requests": {"cpu": "8", "memory": "96Gi", "ephemeral-storage": "20Gi"},
            "limits": {"memory": "96Gi"},
            "sharedMemory": "8Gi",
        },
        pod={
            "labels": {"team": "support"},
            "annotations": {"example.com/note": 'says "hello"'},
            "serviceAccountName": "models",
            "imagePullSecrets": ["registry"],
            "priorityClassName": "high",
            "runtimeClassName": "nvidia",
            "schedulerName": "other",
            "nodeSelector": {"pool": "gpu"},
            "tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
            "topologySpread": [{"topologyKey": "topology.kubernetes.io/zone"}],
        },
        lifecycle={"startupTimeoutSeconds": 600, "drainTimeoutSeconds": 60},
        service={"port": 80, "annotations": {"example.com/scrape": "yes"}},
    ),
)
GUARDED = with_spec(
    model={
        "credentials": {"secretName": "hub"},
        "cache": {"type": "Ephemeral", "ephemeral": {"storageClassName": "fast", "size": "200Gi"}},
    },
    access={"from": [{"namespaceLabels": {"team": "chat"}, "podLabels": {"app": "gateway"}}, {"podLabels": {}}]},
)
SHARED = with_spec(
    model={"cache": {"type": "PersistentVolumeClaim", "persistentVolumeClaim": {"claimName": "models"}}},
    access={"from": []},
)
ADAPTED = with_spec(
    model={"uri": "pvc://models/llama/8b"},
    lora={
        "maxRank": 64,
        "adapters": [
            {"name": "sql", "uri": "hf://team/sql-lora", "revision": "1f2e3d4"},
            {"name": "chat", "uri": "pvc://models/adapters/chat"},
        ],
    },
)
TUNED = with_spec(
    engine={
        "parallelism": {"tensor": 4},
        "kvCache": {"dtype": "FP8"},
        "prefixCaching": "Disabled",
        "chatTemplate": {"configMapName": "templates", "key": "llama.jinja"},
    },
    quantization={"method": "AWQ", "source": "Checkpoint"},
)
CASES = {
    "adapted": deployment(ADAPTED),
    "short": deployment(),
    "full": deployment(*FULL),
    "cpu": deployment(with_spec(model={"uri": "file:///models/tiny"}, accelerator={"type": "CPU"})),
    "guarded": deployment(GUARDED),
    "shared": deployment(SHARED),
    "tuned": deployment(TUNED),
    "mig": deployment(with_spec(accelerator={"resourceName": "nvidia.com/mig-1g.10gb"}, replicas=2)),
}


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


@pytest.mark.proves("R31")
@pytest.mark.parametrize("case", sorted(CASES))
def test_the_children_of_a_new_fleet(case: str, golden: SnapshotAssertion) -> None:
    found = plan(look(CASES[case]), DEFAULTS, NOW)
    applied = [each for each in found.actions if isinstance(each, Apply)]
    assert {str(each.ref): dict(each.manifest) for each in applied} == golden


@pytest.mark.parametrize("case", ["full", "guarded", "short"])
def test_the_inspection_of_a_new_model(case: str, golden: SnapshotAssertion) -> None:
    ours = parsed(CASES[case])
    assert inspection_job(ours, revision_of(ours), replace(DEFAULTS, inspection_timeout_seconds=60.0)) == golden


def test_the_making_of_a_checkpoint(golden: SnapshotAssertion) -> None:
    ours = parsed(deployment(SHARED, with_spec(quantization={"method": "AWQ", "source": "Produced"})))
    order = Order(model="Qwen/Qwen3-8B", methods=("AWQ",), out="/var/cache/llmfleet/quantized/key")
    assert quantizing_job(ours, revision_of(ours), order, 2**34, replace(DEFAULTS, quantize_image="made:1")) == golden
