"""A new revision's model is inspected by a real Job before its pods are made; what the Job's pod says is played."""

import json

import pytest

from e2e.cluster import Cluster
from llmfleet_runtime.contract import Findings, InspectionReason
from tests.inspectors import answer, lay_ready, play
from tests.integration.operator.conftest import Start
from tests.integration.operator.fleet import Fleet
from tests.integration.operator.operator_process import eventually
from tests.unit.operator.fit.models import public
from tests.unit.operator.test_inspection import REFUSALS

pytestmark = pytest.mark.cluster
H100 = {"products": ["NVIDIA-H100-80GB-HBM3"]}
COMMIT = "c0ffee"
SMALL, LARGE = (Findings(facts=public(f"meta-llama/Llama-3.1-{size}"), commit=COMMIT) for size in ("8B", "70B"))


@pytest.fixture(autouse=True)
def _played(cluster: Cluster) -> None:
    play(cluster)


def test_facts_come_before_pods_and_what_does_not_fit_leaves_the_fleet_alone(start: Start, fleet: Fleet) -> None:
    start(INSPECTION_TIMEOUT_SECONDS="60")
    fleet.create(model={"uri": "hf://org/small"}, accelerator=H100, replicas=1)
    told = fleet.await_condition("Reconciling")
    assert (told["reason"], fleet.list("deployments")) == ("Inspecting", [])
    answer(fleet, SMALL)
    fleet.await_condition("Ready")
    seen = eventually(fleet.get, lambda raw: "fit" in raw["status"])
    assert seen["status"]["fit"]["product"] == H100["products"][0]
    assert seen["status"]["fit"]["kvBytesPerToken"] == 131_072
    assert eventually(lambda: fleet.list("jobs"), lambda jobs: not jobs) == []
    engine = next(raw["data"]["engine.json"] for raw in fleet.list("configmaps") if "engine.json" in raw["data"])
    assert (json.loads(engine)["maxModelLen"], json.loads(engine)["revision"]) == (131_072, COMMIT)
    (before,) = fleet.list("deployments")
    lay_ready(fleet, LARGE)
    fleet.edit(model={"uri": "hf://org/large"})
    stalled = fleet.await_condition("Stalled")
    assert stalled["reason"] == "DoesNotFit"
    assert (
        "134.7 GiB are taken without any cache, 72.8 GiB may be used. Would fit: tensor parallel 4"
        in stalled["message"]
    )
    assert [raw["metadata"]["uid"] for raw in fleet.list("deployments")] == [before["metadata"]["uid"]]
    assert fleet.ready_pods() == 1
    fleet.edit(engine={"parallelism": {"tensor": 4}})
    fleet.await_condition("Ready")


@pytest.mark.proves("S41")
def test_a_model_that_is_not_there_is_named_and_looked_for_again(start: Start, fleet: Fleet) -> None:
    start(INSPECTION_TIMEOUT_SECONDS="60")
    lay_ready(fleet, Findings(reason=InspectionReason.MODEL_NOT_FOUND, message="absent: 404"))
    fleet.create(model={"uri": "s3://absent", "files": {"include": ["q4*"]}}, accelerator=H100, replicas=1)
    told = fleet.await_condition("Stalled")
    assert (told["reason"], told["message"].partition(" | ")[0]) == ("ModelNotFound", "absent: 404")
    lay_ready(fleet, SMALL)
    fleet.await_condition("Ready")


@pytest.mark.proves("R09", "S41", "S43")
@pytest.mark.parametrize("reason", REFUSALS)
def test_a_broken_model_is_named_soon_and_the_fleet_that_serves_is_left_alone(
    start: Start, fleet: Fleet, reason: InspectionReason
) -> None:
    start(INSPECTION_TIMEOUT_SECONDS="60")
    lay_ready(fleet, SMALL)
    fleet.create(model={"uri": "hf://org/small"}, accelerator=H100, replicas=1)
    fleet.await_condition("Ready")
    serving = [raw["metadata"]["uid"] for kind in ("deployments", "pods") for raw in fleet.list(kind)]
    lay_ready(fleet, Findings(reason=reason, message="the words"))
    fleet.edit(model={"uri": "hf://org/broken"})
    told = eventually(lambda: fleet.condition("Stalled"), lambda found: found.get("status") == "True", 30)
    assert (told["reason"], told["message"].partition(" | ")[0]) == (reason, "the words")
    assert fleet.condition("Available")["status"] == "True"
    fleet.edit(model={"uri": "hf://org/small"})
    fleet.await_condition("Ready")
    assert [raw["metadata"]["uid"] for kind in ("deployments", "pods") for raw in fleet.list(kind)] == serving


def test_a_namespace_that_takes_no_jobs_gets_its_fleet_without(start: Start, fleet: Fleet) -> None:
    fleet.kubectl("create", "quota", "none", "--hard=count/jobs.batch=0")
    start(INSPECTION_TIMEOUT_SECONDS="60")
    fleet.create(model={"uri": "hf://org/small"}, accelerator=H100, replicas=1)
    fleet.await_condition("Ready")
    assert "fit" not in fleet.get()["status"]
