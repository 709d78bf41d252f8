"""A revision whose checkpoint a Job makes: not before it is there, never at the cost of what runs, tried again."""

import json
from dataclasses import replace

import pytest

from llmfleet import names
from llmfleet.api.conditions import Reason
from llmfleet.core import manifests
from llmfleet.core.download import speakers, with_arrivals
from llmfleet.core.entry import is_due
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Apply, Delete, Outcomes
from llmfleet.core.production import order
from llmfleet.core.status import derive
from llmfleet.core.template import engine_config, serving
from llmfleet.core.upgrade import difference
from llmfleet.core.verdict import verdict
from llmfleet.core.world import Report
from llmfleet_runtime.contract import SERVED_AS, EngineConfig, Phase, RuntimeStatus
from tests.builders import (
    NOW,
    Raw,
    child,
    children,
    deployment,
    fleet,
    gpus_free,
    look,
    parsed,
    pod,
    ready,
    record,
    revision,
    with_metadata,
    with_spec,
    with_status,
)
from tests.unit.operator.inspected import FACTS, H100, INSPECTING, applied, engine
from tests.unit.operator.produced import (
    COMMIT,
    IMAGE,
    INT4,
    LATER,
    MADE,
    PRODUCING,
    asked,
    inspected,
    job,
    made,
    maker,
    ordered,
    over,
    planned,
)


def test_without_an_image_for_it_the_object_is_refused_with_the_settings_name() -> None:
    found = plan(look(asked()), INSPECTING, NOW)
    assert (found.actions, found.blocked[0].reason) == ((), Reason.QUANTIZE_IMAGE_MISSING)
    answer = verdict(look(asked()), found, Outcomes(), NOW)
    assert answer.stalled
    assert "setting quantizeImage" in answer.message


def test_the_source_is_looked_at_first_and_then_its_checkpoint_is_ordered() -> None:
    raw = asked()
    assert [each.ref.name for each in planned(look(raw)).actions] == [f"qwen-{revision(raw)}-facts"]
    begun, said = inspected(raw)
    found = planned(look(raw, [begun], [said]))
    assert applied(found) == ["Job"]
    wanted = ordered(found)
    assert (wanted.model, wanted.revision, wanted.methods) == ("Qwen/Qwen3-8B", COMMIT, ("AWQ",))
    assert (found.blocked[0].reason, found.recheck_after) == (Reason.QUANTIZING, 10.0)


def test_the_job_has_its_own_image_the_shared_claim_and_room_for_the_weights() -> None:
    raw = asked(with_spec(model={"credentials": {"secretName": "hub"}}))
    begun, said = inspected(raw)
    manifest = next(
        each.manifest for each in planned(look(raw, [begun], [said])).actions if each.ref.name.endswith("-quant")
    )
    spec = manifest["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    weights = sum(each.bytes for each in FACTS.weights)
    assert container["image"] == IMAGE
    assert int(container["resources"]["requests"]["memory"]) == int(1.25 * weights) + 2 * 2**30
    assert {"name": "cache", "persistentVolumeClaim": {"claimName": "models"}} in spec["volumes"]
    assert {"name": "cache", "mountPath": "/var/cache/llmfleet"} in container["volumeMounts"]
    env = {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}
    assert env["HF_HOME"] == "/var/cache/llmfleet/huggingface"
    assert env["HF_TOKEN"]["secretKeyRef"]["name"] == "hub"
    assert names.UID_LABEL not in manifest["spec"]["template"]["metadata"]["labels"]
    assert "nvidia.com/gpu" not in json.dumps(container["resources"])


RESTARTED = with_spec(rollout={"restartTime": NOW})


@pytest.mark.parametrize("other", [asked(with_spec(engine={"maxConcurrency": 4})), asked(RESTARTED)])
def test_revisions_of_the_same_model_commit_and_method_share_a_checkpoint(other: Raw) -> None:
    assert order(parsed(asked()), COMMIT).out == order(parsed(other), COMMIT).out


@pytest.mark.parametrize(
    ("other", "commit", "before"),
    [
        (asked(), COMMIT[::-1], COMMIT),
        (asked(method="GPTQ"), COMMIT, COMMIT),
        (asked(uri="hf://Qwen/Qwen3-4B"), COMMIT, COMMIT),
        (asked(revision="release"), None, None),
        (asked(RESTARTED), None, None),
    ],
    ids=["a commit", "a method", "a model", "a branch", "a restart where no commit is known"],
)
def test_what_may_come_out_otherwise_has_a_place_of_its_own(other: Raw, commit: str | None, before: str | None) -> None:
    assert order(parsed(asked()), before).out != order(parsed(other), commit).out


def test_a_source_that_cannot_be_told_is_ordered_as_it_is_written() -> None:
    observed = replace(look(asked(revision="release")), inspection_refused=True)
    assert ordered(planned(observed)).revision == "release"


def test_a_model_of_a_claim_is_quantized_from_it() -> None:
    raw = asked(uri="pvc://store/tiny")
    manifest = manifests.quantizing_job(parsed(raw), revision(raw), order(parsed(raw), None), 1, PRODUCING)
    spec = manifest["spec"]["template"]["spec"]
    assert order(parsed(raw), None).model == "/models/tiny"
    assert {each["name"] for each in spec["volumes"]} == {"scratch", "cache", "model"}


def test_a_source_that_is_quantized_already_is_refused_before_anything_is_made() -> None:
    raw = asked()
    begun, said = inspected(raw, MADE)
    found = planned(look(raw, [begun], [said]))
    assert (applied(found), found.blocked[0].reason) == ([], Reason.QUANTIZATION_MISMATCH)
    assert "set quantization.source to Checkpoint" in found.blocked[0].message


def test_what_the_clusters_gpus_could_not_serve_is_refused_before_it_is_made_and_looked_at_again() -> None:
    raw = asked()
    begun, said = inspected(raw)
    seen = look(raw, [begun], [said])
    assert is_due(seen, revision(raw), PRODUCING, NOW)
    old = replace(seen, capacity=gpus_free(8, **{"nvidia.com/gpu.product": "Tesla-V100-SXM2-32GB"}))
    found = planned(old)
    assert (found.actions, found.blocked[0].reason) == ((), Reason.QUANTIZATION_UNSUPPORTED)
    assert found.recheck_after == 60.0
    status = derive(old, found, Outcomes(), NOW).model_dump(mode="json", by_alias=True, exclude_none=True)
    blind = look(asked(with_status(**status)), [begun], [said])
    assert planned(blind).blocked == found.blocked
    assert applied(planned(replace(blind, capacity=gpus_free(8, **H100)))) == ["Job"]


STATES = [
    ({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}, "ImagePullBackOff: no such image"),
    ({"running": {}}, "its pod starts"),
]


@pytest.mark.parametrize(("state", "words"), STATES)
def test_what_keeps_it_from_starting_is_said(state: Raw, words: str) -> None:
    raw = asked()
    begun = job(raw)
    found = planned(look(raw, [begun], [maker(begun, **state)]), LATER)
    assert (found.actions, found.recheck_after) == ((), 10.0)
    assert found.blocked[0].message == f"the checkpoint is being made: {words}"


def test_a_job_whose_pod_nobody_admits_says_where_to_look() -> None:
    raw = asked()
    begun = job(raw)
    told = planned(look(raw, [begun])).blocked[0].message
    assert told.endswith(f"its Job has no pod yet; kubectl describe job {begun['metadata']['name']} says why")


def test_a_node_that_is_missing_is_said() -> None:
    raw = asked()
    begun = job(raw)
    stuck = maker(begun)
    stuck["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]
    stuck["status"]["containerStatuses"] = []
    assert planned(look(raw, [begun], [stuck])).blocked[0].message.endswith("its pod finds no node: 0/3 nodes")


def test_how_far_it_is_comes_from_its_pod_into_the_status() -> None:
    raw = asked()
    begun = job(raw)
    seen = look(raw, [begun], [maker(begun, running={})])
    (speaker,) = speakers(seen)
    said = RuntimeStatus(phase=Phase.STARTING, since=1.0, message="AWQ: quantizing, 30 %")
    seen = with_arrivals(seen, {speaker.uid: Report(said)})
    status = derive(seen, planned(seen), Outcomes(), NOW)
    (told,) = (each for each in status.conditions if each.type == "Reconciling")
    assert (told.status, told.reason) == ("True", "Quantizing")
    assert told.message.startswith("the checkpoint is being made: AWQ: quantizing, 30 %")


def test_what_was_made_is_served_from_the_claim_as_what_it_is() -> None:
    raw = asked()
    observed = replace(made(raw), capacity=gpus_free(8, **H100))
    found = planned(observed)
    document = engine(found)
    assert document.model == f"{order(parsed(raw), COMMIT).out}/awq"
    assert (document.revision, document.quantization.method) == (None, "CompressedTensors")
    assert document.quantization.source == "Checkpoint"
    assert applied(found)[-1] == "Deployment"
    kept = found.actions[0].manifest["data"]["model"]
    assert (kept["commit"], kept["checkpoint"]) == (COMMIT, document.model)
    assert kept["facts"]["quantization"]["scheme"] == INT4.scheme
    assert document.max_model_len == 131_072


def test_how_it_did_beside_its_source_stands_in_the_status() -> None:
    raw = asked()
    kept = child(planned(made(raw)).actions[0].manifest)
    observed = look(raw, [kept])
    resolved = derive(observed, planned(observed), Outcomes(), NOW).resolved
    assert resolved is not None
    place = order(parsed(raw), COMMIT).out.removeprefix("/var/cache/llmfleet/")
    words = "5.0 GiB, perplexity 9.50, 9.31 of its source, 97.0% of the first choices are the source's"
    assert resolved.checkpoint == f"{place}/awq: {words}"


def test_what_was_made_for_one_revision_is_no_fact_about_its_source() -> None:
    raw = asked()
    kept = planned(made(raw)).actions[0].manifest
    plain = deployment(with_metadata(generation=2))
    found = planned(look(plain, [child(kept)]))
    assert found.blocked[0].reason is Reason.INSPECTING


def test_its_job_is_gone_once_the_revision_has_its_record() -> None:
    raw = asked()
    begun = job(raw, over("Complete"))
    found = planned(look(raw, [*children(raw), begun]))
    assert [each.ref.name for each in found.actions if isinstance(each, Delete)] == [begun["metadata"]["name"]]


def test_what_runs_is_left_alone_and_follows_its_size_meanwhile() -> None:
    old = deployment()
    raw = asked(with_spec(replicas=3))
    begun = job(raw)
    running = [record(old), fleet(old, 2)]
    found = planned(look(raw, [*running, begun], [pod("a", ready()), maker(begun, running={})]))
    assert [(each.ref.kind, each.manifest["spec"]["replicas"]) for each in found.actions if isinstance(each, Apply)
            and each.ref.kind == "Deployment"] == [("Deployment", 3)]  # fmt: skip
    assert found.blocked[0].reason is Reason.QUANTIZING


def test_a_job_of_an_earlier_spec_is_taken_away() -> None:
    old, raw = asked(), asked(method="FP8")
    before, now = job(old), job(raw)
    found = planned(look(raw, [before, now], [maker(now, running={})]))
    assert [each.ref.name for each in found.actions] == [before["metadata"]["name"]]


def test_an_operator_upgrade_finds_no_difference_in_such_a_revision() -> None:
    raw = asked()
    frozen_by = replace(PRODUCING, hf_endpoint="")
    found = planned(made(raw)).actions[0].manifest
    kept = replace(manifests.frozen_of(child(found)), made_by="another")
    assert difference(kept, parsed(raw), frozen_by) == ""


@pytest.mark.parametrize("method", SERVED_AS)
def test_each_method_is_served_as_what_its_checkpoint_is(method: str) -> None:
    ours = parsed(asked(method=method))
    found: EngineConfig = engine_config(serving(ours, "/var/cache/llmfleet/quantized/k/x"), PRODUCING)
    assert found.quantization is not None
    assert (found.model, found.quantization.method) == ("/var/cache/llmfleet/quantized/k/x", SERVED_AS[method])
