"""What must hold however a run was disturbed: pure judgements on what was seen.

O1 the end is that of an undisturbed run      O5 every field has an effect (held by the property tests)
O2 with the same creates and deletes          O6 an illegal value changes nothing (held by case files and chains)
O3 whatever way led there                     O7 the operator never ends by itself and never shows a defect
O4 a bad spec taken back leaves nothing       O8 at rest nothing is written
                                              O9 a deleted object leaves nothing
O3 and O4 are O1 between two ways to one spec. That what serves never falls below its floor, ``floor`` holds meanwhile.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmfleet import names
from tests.faults.proxy import Exchange

Raw = dict[str, Any]
State = dict[str, Any]
"""Masked objects by kind and masked name."""
Counts = Counter[str]

TIME = re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"')
POD = re.compile(r"(<revision \d+>)-[a-z0-9]{5,10}-[a-z0-9]{5}\b")
COUNTED = re.compile(r'(\\*"(?:generation|observedGeneration|servedGeneration|revision|number)\\*":) \d+')
"""What counts edits: generations, the number of a revision, the number of the live document."""
FROZEN_DRAIN = re.compile(r'(\\*"drainTimeoutSeconds\\*":) [\d.]+')
"""A revision keeps the drain time that it was made with; the live document has the one that counts."""
OF_THE_SERVER = {"uid", "resourceVersion", "managedFields", "creationTimestamp", "generation", "selfLink"}
OF_OTHERS = ("deployment.kubernetes.io/",)
WITNESSED = {"drains"}
"""What a dead operator cannot have seen."""
CHILD_STATUS = {"replicas", "readyReplicas"}
ADDRESSES = {"clusterIP", "clusterIPs"}
DEFECTS = ("Traceback (most recent call last)", '"exc_info"')


def revision_numbers(objects: Iterable[Raw]) -> dict[str, int]:
    """Hash of each revision -> its number, from its ControllerRevision; the hash holds the object's UID."""
    return {
        raw["metadata"]["labels"][names.REVISION_LABEL]: int(raw["revision"])
        for raw in objects
        if raw["kind"] == "ControllerRevision"
    }


def seen_revisions(exchanges: Iterable[Exchange]) -> dict[str, int]:
    """The same from the writes that made them, for those that are gone by now."""
    bodies = (each.body for each in exchanges if each.request.resource == "controllerrevisions" and each.body)
    return revision_numbers(body for body in bodies if body.get("kind") == "ControllerRevision")


def end_state(objects: Sequence[Raw], revisions: Mapping[str, int]) -> State:
    """O1: the objects without what differs between two equal runs."""
    text = json.dumps([_own(raw) for raw in objects], sort_keys=True)
    owner = next((raw for raw in objects if raw["kind"] == names.KIND), None)
    for member in ("uid", "namespace", "name") if owner else ():
        text = re.sub(rf"\b{owner['metadata'][member]}\b", f"<{member}>", text)
    for revision, number in revisions.items():
        text = text.replace(revision, f"<revision {number}>")
    text = POD.sub(r"\1-<pod>", TIME.sub('"<time>"', text))
    masked = json.loads(text)
    for raw in masked:
        # Listed by their hash, which holds the UID.
        raw["status"].get("revisions", []).sort(key=lambda each: each["name"])
    return {f"{raw['kind']}/{raw['metadata']['name']}": raw for raw in masked}


def _own(raw: Raw) -> Raw:
    """One object without what the server and others put there."""
    metadata = {key: value for key, value in raw["metadata"].items() if key not in OF_THE_SERVER}
    annotations = metadata.get("annotations") or {}
    # The intent's hash holds the UID, and says no more than the object itself.
    metadata["annotations"] = {
        key: value
        for key, value in annotations.items()
        if not key.startswith(OF_OTHERS) and key != names.INTENT_ANNOTATION
    }
    masked = {**raw, "metadata": metadata}
    if raw["kind"] == names.KIND:
        masked["status"] = {key: value for key, value in raw.get("status", {}).items() if key not in WITNESSED}
        return masked
    masked["status"] = {key: value for key, value in raw.get("status", {}).items() if key in CHILD_STATUS}
    if raw["kind"] == "Service":
        masked["spec"] = {key: value for key, value in raw["spec"].items() if key not in ADDRESSES}
    return masked


def present_state(objects: Sequence[Raw]) -> State:
    """O3: the end without the way there: what an object that had the last spec from the start would have too."""
    owner = next(raw for raw in objects if raw["kind"] == names.KIND)
    present = owner.get("status", {}).get("revision", "")
    masked = end_state([raw for raw in objects if _revision(raw) in ("", present)], {present: 0})
    for raw in masked.values():
        if _revision(raw) and raw["kind"] in ("ControllerRevision", "ConfigMap"):
            raw["data"] = json.loads(FROZEN_DRAIN.sub(r"\1 0", json.dumps(raw["data"])))
    return dict(json.loads(COUNTED.sub(r"\1 0", json.dumps(masked))))


def _revision(raw: Raw) -> str:
    return str(raw["metadata"].get("labels", {}).get(names.REVISION_LABEL, ""))


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where two masked states differ, one line a member."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(expected.keys() | found.keys())
        return [line for key in keys for line in differences(expected.get(key), found.get(key), f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for index, (one, other) in pairs for line in differences(one, other, f"{path}[{index}]")]
    return [] if expected == found else [f"{path}: {found!r} instead of {expected!r}"]


def makes_and_deletes(exchanges: Iterable[Exchange], revisions: Mapping[str, int]) -> Counts:
    """O2: how often each object was made and deleted, by the server's own answers. Events aside: they may be lost."""
    found: Counts = Counter()
    for each in exchanges:
        request = each.request
        verb = "delete" if request.verb == "delete" else "create"
        done = each.code in (200, 202) if verb == "delete" else each.code == 201
        if each.forwarded and request.is_write and done and request.resource not in ("events", "leases"):
            found[_masked(f"{verb} {request.resource}/{request.name}", revisions)] += 1
    return found


def _masked(text: str, revisions: Mapping[str, int]) -> str:
    for revision, number in revisions.items():
        text = text.replace(revision, f"<revision {number}>")
    return text


def writes(exchanges: Iterable[Exchange]) -> list[Exchange]:
    """O8: the writes that the server got, the Lease's aside."""
    return [
        each for each in exchanges if each.forwarded and each.request.is_write and each.request.resource != "leases"
    ]


def defects(log: str) -> list[str]:
    """O7: the lines of the operator's log that show a defect."""
    return [line for line in log.splitlines() if any(sign in line for sign in DEFECTS)]


def left_over(objects: Iterable[Raw], uid: str) -> list[str]:
    """O9: what still belongs to a deleted object."""
    return sorted(
        f"{raw['kind']}/{raw['metadata']['name']}"
        for raw in objects
        if raw["metadata"].get("labels", {}).get(names.UID_LABEL) == uid
    )
