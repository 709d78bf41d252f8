"""What only a real API server knows of the CRD: explain, columns, status, scale, ratcheting."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from e2e.cluster import Cluster, ClusterError
from tests.clusters import CRD
from tests.integration.crd.casefile import smallest
from tests.integration.crd.server import Server
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster
FLEETS = "llmdeployments.llmfleet.io"
COPY = "ratchet.example.org"
Document = dict[str, Any]


@pytest.fixture
def fleet(server: Server) -> Iterator[dict[str, Any]]:
    """One stored object with two replicas."""
    document = smallest() | {"spec": {"model": {"uri": "hf://org/name"}, "replicas": 2}}
    server.delete("case")
    status, stored = server.create(document, keep=True)
    assert status == 201, stored
    yield stored
    server.delete("case")


@pytest.mark.proves("R35")
def test_the_crd_is_structural_and_its_names_are_taken(cluster: Cluster) -> None:
    conditions = yaml.safe_load(cluster.kubectl("get", "crd", FLEETS, "-o", "yaml"))["status"]["conditions"]
    states = {each["type"]: each["status"] for each in conditions}
    assert states["Established"] == "True"
    assert states["NamesAccepted"] == "True"
    assert "NonStructuralSchema" not in states


@pytest.mark.proves("R36")
def test_explain_prints_the_descriptions(cluster: Cluster) -> None:
    text = " ".join(cluster.kubectl("explain", "llm.spec.engine.maxModelLen").split())
    assert "Longest prompt plus answer, tokens. Default:" in text


@pytest.mark.proves("R39")
def test_the_status_of_a_new_object_says_that_nothing_was_observed(fleet: dict[str, Any]) -> None:
    assert fleet["status"] == {"observedGeneration": -1}


def test_no_default_is_written_into_the_spec(fleet: dict[str, Any]) -> None:
    assert fleet["spec"] == {"model": {"uri": "hf://org/name"}, "replicas": 2}


@pytest.mark.proves("R37")
def test_columns_show_readiness_reason_replicas_and_model(
    cluster: Cluster, server: Server, fleet: dict[str, Any]
) -> None:
    status = {
        "readySummary": "1/2",
        "adapters": {"summary": "7/8", "ready": 7, "loading": 1},
        "conditions": [{"type": "Ready", "status": "False", "reason": "Starting", "message": "x"}],
    }
    patch = yaml.safe_dump({"status": status})
    cluster.kubectl("patch", "-n", server.namespace, "llm", "case", "--subresource=status", "--type=merge", "-p", patch)
    header, row = cluster.kubectl("get", "-n", server.namespace, "llmfleet").splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "REPLICAS", "MODEL", "ADAPTERS", "AGE"]
    assert row.split()[:6] == ["case", "False", "Starting", "1/2", "hf://org/name", "7/8"]


@pytest.mark.proves("R49")
def test_scale_changes_the_replicas_and_reports_the_selector(
    cluster: Cluster, server: Server, fleet: dict[str, Any]
) -> None:
    patch = '{"status": {"replicas": 2, "selector": "llmfleet.io/uid=1"}}'
    cluster.kubectl("patch", "-n", server.namespace, "llm", "case", "--subresource=status", "--type=merge", "-p", patch)
    cluster.kubectl("scale", "-n", server.namespace, "llm/case", "--replicas=3")
    _, scale = server.get("case", "/scale")
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 2, "selector": "llmfleet.io/uid=1"}


@pytest.mark.proves("S9")
def test_scale_is_refused_while_autoscaling_is_set(cluster: Cluster, server: Server, fleet: dict[str, Any]) -> None:
    fleet["spec"]["autoscaling"] = {"maxReplicas": 4, "targets": {"queueDepth": 4}}
    assert server.update(fleet, keep=True)[0] == 200
    with pytest.raises(ClusterError, match="replicas is ignored while autoscaling is set"):
        cluster.kubectl("scale", "-n", server.namespace, "llm/case", "--replicas=3")


@pytest.mark.proves("S1")
def test_a_misspelt_field_is_refused_by_apply(cluster: Cluster) -> None:
    document = smallest() | {"spec": {"model": {"url": "hf://org/name", "uri": "hf://org/name"}}}
    with pytest.raises(ClusterError, match=r'unknown field "spec.model.url"'):
        cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(document))


@pytest.fixture
def copied(cluster: Cluster) -> Iterator[Document]:
    """Our definition under another group: what is done to it concerns no other test."""
    definition: Document = yaml.safe_load(CRD.read_text(encoding="utf-8"))
    spec, names = definition["spec"], definition["spec"]["names"]
    spec["group"] = COPY
    definition["metadata"] = {"name": f"{names['plural']}.{COPY}"}
    for short in ("shortNames", "categories"):
        names.pop(short, None)
    define(cluster, definition)
    cluster.kubectl("wait", "--for=condition=Established", f"crd/{definition['metadata']['name']}", "--timeout=30s")
    yield definition
    cluster.kubectl("delete", "crd", definition["metadata"]["name"], "--wait=false")


@pytest.mark.proves("R32")
def test_an_old_object_that_a_new_rule_would_refuse_can_still_be_edited_elsewhere(
    cluster: Cluster, server: Server, copied: Document
) -> None:
    """Ratcheting: an unchanged field is not judged again, so that a tighter schema does not freeze old objects."""
    old = smallest() | {"apiVersion": f"{COPY}/v1alpha1"}

    def apply(document: Document, *arguments: str) -> str:
        given = ("apply", "-n", server.namespace, *arguments, "-f", "-")
        return cluster.kubectl(*given, input=yaml.safe_dump(document))

    eventually(lambda: _worded(lambda: apply(old)), lambda said: "created" in said)
    version = copied["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    version["properties"]["spec"]["properties"]["model"]["properties"]["uri"]["pattern"] = "^pvc://"
    define(cluster, copied)
    other = old | {"metadata": {"name": "other"}}
    eventually(lambda: _worded(lambda: apply(other, "--dry-run=server")), lambda said: "^pvc://" in said)
    assert "configured" in apply(old | {"spec": {**old["spec"], "replicas": 5}})


def define(cluster: Cluster, definition: Document) -> None:
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=yaml.safe_dump(definition))


def _worded(ask: Callable[[], str]) -> str:
    """The server takes a changed definition into use a moment after it was stored."""
    try:
        return ask()
    except ClusterError as error:
        return str(error)
