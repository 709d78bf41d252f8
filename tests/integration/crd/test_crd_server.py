"""What only a real API server knows of the CRD: explain, columns, status, scale, ratcheting."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from e2e.cluster import Cluster, ClusterError
from tests.clusters import CRD
from tests.integration.crd.casefile import smallest
from tests.integration.crd.server import Server

pytestmark = pytest.mark.cluster
FLEETS = "llmdeployments.llmfleet.io"


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
def test_columns_show_readiness_reason_replicas_and_model(cluster: Cluster, fleet: dict[str, Any]) -> None:
    status = {
        "readySummary": "1/2",
        "adapters": {"summary": "7/8", "ready": 7, "loading": 1},
        "conditions": [{"type": "Ready", "status": "False", "reason": "Starting", "message": "x"}],
    }
    patch = yaml.safe_dump({"status": status})
    cluster.kubectl("patch", "llm", "case", "--subresource=status", "--type=merge", "-p", patch)
    header, row = cluster.kubectl("get", "llmfleet").splitlines()
    assert header.split() == ["NAME", "READY", "REASON", "REPLICAS", "MODEL", "ADAPTERS", "AGE"]
    assert row.split()[:6] == ["case", "False", "Starting", "1/2", "hf://org/name", "7/8"]


@pytest.mark.proves("R49")
def test_scale_changes_the_replicas_and_reports_the_selector(
    cluster: Cluster, server: Server, fleet: dict[str, Any]
) -> None:
    patch = '{"status": {"replicas": 2, "selector": "llmfleet.io/uid=1"}}'
    cluster.kubectl("patch", "llm", "case", "--subresource=status", "--type=merge", "-p", patch)
    cluster.kubectl("scale", "llm/case", "--replicas=3")
    _, scale = server.get("case", "/scale")
    assert scale["spec"] == {"replicas": 3}
    assert scale["status"] == {"replicas": 2, "selector": "llmfleet.io/uid=1"}


@pytest.mark.proves("S9")
def test_scale_is_refused_while_autoscaling_is_set(cluster: Cluster, server: Server, fleet: dict[str, Any]) -> None:
    fleet["spec"]["autoscaling"] = {"maxReplicas": 4, "targets": {"queueDepth": 4}}
    assert server.update(fleet, keep=True)[0] == 200
    with pytest.raises(ClusterError, match="replicas is ignored while autoscaling is set"):
        cluster.kubectl("scale", "llm/case", "--replicas=3")


@pytest.mark.proves("S1")
def test_a_misspelt_field_is_refused_by_apply(cluster: Cluster) -> None:
    document = smallest() | {"spec": {"model": {"url": "hf://org/name", "uri": "hf://org/name"}}}
    with pytest.raises(ClusterError, match=r'unknown field "spec.model.url"'):
        cluster.kubectl("apply", "-f", "-", input=yaml.safe_dump(document))


@pytest.mark.proves("R32")
def test_an_old_object_that_a_new_rule_would_refuse_can_still_be_edited_elsewhere(
    cluster: Cluster, server: Server, fleet: dict[str, Any]
) -> None:
    """Ratcheting: an unchanged field is not judged again, so that a tighter schema does not freeze old objects."""
    other = smallest() | {"metadata": {"name": "other", "namespace": "default"}}
    tighter = yaml.safe_load(CRD.read_text(encoding="utf-8"))
    spec = tighter["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    spec["model"]["properties"]["uri"]["pattern"] = "^pvc://"
    try:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input=yaml.safe_dump(tighter))
        _ask_until(server, other, 422)
        fleet["spec"]["replicas"] = 5
        assert server.update(fleet)[0] == 200
    finally:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRD))
        _ask_until(server, other, 201)


def _ask_until(server: Server, document: dict[str, Any], status: int) -> None:
    """The server takes a changed CRD into use a moment after it was stored; each ask takes milliseconds."""
    if not any(server.create(document)[0] == status for _ in range(3000)):
        pytest.fail("the changed CRD did not come into use")
