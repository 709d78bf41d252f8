"""The chart's admission policy on a real API server: what it refuses, what it lets pass, and what may stay."""

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.cluster import Cluster, ClusterError
from tests.builders import merged
from tests.integration.crd.casefile import smallest

pytestmark = pytest.mark.cluster
CHART = Path(__file__).parents[3] / "charts" / "llmfleet"
ACTIVE_WITHIN_SECONDS = 30.0
COMMIT, DIGEST = "0123456789" * 4, "@sha256:" + "a" * 64
PINNED = {"model": {"uri": "hf://org/name", "revision": COMMIT}}
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
EVERYTHING = {"operator": "Exists"}

ALLOWED: dict[str, dict[str, Any]] = {
    "commit": {},
    "claim": {"model": {"uri": "pvc://models/tiny", "revision": None}},
    "digest of a model": {"model": {"uri": f"oci://registry.example.org/team/model{DIGEST}", "revision": None}},
    "digest of an image": {"engine": {"image": f"registry.example.org/team/runtime{DIGEST}"}},
    "account on the list": {"pod": {"serviceAccountName": "models"}},
    "default account": {"pod": {"serviceAccountName": "default"}},
    "taint of GPU nodes": {"pod": {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}},
    "pool": {"pod": {"nodeSelector": {"pool": "gpu"}}},
    "pinned adapter": {"lora": {"adapters": [{"name": "sql", "uri": "hf://team/sql", "revision": COMMIT}]}},
}

REFUSED = {
    "no revision": ({"model": {"revision": None}}, "hf://org/name may become another model", "S42"),
    "branch": ({"model": {"revision": "main"}}, "the 40 hex digits of a commit", "S42"),
    "tag of a model": (
        {"model": {"uri": "oci://registry.example.org/team/model:1", "revision": None}},
        "model:1 may become another model",
        "S42",
    ),
    "adapter": (
        {"lora": {"adapters": [{"name": "sql", "uri": "hf://team/sql", "revision": "main"}]}},
        "spec.lora.adapters: an hf:// adapter without a commit",
        "S42",
    ),
    "latest": ({"engine": {"image": "vllm:latest"}}, "spec.engine.image: vllm:latest may become another", "S70"),
    "no tag": ({"engine": {"image": "vllm"}}, "wants @sha256: and its digest", "S70"),
    "account": (
        {"pod": {"serviceAccountName": "cluster-admin-sa"}},
        "cluster-admin-sa is not allowed by the policy of this cluster; allowed: default, models",
        "S73",
    ),
    "every taint": ({"pod": {"tolerations": [EVERYTHING]}}, "name the key of each taint", "S75"),
    "the control plane's taint": (
        {"pod": {"tolerations": [{"key": CONTROL_PLANE, "operator": "Exists"}]}},
        "spec.pod.tolerations",
        "S75",
    ),
    "the control plane's nodes": ({"pod": {"nodeSelector": {CONTROL_PLANE: ""}}}, "spec.pod.nodeSelector", "S75"),
}
LOOSE = merged(PINNED, {"model": {"revision": "main"}, "engine": {"image": "vllm:latest"}}) | {
    "pod": {"serviceAccountName": "strong", "tolerations": [EVERYTHING], "nodeSelector": {CONTROL_PLANE: ""}},
    "lora": {"adapters": [{"name": "sql", "uri": "hf://team/sql"}]},
}
"""All that the policy refuses."""


def manifest(spec: dict[str, Any], name: str = "policed") -> dict[str, Any]:
    return merged(smallest(), {"metadata": {"name": name}, "spec": merged(PINNED, spec)})


class Policed:
    """A namespace, and what becomes of objects in it."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace

    def refusal(self, verb: str, document: dict[str, Any]) -> str:
        """The server's words in a dry run; empty where it takes the object."""
        try:
            self.kubectl(verb, "--dry-run=server", document=document)
        except ClusterError as error:
            return str(error)
        return ""

    def kubectl(self, verb: str, *flags: str, document: dict[str, Any]) -> str:
        here = merged(document, {"metadata": {"namespace": self._namespace}})
        return self._cluster.kubectl(verb, *flags, "-f", "-", input=json.dumps(here))


def policy(cluster: Cluster, namespace: str, **values: object) -> str:
    """The chart's policy for one namespace, under a name of its own."""
    given = {"enabled": True, "serviceAccounts": ["models"], **values}
    chosen = ("--set-json", f"admissionPolicy={json.dumps(given)}", "--set", f"watchNamespaces={{{namespace}}}")
    only = ("--show-only", "templates/admissionpolicy.yaml")
    return cluster.helm("template", f"llmfleet-{namespace}", str(CHART), *chosen, *only)


@pytest.fixture(scope="module")
def policed(cluster: Cluster) -> Iterator[Policed]:
    """A namespace with a loose fleet that was there before the policy."""
    name = f"policed-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    found = Policed(cluster, name)
    found.kubectl("create", document=manifest(LOOSE, "loose"))
    made = policy(cluster, name)
    cluster.kubectl("apply", "-f", "-", input=made)
    try:
        _await(found)
        yield found
    finally:
        cluster.kubectl("delete", "-f", "-", input=made)
        cluster.kubectl("delete", "namespace", name, "--wait=false")


def _await(policed: Policed) -> None:
    """The server reads policies every now and then."""
    end = time.monotonic() + ACTIVE_WITHIN_SECONDS
    while not policed.refusal("create", manifest(LOOSE)):
        assert time.monotonic() < end, "the policy does not become active"
        time.sleep(0.2)


@pytest.mark.proves("S42", "S70", "S73", "S75")
@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_pinned_and_allowed_passes(policed: Policed, case: str) -> None:
    assert policed.refusal("create", manifest(ALLOWED[case])) == ""


@pytest.mark.parametrize(
    ("spec", "words"),
    [pytest.param(*case[:2], id=name, marks=pytest.mark.proves(case[2])) for name, case in REFUSED.items()],
)
def test_what_the_policy_forbids_is_refused_with_what_to_write(
    policed: Policed, spec: dict[str, Any], words: str
) -> None:
    assert words in policed.refusal("create", manifest(spec))


@pytest.mark.proves("S42", "S70", "S73", "S75")
def test_a_fleet_from_before_the_policy_may_be_edited_and_mended(policed: Policed) -> None:
    for edit in ({"replicas": 3}, {"paused": True}, {"lora": {"adapters": []}}, {"pod": {"tolerations": []}}):
        assert policed.refusal("replace", manifest(merged(LOOSE, edit), "loose")) == ""
    assert policed.refusal("replace", manifest({}, "loose")) == ""


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"model": {"revision": "dev"}}, "may become another model"),
        ({"engine": {"image": "vllm:1"}}, "vllm:1 may become another image"),
        ({"pod": {"serviceAccountName": "stronger"}}, "stronger is not allowed"),
        ({"pod": {"tolerations": [{**EVERYTHING, "effect": "NoExecute"}]}}, "spec.pod.tolerations"),
        ({"lora": {"adapters": [{"name": "a", "uri": "hf://team/a"}]}}, "spec.lora.adapters"),
    ],
)
def test_it_may_not_become_worse_in_another_way(policed: Policed, edit: dict[str, Any], words: str) -> None:
    assert words in policed.refusal("replace", manifest(merged(LOOSE, edit), "loose"))


def test_another_namespace_is_not_concerned(policed: Policed, cluster: Cluster) -> None:
    elsewhere = Policed(cluster, "default")
    assert elsewhere.refusal("create", manifest(LOOSE)) == ""


def test_without_its_rules_only_the_accounts_are_left(cluster: Cluster) -> None:
    text = policy(cluster, "a", requireCommits=False, requireDigests=False, allowControlPlane=True)
    made = next(each for each in yaml.safe_load_all(text) if each["kind"] == "ValidatingAdmissionPolicy")
    (rule,) = made["spec"]["validations"]
    assert "variables.account in ['default','models']" in rule["expression"]
