"""What is read of a watched object as the server writes it: the rest is passed over and never made into anything.

Half of an object is its managed fields, and half of the rest of a pod is what it was made from. Of what is left most is
kept for later as it is written: such a member is a ``msgspec.Raw``, and ``held`` keeps it as its text.
"""

from typing import Any, TypedDict

import msgspec
from msgspec import Raw as Text

from llmfleet import names
from llmfleet.core.world import Raw


class _Metadata(TypedDict, total=False):
    """ObjectMeta but its managedFields (apimachinery, pkg/apis/meta/v1/types.go)."""

    name: str
    generateName: str
    namespace: str
    uid: str
    resourceVersion: str
    generation: int
    creationTimestamp: Any
    deletionTimestamp: Any
    deletionGracePeriodSeconds: Any
    labels: Any
    annotations: Any
    ownerReferences: Any
    finalizers: Any


class _Object(TypedDict, total=False):
    metadata: _Metadata
    apiVersion: str
    kind: str


class _Own(_Object, total=False):
    spec: Any
    status: Any


class _Child(_Object, total=False):
    """All members that a child of any kind has."""

    spec: Text
    status: Any
    data: Text
    binaryData: Text
    immutable: Text
    revision: Text


class _PodSpec(TypedDict, total=False):
    nodeName: str


class _Pod(_Object, total=False):
    spec: _PodSpec
    status: Any


class _Event(msgspec.Struct):
    type: str
    object: Text


_ANY, _EVENT = msgspec.json.Decoder(), msgspec.json.Decoder(_Event)
_CHILD = msgspec.json.Decoder(_Child)
_OTHERS: dict[str, msgspec.json.Decoder[Any]] = {
    names.KIND: msgspec.json.Decoder(_Own),
    "Pod": msgspec.json.Decoder(_Pod),
}


def watched(kind: str, text: bytes | Text) -> Raw:
    """An object, for ``held`` alone to look into. ValueError where the text is none."""
    found: dict[str, Any] = _read(_OTHERS.get(kind, _CHILD), text)
    return found


def event(kind: str, line: bytes) -> dict[str, Any]:
    """An event of a watch, its ``type`` and ``object``; an ERROR, whose object is a Status, whole.

    ValueError where the line is none.
    """
    found: _Event = _read(_EVENT, line)
    is_error = found.type == "ERROR"
    return {"type": found.type, "object": _read(_ANY, found.object) if is_error else watched(kind, found.object)}


def _read(decoder: msgspec.json.Decoder[Any], text: bytes | Text) -> Any:
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"not what a server writes of an object: {error}") from error
