"""``llmfleet plan`` against a real server: it foretells what applying does, and does nothing itself."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import pytest

from tests.builders import Raw
from tests.integration.operator.conftest import REPOSITORY, Start
from tests.integration.operator.fleet import KINDS, Fleet
from tests.integration.operator.operator_process import eventually

pytestmark = pytest.mark.cluster


@dataclass
class Planner:
    fleet: Fleet

    def __call__(self, **spec: Any) -> tuple[int, str]:
        """Exit code and output of a plan of the object with these members."""
        manifest = json.dumps(self.fleet.manifest(**spec))
        command = [sys.executable, "-m", "llmfleet", "plan", "-f", "-", "-o", "json"]
        paths = os.pathsep.join(str(REPOSITORY / part) for part in ("operator", "runtime"))
        environment = os.environ | {"KUBECONFIG": str(self.fleet.cluster.kubeconfig), "PYTHONPATH": paths}
        done = subprocess.run(command, input=manifest, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout if done.returncode != 1 else done.stderr

    def document(self, **spec: Any) -> Raw:
        code, output = self(**spec)
        assert code == 2, output
        (found,) = json.loads(output)
        return dict(found)


@pytest.fixture
def plan(fleet: Fleet) -> Planner:
    return Planner(fleet)


def apply(fleet: Fleet, **spec: Any) -> None:
    fleet.kubectl("apply", "-f", "-", document=fleet.manifest(**spec))


def test_of_a_new_object_every_child_is_foretold_and_none_is_made(fleet: Fleet, plan: Planner) -> None:
    kinds = [each["kind"] for each in plan.document()["actions"]]
    assert kinds == [
        "ControllerRevision", "ConfigMap", "ConfigMap", "Service", "PodDisruptionBudget", "Deployment"
    ]  # fmt: skip
    assert fleet.list(KINDS) == []
    assert json.loads(fleet.kubectl("get", "llm", "-o", "json"))["items"] == []


def test_a_settled_fleet_needs_nothing_and_an_edit_goes_as_it_was_foretold(
    start: Start, fleet: Fleet, plan: Planner
) -> None:
    start()
    apply(fleet, engine={"maxModelLen": 512})
    fleet.await_condition("Ready")
    assert plan(engine={"maxModelLen": 512})[0] == 0
    before, (old,) = fleet.get(), fleet.sizes()
    told = plan.document(replicas=3)  # without the engine's member, which an apply takes away
    assert (told["replicas"], [f"qwen-{each}" for each in told["replacedRevisions"]]) == (3, [old])
    assert fleet.get() == before
    apply(fleet, replicas=3)
    fleet.await_condition("Ready")
    eventually(fleet.sizes, lambda sizes: sizes == {f"qwen-{told['revision']}": 3})


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"replicas": -1}, "spec.replicas"),
        ({"engine": {"maxModelLen": 5}}, "spec.engine.maxModelLen"),
        ({"engine": {"maxModellLen": 512}}, "maxModellLen"),
        ({"autoscaling": {"maxReplicas": 4, "targets": {"queueDepth": 4}}, "replicas": 3}, "replicas is ignored"),
    ],
    ids=str,
)
def test_what_admission_would_refuse_is_said_in_its_words(fleet: Fleet, plan: Planner, edit: Raw, words: str) -> None:
    apply(fleet, autoscaling={"maxReplicas": 4, "targets": {"queueDepth": 4}})
    code, said = plan(**edit)
    assert code == 1
    assert words in said
    assert "Next:" in said


def test_a_cluster_without_the_namespace_is_said(fleet: Fleet) -> None:
    code, said = Planner(Fleet(fleet.cluster, "nowhere"))()
    assert (code, "nowhere" in said, "Next: create the namespace" in said) == (1, True, True)
