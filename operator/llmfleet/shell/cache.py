"""The watched objects in memory: filled by listings, fed by watches, overlaid with the answers to our own writes.

They are held as JSON, a quarter of the size of what is read from it, and read anew for whoever asks.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from llmfleet import names
from llmfleet.core.foreign import Scaler
from llmfleet.core.plan import Ref
from llmfleet.core.world import Raw, labels
from llmfleet.shell.departures import Departures
from llmfleet.shell.ports import Key

_UNUSED_METADATA = ("managedFields", "selfLink")
_OF_A_PODS_SPEC = ("nodeName",)


def trimmed(raw: Mapping[str, Any]) -> Raw:
    """The object without what nobody reads, to keep memory small."""
    metadata = {key: value for key, value in raw["metadata"].items() if key not in _UNUSED_METADATA}
    slim = {**raw, "metadata": metadata}
    if raw["kind"] == "Pod":
        slim["spec"] = {key: value for key, value in raw.get("spec", {}).items() if key in _OF_A_PODS_SPEC}
    return slim


def key_of(raw: Raw) -> Key | None:
    """The LLMDeployment an object is or belongs to."""
    metadata = raw["metadata"]
    name = metadata["name"] if raw["kind"] == names.KIND else labels(raw).get(names.DEPLOYMENT_LABEL)
    return Key(metadata["namespace"], name) if name else None


@dataclass(frozen=True, slots=True)
class _Held:
    """One object: what tells it from its forerunners, and its JSON."""

    uid: str
    version: str
    text: bytes

    @property
    def raw(self) -> Raw:
        found: Raw = orjson.loads(self.text)
        return found


class Cache:
    """Objects by owner. An older version of an object never replaces a newer one."""

    def __init__(self) -> None:
        """Empty."""
        self._objects: dict[Key, dict[Ref, _Held]] = {}
        self._departures = Departures()
        self._scalers: dict[Key, tuple[Scaler, ...]] = {}

    def put(self, raw: Mapping[str, Any]) -> Key | None:
        """Take an object as seen or as answered to a write; the key it belongs to, None for strangers."""
        key = key_of(raw)
        if key is None:
            return None
        mine, ref = self._objects.setdefault(key, {}), _ref(raw)
        known, version = mine.get(ref), _version(raw)
        # Comparable as numbers since Kubernetes 1.35 (KEP-5504).
        if known is None or int(version) >= int(known.version) or _uid(raw) != known.uid:
            mine[ref] = _Held(_uid(raw), version, orjson.dumps(trimmed(raw)))
        return key

    def drop(self, raw: Mapping[str, Any]) -> Key | None:
        """Forget an object that is gone, unless its name was born again meanwhile."""
        key = key_of(raw)
        if key is None:
            return None
        mine = self._objects.get(key, {})
        known = mine.get(_ref(raw))
        is_known = known is not None and known.uid == _uid(raw)
        if is_known:
            del mine[_ref(raw)]
        if raw["kind"] == "Pod" and (is_known or self._departures.knows(key, _uid(raw))):
            self._departures.gone(key, trimmed(raw))
        if not self._has_owner(key):
            self._departures.forget(key)
        if not mine:
            self._objects.pop(key, None)
        return key

    def replace(
        self,
        listed: Iterable[Mapping[str, Any]],
        kinds: frozenset[str],
        before: Mapping[str, str],
        namespace: str | None = None,
    ) -> set[Key]:
        """Bring the cache level with a full listing of ``kinds``, of one namespace or all; the keys that differ.

        ``before`` is ``versions()`` from before the listing: what was put since is not dropped, and what was
        dropped since is not put.
        """
        changed: set[Key] = set()
        seen: set[str] = set()
        dropped = before.keys() - self.versions().keys()
        for raw in listed:
            seen.add(_uid(raw))
            if _uid(raw) not in dropped and before.get(_uid(raw)) != raw["metadata"]["resourceVersion"]:
                key = self.put(raw)
                changed |= {key} if key else set()
        for key, objects in list(self._objects.items()):
            if namespace not in (None, key.namespace):
                continue
            for ref, held in list(objects.items()):
                if ref.kind in kinds and held.uid not in seen and held.uid in before:
                    self.drop(held.raw)
                    changed.add(key)
        return changed

    def versions(self) -> dict[str, str]:
        """Resource version of every object, by UID."""
        return {held.uid: held.version for objects in self._objects.values() for held in objects.values()}

    def owner(self, key: Key) -> Raw | None:
        """The LLMDeployment itself."""
        held = self._objects.get(key, {}).get(Ref(names.KIND, key.name))
        return held.raw if held else None

    def children(self, key: Key) -> list[Raw]:
        """Everything that carries the LLMDeployment's label but pods."""
        return [held.raw for ref, held in self._objects.get(key, {}).items() if ref.kind not in (names.KIND, "Pod")]

    def pods(self, key: Key) -> list[Raw]:
        """Its pods."""
        return [held.raw for ref, held in self._objects.get(key, {}).items() if ref.kind == "Pod"]

    def put_scalers(self, listed: Mapping[Key, Iterable[Scaler]], namespace: str | None = None) -> set[Key]:
        """Take the autoscalers of others, of one namespace or all, by the fleet they may aim at; keys that differ."""
        before = self._scalers
        elsewhere = {key: each for key, each in before.items() if namespace not in (None, key.namespace)}
        found = {key: tuple(sorted(each, key=lambda scaler: scaler.name)) for key, each in listed.items()}
        self._scalers = elsewhere | found
        return {key for key in before.keys() | self._scalers.keys() if before.get(key) != self._scalers.get(key)}

    def scalers(self, key: Key) -> tuple[Scaler, ...]:
        """Autoscalers of others that may aim at it."""
        return self._scalers.get(key, ())

    def departed(self, key: Key) -> list[Raw]:
        """The last states of its pods that have ended and were not entered yet."""
        return self._departures.pending(key, self.pods(key))

    def enter(self, key: Key, pods: Iterable[Raw]) -> None:
        """These ended pods are accounted for."""
        self._departures.enter(key, map(_uid, pods), {_uid(pod) for pod in self.pods(key)})

    def keys(self) -> list[Key]:
        """LLMDeployments that exist."""
        return [key for key in self._objects if self._has_owner(key)]

    def _has_owner(self, key: Key) -> bool:
        return Ref(names.KIND, key.name) in self._objects.get(key, {})


def _ref(raw: Mapping[str, Any]) -> Ref:
    return Ref(raw["kind"], raw["metadata"]["name"])


def _uid(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"]["uid"])


def _version(raw: Mapping[str, Any]) -> str:
    return str(raw["metadata"].get("resourceVersion", "0"))
