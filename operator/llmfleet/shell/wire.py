"""What is read of a watched object as the server writes it; what is passed over is never made into anything.

Half of an object is its managed fields, and half of the rest of a pod is what it was made from.
"""

from typing import Any, Generic, TypeVar

import msgspec
import orjson

from llmfleet.core.world import Raw


class _Metadata(msgspec.Struct, rename="camel"):
    """ObjectMeta but its managedFields (apimachinery, pkg/apis/meta/v1/types.go)."""

    name: Any = None
    generate_name: Any = None
    namespace: Any = None
    uid: Any = None
    resource_version: Any = None
    generation: Any = None
    creation_timestamp: Any = None
    deletion_timestamp: Any = None
    deletion_grace_period_seconds: Any = None
    labels: Any = None
    annotations: Any = None
    owner_references: Any = None
    finalizers: Any = None


class _Object(msgspec.Struct, rename="camel"):
    """All members that a watched kind has."""

    metadata: _Metadata | None = None
    api_version: Any = None
    kind: Any = None
    spec: Any = None
    status: Any = None
    data: Any = None
    binary_data: Any = None
    immutable: Any = None
    revision: Any = None


class _PodSpec(msgspec.Struct, rename="camel"):
    node_name: Any = None


class _Pod(_Object):
    spec: _PodSpec | None = None


T = TypeVar("T", bound=_Object)


class _Event(msgspec.Struct, Generic[T]):
    type: str
    object: T


_OBJECTS = msgspec.json.Decoder(_Object)
_EVENTS, _POD_EVENTS = msgspec.json.Decoder(_Event[_Object]), msgspec.json.Decoder(_Event[_Pod])


def watched(text: bytes) -> Raw:
    """An object other than a pod. ValueError where the text is none."""
    return _builtin(_OBJECTS, text)


def event(kind: str, line: bytes) -> dict[str, Any]:
    """An event of a watch, its ``type`` and ``object``; an ERROR, whose object is a Status, whole.

    ValueError where the line is none.
    """
    found = _builtin(_POD_EVENTS if kind == "Pod" else _EVENTS, line)
    if found["type"] != "ERROR":
        return found
    whole: dict[str, Any] = orjson.loads(line)
    return whole


def _builtin(decoder: msgspec.json.Decoder[Any], text: bytes) -> dict[str, Any]:
    try:
        return _members(decoder.decode(text))
    except msgspec.DecodeError as error:
        raise ValueError(f"not what a server writes of an object: {error}") from error


def _members(found: msgspec.Struct) -> dict[str, Any]:
    """What is set, under its name on the wire. Not ``to_builtins``, which copies all that is in it."""
    named = zip(found.__struct_encode_fields__, msgspec.structs.astuple(found), strict=True)
    return {
        name: _members(value) if isinstance(value, msgspec.Struct) else value
        for name, value in named
        if value is not None
    }
