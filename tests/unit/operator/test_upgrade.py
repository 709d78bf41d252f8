"""A newer operator says what it would make differently, and changes nothing."""

import json
from dataclasses import replace

import pytest

from llmfleet.api.conditions import ConditionType
from llmfleet.core import fleet
from llmfleet.core.plan import Outcomes
from llmfleet.core.status import derive
from llmfleet.core.template import Defaults
from llmfleet.core.upgrade import MOST_SHOWN
from llmfleet_runtime.contract import Findings
from tests.builders import DEFAULTS, NOW, child, deployment, gpus_free, look, pod, ready, revision, settled, with_spec
from tests.unit.operator.inspected import FACTS, H100, planned, told

ONE = deployment()
NEWER = replace(DEFAULTS, images={kind: f"{image}.1" for kind, image in DEFAULTS.images.items()})


@pytest.mark.proves("R31")
def test_a_newer_operator_touches_no_running_revision_and_says_the_difference() -> None:
    plan = fleet.plan(settled(ONE), NEWER, NOW)
    assert plan.actions == ()
    assert 'spec.containers[0].image: "cuda:1" -> "cuda:1.1"' in plan.upgrade
    status = derive(settled(ONE), plan, Outcomes(), NOW)
    found = next(each for each in status.conditions if each.type == ConditionType.UPGRADE_AVAILABLE)
    assert (found.status, found.reason, found.message) == ("True", "UpgradeAvailable", plan.upgrade)


def test_the_same_operator_has_nothing_to_say() -> None:
    assert fleet.plan(settled(ONE), DEFAULTS, NOW).upgrade == ""


def test_settings_that_change_no_pod_of_this_fleet_are_no_upgrade() -> None:
    pinned = deployment(with_spec(engine={"image": "mine:1"}))
    assert fleet.plan(settled(pinned), NEWER, NOW).upgrade == ""


def test_a_live_setting_is_no_upgrade() -> None:
    edited = settled(ONE).raw | {"spec": {**ONE["spec"], "lifecycle": {"drainTimeoutSeconds": 7}}}
    before = settled(ONE)
    observed = replace(before, raw=edited, deployment=settled(edited).deployment)
    other = replace(DEFAULTS, images=dict(DEFAULTS.images), endpoint_lag_seconds=9.0)
    assert "drainTimeoutSeconds" not in fleet.plan(observed, other, NOW).upgrade


@pytest.mark.parametrize(
    ("uri", "member", "pinned"),
    [("hf://org/tiny", "revision", "sha256:1"), ("oci://host/tiny:v1", "model", "oci://host/tiny:v1@sha256:1")],
)
def test_what_was_found_out_about_the_model_is_no_upgrade(uri: str, member: str, pinned: str) -> None:
    raw = deployment(with_spec(model={"uri": uri}))
    made = planned(replace(told(raw, Findings(facts=FACTS, commit="sha256:1")), capacity=gpus_free(8, **H100)))
    record = next(child(each.manifest) for each in made.actions if each.ref.kind == "ControllerRevision")
    engine = json.loads(record["data"]["engine"])
    assert (engine[member], engine["maxModelLen"]) == (pinned, 131_072)
    others = [each for each in settled(raw).children.values() if each["kind"] != "ControllerRevision"]
    said = fleet.plan(look(raw, [record, *others], [pod(revision(raw), ready())]), NEWER, NOW).upgrade
    assert said == 'pod.spec.containers[0].image: "cuda:1" -> "cuda:1.1"'


def test_a_restart_takes_the_upgrade() -> None:
    restarted = deployment(with_spec(rollout={"restartTime": "2026-11-21T13:00:00Z"}))
    observed = replace(settled(ONE), raw=restarted, deployment=settled(restarted).deployment)
    plan = fleet.plan(observed, NEWER, NOW)
    assert plan.upgrade == ""
    record = next(action for action in plan.actions if action.ref.kind == "ControllerRevision")
    assert record.manifest["data"]["image"] == "cuda:1.1"


def test_a_long_difference_is_cut_short() -> None:
    many: Defaults = replace(NEWER, hf_endpoint="https://hub.example", endpoint_lag_seconds=30.0)
    said = fleet.plan(settled(ONE), many, NOW).upgrade
    assert said.count(" -> ") <= MOST_SHOWN
    assert len(said) < 1024
