"""Whatever becomes of an inspection, it never changes what runs, and never keeps a revision waiting for ever."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from llmfleet import names
from llmfleet.core import manifests
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Apply, Delete
from llmfleet_runtime.contract import Findings, InspectionReason, ModelFacts
from tests.builders import (
    DEFAULTS,
    NOW,
    child,
    children,
    deployment,
    look,
    parsed,
    pod,
    ready,
    revision,
    with_metadata,
    with_spec,
    with_status,
)

INSPECTING = replace(DEFAULTS, inspection_timeout_seconds=60.0)
REPORTS = st.one_of(
    st.text(max_size=20),
    st.builds(Findings, reason=st.sampled_from(InspectionReason), message=st.text(max_size=20)).map(Findings.to_json),
    st.builds(Findings, facts=st.builds(ModelFacts, heads=st.sampled_from([None, 7, 32]))).map(Findings.to_json),
)
STATES = st.one_of(
    st.just({"running": {}}),
    st.sampled_from(["ContainerCreating", "ErrImagePull"]).map(lambda reason: {"waiting": {"reason": reason}}),
    REPORTS.map(lambda text: {"terminated": {"message": text, "finishedAt": NOW}}),
)
BEFORE = deployment(with_spec(model={"uri": "hf://org/before"}))
AFTER = deployment(with_spec(engine={"parallelism": {"tensor": 2}}, replicas=2))
TIMES = st.integers(0, 3599).map(lambda seconds: f"2026-11-21T12:{seconds // 60:02}:{seconds % 60:02}Z")


@given(state=st.none() | STATES, has_job=st.booleans(), has_failed=st.booleans(), now=TIMES)
def test_what_runs_is_only_ever_sized_and_the_wait_ends(state, has_job: bool, has_failed: bool, now: str) -> None:  # noqa: FBT001 because hypothesis passes by keyword
    failed = [with_status(conditions=[{"type": "Failed", "status": "True"}])] if has_failed else []
    manifest = manifests.inspection_job(parsed(AFTER), revision(AFTER), INSPECTING)
    job = child(manifest, with_metadata(creationTimestamp=NOW), *failed)
    owner = [{"kind": "Job", "name": "x", "uid": job["metadata"]["uid"], "controller": True}]
    statuses = [{"name": names.INSPECTION_CONTAINER, "state": state}] if state else []
    inspector = {"kind": "Pod", "metadata": {"name": "i", "uid": "i", "ownerReferences": owner}, "spec": {}}
    inspector["status"] = {"containerStatuses": statuses}
    before = children(BEFORE)
    observed = look(AFTER, [*before, *([job] if has_job else [])], [pod(revision(BEFORE), ready()), inspector])
    found = plan(observed, INSPECTING, now)
    assert [each for each in found.actions if isinstance(each, Delete) and each.ref.kind != "Job"] == []
    templates = [raw["spec"]["template"] for raw in before if raw["kind"] == "Deployment"]
    for each in found.actions:
        if isinstance(each, Apply) and each.ref.name == f"qwen-{revision(BEFORE)}" and each.ref.kind == "Deployment":
            assert each.manifest["spec"]["template"] in templates
            assert each.manifest["spec"]["replicas"] >= 1
    is_waiting = any(each.reason == "Inspecting" for each in found.blocked)
    assert not (is_waiting and has_job and found.recheck_after is None)
    assert not (is_waiting and has_job and now >= "2026-11-21T12:01:00Z")
