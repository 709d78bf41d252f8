"""Manifests as unified diffs: what we set, before and after. What only the server or others set is left out."""

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from llmfleet import names
from llmfleet.core import manifests
from llmfleet.core.plan import Apply, Delete, Plan, Ref
from llmfleet.core.scene import recorded
from llmfleet.core.world import Observed, Raw

NOTHING = "/dev/null"
_RECORD = "ControllerRevision"
"""Not shown: it repeats the pod template of its Deployment and the document of its ConfigMap."""


def differences(observed: Observed, plan: Plan, old: Raw | None) -> str:
    """One unified diff over the object's spec and every child that the plan touches; ``old`` is the object now."""
    spec_before = _text({"spec": old.get("spec", {})}) if old else ""
    chunks = [
        _diff(f"{names.KIND}/{observed.raw['metadata']['name']}", spec_before, _text({"spec": observed.raw["spec"]}))
    ]
    for action in (*plan.actions, *_later(observed, plan)):
        if isinstance(action, Apply) and action.ref.kind != _RECORD:
            chunks.append(_of_apply(observed, plan, action))
        elif isinstance(action, Delete) and action.ref.kind != _RECORD:
            gone = _text(_shown(observed.children[action.ref]))
            chunks.append(_diff(str(action.ref), gone, "", after=NOTHING))
    return "".join(chunks)


def _later(observed: Observed, plan: Plan) -> Iterator[Apply]:
    """The Deployment of a new revision for which room is made first."""
    deployment, refs = observed.deployment, {action.ref: action for action in plan.actions}
    record = next((action for ref, action in refs.items() if ref.kind == _RECORD), None)
    if deployment is None or not isinstance(record, Apply) or Ref("Deployment", record.ref.name) in refs:
        return
    manifest = manifests.fleet(deployment, plan.revision, manifests.frozen_of(record.manifest), plan.desired)
    yield Apply(Ref("Deployment", record.ref.name), manifest, "", "")


def _of_apply(observed: Observed, plan: Plan, action: Apply) -> str:
    """The child itself before, else the same child of the revision that is replaced."""
    after, live = _text(_shown(action.manifest)), observed.children.get(action.ref)
    if live is not None:
        return _diff(str(action.ref), _text(_shown(_within(action.manifest, live))), after)
    ref, before = next(_predecessor(observed, plan, action), (None, {}))
    if ref is None:
        return _diff(NOTHING, "", after, after=str(action.ref))
    old = ref.name.removeprefix(f"{observed.raw['metadata']['name']}-")
    return _diff(str(ref), _text(_shown(before)).replace(old, plan.revision), after, after=str(action.ref))


def _predecessor(observed: Observed, plan: Plan, action: Apply) -> Iterator[tuple[Ref, Mapping[str, Any]]]:
    """The Deployment or engine document of the largest other revision, as it was frozen."""
    deployment, fleets = observed.deployment, observed.fleets()
    others = sorted((size, name) for name, size in fleets.items() if name != plan.revision)
    if deployment is None or not others or not action.ref.name.endswith(plan.revision):
        return
    revision = others[-1][1]
    frozen, ref = (
        recorded(observed, deployment, revision),
        Ref(action.ref.kind, names.revision_name(deployment.name, revision)),
    )
    if frozen and action.ref.kind == "Deployment":
        yield ref, manifests.fleet(deployment, revision, frozen, action.manifest["spec"]["replicas"])
    elif frozen and action.ref.kind == "ConfigMap":
        yield ref, manifests.engine_config_map(deployment, revision, frozen)


def _within(intended: Any, live: Any) -> Any:
    """The members of the live object that we set; those we no longer set are known by their manager."""
    if isinstance(intended, Mapping) and isinstance(live, Mapping):
        found = {
            key: value if key in manifests.NORMALISED else _within(value, live[key])
            for key, value in intended.items()
            if key in live
        }
        if "managedFields" in live:
            found["annotations"] = found.get("annotations", {}) | _managed_annotations(live)
        return found
    if isinstance(intended, list) and isinstance(live, list) and len(intended) == len(live):
        return [_within(ours, theirs) for ours, theirs in zip(intended, live, strict=True)]
    return live


def _managed_annotations(metadata: Mapping[str, Any]) -> dict[str, str]:
    entries = [each for each in metadata["managedFields"] if each.get("manager") == names.CHILDREN_MANAGER]
    fields = [each.get("fieldsV1", {}).get("f:metadata", {}).get("f:annotations", {}) for each in entries]
    ours = {field.removeprefix("f:") for each in fields for field in each}
    return {key: value for key, value in (metadata.get("annotations") or {}).items() if key in ours}


def _shown(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What people read of a manifest: no owner, no stamp, no status; documents in JSON opened up."""
    metadata = manifest["metadata"]
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if k != names.INTENT_ANNOTATION}
    kept = {"name": metadata["name"], "labels": metadata.get("labels"), "annotations": annotations}
    rest = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "metadata", "status")}
    if isinstance(rest.get("data"), Mapping):
        rest["data"] = {name: _opened(name, text) for name, text in rest["data"].items()}
    return {"metadata": {key: value for key, value in kept.items() if value}, **rest}


def _opened(name: str, text: Any) -> Any:
    try:
        return json.loads(text) if name.endswith(".json") else text
    except (TypeError, ValueError):
        return text


def _text(value: Mapping[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=True, allow_unicode=True, width=10_000)


def _diff(before: str, old: str, new: str, after: str = "") -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), before, after or before, lineterm="")
    return "".join(f"{line}\n" for line in lines)
