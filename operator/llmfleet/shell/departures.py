"""Pods that have ended, with their last state, until a pass has entered them into the drain ledger."""

from collections.abc import Container, Iterable

from llmfleet.core.pods import has_ended
from llmfleet.core.world import Raw
from llmfleet.shell.ports import Key

MOST_GONE = 256
"""Of one fleet, between two passes; the oldest are let go."""


class Departures:
    """Each pod is given out until it is entered, and never again."""

    def __init__(self) -> None:
        """Empty."""
        self._gone: dict[Key, dict[str, Raw]] = {}
        self._entered: set[str] = set()
        """Pods that are entered and still there."""

    def gone(self, key: Key, pod: Raw) -> None:
        """Keep the last state of a pod that is there no more."""
        uid = pod["metadata"]["uid"]
        if uid in self._entered:
            self._entered.remove(uid)
            return
        mine = self._gone.setdefault(key, {})
        mine[uid] = pod
        while len(mine) > MOST_GONE:
            del mine[next(iter(mine))]

    def knows(self, key: Key, uid: str) -> bool:
        """Whether a pod is gone and waits to be entered."""
        return uid in self._gone.get(key, {})

    def pending(self, key: Key, present: Iterable[Raw]) -> list[Raw]:
        """Pods to enter: those that are gone, and those of the present ones that have ended."""
        over = [pod for pod in present if has_ended(pod) and pod["metadata"]["uid"] not in self._entered]
        return [*self._gone.get(key, {}).values(), *over]

    def enter(self, key: Key, uids: Iterable[str], present: Container[str]) -> None:
        """Have these given out no more; ``present`` are the UIDs of the pods that are still there."""
        mine = self._gone.get(key, {})
        for uid in uids:
            mine.pop(uid, None)
            if uid in present:
                self._entered.add(uid)
        if not mine:
            self._gone.pop(key, None)

    def forget(self, key: Key) -> None:
        """Let go what belongs to a fleet that is gone."""
        self._gone.pop(key, None)
