"""How many pods each revision should have now: the steps by which a new revision replaces an old one."""

from collections.abc import Mapping
from dataclasses import dataclass

from llmfleet.api.conditions import Reason
from llmfleet.api.status import RolloutPath


@dataclass(frozen=True)
class Bounds:
    """How far a step may go above and below the wanted size."""

    surge: int = 1
    unavailable: int = 0


@dataclass(frozen=True)
class Path:
    """The way the next step goes, with its reason and what to expect of it."""

    path: RolloutPath
    reason: Reason
    message: str
    bounds: Bounds
    recheck_after: float | None = None

    @property
    def is_waiting(self) -> bool:
        """No step is taken yet."""
        return self.path is RolloutPath.WAITING

    @property
    def is_costly(self) -> bool:
        """Fewer replicas than wanted may serve, or nothing new comes yet: people hear of it beforehand."""
        return self.is_waiting or self.bounds.unavailable > 0


@dataclass(frozen=True)
class Side:
    """One revision's pods: how many are wanted, how many answer, how many have ever answered."""

    size: int
    ready: int
    served: int
    """Pods whose start-up has passed, ready at the moment or not."""


@dataclass(frozen=True)
class Sizes:
    """The next size of each revision."""

    current: int
    previous: Mapping[str, int]


def next_sizes(
    desired: int, current: Side, previous: Mapping[str, Side], bounds: Bounds, proven: str | None = None
) -> Sizes:
    """The next sizes, within ``bounds`` above and below desired; the lower one holds for pods that are ready now.

    ``previous`` is ordered oldest first. An old pod that has never answered gives way at once, so that a bad
    revision cannot block the one that mends it; an old pod that has answered leaves only as the floor allows.
    What is missing comes in the ``proven`` revision, if it answers, until a pod of the current one has.
    """
    needed = max(0, desired - bounds.unavailable - current.ready)
    kept = _kept(previous, needed)
    if proven in kept and previous[proven].ready and not current.served:
        missing, room = needed - sum(kept.values()), desired + bounds.surge - min(current.size, desired)
        kept[proven] += max(0, min(missing, room - sum(kept.values())))
    remaining = sum(kept.values())
    if not remaining:
        return Sizes(desired, kept)
    room = min(desired, desired + bounds.surge - min(remaining, desired))
    return Sizes(max(min(current.size, desired), room), kept)


def _kept(previous: Mapping[str, Side], needed: int) -> dict[str, int]:
    """What is left of each; pods that do not answer at the moment go first, of any revision."""
    kept = {name: min(side.size, side.served) for name, side in previous.items()}
    for spared in ({name: side.ready for name, side in previous.items()}, dict.fromkeys(previous, 0)):
        for name, size in list(kept.items()):
            excess = max(0, sum(kept.values()) - needed)
            kept[name] = size - min(excess, max(0, size - spared[name]))
    return kept
