"""A Secret that a fleet names: its content goes from the user to the kubelet and is seen nowhere between."""

import pytest

from e2e.cluster import ClusterError
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import KINDS, Fleet

pytestmark = pytest.mark.cluster
SENTINEL = "hf_sentinel_4711"
MODEL = {"uri": "hf://org/gated", "credentials": {"secretName": "hub"}}


@pytest.fixture
def secret(fleet: Fleet) -> None:
    fleet.kubectl("create", "secret", "generic", "hub", f"--from-literal=HF_TOKEN={SENTINEL}")


@pytest.mark.proves("R71")
def test_its_content_stands_in_no_object_event_log_or_metric(start: Start, fleet: Fleet, secret: None) -> None:
    operator = start()
    fleet.create(model=MODEL)
    fleet.await_condition("Ready")
    (variable,) = [each for each in fleet.list("pods")[0]["spec"]["containers"][0]["env"] if each["name"] == "HF_TOKEN"]
    assert variable["valueFrom"] == {"secretKeyRef": {"name": "hub", "key": "HF_TOKEN"}}
    kept = fleet.kubectl("get", f"llm,{KINDS},pods,replicasets,events", "-o", "yaml")
    written = operator.log.read_text(encoding="utf-8") + operator.page("/metrics")[1]
    assert "hub" in kept
    assert SENTINEL not in kept + written


@pytest.mark.proves("R66", "R69", "R71")
def test_the_operator_has_no_right_to_read_it(fleet: Fleet, user: str, secret: None) -> None:
    with pytest.raises(ClusterError, match="cannot get resource"):
        fleet.kubectl("get", "secret", "hub", f"--as={user}")
