"""Jobs that make checkpoints and what their pods say, and plans that heed them."""

from dataclasses import replace
from typing import Any

from llmfleet import names
from llmfleet.core import manifests
from llmfleet.core.fleet import plan
from llmfleet.core.plan import Apply, Plan
from llmfleet.core.production import order
from llmfleet.core.world import Observed
from llmfleet_runtime.contract import (
    SERVED_AS,
    Findings,
    Made,
    ModelFacts,
    Order,
    Production,
    Quality,
    QuantizationFacts,
)
from tests.builders import (
    NOW,
    SHARED,
    Modifier,
    Raw,
    child,
    deployment,
    look,
    parsed,
    revision,
    with_metadata,
    with_spec,
    with_status,
)
from tests.unit.operator.inspected import FACTS, INSPECTING, inspector
from tests.unit.operator.inspected import job as facts_job

IMAGE = "quantize:1"
PRODUCING = replace(INSPECTING, quantize_image=IMAGE)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
LATER, MUCH_LATER = "2026-11-21T12:00:40Z", "2026-11-21T12:10:01Z"
INT4 = QuantizationFacts(method="compressed-tensors", scheme="INT4 group weight-only")
MADE = FACTS.model_copy(update={"quantization": INT4})


def asked(*modifiers: Modifier, method: str = "AWQ", **model: Any) -> Raw:
    wanted = {"method": method, "source": "Produced"}
    return deployment(with_spec(model={"cache": SHARED, **model}, quantization=wanted), *modifiers)


def planned(observed: Observed, now: str = NOW) -> Plan:
    return plan(observed, PRODUCING, now)


def inspected(raw: Raw, facts: ModelFacts = FACTS) -> tuple[Raw, Raw]:
    """The Job that has read the source, and its pod."""
    begun = facts_job(raw)
    return begun, inspector(begun, Findings(facts=facts, commit=COMMIT).to_json())


def job(raw: Raw, *modifiers: Modifier, commit: str | None = COMMIT) -> Raw:
    wanted = order(parsed(raw), commit)
    manifest = manifests.quantizing_job(parsed(raw), revision(raw), wanted, 2**30, PRODUCING)
    return child(manifest, with_metadata(creationTimestamp=NOW), *modifiers)


def over(kind: str) -> Modifier:
    return with_status(conditions=[{"type": kind, "status": "True", "lastTransitionTime": NOW, "message": "words"}])


def maker(of: Raw, name: str = "maker", **state: Any) -> Raw:
    owner = {"kind": "Job", "name": of["metadata"]["name"], "uid": of["metadata"]["uid"], "controller": True}
    metadata = {"name": name, "uid": f"uid-{name}", "ownerReferences": [owner]}
    metadata["labels"] = names.job_labels("qwen", names.QUANTIZING_NAME)
    status: Raw = {"phase": "Running", "podIP": "10.0.0.9"} if "running" in state else {"phase": "Pending"}
    status["containerStatuses"] = [{"name": names.QUANTIZING_CONTAINER, "state": state}]
    return {"kind": "Pod", "metadata": metadata, "spec": {}, "status": status}


def ended(of: Raw, message: str, code: int = 0, at: str = NOW, name: str = "maker") -> Raw:
    reason = "Error" if code else "Completed"
    return maker(of, name, terminated={"message": message, "exitCode": code, "reason": reason, "finishedAt": at})


def result(raw: Raw) -> str:
    wanted = order(parsed(raw), COMMIT)
    method = wanted.methods[0]
    quality = Quality(by="transformers 5", tokens=100, perplexity=9.5, agreement=0.97)
    made = Made(
        method=method,
        folder=f"{wanted.out}/{method.lower()}",
        bytes=5 * 2**30,
        precision=str(INT4),
        requirement=SERVED_AS[method],
        quality=quality,
    )
    source = quality.model_copy(update={"perplexity": 9.31, "agreement": None})
    return Production(made=made, source=source, facts=MADE).to_json()


def made(raw: Raw, *others: Raw) -> Observed:
    begun = job(raw, over("Complete"))
    return look(raw, [*others, begun], [ended(begun, result(raw))])


def ordered(found: Plan) -> Order:
    (begun,) = (each for each in found.actions if isinstance(each, Apply) and each.ref.name.endswith("-quant"))
    return Order.model_validate_json(begun.manifest["spec"]["template"]["spec"]["containers"][0]["command"][-1])
