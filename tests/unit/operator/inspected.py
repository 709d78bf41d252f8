"""Inspection Jobs and what their pods say, and plans that heed them."""

from dataclasses import replace

from llmfleet import names
from llmfleet.core import manifests
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Apply, Plan
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import EngineConfig, Findings, InspectionReason
from tests.builders import DEFAULTS, NOW, Modifier, Raw, child, look, parsed, revision, with_metadata
from tests.unit.operator.fit.models import public

INSPECTING = replace(DEFAULTS, inspection_timeout_seconds=60.0)
FACTS = public("meta-llama/Llama-3.1-8B")
H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}
SOON, LATE = "2026-11-21T12:00:10Z", "2026-11-21T12:01:01Z"


def job(raw: Raw, *modifiers: Modifier) -> Raw:
    manifest = manifests.inspection_job(parsed(raw), revision(raw), INSPECTING)
    return child(manifest, with_metadata(creationTimestamp=NOW), *modifiers)


def inspector(of: Raw, message: str | None, ended: str = NOW) -> Raw:
    """The pod of a Job; without a message it still runs."""
    state: Raw = {"running": {}} if message is None else {"terminated": {"message": message, "finishedAt": ended}}
    owner = {"kind": "Job", "name": of["metadata"]["name"], "uid": of["metadata"]["uid"], "controller": True}
    metadata = {"name": "inspector", "uid": "uid-inspector", "ownerReferences": [owner]}
    container = {"name": names.INSPECTION_CONTAINER, "state": state}
    return {"kind": "Pod", "metadata": metadata, "spec": {}, "status": {"containerStatuses": [container]}}


def told(raw: Raw, found: Findings, *made: Raw, at: str = NOW) -> Observed:
    """The Job has answered."""
    begun = job(raw)
    return look(raw, [*made, begun], [inspector(begun, found.to_json(), at)])


def refused(reason: InspectionReason) -> Findings:
    return Findings(reason=reason, message="the words")


def planned(observed: Observed, now: str = NOW) -> Plan:
    return plan(observed, INSPECTING, now)


def applied(found: Plan) -> list[str]:
    return [each.ref.kind for each in found.actions if isinstance(each, Apply)]


def engine(found: Plan) -> EngineConfig:
    (document,) = (
        each.manifest["data"]["engine.json"]
        for each in found.actions
        if isinstance(each, Apply) and "engine.json" in each.manifest.get("data", {})
    )
    return EngineConfig.model_validate_json(document)
