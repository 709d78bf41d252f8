"""Rendered pods, judged by the admission of a namespace that enforces the restricted pod security level."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from e2e.cluster import Cluster, ClusterError
from llmfleet.core.manifests import inspection_job, quantizing_job
from llmfleet.core.revision import revision_of
from llmfleet.core.template import freeze
from llmfleet_runtime.contract import Order
from tests.builders import DEFAULTS, SHARED, Raw, deployment, merged, parsed, with_spec
from tests.golden.operator.test_manifests import CASES

pytestmark = pytest.mark.cluster
NAMESPACE = "restricted"
NEEDED: tuple[Raw, ...] = (
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
    },
    *(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": NAMESPACE}}
        for name in ("default", "models")
    ),
    {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "high"}, "value": 1},
    {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "nvidia"},
)
"""What the pods of the golden cases name, and the namespace that judges them."""


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[Cluster]:
    for each in NEEDED:
        cluster.kubectl("apply", "-f", "-", input=json.dumps(each))
    yield cluster
    cluster.kubectl("delete", "priorityclass/high", "runtimeclass/nvidia")


def admitted(cluster: Cluster, raw: Raw, **pod: Any) -> None:
    """Whether the API server would take a pod of this object; ClusterError with its words when not."""
    ours = parsed(raw)
    judged(cluster, freeze(ours, revision_of(ours), DEFAULTS).template, **pod)


def judged(cluster: Cluster, template: Raw, **pod: Any) -> None:
    document = {"apiVersion": "v1", "kind": "Pod", **template, "spec": {**template["spec"], **pod}}
    document["metadata"] = {**template["metadata"], "name": "pod", "namespace": NAMESPACE}
    cluster.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(document))


@pytest.mark.proves("R65")
@pytest.mark.parametrize("case", sorted(CASES))
def test_every_pod_that_we_make_is_admitted(namespace: Cluster, case: str) -> None:
    admitted(namespace, CASES[case])


@pytest.mark.proves("R65")
@pytest.mark.parametrize("case", sorted(CASES))
def test_the_pod_that_reads_the_model_is_admitted(namespace: Cluster, case: str) -> None:
    ours = parsed(CASES[case])
    judged(namespace, inspection_job(ours, revision_of(ours), DEFAULTS)["spec"]["template"])


@pytest.mark.proves("R65")
@pytest.mark.parametrize("case", sorted(CASES))
def test_the_pod_that_makes_a_checkpoint_is_admitted(namespace: Cluster, case: str) -> None:
    ours = parsed(merged(CASES[case], {"spec": {"model": {"cache": SHARED}}}))
    order = Order(model="a/b", methods=("AWQ",), out="/var/cache/llmfleet/quantized/key")
    job = quantizing_job(ours, revision_of(ours), order, 2**30, replace(DEFAULTS, quantize_image="made:1"))
    judged(namespace, job["spec"]["template"])


@pytest.mark.proves("R65", "S75")
def test_placement_does_not_change_that(namespace: Cluster) -> None:
    everywhere = {
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"node-role.kubernetes.io/control-plane": ""},
    }
    admitted(namespace, deployment(with_spec(pod=everywhere)))


@pytest.mark.proves("R65")
@pytest.mark.parametrize("member", ["hostNetwork", "hostPID"])
def test_the_judge_refuses_what_is_not_restricted(namespace: Cluster, member: str) -> None:
    with pytest.raises(ClusterError, match='violates PodSecurity "restricted'):
        admitted(namespace, deployment(), **{member: True, "shareProcessNamespace": False})
