"""The watched objects in memory: filled by listings, fed by watches, overlaid with the answers to our own writes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmfleet import names
from llmfleet.core.foreign import Scaler
from llmfleet.core.plan import Ref
from llmfleet.core.world import Observed, Raw, labels, observe
from llmfleet.shell.departures import Departures
from llmfleet.shell.held import Held
from llmfleet.shell.ports import Key


def key_of(raw: Raw) -> Key | None:
    """The LLMDeployment an object is or belongs to."""
    metadata = raw["metadata"]
    name = metadata["name"] if raw["kind"] == names.KIND else labels(raw).get(names.DEPLOYMENT_LABEL)
    return Key(metadata["namespace"], name) if name else None


class Cache:
    """Objects by owner. An older version of an object never replaces a newer one."""

    def __init__(self, changed: Callable[[Key, Ref], None] = lambda *_: None) -> None:
        """``changed`` hears of each object that differs from before, and whose it is, whoever brought the news.

        So a fleet is looked at again after a write of ours, and the watch's echo of the write is none.
        """
        self._changed = changed
        self._objects: dict[Key, dict[Ref, Held]] = {}
        self._departures = Departures()
        self._editions: Counter[Key] = Counter()
        self._scalers: dict[Key, tuple[Scaler, ...]] = {}

    def put(self, raw: Mapping[str, Any]) -> None:
        """Take an object as seen or as answered to a write; a stranger's is left out."""
        key = key_of(raw)
        if key is None:
            return
        mine, ref = self._objects.setdefault(key, {}), _ref(raw)
        known = mine.get(ref)
        is_same = known is not None and known.uid == _uid(raw)
        # Comparable as numbers since Kubernetes 1.35 (KEP-5504).
        if known and is_same and int(_version(raw)) <= int(known.version):
            return
        mine[ref] = held = Held.of(raw)
        self._editions[key] += 1
        if not (known and is_same and known.text == held.text):
            self._tell(key, ref)

    def drop(self, raw: Mapping[str, Any]) -> None:
        """Forget an object that is gone, unless its name was born again meanwhile."""
        key = key_of(raw)
        if key is None:
            return
        mine = self._objects.get(key, {})
        known = mine.get(_ref(raw))
        is_known = known is not None and known.uid == _uid(raw)
        if is_known:
            del mine[_ref(raw)]
            self._editions[key] += 1
        if raw["kind"] == "Pod" and (is_known or self._departures.knows(key, _uid(raw))):
            self._departures.gone(key, Held.of(raw).raw)
        if not self._has_owner(key):
            self._departures.forget(key)
        if not mine:
            self._objects.pop(key, None)
        self._tell(key, _ref(raw))

    def edition(self, key: Key) -> int:
        """Another number whenever anything of a fleet is another, its versions included."""
        return self._editions[key]

    def _tell(self, key: Key, news: Ref) -> None:
        """Of children without an owner there is nothing to tell."""
        if news.kind == names.KIND or self._has_owner(key):
            self._changed(key, news)

    def identities(self, kinds: frozenset[str], namespace: str | None) -> dict[str, tuple[Key, Ref]]:
        """Every object of these kinds, in one namespace or all, by UID."""
        return {
            held.uid: (key, ref)
            for key, objects in self._objects.items()
            if namespace in (None, key.namespace)
            for ref, held in objects.items()
            if ref.kind in kinds
        }

    def get(self, key: Key, ref: Ref, uid: str = "") -> Raw | None:
        """One object; with ``uid`` only that very one."""
        held = self._objects.get(key, {}).get(ref)
        return held.raw if held and uid in ("", held.uid) else None

    def owner(self, key: Key) -> Raw | None:
        """The LLMDeployment itself."""
        return self.get(key, Ref(names.KIND, key.name))

    def children(self, key: Key) -> list[Raw]:
        """Everything that carries the LLMDeployment's label but pods."""
        return [held.raw for ref, held in self._objects.get(key, {}).items() if ref.kind not in (names.KIND, "Pod")]

    def pods(self, key: Key) -> list[Raw]:
        """Its pods."""
        return [held.raw for ref, held in self._objects.get(key, {}).items() if ref.kind == "Pod"]

    def look(self, key: Key) -> Observed | None:
        """The fleet as it is known, parsed; None when its object is gone."""
        raw = self.owner(key)
        return observe(raw, self.children(key), self.pods(key), scalers=self.scalers(key)) if raw else None

    def put_scalers(self, listed: Mapping[Key, Iterable[Scaler]], namespace: str | None = None) -> set[Key]:
        """Take the autoscalers of others, of one namespace or all, by the fleet they may aim at; keys that differ."""
        before = self._scalers
        elsewhere = {key: each for key, each in before.items() if namespace not in (None, key.namespace)}
        found = {key: tuple(sorted(each, key=lambda scaler: scaler.name)) for key, each in listed.items()}
        self._scalers = elsewhere | found
        differing = {key for key in before.keys() | self._scalers.keys() if before.get(key) != self._scalers.get(key)}
        self._editions.update(differing)
        return differing

    def scalers(self, key: Key) -> tuple[Scaler, ...]:
        """Autoscalers of others that may aim at it."""
        return self._scalers.get(key, ())

    def departed(self, key: Key) -> list[Raw]:
        """The last states of its pods that have ended and were not entered yet."""
        return self._departures.pending(key, self.pods(key))

    def enter(self, key: Key, pods: Iterable[Raw]) -> None:
        """These ended pods are accounted for."""
        present = {held.uid for held in self._objects.get(key, {}).values()}
        self._departures.enter(key, map(_uid, pods), present)

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
