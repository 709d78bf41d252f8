"""A new revision is made with what was found out about its model, or refused for it; what runs goes on."""

from dataclasses import replace

import pytest

from llmfleet.api.conditions import Reason
from llmfleet.core.plan import Outcomes
from llmfleet.core.status import derive
from llmfleet_runtime.contract import Findings, QuantizationFacts
from tests.builders import (
    NOW,
    Modifier,
    Raw,
    child,
    children,
    deployment,
    fleet,
    gpus_free,
    look,
    pod,
    ready,
    revision,
    with_spec,
    with_status,
)
from tests.unit.operator.fit.models import public
from tests.unit.operator.inspected import (
    FACTS,
    H100,
    applied,
    engine,
    inspector,
    job,
    planned,
    told,
)

LARGE = Findings(facts=public("meta-llama/Llama-3.1-70B"))


def test_what_does_not_fit_is_judged_again_and_not_forgiven_while_products_are_out_of_sight() -> None:
    raw = deployment()
    seen = replace(told(raw, LARGE), capacity=gpus_free(8, **H100))
    first = planned(seen)
    assert (first.actions, first.blocked[0].reason, first.recheck_after) == ((), Reason.DOES_NOT_FIT, 60.0)
    status = derive(seen, first, Outcomes(), NOW).model_dump(mode="json", by_alias=True, exclude_none=True)
    blind = told(deployment(with_status(**status)), LARGE)
    assert planned(blind).blocked == first.blocked
    assert applied(planned(told(raw, LARGE)))[-1] == "Deployment"


def test_what_the_engine_taught_is_used_for_the_next_revision_of_the_same_image() -> None:
    taught = {"learned": [{"engineVersion": "0.32.0", "percent": 90, "time": NOW}]}
    for image, percent in (("cuda:1", 90), ("cuda:2", None)):
        raw = deployment(with_status(fit=taught, resolved={"image": image, "engineVersion": "0.32.0"}))
        observed = replace(told(raw, Findings(facts=FACTS)), capacity=gpus_free(8, **H100))
        kept = planned(observed).actions[0].manifest["data"]["model"]
        assert kept["fit"].get("learnedPercent") == percent


def test_with_facts_the_revision_is_made_and_keeps_them() -> None:
    observed = replace(told(deployment(), Findings(facts=FACTS, commit="abc")), capacity=gpus_free(8, **H100))
    found = planned(observed)
    assert applied(found)[0] == "ControllerRevision"
    kept = found.actions[0].manifest["data"]["model"]
    assert (kept["facts"]["architecture"], kept["commit"]) == ("LlamaForCausalLM", "abc")
    assert kept["fit"]["product"] == "NVIDIA-H100-80GB-HBM3"
    assert engine(found).max_model_len == 131072


@pytest.mark.parametrize(
    ("edit", "commit", "expected"),
    [
        (with_spec(), "abc", "abc"),
        (with_spec(model={"revision": "release"}), "abc", "abc"),
        (with_spec(model={"revision": "release"}), None, "release"),
        (with_spec(model={"uri": "pvc://models/tiny"}), None, None),
    ],
    ids=["a branch by default", "a branch", "a hub that tells no commit", "a claim"],
)
def test_all_pods_of_a_revision_get_the_commit_that_was_inspected(
    edit: Modifier, commit: str | None, expected: str | None
) -> None:
    assert engine(planned(told(deployment(edit), Findings(facts=FACTS, commit=commit)))).revision == expected


DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("uri", "commit", "expected"),
    [
        ("oci://host/team/tiny:v1", DIGEST, f"oci://host/team/tiny:v1@{DIGEST}"),
        (f"oci://host/team/tiny@{DIGEST}", DIGEST, f"oci://host/team/tiny@{DIGEST}"),
        ("oci://host/team/tiny:v1", None, "oci://host/team/tiny:v1"),
        ("s3://models/tiny", "abc", "s3://models/tiny"),
    ],
    ids=["a tag", "a digest", "an image of before", "a bucket, of which nobody can ask for yesterday's objects"],
)
def test_pods_fetch_what_a_tag_meant_when_it_was_inspected(uri: str, commit: str | None, expected: str) -> None:
    raw = deployment(with_spec(model={"uri": uri}))
    made = engine(planned(told(raw, Findings(facts=FACTS, commit=commit))))
    assert (made.model, made.revision) == (expected, None)


def test_a_further_revision_of_the_same_model_keeps_the_commit_and_a_restart_takes_the_newest() -> None:
    before = deployment()
    made, pods = made_with(before, Findings(facts=FACTS, commit="abc")), [pod(revision(before), ready())]
    edited = deployment(with_spec(resources={"limits": {"memory": "64Gi"}}))
    assert engine(planned(look(edited, made, pods))).revision == "abc"
    restarted = deployment(with_spec(rollout={"restartTime": "2026-11-21T12:00:00Z"}))
    begun = job(restarted)
    newest = inspector(begun, Findings(facts=FACTS, commit="def").to_json())
    assert engine(planned(look(restarted, [*made, begun], [*pods, newest]))).revision == "def"


V100 = {"nvidia.com/gpu.product": "Tesla-V100-SXM2-32GB"}
AWQ = Findings(facts=FACTS.model_copy(update={"quantization": QuantizationFacts(method="awq", scheme="4 bits")}))
TRIED = {"resolved": {"image": "mine:1", "engineVersion": "0.32.1"}}
UNTRIED = {"resolved": {"image": "mine:1", "engineVersion": "0.40.0"}}


@pytest.mark.proves("S21", "R09")
@pytest.mark.parametrize("accelerator", [{"products": [*V100.values()]}, {}], ids=["named", "the cluster's"])
@pytest.mark.parametrize("strategy", ["InPlace", "Surge"])
def test_a_serving_fleet_keeps_its_pods_when_its_gpus_cannot_run_the_new_checkpoint(
    accelerator: Raw, strategy: str
) -> None:
    before = deployment(with_spec(accelerator=accelerator, rollout={"type": strategy}))
    after = deployment(with_spec(accelerator=accelerator, rollout={"type": strategy}, model={"uri": "hf://a/awq"}))
    begun = job(after)
    pods = [pod(revision(before), ready()), inspector(begun, AWQ.to_json())]
    made = [*made_with(before, Findings(facts=FACTS)), begun]
    observed = replace(look(after, made, pods), capacity=gpus_free(0, **V100))
    found = planned(observed)
    assert (found.actions, [each.reason for each in found.blocked]) == ((), [Reason.QUANTIZATION_UNSUPPORTED])
    status = derive(observed, found, Outcomes(), NOW)
    conditions = {each.type: each for each in status.conditions}
    assert (status.ready_replicas, conditions["Available"].status) == (1, "True")
    assert (conditions["Stalled"].status, conditions["Stalled"].reason) == ("True", Reason.QUANTIZATION_UNSUPPORTED)
    assert (
        "the weights of model.uri are awq, 4 bits, which need compute capability 7.5" in conditions["Stalled"].message
    )


def test_what_the_clusters_gpus_cannot_run_stays_refused_while_they_are_out_of_sight_and_not_on_newer_ones() -> None:
    raw = deployment()
    seen = replace(told(raw, AWQ), capacity=gpus_free(8, **V100))
    first = planned(seen)
    assert (first.actions, first.recheck_after) == ((), 60.0)
    status = derive(seen, first, Outcomes(), NOW).model_dump(mode="json", by_alias=True, exclude_none=True)
    blind = told(deployment(with_status(**status)), AWQ)
    assert planned(blind).blocked == first.blocked
    assert applied(planned(replace(blind, capacity=gpus_free(8, **H100))))[-1] == "Deployment"


@pytest.mark.parametrize(
    ("image", "status", "is_refused"),
    [(None, {}, True), ("mine:1", {}, False), ("mine:1", TRIED, True), ("mine:1", UNTRIED, False)],
    ids=["the operator's", "an own one that never ran", "one of a version that was tried", "one that was not"],
)
def test_weights_are_judged_where_the_engines_version_is_known(
    image: str | None, status: Raw, *, is_refused: bool
) -> None:
    engine = {"image": image} if image else {}
    raw = deployment(with_spec(engine=engine, accelerator={"products": [*V100.values()]}), with_status(**status))
    assert bool(planned(told(raw, AWQ)).blocked) is is_refused


def made_with(raw: Raw, found: Findings) -> list[Raw]:
    """The children of a revision that was made with facts."""
    first = planned(told(raw, found))
    record = next(each.manifest for each in first.actions if each.ref.kind == "ControllerRevision")
    return [child(record), *[each for each in children(raw) if each["kind"] != "ControllerRevision"]]


def test_once_the_revision_has_its_record_the_job_goes() -> None:
    raw = deployment()
    begun = job(raw)
    pods = [pod(revision(raw), ready()), inspector(begun, Findings(facts=FACTS).to_json())]
    found = planned(look(raw, [*made_with(raw, Findings(facts=FACTS)), begun], pods))
    assert [(type(each).__name__, each.ref.kind) for each in found.actions] == [("Delete", "Job")]


@pytest.mark.parametrize(
    ("edit", "is_looked_at"),
    [
        (with_spec(engine={"maxModelLen": 4096}), False),
        (with_spec(resources={"limits": {"memory": "64Gi"}}), False),
        (with_spec(model={"uri": "hf://Qwen/Qwen3-14B"}), True),
        (with_spec(model={"revision": "v2"}), True),
        (with_spec(model={"credentials": {"secretName": "hub"}}), True),
        (with_spec(rollout={"restartTime": "2026-11-21T12:00:00Z"}), True),
    ],
)
def test_revisions_of_the_same_model_share_what_was_found(edit: Modifier, *, is_looked_at: bool) -> None:
    before = deployment()
    after = deployment(edit)
    pods = [pod(revision(before), ready())]
    found = planned(look(after, made_with(before, Findings(facts=FACTS)), pods))
    assert ("Job" in applied(found)) is is_looked_at
    assert ("ControllerRevision" in applied(found)) is not is_looked_at


def test_what_runs_follows_its_size_while_a_new_model_is_looked_at() -> None:
    before = deployment()
    after = deployment(with_spec(model={"uri": "hf://a/b"}, replicas=3))
    pods = [pod(revision(before), ready())]
    found = planned(look(after, children(before), pods))
    (sized,) = (each for each in found.actions if each.ref.kind == "Deployment")
    assert (sized.ref.name, sized.manifest["spec"]["replicas"]) == (f"qwen-{revision(before)}", 3)
    assert "Job" in applied(found)


def test_a_rollout_under_way_is_left_as_it_is_meanwhile() -> None:
    one, two = deployment(), deployment(with_spec(engine={"maxModelLen": 512}))
    after = deployment(with_spec(model={"uri": "hf://a/b"}, replicas=3))
    found = planned(look(after, [*children(one), fleet(two, 1)], [pod(revision(one), ready())]))
    assert applied(found) == ["Job"]
