"""The inspection of a new revision's model: before its pods, not for long, and once for each model."""

from dataclasses import replace
from typing import Any

import pytest

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core import manifests
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Delete, Outcomes
from llmfleet.core.status import derive
from llmfleet.core.verdict import verdict
from llmfleet_runtime.contract import Findings, InspectionReason
from tests.builders import (
    DEFAULTS,
    NOW,
    Modifier,
    Raw,
    deployment,
    look,
    parsed,
    revision,
    settled,
    with_metadata,
    with_spec,
    with_status,
)
from tests.unit.operator.inspected import (
    FACTS,
    INSPECTING,
    LATE,
    SOON,
    applied,
    engine,
    inspector,
    job,
    planned,
    refused,
    told,
)


def test_a_new_model_is_looked_at_before_anything_is_made() -> None:
    raw = deployment()
    found = planned(look(raw))
    assert applied(found) == ["Job"]
    assert found.actions[0].ref.name == f"qwen-{revision(raw)}-facts"
    status = derive(look(raw), found, Outcomes(), NOW)
    (reconciling,) = (each for each in status.conditions if each.type == "Reconciling")
    assert (reconciling.status, reconciling.reason) == ("True", "Inspecting")


@pytest.mark.parametrize(
    ("raw", "defaults"),
    [
        (deployment(with_spec(model={"uri": "file:///models/tiny"})), INSPECTING),
        (deployment(), DEFAULTS),
    ],
    ids=["a model in the image", "turned off"],
)
def test_no_job_where_it_can_add_nothing(raw: Raw, defaults: Any) -> None:
    found = plan(look(raw), defaults, NOW)
    assert "Job" not in applied(found)
    assert applied(found)[-1] == "Deployment"


def test_while_it_runs_it_is_waited_for_and_not_begun_again() -> None:
    raw = deployment()
    begun = job(raw)
    found = planned(look(raw, [begun], [inspector(begun, None)]), SOON)
    assert (found.actions, found.blocked[0].reason, found.recheck_after) == ((), Reason.INSPECTING, 50.0)


@pytest.mark.parametrize(
    ("modifiers", "message", "now"),
    [
        ((), None, LATE),
        ((), "no document", NOW),
        ((), "", NOW),
        ((), refused(InspectionReason.MODEL_DOWNLOAD_FAILED).to_json(), NOW),
        ((with_status(conditions=[{"type": "Failed", "status": "True"}]),), None, NOW),
    ],
    ids=["no answer in time", "an image of before", "killed", "the hub is not there", "the Job has failed"],
)
def test_whatever_keeps_it_from_answering_the_fleet_goes_on(
    modifiers: tuple[Modifier, ...], message: str | None, now: str
) -> None:
    raw = deployment()
    begun = job(raw, *modifiers)
    found = planned(look(raw, [begun], [inspector(begun, message)]), now)
    assert applied(found)[-1] == "Deployment"
    assert engine(found).max_model_len is None


@pytest.mark.parametrize(
    ("status", "goes_on", "later"),
    [
        ({"containerStatuses": [{"name": "inspection", "state": {"waiting": {"reason": "ContainerCreating"}}}]}, 0, 0),
        ({"containerStatuses": [{"name": "inspection", "state": {"waiting": {"reason": "ErrImagePull"}}}]}, 1, 1),
        ({"containerStatuses": [{"name": "sidecar", "state": {"waiting": {"reason": "ErrImagePull"}}}]}, 0, 0),
        ({"conditions": [{"type": "PodScheduled", "status": "False"}]}, 0, 1),
        ({"conditions": [{"type": "PodScheduled", "status": "True"}]}, 0, 0),
        ({}, 0, 0),
    ],
    ids=str,
)
def test_what_keeps_it_from_starting_the_fleet_tells_itself(status: Raw, goes_on: int, later: int) -> None:
    raw = deployment()
    begun = job(raw)
    stuck = {**inspector(begun, None), "status": status}
    passes = [planned(look(raw, [begun], [stuck]), now) for now in (SOON, "2026-11-21T12:00:16Z")]
    assert [int("Deployment" in applied(each)) for each in passes] == [goes_on, later]


def test_a_cluster_that_takes_no_job_gets_the_fleet_without() -> None:
    observed = replace(look(deployment()), inspection_refused=True)
    assert "Job" not in applied(planned(observed))
    assert applied(planned(observed))[-1] == "Deployment"


REFUSALS = [
    InspectionReason.MODEL_NOT_FOUND,
    InspectionReason.MODEL_ACCESS_DENIED,
    InspectionReason.MODEL_INVALID,
    InspectionReason.UNSAFE_WEIGHTS,
]


@pytest.mark.proves("S41", "S43")
@pytest.mark.parametrize("reason", REFUSALS)
def test_a_model_that_no_engine_could_load_stops_the_revision_by_its_reason(reason: InspectionReason) -> None:
    raw = deployment()
    observed = told(raw, refused(reason))
    found = planned(observed, SOON)
    assert (applied(found), found.blocked[0].reason) == ([], Reason(reason))
    answer = verdict(observed, found, Outcomes(), SOON)
    assert answer.stalled
    assert answer.message.startswith("the words | ")


def stalled_since(time: str, reason: InspectionReason) -> Modifier:
    told = {"type": "Stalled", "status": "True", "reason": str(reason), "message": "the words | do this"}
    return with_status(conditions=[{**told, "observedGeneration": 1, "lastTransitionTime": time}])


def test_a_refused_model_is_looked_at_again_ever_less_often() -> None:
    reason = InspectionReason.MODEL_NOT_FOUND
    young = deployment(stalled_since("2026-11-21T12:00:00Z", reason))
    waits = planned(told(young, refused(reason)), SOON)
    assert (waits.actions, waits.recheck_after) == ((), 20.0)
    (again,) = planned(told(young, refused(reason)), LATE).actions
    assert (type(again), again.ref.kind) == (Delete, "Job")
    old = deployment(stalled_since("2026-11-21T11:00:00Z", reason))
    assert planned(told(old, refused(reason)), LATE).actions == ()


def test_a_first_refusal_is_looked_at_again_soon_however_long_the_fleet_was_well() -> None:
    well = {"type": "Stalled", "status": "False", "reason": "NoFailure", "lastTransitionTime": "2026-11-20T12:00:00Z"}
    raw = deployment(with_status(conditions=[well]))
    assert planned(told(raw, refused(InspectionReason.MODEL_NOT_FOUND)), SOON).recheck_after == 20.0


def test_a_job_that_is_leaving_is_neither_asked_nor_made_again() -> None:
    raw = deployment()
    leaving = job(raw, with_metadata(deletionTimestamp=NOW))
    found = planned(look(raw, [leaving], [inspector(leaving, Findings(facts=FACTS).to_json())]), LATE)
    assert (found.actions, found.blocked[0].reason) == ((), Reason.INSPECTING)


def test_while_it_is_looked_at_again_it_stays_refused() -> None:
    raw = deployment(stalled_since(NOW, InspectionReason.UNSAFE_WEIGHTS))
    found = planned(look(raw))
    assert applied(found) == ["Job"]
    assert (found.blocked[0].reason, found.blocked[0].message) == (Reason.UNSAFE_WEIGHTS, "the words")


def test_a_corrected_spec_is_inspected_and_the_old_job_goes() -> None:
    before = deployment()
    raw = deployment(with_spec(model={"uri": "hf://a/b"}), stalled_since(NOW, InspectionReason.UNSAFE_WEIGHTS))
    raw["metadata"]["generation"] = 2
    found = planned(look(raw, [job(before)]))
    assert [(type(each).__name__, each.ref.kind) for each in found.actions] == [("Delete", "Job"), ("Apply", "Job")]
    assert found.blocked[0].reason is Reason.INSPECTING


def test_what_exists_is_never_looked_at_again() -> None:
    assert planned(settled(deployment())).actions == ()


def test_the_job_has_a_name_that_fits_and_a_pod_that_no_selector_of_ours_matches() -> None:
    raw = deployment(with_metadata(name="a" * names.MAX_NAME_LENGTH))
    manifest = manifests.inspection_job(parsed(raw), revision(raw), INSPECTING)
    assert len(manifest["metadata"]["name"]) <= 63
    labels = manifest["spec"]["template"]["metadata"]["labels"]
    assert not {names.UID_LABEL, names.REVISION_LABEL} & set(labels)
    assert labels[names.DEPLOYMENT_LABEL] == "a" * names.MAX_NAME_LENGTH


@pytest.mark.parametrize(
    ("accelerator", "wanted", "taint"),
    [
        ({}, {"key": "nvidia.com/gpu.product", "operator": "Exists"}, "nvidia.com/gpu"),
        (
            {"type": "AMD", "products": ["AMD_Instinct_MI300X_OAM"]},
            {"key": "amd.com/gpu.product-name", "operator": "In", "values": ["AMD_Instinct_MI300X_OAM"]},
            "amd.com/gpu",
        ),
    ],
    ids=["any", "AMD"],
)
def test_it_runs_rather_where_the_pods_will_so_that_their_image_is_there(
    accelerator: Raw, wanted: Raw, taint: str
) -> None:
    raw = deployment(with_spec(accelerator=accelerator, pod={"tolerations": [{"key": "mine", "operator": "Exists"}]}))
    pod = manifests.inspection_job(parsed(raw), revision(raw), INSPECTING)["spec"]["template"]["spec"]
    (preferred,) = pod["affinity"]["nodeAffinity"].pop("preferredDuringSchedulingIgnoredDuringExecution")
    assert (preferred["preference"]["matchExpressions"], pod["affinity"]) == ([wanted], {"nodeAffinity": {}})
    assert [each["key"] for each in pod["tolerations"]] == ["mine", taint]


def test_of_a_fleet_without_gpus_it_runs_where_the_fleet_may() -> None:
    raw = deployment(with_spec(accelerator={"type": "CPU"}))
    pod = manifests.inspection_job(parsed(raw), revision(raw), INSPECTING)["spec"]["template"]["spec"]
    assert not {"affinity", "tolerations"} & set(pod)


def test_whoever_selects_the_users_labels_gets_no_requests_sent_there() -> None:
    raw = deployment(with_spec(pod={"labels": {"app": "mine"}}))
    job_spec = manifests.inspection_job(parsed(raw), revision(raw), INSPECTING)["spec"]
    (container,) = job_spec["template"]["spec"]["containers"]
    assert job_spec["template"]["metadata"]["labels"]["app"] == "mine"
    assert container["readinessProbe"]["initialDelaySeconds"] > job_spec["activeDeadlineSeconds"]
