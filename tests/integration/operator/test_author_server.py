"""A user who may write LLMDeployments and nothing else: what such a user gets out of the operator's greater rights."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.cluster import Cluster, ClusterError
from tests.builders import Raw
from tests.integration.operator.conftest import Start, fresh_namespace
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually, kubeconfig_of

pytestmark = pytest.mark.cluster
ACCOUNT = "author"
STRONG = "cluster-admin-sa"
NODE_FOLDER = {"type": "HostPath", "hostPath": {"path": "/etc"}}


class Author(Fleet):
    """A fleet whose owner has no other right."""

    kubeconfig: Path

    def kubectl(self, *arguments: str, document: Raw | None = None) -> str:
        return super().kubectl(f"--kubeconfig={self.kubeconfig}", *arguments, document=document)

    def refusal(self, *arguments: str, document: Raw | None = None) -> str:
        """What the API server says to what must not work."""
        with pytest.raises(ClusterError) as refused:
            self.kubectl(*arguments, document=document)
        return str(refused.value)


@pytest.fixture
def author(cluster: Cluster, fleet: Fleet, start: Start, tmp_path: Path) -> Author:
    """The operator runs; the namespace holds a Secret and a strong account, neither of which the author may read."""
    fleet.kubectl("create", "secret", "generic", "private", "--from-literal=HF_TOKEN=hf_sentinel_4711")
    for account in (ACCOUNT, STRONG):
        fleet.kubectl("create", "serviceaccount", account)
    verbs = "--verb=get,list,watch,create,update,patch,delete"
    fleet.kubectl("create", "role", ACCOUNT, verbs, "--resource=llmdeployments.llmfleet.io")
    bound = f"--serviceaccount={fleet.namespace}:{ACCOUNT}"
    fleet.kubectl("create", "rolebinding", ACCOUNT, f"--role={ACCOUNT}", bound)
    start()
    found = Author(cluster, fleet.namespace)
    found.kubeconfig = kubeconfig_of(cluster, fleet.namespace, tmp_path / "author", ACCOUNT)
    return found


def pod_spec(fleet: Fleet) -> Raw:
    """Of a pod of the fleet, as the API server has it after its own admission."""
    return dict(eventually(lambda: fleet.list("pods"), len)[0]["spec"])


@pytest.mark.proves("R69", "S73")
def test_an_account_that_is_named_lends_its_token_to_no_pod(author: Author) -> None:
    author.create(replicas=1, pod={"serviceAccountName": STRONG})
    author.await_condition("Ready")
    made = pod_spec(author)
    assert (made["serviceAccountName"], made["automountServiceAccountToken"]) == (STRONG, False)
    assert "serviceAccountToken" not in json.dumps(made)
    assert "/var/run/secrets/kubernetes.io" not in json.dumps(made)


@pytest.mark.proves("R69")
def test_a_folder_of_the_node_is_refused_without_the_operators_consent(author: Author) -> None:
    author.create(replicas=1, model={"cache": NODE_FOLDER})
    stalled = author.await_condition("Stalled")
    assert stalled["reason"] == "HostPathNotAllowed"
    assert author.list("deployments,pods") == []


@pytest.mark.proves("R69")
@pytest.mark.parametrize(
    "spec",
    [
        {"pod": {"hostNetwork": True}},
        {"pod": {"securityContext": {"privileged": True}}},
        {"pod": {"volumes": [{"name": "a", "hostPath": {"path": "/"}}]}},
        {"pod": {"initContainers": [{"name": "a", "image": "a"}]}},
        {"model": {"credentials": {"secretName": "private", "namespace": "kube-system"}}},
    ],
    ids=["network", "privileged", "volume", "container", "namespace"],
)
def test_there_is_no_field_for_more(author: Author, spec: dict[str, Any]) -> None:
    assert "unknown field" in author.refusal("create", "-f", "-", document=author.manifest(**spec))


@pytest.fixture
def foreign(cluster: Cluster) -> Iterator[str]:
    """Another team's namespace with a Secret in it."""
    with fresh_namespace(cluster) as name:
        cluster.kubectl("--namespace", name, "create", "secret", "generic", "theirs", "--from-literal=HF_TOKEN=hf_a")
        yield name


@pytest.mark.proves("R69", "R68")
def test_a_secret_of_another_namespace_is_not_found_and_not_named_by_any_spelling(author: Author, foreign: str) -> None:
    author.create(replicas=1, model={"uri": "hf://org/name", "credentials": {"secretName": "theirs"}})
    made = pod_spec(author)
    [variable] = [each for each in made["containers"][0]["env"] if each["name"] == "HF_TOKEN"]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "theirs", "key": "HF_TOKEN"}}
    assert foreign not in json.dumps(made)  # a pod reads Secrets of its own namespace, where there is none of the name
    across = {"model": {"uri": "hf://org/name", "credentials": {"secretName": f"{foreign}/theirs"}}}
    told = author.refusal("patch", "llm", "qwen", "--type=merge", "-p", json.dumps({"spec": across}))
    assert "spec.model.credentials.secretName" in told


@pytest.mark.proves("R69")
def test_what_the_operator_makes_is_not_the_authors_to_write_or_read_by(author: Author) -> None:
    author.create(replicas=1)
    author.await_condition("Ready")
    [deployment] = author.list("deployments")
    [record] = author.list("controllerrevisions")
    name, image = deployment["metadata"]["name"], '{"spec": {"replicas": 9}}'
    refused = [
        author.refusal("patch", "deployment", name, "--type=merge", "-p", image),
        author.refusal("patch", "controllerrevision", record["metadata"]["name"], "--type=merge", "-p", "{}"),
        author.refusal("patch", "llm", "qwen", "--subresource=status", "--type=merge", "-p", '{"status": {}}'),
        author.refusal("get", "secret", "private"),
        author.refusal("create", "token", STRONG),
        author.refusal("get", "pods"),
    ]
    assert ["orbidden" in each for each in refused] == [True] * len(refused)
    text = author.kubectl("get", "llm", "-o", "yaml")
    assert "hf_sentinel_4711" not in text
